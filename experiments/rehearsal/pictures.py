"""Does the server show what the study's folder says? Trials are compared by their content.

A served trial has opaque addresses where the paradigm's own description has stimuli. Both are
walked side by side; what lies at an address has to have the pixels of the stimulus.
"""

from __future__ import annotations

import hashlib
import io
import struct
import threading
from collections.abc import Callable, Mapping
from typing import Any

from PIL import Image, UnidentifiedImageError

from experiments.schedule import ScheduledTrial
from experiments.study import Study

Fetch = Callable[[str], bytes]
"""Address to the bytes of a picture."""

OVERRULED = frozenset({"phase", "index", "block", "attempt"})
"""Facts that the server states itself; a catch trial says that it is a test trial."""

HEAD = struct.Struct("<II")
NAME_BYTES = 32


class Stimulus(str):
    """Stands where the browser is given an address."""

    __slots__ = ()


def pixels_of(data: bytes) -> str:
    """Hash of a picture's size and pixels, whatever file they come in; empty if it is none."""
    try:
        with Image.open(io.BytesIO(data)) as picture:
            shown = picture.convert("RGB")
    except (OSError, UnidentifiedImageError):
        return ""
    return hashlib.sha256(repr(shown.size).encode() + shown.tobytes()).hexdigest()


class Gallery:
    """What each stimulus of a study looks like, looked up once for all people."""

    def __init__(self, study: Study) -> None:
        self._study = study
        self._local: dict[str, str] = {}
        self._served: dict[bytes, str] = {}
        self._lock = threading.Lock()

    def local(self, stimulus: str) -> str:
        """The pixels of a stimulus of the folder."""
        with self._lock:
            if stimulus not in self._local:
                data = self._study.stimulus_path(stimulus).read_bytes()
                self._local[stimulus] = pixels_of(data)
            return self._local[stimulus]

    def served(self, data: bytes) -> str:
        """The pixels of what came from the server."""
        digest = hashlib.sha256(data).digest()
        with self._lock:
            if digest not in self._served:
                self._served[digest] = pixels_of(data)
            return self._served[digest]


def unpack(bundle: bytes) -> dict[str, bytes]:
    """Name and file of every picture in a bundle; none if it is no bundle.

    Two numbers (little-endian u32: how many pictures, bytes of each), then for each picture its
    name and its file, filled up with zeros.
    """
    if len(bundle) < HEAD.size:
        return {}
    n_pictures, size = HEAD.unpack_from(bundle)
    frame = NAME_BYTES + size
    if len(bundle) != HEAD.size + n_pictures * frame:
        return {}
    starts = range(HEAD.size, len(bundle), frame)
    return {
        bundle[at : at + NAME_BYTES].decode("ascii", "replace"): bundle[
            at + NAME_BYTES : at + frame
        ]
        for at in starts
    }


def name_in(url: str) -> str:
    """The name by which a bundle holds what is at an address."""
    return url.rsplit("/", 1)[-1].split(".", 1)[0]


def difference(
    study: Study, trial: ScheduledTrial, served: Mapping[str, Any], gallery: Gallery, fetch: Fetch
) -> str:
    """Where a served trial is not the scheduled one; empty if it is."""
    described = study.asking(trial).public(trial, Stimulus)
    expected = {name: value for name, value in described.items() if name not in OVERRULED}
    return _difference(expected, served, f"trial {trial.index}", gallery, fetch)


def _difference(expected: Any, served: Any, place: str, gallery: Gallery, fetch: Fetch) -> str:
    if isinstance(expected, Stimulus):
        if not isinstance(served, str):
            return f"{place} shows no picture"
        same = gallery.served(fetch(served)) == gallery.local(str(expected))
        return "" if same else f"{place} shows another picture"
    if isinstance(expected, Mapping):
        if not isinstance(served, Mapping):
            return f"{place} is {served!r}"
        pairs = [(f"{place}, {name}", value, served.get(name)) for name, value in expected.items()]
    elif isinstance(expected, (list, tuple)):
        if not isinstance(served, list) or len(served) != len(expected):
            return f"{place} has another length"
        pairs = [
            (f"{place}, {number + 1}", value, other)
            for number, (value, other) in enumerate(zip(expected, served, strict=True))
        ]
    else:
        return "" if served == expected else f"{place} is {served!r}, not {expected!r}"
    found = (_difference(value, other, where, gallery, fetch) for where, value, other in pairs)
    return next((each for each in found if each), "")
