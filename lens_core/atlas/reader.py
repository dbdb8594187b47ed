"""Reading an atlas. Needs neither torch nor a GPU."""

from __future__ import annotations

import json
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from .errors import AtlasDamaged, LensError
from .schema import (
    FORMAT_VERSION,
    ClassEntry,
    ClassInfo,
    ConceptInfo,
    DictionaryInfo,
    Manifest,
)

if TYPE_CHECKING:
    import pandas as pd

MANIFEST = "atlas.json"


class Atlas:
    """An atlas on disk. Classes are read when asked for.

    Examples
    --------
    >>> atlas = Atlas.open("atlas")                                # doctest: +SKIP
    >>> ant = atlas.load_class(310)                                # doctest: +SKIP
    >>> [round(c.importance, 2) for c in ant.info.of_dictionary("concepts")]  # doctest: +SKIP
    """

    def __init__(self, root: Path, manifest: Manifest) -> None:
        self.root = root
        self.manifest = manifest
        self._entries = {entry.id: entry for entry in manifest.classes}

    @classmethod
    def open(cls, path: str | Path) -> Atlas:
        """Open an atlas folder.

        Raises
        ------
        LensError
            If there is none, it is not finished, or a newer program wrote it.
        """
        root = Path(path)
        file = root / MANIFEST
        if not root.is_dir():
            raise LensError(f"no atlas at {root}: the folder does not exist")
        if not file.is_file():
            raise LensError(
                f"no atlas at {root}: {MANIFEST} is missing; if a build was interrupted, run the "
                "same 'lens atlas build' again to finish it"
            )
        try:
            data = json.loads(file.read_bytes())
        except ValueError as error:
            raise AtlasDamaged(f"{file} is not JSON ({error}); build the atlas again") from error
        version = data.get("format_version") if isinstance(data, dict) else None
        if isinstance(version, int) and version > FORMAT_VERSION:
            raise LensError(
                f"{file} has format version {version}, this program reads up to {FORMAT_VERSION}: "
                "update lens-lab"
            )
        try:
            return cls(root, Manifest.model_validate(data))
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(str(part) for part in first["loc"])
            raise AtlasDamaged(f"{file}: {place}: {first['msg']}; build the atlas again") from error

    @property
    def hash(self) -> str:
        """Hash over everything in the atlas."""
        return self.manifest.hash

    @property
    def title(self) -> str:
        """What the atlas is called."""
        return self.manifest.title

    @property
    def classes(self) -> tuple[ClassEntry, ...]:
        """The classes, in the model's order."""
        return self.manifest.classes

    @property
    def dictionaries(self) -> tuple[DictionaryInfo, ...]:
        """The dictionaries, the main one first."""
        return self.manifest.dictionaries

    def dictionary(self, dictionary_id: str) -> DictionaryInfo:
        """The dictionary of that id.

        Raises
        ------
        LensError
            If there is none.
        """
        for dictionary in self.dictionaries:
            if dictionary.id == dictionary_id:
                return dictionary
        known = ", ".join(d.id for d in self.dictionaries)
        raise LensError(f"atlas {self.root} has no dictionary {dictionary_id!r}; it has {known}")

    def entry(self, class_id: int) -> ClassEntry:
        """The manifest's entry of a class.

        Raises
        ------
        LensError
            If the atlas has no such class.
        """
        try:
            return self._entries[class_id]
        except KeyError:
            raise LensError(f"atlas {self.root} has no class {class_id}") from None

    def load_class(self, class_id: int) -> AtlasClass:
        """One class; reads its ``class.json`` alone, the rest when asked for."""
        return AtlasClass(self.root / self.entry(class_id).dir)

    @cached_property
    def similar(self) -> pd.DataFrame:
        """Similar concepts of other classes: ``class_id concept_id other_class_id
        other_concept_id cosine``, strongest first."""
        return _read_table(self.root / "similar.parquet")


class AtlasClass:
    """One class of an atlas."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    @cached_property
    def info(self) -> ClassInfo:
        """What ``class.json`` says."""
        file = self.directory / "class.json"
        try:
            return ClassInfo.model_validate_json(file.read_bytes())
        except FileNotFoundError:
            raise AtlasDamaged(f"{file} is missing: build the atlas again") from None
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(str(part) for part in first["loc"])
            raise AtlasDamaged(f"{file}: {place}: {first['msg']}; build the atlas again") from error

    @cached_property
    def images(self) -> pd.DataFrame:
        """Table of images, a row each, in the order of the arrays."""
        return _read_table(self.directory / "images.parquet")

    @cached_property
    def crops(self) -> pd.DataFrame:
        """Table of crops, a row each, in the order of the arrays."""
        return _read_table(self.directory / "crops.parquet")

    def array(self, name: str) -> NDArray[np.generic]:
        """One array, e.g. ``concepts/image_values``; nothing else is read.

        Raises
        ------
        KeyError
            If the class has no such array.
        """
        from safetensors import safe_open

        with safe_open(self.directory / "arrays.safetensors", framework="numpy") as file:
            if name not in file.keys():  # noqa: SIM118 - not a dict
                raise KeyError(name)
            array: NDArray[np.generic] = file.get_tensor(name)
            return array

    def array_names(self) -> tuple[str, ...]:
        """Names of the arrays that the class holds."""
        from safetensors import safe_open

        with safe_open(self.directory / "arrays.safetensors", framework="numpy") as file:
            return tuple(sorted(file.keys()))

    def concept(self, concept_id: str) -> ConceptInfo:
        """The concept of that id; raises ``KeyError`` if there is none."""
        return self.info.concept(concept_id)

    def path(self, relative: str) -> Path:
        """A file of the class, e.g. a picture named in its info."""
        return self.directory / relative


def _read_table(file: Path) -> pd.DataFrame:
    import pandas as pd

    try:
        return pd.read_parquet(file)
    except FileNotFoundError:
        raise AtlasDamaged(f"{file} is missing: build the atlas again") from None
    except (OSError, ValueError) as error:
        raise AtlasDamaged(f"{file} cannot be read ({error}): build the atlas again") from error
