"""Reading an atlas, from a folder or a URL. Needs neither torch nor a GPU."""

from __future__ import annotations

import io
import json
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from .arrays import ArrayFile
from .described import read_described
from .errors import AtlasDamaged, LensError
from .schema import (
    FORMAT_VERSION,
    ClassEntry,
    ClassInfo,
    ConceptInfo,
    DictionaryInfo,
    Manifest,
)
from .shared import AtlasShared
from .store import FolderStore, Store, open_store

if TYPE_CHECKING:
    import pandas as pd

MANIFEST = "atlas.json"


class Atlas:
    """An atlas in its place. Classes are read when asked for.

    Attributes
    ----------
    store
        Where its files are; `str(atlas.store)` is the path or URL.

    Examples
    --------
    >>> atlas = Atlas.open("atlas")                                # doctest: +SKIP
    >>> ant = atlas.load_class(310)                                # doctest: +SKIP
    >>> [round(c.importance, 2) for c in ant.info.of_dictionary("concepts")]  # doctest: +SKIP
    """

    def __init__(self, store: Store, manifest: Manifest) -> None:
        self.store = store.pinned(manifest.hash)
        self.manifest = manifest
        self._entries = {entry.id: entry for entry in manifest.classes}

    @classmethod
    def open(cls, place: str | Path) -> Atlas:
        """Open an atlas in a folder or at a URL, see `lens_core.atlas.store.open_store`.

        Raises
        ------
        LensError
            If there is none, it is not finished, or a newer program wrote it.
        """
        store = open_store(place)
        file = f"{store}/{MANIFEST}"
        if isinstance(store, FolderStore) and not store.root.is_dir():
            raise LensError(f"no atlas at {store}: the folder does not exist")
        try:
            data = json.loads(store.read(MANIFEST))
        except (FileNotFoundError, IsADirectoryError):
            raise LensError(
                f"no atlas at {store}: {MANIFEST} is missing; if a build was interrupted, run the "
                "same 'lens atlas build' again to finish it"
            ) from None
        except ValueError as error:
            raise AtlasDamaged(f"{file} is not JSON ({error}); build the atlas again") from error
        version = data.get("format_version") if isinstance(data, dict) else None
        if isinstance(version, int) and version > FORMAT_VERSION:
            raise LensError(
                f"{file} has format version {version}, this program reads up to {FORMAT_VERSION}: "
                "update lens-lab"
            )
        try:
            return cls(store, Manifest.model_validate(data))
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            raise AtlasDamaged(f"{file}: {where}: {first['msg']}; build the atlas again") from error

    @property
    def root(self) -> Path:
        """The folder it lies in.

        Raises
        ------
        LensError
            If it lies behind a URL.
        """
        if isinstance(self.store, FolderStore):
            return self.store.root
        raise LensError(f"{self.store} is no folder of this machine: copy the atlas here first")

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
        raise LensError(f"atlas {self.store} has no dictionary {dictionary_id!r}; it has {known}")

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
            raise LensError(f"atlas {self.store} has no class {class_id}") from None

    def load_class(self, class_id: int) -> AtlasClass:
        """One class; reads its ``class.json`` alone, the rest when asked for."""
        return AtlasClass(self.store, self.entry(class_id).dir)

    def shared(self, dictionary_id: str) -> AtlasShared:
        """What a shared dictionary is over all classes; read when asked for.

        Raises
        ------
        LensError
            If there is no such dictionary, or each class has its own.
        """
        if self.dictionary(dictionary_id).scope != "shared":
            raise LensError(f"dictionary {dictionary_id!r} is not shared: each class has its own")
        return AtlasShared(self.store, dictionary_id)

    def exists(self, name: str) -> bool:
        """Whether the atlas has the file, e.g. ``similar.parquet``."""
        return self.store.exists(name)

    def path(self, name: str) -> Path:
        """A file of the atlas as one of this machine's; a remote one is fetched and kept."""
        return self.store.path(name)

    @cached_property
    def similar(self) -> pd.DataFrame:
        """Similar concepts of other classes: ``class_id concept_id other_class_id
        other_concept_id cosine``, strongest first."""
        return _read_table(self.store, "similar.parquet")


class AtlasClass:
    """One class of an atlas.

    Parameters
    ----------
    store : where the atlas's files are.
    folder : the class's own, e.g. ``classes/00310``.
    """

    def __init__(self, store: Store, folder: str) -> None:
        self.store = store
        self.folder = folder

    @property
    def directory(self) -> str:
        """Where it lies, as people write it."""
        return f"{self.store}/{self.folder}"

    @cached_property
    def info(self) -> ClassInfo:
        """What ``class.json`` says."""
        return read_described(self.store, f"{self.folder}/class.json", ClassInfo)

    @cached_property
    def images(self) -> pd.DataFrame:
        """Table of images, a row each, in the order of the arrays."""
        return _read_table(self.store, f"{self.folder}/images.parquet")

    @cached_property
    def crops(self) -> pd.DataFrame:
        """Table of crops, a row each, in the order of the arrays."""
        return _read_table(self.store, f"{self.folder}/crops.parquet")

    @cached_property
    def _arrays(self) -> ArrayFile:
        return ArrayFile(self.store, f"{self.folder}/arrays.safetensors")

    def array(self, name: str) -> NDArray[np.generic]:
        """One array, e.g. ``concepts/image_values``; nothing else is read.

        Raises
        ------
        KeyError
            If the class has no such array.
        AtlasDamaged
            If the file cannot be read.
        """
        return self._arrays.read(name)

    def array_names(self) -> tuple[str, ...]:
        """Names of the arrays that the class holds."""
        return self._arrays.names

    def concept(self, concept_id: str) -> ConceptInfo:
        """The concept of that id; raises ``KeyError`` if there is none."""
        return self.info.concept(concept_id)

    def path(self, relative: str) -> Path:
        """A file of the class, e.g. a picture named in its info, as one of this machine's.

        A remote file is fetched into a cache, see `lens_core.atlas.remote_store.RemoteStore`.
        """
        return self.store.path(f"{self.folder}/{relative}")


def _read_table(store: Store, name: str) -> pd.DataFrame:
    from pyarrow import parquet

    try:
        # As pandas would, without looking for a file system or waking threads for a small file.
        file = parquet.ParquetFile(io.BytesIO(store.read(name)))
        table: pd.DataFrame = file.read(use_threads=False).to_pandas(use_threads=False)
        return table
    except FileNotFoundError:
        raise AtlasDamaged(f"{store}/{name} is missing: build the atlas again") from None
    except (OSError, ValueError) as error:
        raise AtlasDamaged(
            f"{store}/{name} cannot be read ({error}): build the atlas again"
        ) from error
