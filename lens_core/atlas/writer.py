"""Writing an atlas: each class whole or not at all, and the manifest last."""

from __future__ import annotations

import io
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from .errors import LensError
from .files import canonical_json, disk_errors, pretty_json, sha256_bytes, write_atomic
from .reader import MANIFEST
from .schema import (
    ClassEntry,
    ClassInfo,
    ConceptSummary,
    DictionaryInfo,
    FileInfo,
    JsonValue,
    Manifest,
    ModelInfo,
)

if TYPE_CHECKING:
    import pandas as pd
    from PIL.Image import Image

BUILD = ".build.json"
"""What an unfinished atlas is being built with; decides whether a build may go on."""


class AtlasWriter:
    """Writes an atlas into a folder.

    A build that was interrupted goes on where it stopped, provided that model, settings and
    dictionaries are the same. Nobody sees an atlas before :meth:`finish`.

    Parameters
    ----------
    path : where to; must be absent, empty, or an atlas begun with the same arguments.
    title, model, settings, dictionaries : see :class:`~lens_core.atlas.schema.Manifest`.
    resume : keep the classes that are there. Otherwise they are written again.
    force : replace whatever is there.

    Raises
    ------
    LensError
        If the folder holds something else.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        title: str,
        model: ModelInfo,
        settings: Mapping[str, JsonValue],
        dictionaries: Sequence[DictionaryInfo],
        resume: bool = True,
        force: bool = False,
    ) -> None:
        self.root = Path(path)
        self.title = title
        self.model = model
        self.settings = dict(settings)
        self.dictionaries = tuple(dictionaries)
        self._files: dict[str, FileInfo] = {}
        build = {
            "title": title,
            "model": model.model_dump(mode="json"),
            "settings": self.settings,
            "dictionaries": [d.model_dump(mode="json") for d in self.dictionaries],
        }
        self._fingerprint = sha256_bytes(canonical_json(build))
        self._claim(resume=resume, force=force)

    def _claim(self, *, resume: bool, force: bool) -> None:
        with disk_errors(self.root):
            if self.root.exists() and not self.root.is_dir():
                raise LensError(f"{self.root} is a file: give a folder for the atlas")
            self.root.mkdir(parents=True, exist_ok=True)
            ours = (self.root / BUILD).is_file() or (self.root / MANIFEST).is_file()
            if not ours and any(self.root.iterdir()) and not force:
                raise LensError(
                    f"{self.root} is not empty and holds no atlas: choose another folder or add "
                    "--force to replace it"
                )
            same = self._begun_with() == self._fingerprint
            if ours and not same and not force and self._holds_work():
                raise LensError(
                    f"{self.root} holds an atlas built with another model or other settings: "
                    "choose another folder or add --force to replace it"
                )
            if not (same and resume):
                for child in self.root.iterdir():
                    shutil.rmtree(child) if child.is_dir() else child.unlink()
            for left in self.root.glob("classes/*.partial"):
                shutil.rmtree(left)
            write_atomic(self.root / BUILD, pretty_json({"fingerprint": self._fingerprint}))

    def _holds_work(self) -> bool:
        """Whether a class is finished, so that starting anew would cost something."""
        finished = self.root.glob("classes/*/class.json")
        return (self.root / MANIFEST).is_file() or any(finished)

    def _begun_with(self) -> str | None:
        try:
            found = json.loads((self.root / BUILD).read_bytes())
        except (OSError, ValueError):
            return None
        return (
            str(found["fingerprint"])
            if isinstance(found, dict) and "fingerprint" in found
            else None
        )

    @staticmethod
    def class_dir(class_id: int) -> str:
        """Where a class lies, relative to the atlas."""
        return f"classes/{class_id:05d}"

    def has_class(self, class_id: int) -> bool:
        """Whether the class is there, whole."""
        return (self.root / self.class_dir(class_id) / "class.json").is_file()

    def new_class(self, class_id: int) -> ClassWriter:
        """Begin a class; use it in a ``with`` block and call its ``finish``."""
        return ClassWriter(self.root / self.class_dir(class_id))

    def write_table(self, name: str, table: pd.DataFrame) -> None:
        """Write a table of the whole atlas, e.g. ``similar``."""
        self._write(f"{name}.parquet", _parquet(table))

    def write_arrays(self, name: str, arrays: Mapping[str, NDArray[np.generic]]) -> None:
        """Write arrays of the whole atlas, e.g. a shared dictionary."""
        self._write(f"{name}.safetensors", _safetensors(arrays))

    def _write(self, relative: str, data: bytes) -> None:
        write_atomic(self.root / relative, data)
        self._files[relative] = FileInfo(sha256=sha256_bytes(data), size=len(data))

    def finish(self, class_ids: Sequence[int]) -> Manifest:
        """Write the manifest. The atlas holds these classes, in this order."""
        entries = [self._entry(class_id) for class_id in class_ids]
        kept = {self.class_dir(class_id) for class_id in class_ids}
        for directory in sorted((self.root / "classes").iterdir()):
            if f"classes/{directory.name}" not in kept:
                shutil.rmtree(directory)
        manifest = Manifest(
            title=self.title,
            model=self.model,
            settings=self.settings,
            dictionaries=self.dictionaries,
            classes=tuple(entries),
            files=dict(sorted(self._files.items())),
        )
        content = manifest.model_dump(mode="json")
        manifest = manifest.model_copy(update={"hash": manifest_hash(content)})
        write_atomic(self.root / MANIFEST, pretty_json(manifest.model_dump(mode="json")))
        return manifest

    def _entry(self, class_id: int) -> ClassEntry:
        directory = self.class_dir(class_id)
        data = (self.root / directory / "class.json").read_bytes()
        info = ClassInfo.model_validate_json(data)
        return ClassEntry(
            id=info.id,
            name=info.name,
            synonyms=info.synonyms,
            folder=info.folder,
            n_images=info.n_images,
            dir=directory,
            sha256=sha256_bytes(data),
            concepts=tuple(
                ConceptSummary(
                    id=concept.id,
                    dictionary=concept.dictionary,
                    importance=concept.importance,
                    prevalence=concept.prevalence,
                    important=concept.important,
                    n_crops=concept.n_crops,
                )
                for concept in info.concepts
            ),
        )


class ClassWriter:
    """Collects one class in a folder beside its place and moves it there when finished."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._partial = directory.with_name(f"{directory.name}.{os.getpid()}.partial")
        self._files: dict[str, FileInfo] = {}

    def __enter__(self) -> ClassWriter:
        with disk_errors(self.directory):
            shutil.rmtree(self._partial, ignore_errors=True)
            self._partial.mkdir(parents=True)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        shutil.rmtree(self._partial, ignore_errors=True)

    def write_arrays(self, arrays: Mapping[str, NDArray[np.generic]]) -> None:
        """Write ``arrays.safetensors``."""
        self._write("arrays.safetensors", _safetensors(arrays))

    def write_table(self, name: Literal["images", "crops"], table: pd.DataFrame) -> None:
        """Write one of the two tables."""
        self._write(f"{name}.parquet", _parquet(table))

    def write_picture(self, relative: str, picture: Image, quality: int = 90) -> str:
        """Write a picture as WebP, without metadata; returns the name it was given."""
        buffer = io.BytesIO()
        picture.save(buffer, "WEBP", quality=quality, method=4)
        self._write(relative, buffer.getvalue())
        return relative

    def _write(self, relative: str, data: bytes) -> None:
        path = self._partial / relative
        with disk_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        self._files[relative] = FileInfo(sha256=sha256_bytes(data), size=len(data))

    def finish(self, info: ClassInfo) -> None:
        """Write ``class.json`` and put the class in its place."""
        info = info.model_copy(update={"files": dict(sorted(self._files.items()))})
        with disk_errors(self.directory):
            (self._partial / "class.json").write_bytes(pretty_json(info.model_dump(mode="json")))
            shutil.rmtree(self.directory, ignore_errors=True)
            self._partial.replace(self.directory)


def manifest_hash(content: Mapping[str, object]) -> str:
    """Hash over what a manifest's JSON holds but its own hash: ``sha256:`` and 64 hex digits."""
    rest = {name: value for name, value in content.items() if name != "hash"}
    return "sha256:" + sha256_bytes(canonical_json(rest))


def _parquet(table: pd.DataFrame) -> bytes:
    buffer = io.BytesIO()
    table.to_parquet(buffer, index=False)
    return buffer.getvalue()


def _safetensors(arrays: Mapping[str, NDArray[np.generic]]) -> bytes:
    from safetensors.numpy import save

    return bytes(
        save({name: np.ascontiguousarray(array) for name, array in sorted(arrays.items())})
    )
