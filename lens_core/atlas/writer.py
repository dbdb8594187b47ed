"""Writing an atlas: each class whole or not at all, and the manifest last."""

from __future__ import annotations

import io
import json
import os
from collections import deque
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from .errors import LensError
from .files import canonical_json, pretty_json, sha256_bytes
from .reader import MANIFEST, AtlasClass
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
from .store import PARTIAL, Stage, Store, contents, open_store

if TYPE_CHECKING:
    import pandas as pd
    from PIL.Image import Image

CLASS = "class.json"
BUILD = ".build.json"
"""What an unfinished atlas is being built with; decides whether a build may go on."""

_ENCODERS = min(4, os.cpu_count() or 1)
_ENCODED_AHEAD = 32
"""Pictures that wait to be written, at most; bounds memory."""


class AtlasWriter:
    """Writes an atlas into a folder, or to a URL.

    A build that was interrupted goes on where it stopped, provided that model, settings and
    dictionaries are the same. Nobody sees an atlas before :meth:`finish`.

    Parameters
    ----------
    place : folder or URL (see `lens_core.atlas.store.open_store`); must be absent, empty, or an
        atlas begun with the same arguments.
    title, model, settings, dictionaries, contributors : see
        :class:`~lens_core.atlas.schema.Manifest`. A build that was begun may go on with other
        contributors.
    resume : keep the classes that are there. Otherwise they are written again.
    force : replace whatever is there.

    Raises
    ------
    LensError
        If the place holds something else, or cannot be written.
    """

    def __init__(
        self,
        place: str | Path | Store,
        *,
        title: str,
        model: ModelInfo,
        settings: Mapping[str, JsonValue],
        dictionaries: Sequence[DictionaryInfo],
        contributors: Sequence[str] = (),
        resume: bool = True,
        force: bool = False,
    ) -> None:
        self.store = open_store(place)
        self.title = title
        self.contributors = tuple(contributors)
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
        self.fingerprint = sha256_bytes(canonical_json(build))
        self._claim(resume=resume, force=force)

    def _claim(self, *, resume: bool, force: bool) -> None:
        store = self.store
        store.claim()
        there = store.children()
        ours = store.exists(BUILD) or store.exists(MANIFEST)
        if there and not ours and not force:
            raise LensError(
                f"{store} is not empty and holds no atlas: choose another folder or add "
                "--force to replace it"
            )
        same = fingerprint_of(store) == self.fingerprint
        if ours and not same and not force and self._holds_work():
            raise LensError(
                f"{store} holds an atlas built with another model or other settings: "
                "choose another folder or add --force to replace it"
            )
        if not (same and resume):
            self._clear()
        self.discard_unfinished()
        store.write(BUILD, pretty_json({"fingerprint": self.fingerprint}))

    def _clear(self) -> None:
        """Remove everything; what says that other files are whole goes before them, and last of
        all what says whose they are, so that being killed leaves no lie behind."""
        store = self.store
        store.remove(MANIFEST)
        for folder in store.children("classes"):
            store.remove(f"{folder}/{CLASS}")
        for name in sorted(store.children(), key=lambda name: name == BUILD):
            store.remove(name)

    def _holds_work(self) -> bool:
        """Whether a class is finished, so that starting anew would cost something."""
        return self.store.exists(MANIFEST) or any(
            self.store.exists(f"{folder}/{CLASS}") for folder in self.store.children("classes")
        )

    def discard_unfinished(self) -> None:
        """Remove what a process that died left of classes; none may be being written."""
        for folder in self.store.children("classes"):
            if folder.endswith(PARTIAL):
                self.store.remove(folder)

    @staticmethod
    def class_dir(class_id: int) -> str:
        """Where a class lies, relative to the atlas."""
        return f"classes/{class_id:05d}"

    def has_class(self, class_id: int) -> bool:
        """Whether the class is there, whole."""
        try:
            # Not every place writes a file whole or not at all, and this one speaks for a class.
            json.loads(self.store.read(f"{self.class_dir(class_id)}/{CLASS}"))
        except (FileNotFoundError, ValueError):
            return False
        return True

    def new_class(self, class_id: int) -> ClassWriter:
        """Begin a class; use it in a ``with`` block and call its ``finish``."""
        return ClassWriter(self.store, self.class_dir(class_id))

    def load_class(self, class_id: int) -> AtlasClass:
        """A class that is finished."""
        return AtlasClass(self.store, self.class_dir(class_id))

    def write_table(self, name: str, table: pd.DataFrame) -> None:
        """Write a table of the whole atlas, e.g. ``similar``."""
        self._write(f"{name}.parquet", _parquet(table))

    def write_arrays(self, name: str, arrays: Mapping[str, NDArray[np.generic]]) -> None:
        """Write arrays of the whole atlas, e.g. a shared dictionary."""
        self._write(f"{name}.safetensors", _safetensors(arrays))

    def write_picture(self, name: str, picture: Image, quality: int = 90) -> None:
        """Write a picture of the whole atlas as WebP, without metadata."""
        self._write(name, _webp(picture, quality))

    def has_file(self, name: str) -> bool:
        """Whether a file of the whole atlas is there, from now or from before an interruption."""
        return self.store.exists(name)

    def read_file(self, name: str) -> bytes:
        """Read a file of the whole atlas that is there, and keep it."""
        data = self.store.read(name)
        self._files[name] = contents(data)
        return data

    def write_file(self, name: str, data: bytes) -> None:
        """Write a file of the whole atlas."""
        self._write(name, data)

    def _write(self, relative: str, data: bytes) -> None:
        self.store.write(relative, data)
        self._files[relative] = contents(data)

    def finish(self, class_ids: Sequence[int]) -> Manifest:
        """Write the manifest. The atlas holds these classes, in this order."""
        folders = [self.class_dir(class_id) for class_id in class_ids]
        entries = self._entries(folders)
        for folder in self.store.children("classes"):
            if folder not in folders:
                self.store.remove(folder)
        manifest = Manifest(
            title=self.title,
            contributors=self.contributors,
            model=self.model,
            settings=self.settings,
            dictionaries=self.dictionaries,
            classes=tuple(entries),
            files=dict(sorted(self._files.items())),
        )
        content = manifest.model_dump(mode="json")
        manifest = manifest.model_copy(update={"hash": manifest_hash(content)})
        self.store.write(MANIFEST, pretty_json(manifest.model_dump(mode="json")))
        return manifest

    def _entries(self, folders: Sequence[str]) -> list[ClassEntry]:
        names = {folder: f"{folder}/{CLASS}" for folder in folders}
        found = self.store.read_many(list(names.values()))
        return [self._entry(folder, found[name]) for folder, name in names.items()]

    @staticmethod
    def _entry(directory: str, data: bytes) -> ClassEntry:
        info = ClassInfo.model_validate_json(data)
        return ClassEntry(
            id=info.id,
            name=info.name,
            synonyms=info.synonyms,
            folder=info.folder,
            n_images=info.n_images,
            accuracy=info.accuracy,
            dir=directory,
            sha256=sha256_bytes(data),
            concepts=tuple(
                ConceptSummary(
                    id=concept.id,
                    dictionary=concept.dictionary,
                    index=concept.index,
                    importance=concept.importance,
                    prevalence=concept.prevalence,
                    reliability=concept.reliability,
                    important=concept.important,
                    n_crops=concept.n_crops,
                    color=concept.color,
                    picture=concept.visualization or next(iter(concept.crops), None),
                )
                for concept in info.concepts
            ),
        )


