"""An atlas behind a URL that fsspec can open: an object store, another machine, memory."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from .errors import LensError, PlaceError
from .files import write_atomic
from .store import Stage, Store

CACHE = "LENS_CACHE"
"""Environment variable: where files of remote atlases are kept that must be files here."""

_BUCKETS = {"s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "adl", "oci", "oss", "cos", "r2"}
"""Protocols with keys for folders: making a folder there would make the bucket."""
_UPLOAD_BYTES = 64 * 2**20
"""Files of a class wait until there are so many bytes, since many at once travel quicker."""


class RemoteStore(Store):
    """A place behind a URL.

    Objects are written whole by nature. A class is a number of objects, of which ``class.json`` is
    the last to be written and the first to be removed: without it, the others are what a process
    that died left behind, and go when the class is written again.

    Pictures that must be files, for a web server say, are fetched once into a cache folder
    (``$LENS_CACHE``, else ``lens-lab`` in the user's cache folder), below a name made of the URL
    and the atlas's hash, so that an atlas built anew is fetched anew. It may be deleted at will.

    Parameters
    ----------
    url : e.g. ``s3://bucket/atlas``.
    version : what tells this content from another at the same URL; without it files are fetched
        into a temporary folder of the process's own.

    Raises
    ------
    LensError
        Nothing installed knows the protocol, or the URL has wildcards.
    """

    def __init__(self, url: str, version: str | None = None) -> None:
        self.url = url.rstrip("/")
        self.version = version
        self._temporary: tempfile.TemporaryDirectory[str] | None = None
        protocol = url.partition("://")[0].rpartition("::")[2]
        self.shared = protocol != "memory"
        self._bucket = protocol in _BUCKETS
        if any(sign in url for sign in "*?["):
            raise LensError(f"{url}: has a wildcard; give the URL of one folder")
        try:
            _, self._root = self._open()
        except ImportError as error:
            raise LensError(f"{url}: {_reason(error)} (a package for {protocol}://)") from error
        except ValueError as error:
            raise LensError(
                f"{url}: {_reason(error)}; give a folder, or a URL that fsspec knows"
            ) from error
        except Exception as error:  # whatever a protocol's package says of what it was given
            raise PlaceError(f"{url}: cannot be opened: {_reason(error)}") from error

    def _open(self) -> tuple[Any, str]:
        from fsspec.core import url_to_fs

        fs, root = url_to_fs(self.url)
        return fs, str(root).rstrip("/")

    @property
    def _fs(self) -> Any:
        # Asked for anew, since connections do not survive a fork; fsspec keeps one a process.
        return self._open()[0]

    def __str__(self) -> str:
        return self.url

    def _at(self, name: str) -> str:
        return f"{self._root}/{name}" if name else self._root

    def _name(self, path: str) -> str:
        return str(self._fs._strip_protocol(path)).removeprefix(self._root).strip("/")

    # ------------------------------------------------------------ reading

    def read(self, name: str) -> bytes:
        with self._reading(name):
            return bytes(self._fs.cat_file(self._at(name)))

    def read_part(self, name: str, start: int, stop: int) -> bytes:
        with self._reading(name):
            data = bytes(self._fs.cat_file(self._at(name), start=start, end=stop))
        # A web server may send all of a file, whatever part it was asked for.
        return data if len(data) <= stop - start else data[start:stop]

    def read_many(self, names: Sequence[str]) -> Mapping[str, bytes]:
        if not names:
            return {}
        with self._reading(""):
            found = self._fs.cat([self._at(name) for name in names], on_error="return")
        read: dict[str, bytes] = {}
        for path, data in found.items():
            if isinstance(data, FileNotFoundError):
                continue
            with self._reading(self._name(path)):
                if isinstance(data, BaseException):
                    raise data
            read[self._name(path)] = bytes(data)
        return read

    def exists(self, name: str) -> bool:
        try:
            with self._reading(name):
                self._fs.invalidate_cache()  # other processes write, too
                return bool(self._fs.info(self._at(name))["type"] == "file")
        except FileNotFoundError:
            return False

    def files(self) -> Sequence[str]:
        with self._reading(""):
            self._fs.invalidate_cache()
            return sorted(self._name(path) for path in self._fs.find(self._root))

    def children(self, name: str = "") -> Sequence[str]:
        try:
            with self._reading(name):
                self._fs.invalidate_cache()
                found = self._fs.ls(self._at(name), detail=False)
        except FileNotFoundError:
            return []
        return sorted({self._name(path) for path in found} - {name})

    def path(self, name: str) -> Path:
        target = self._cache() / name
        if not target.is_file():
            with suppress(FileNotFoundError):
                write_atomic(target, self.read(name))
        return target

    def pinned(self, version: str) -> RemoteStore:
        """The same place, known to hold this version."""
        return RemoteStore(self.url, version)

    def _cache(self) -> Path:
        if self.version is None:
            if self._temporary is None:
                self._temporary = tempfile.TemporaryDirectory(prefix="lens-")
            return Path(self._temporary.name)
        key = hashlib.sha256(f"{self.url}\n{self.version}".encode()).hexdigest()[:32]
        return cache_folder() / key

    # ------------------------------------------------------------ writing

    def claim(self) -> None:
        place = self._root.strip("/")
        if not place or (self._bucket and "/" not in place):
            raise LensError(f"{self.url}: is all of a bucket; give a folder in it: {self.url}/NAME")
        if self.exists(""):
            raise LensError(f"{self.url} is a file: give a folder for the atlas")

    def write(self, name: str, data: bytes) -> None:
        self._upload({name: data})

    def _upload(self, files: Mapping[str, bytes]) -> None:
        with self._writing(next(iter(files), "")):
            fs = self._fs
            if not self._bucket:
                for folder in sorted({self._at(name).rpartition("/")[0] for name in files}):
                    fs.makedirs(folder, exist_ok=True)
            fs.pipe({self._at(name): data for name, data in files.items()})

    def remove(self, name: str) -> None:
        with self._writing(name), suppress(FileNotFoundError):
            self._fs.invalidate_cache()
            self._fs.rm(self._at(name), recursive=True)

    def stage(self, name: str, last: str) -> Stage:
        return _RemoteStage(self, name, last)

    # ------------------------------------------------------------ errors

    @contextmanager
    def _reading(self, name: str) -> Iterator[None]:
        try:
            yield
        except (LensError, FileNotFoundError, KeyboardInterrupt):
            raise
        except Exception as error:  # each protocol's package has errors of its own
            raise PlaceError(
                f"cannot read {self.url}{'/' if name else ''}{name}: {_reason(error)}; "
                "check the address and your credentials"
            ) from error

    @contextmanager
    def _writing(self, name: str) -> Iterator[None]:
        try:
            yield
        except (LensError, KeyboardInterrupt):
            raise
        except Exception as error:
            raise PlaceError(
                f"cannot write {self.url}{'/' if name else ''}{name}: {_reason(error)}; check the "
                "address and your credentials; what was finished is kept"
            ) from error


class _RemoteStage(Stage):
    def __init__(self, store: RemoteStore, folder: str, last: str) -> None:
        self._store = store
        self._folder = folder
        self._last = last
        self._waiting: dict[str, bytes] = {}
        self._sent: set[str] = set()
        self._committed = False
        store.remove(f"{folder}/{last}")

    def write(self, name: str, data: bytes) -> None:
        self._waiting[f"{self._folder}/{name}"] = data
        if sum(map(len, self._waiting.values())) >= _UPLOAD_BYTES:
            self._send()

    def commit(self, data: bytes) -> None:
        self._send()
        for stray in set(self._below(self._folder)) - self._sent:
            self._store.remove(stray)
        self._store.write(f"{self._folder}/{self._last}", data)
        self._committed = True

    def discard(self) -> None:
        self._waiting.clear()
        if self._sent and not self._committed:
            with suppress(PlaceError):  # goes when the class is written again
                self._store.remove(self._folder)
            self._sent.clear()

    def _send(self) -> None:
        if self._waiting:
            self._sent.update(self._waiting)
            self._store._upload(self._waiting)
            self._waiting = {}

    def _below(self, folder: str) -> Iterator[str]:
        fs = self._store._fs
        with self._store._reading(folder):
            fs.invalidate_cache()
            for path in fs.find(self._store._at(folder)):
                yield self._store._name(path)


def cache_folder() -> Path:
    """Where files of remote atlases are kept."""
    chosen = os.environ.get(CACHE)
    if chosen:
        return Path(chosen) / "atlases"
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "lens-lab" / "atlases"


def _reason(error: BaseException) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
