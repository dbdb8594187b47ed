"""Where an atlas lies: a folder, or a place behind a URL. Reader and writer know this alone.

Names are relative to the atlas, with ``/``. A place keeps two promises, each in its own way: a
file is there whole or not at all, and so is a class, whose ``class.json`` is the last thing to
appear.
"""

from __future__ import annotations

import os
import shutil
import uuid
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from urllib.parse import unquote, urlsplit

from .errors import LensError
from .files import disk_errors, sha256_bytes, sha256_file, write_atomic
from .schema import FileInfo

PARTIAL = ".partial"

_AT_ONCE = 64
"""Files read together; bounds the memory that it takes."""


class Stage(ABC):
    """Files of one folder on their way; nobody sees the folder before :meth:`commit`."""

    def __enter__(self) -> Stage:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.discard()

    @abstractmethod
    def write(self, name: str, data: bytes) -> None:
        """Add a file."""

    @abstractmethod
    def commit(self, data: bytes) -> None:
        """Add the last file and put the folder in its place, instead of what is there."""

    @abstractmethod
    def discard(self) -> None:
        """Leave nothing behind; after :meth:`commit` there is nothing to do."""


class Store(ABC):
    """A place for files.

    Every method raises :class:`~lens_core.atlas.errors.PlaceError` if the place cannot be reached,
    or written; what is not there is a ``FileNotFoundError``.
    """

    shared = True
    """Whether other processes find the same files there."""

    @abstractmethod
    def __str__(self) -> str:
        """The path or URL, as people write it."""

    @abstractmethod
    def read(self, name: str) -> bytes:
        """A whole file."""

    @abstractmethod
    def read_part(self, name: str, start: int, stop: int) -> bytes:
        """Bytes from `start` up to `stop`, or to the file's end."""

    def read_many(self, names: Sequence[str]) -> Mapping[str, bytes]:
        """Those of the files that are there."""
        return {name: self.read(name) for name in names if self.exists(name)}

    @abstractmethod
    def exists(self, name: str) -> bool:
        """Whether there is such a file."""

    def inspect(self, names: Sequence[str]) -> Mapping[str, FileInfo]:
        """Checksums and sizes of those of the files that are there."""
        found: dict[str, FileInfo] = {}
        for start in range(0, len(names), _AT_ONCE):
            many = self.read_many(names[start : start + _AT_ONCE])
            found.update((name, contents(data)) for name, data in many.items())
        return found

    @abstractmethod
    def files(self) -> Sequence[str]:
        """Names of all files, sorted."""

    @abstractmethod
    def children(self, name: str = "") -> Sequence[str]:
        """Names of the files and folders right within a folder, sorted; none if it is absent."""

    @abstractmethod
    def path(self, name: str) -> Path:
        """The file as one of this machine's; not fetched, it may be missing."""

    def copy(self, names: Sequence[str], folder: Path) -> None:
        """Copy files into a folder of this machine, below it named as here."""
        for start in range(0, len(names), _AT_ONCE):
            for name, data in self.read_many(names[start : start + _AT_ONCE]).items():
                target = folder / name
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(data)

    @abstractmethod
    def claim(self) -> None:
        """Prepare for writing."""

    @abstractmethod
    def write(self, name: str, data: bytes) -> None:
        """Write a file, whole or not at all."""

    @abstractmethod
    def remove(self, name: str) -> None:
        """Remove a file or folder, if it is there."""

    @abstractmethod
    def stage(self, name: str, last: str) -> Stage:
        """Begin a folder whose file `last` is there only if all others are."""

    def pinned(self, version: str) -> Store:
        """The same place, known to hold this version of its content."""
        return self


class FolderStore(Store):
    """A folder of this machine, or one that several machines share."""

    def __init__(self, root: str | Path) -> None:
        self.root = Path(root)

    def __str__(self) -> str:
        return str(self.root)

    def read(self, name: str) -> bytes:
        return (self.root / name).read_bytes()

    def read_part(self, name: str, start: int, stop: int) -> bytes:
        with (self.root / name).open("rb") as file:
            file.seek(start)
            return file.read(stop - start)

    def exists(self, name: str) -> bool:
        return (self.root / name).is_file()

    def inspect(self, names: Sequence[str]) -> Mapping[str, FileInfo]:
        paths = {name: self.root / name for name in names}
        return {
            name: FileInfo(sha256=sha256_file(path), size=path.stat().st_size)
            for name, path in paths.items()
            if path.is_file()
        }

    def files(self) -> Sequence[str]:
        found = (path for path in self.root.rglob("*") if path.is_file())
        return sorted(path.relative_to(self.root).as_posix() for path in found)

    def children(self, name: str = "") -> Sequence[str]:
        folder = self.root / name
        if not folder.is_dir():
            return []
        return sorted(path.relative_to(self.root).as_posix() for path in folder.iterdir())

    def path(self, name: str) -> Path:
        return self.root / name

    def copy(self, names: Sequence[str], folder: Path) -> None:
        for parent in {(folder / name).parent for name in names}:
            parent.mkdir(parents=True, exist_ok=True)
        for name in names:
            shutil.copyfile(self.root / name, folder / name)

    def claim(self) -> None:
        if self.root.exists() and not self.root.is_dir():
            raise LensError(f"{self.root} is a file: give a folder for the atlas")
        with disk_errors(self.root):
            self.root.mkdir(parents=True, exist_ok=True)

    def write(self, name: str, data: bytes) -> None:
        with disk_errors(self.root / name):
            write_atomic(self.root / name, data)

    def remove(self, name: str) -> None:
        path = self.root / name
        with disk_errors(path):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)

    def stage(self, name: str, last: str) -> Stage:
        return _FolderStage(self.root / name, last)


class _FolderStage(Stage):
    """A folder beside its place, moved there when it is whole."""

    def __init__(self, folder: Path, last: str) -> None:
        self._folder = folder
        self._last = last
        # Processes of several machines may work on one shared folder, so the number is not enough.
        own = f"{os.getpid()}-{uuid.uuid4().hex[:8]}"
        self._partial = folder.with_name(f"{folder.name}.{own}{PARTIAL}")
        with disk_errors(folder):
            self._partial.mkdir(parents=True)

    def write(self, name: str, data: bytes) -> None:
        path = self._partial / name
        with disk_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)

    def commit(self, data: bytes) -> None:
        self.write(self._last, data)
        with disk_errors(self._folder):
            shutil.rmtree(self._folder, ignore_errors=True)
            self._partial.replace(self._folder)

    def discard(self) -> None:
        shutil.rmtree(self._partial, ignore_errors=True)


def open_store(place: str | Path | Store) -> Store:
    """The store at a path or URL; nothing is looked at yet.

    ``file://`` is a folder. Any other URL is opened by fsspec, which asks for the package that
    knows the protocol (``s3fs`` for ``s3://``, ``gcsfs`` for ``gs://`` …) and takes credentials
    and endpoints from where that package looks for them, or from fsspec's own configuration.

    Raises
    ------
    LensError
        Nothing installed knows the protocol, or the URL names no folder.
    """
    if isinstance(place, Store):
        return place
    text = str(place)
    if isinstance(place, Path) or "://" not in text:
        return FolderStore(place)
    url = urlsplit(text)
    if url.scheme == "file":
        return FolderStore(unquote(url.path))
    from .remote_store import RemoteStore

    return RemoteStore(text)


def contents(data: bytes) -> FileInfo:
    """Checksum and size."""
    return FileInfo(sha256=sha256_bytes(data), size=len(data))