class ClassWriter:
    """Collects one class, which appears in its place when it is finished."""

    def __init__(self, store: Store, folder: str) -> None:
        self._store = store
        self._folder = folder
        self._stage: Stage | None = None
        self._files: dict[str, FileInfo] = {}
        self._encoders = ThreadPoolExecutor(_ENCODERS)
        self._encoding: deque[tuple[str, Future[bytes]]] = deque()

    def __enter__(self) -> ClassWriter:
        self._stage = self._store.stage(self._folder, CLASS)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._encoders.shutdown(cancel_futures=True)
        self._open.discard()

    @property
    def _open(self) -> Stage:
        if self._stage is None:
            raise RuntimeError("a class is written within a `with` block")
        return self._stage

    def write_arrays(self, arrays: Mapping[str, NDArray[np.generic]]) -> None:
        """Write ``arrays.safetensors``."""
        self._write("arrays.safetensors", _safetensors(arrays))

    def write_table(self, name: Literal["images", "crops"], table: pd.DataFrame) -> None:
        """Write one of the two tables."""
        self._write(f"{name}.parquet", _parquet(table))

    def write_picture(self, relative: str, picture: Image, quality: int = 90) -> str:
        """Write a picture as WebP, without metadata; returns the name it was given.

        It is encoded in the background and must not be changed afterwards.
        """
        self._encoding.append((relative, self._encoders.submit(_webp, picture, quality)))
        if len(self._encoding) > _ENCODED_AHEAD:
            self._write_encoded()
        return relative

    def _write_encoded(self) -> None:
        name, data = self._encoding.popleft()
        self._write(name, data.result())

    def _write(self, relative: str, data: bytes) -> None:
        self._open.write(relative, data)
        self._files[relative] = contents(data)

    def finish(self, info: ClassInfo) -> None:
        """Write ``class.json`` and put the class in its place."""
        while self._encoding:
            self._write_encoded()
        info = info.model_copy(update={"files": dict(sorted(self._files.items()))})
        self._open.commit(pretty_json(info.model_dump(mode="json")))


def fingerprint_of(store: Store) -> str | None:
    """What the unfinished atlas there is being built with; None if there is none."""
    try:
        found = json.loads(store.read(BUILD))
    except (FileNotFoundError, ValueError):
        return None
    return str(found["fingerprint"]) if isinstance(found, dict) and "fingerprint" in found else None


def manifest_hash(content: Mapping[str, object]) -> str:
    """Hash over what a manifest's JSON holds but its own hash: ``sha256:`` and 64 hex digits."""
    rest = {name: value for name, value in content.items() if name != "hash"}
    return "sha256:" + sha256_bytes(canonical_json(rest))


def _webp(picture: Image, quality: int) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "WEBP", quality=quality, method=4)
    return buffer.getvalue()


def _parquet(table: pd.DataFrame) -> bytes:
    buffer = io.BytesIO()
    table.to_parquet(buffer, index=False)
    return buffer.getvalue()


def _safetensors(arrays: Mapping[str, NDArray[np.generic]]) -> bytes:
    from safetensors.numpy import save

    return bytes(
        save({name: np.ascontiguousarray(array) for name, array in sorted(arrays.items())})
    )
