"""The pictures of several trials in one reply, which tells nothing but how many there are.

::

    u32 number of pictures, u32 bytes of each (little-endian)
    for each picture: its name (32 characters) and its bytes, zeros behind up to the same length

All pictures of a study take the same number of bytes here, whatever their files do, and the order
is that in which the trials name them, which the browser knows anyway.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from itertools import groupby

from experiments.study import Study
from webapp.services.blocks import Due

from .stimulus_names import StimulusNames

BUNDLE_BYTES = 2 * 1024 * 1024
"""About how much is sent at once, so that what has to be repeated is not a whole block."""
KEPT_BYTES = 64 * 1024 * 1024
HEAD = struct.Struct("<II")


def plan(study: Study, names: StimulusNames, rows: Sequence[Due]) -> list[str]:
    """Names of the bundles that hold the pictures of trials, which follow one another."""
    size = frame_bytes(study)
    bundles: list[str] = []
    for _, attempt in groupby(rows, key=lambda row: (row.block, row.attempt)):
        part: list[Due] = []
        filled = 0
        for row in attempt:
            wanted = len(shown_in(study, row)) * size
            if part and filled + wanted > BUNDLE_BYTES:
                bundles.append(names.of_bundle(row.session_id, part[0].index, len(part)))
                part, filled = [], 0
            part.append(row)
            filled += wanted
        bundles.append(names.of_bundle(part[0].session_id, part[0].index, len(part)))
    return bundles


def pack(study: Study, names: StimulusNames, rows: Sequence[Due]) -> bytes:
    """The pictures of trials in one piece."""
    size = frame_bytes(study)
    kept: dict[str, bytes] = study.remember("bundled stimuli", dict)
    parts: list[bytes] = []
    for row in rows:
        name = names.of_trial(row.session_id, row.index)
        for stimulus in shown_in(study, row):
            padded = kept.get(stimulus) or _padded(study, stimulus, size, kept)
            parts += (name(stimulus).encode(), padded)
    return HEAD.pack(len(parts) // 2, size) + b"".join(parts)


def _padded(study: Study, stimulus: str, size: int, kept: dict[str, bytes]) -> bytes:
    """A picture and the zeros behind it. What a process has read it keeps, up to a limit."""
    found = study.stimulus_bytes(stimulus).ljust(size, b"\0")
    if (len(kept) + 1) * size <= KEPT_BYTES:
        kept[stimulus] = found
    return found


def shown_in(study: Study, row: Due) -> list[str]:
    """The stimuli of a trial, in the order in which the trial names them."""
    found: list[str] = []

    def note(stimulus: str) -> str:
        found.append(stimulus)
        return ""

    study.asking(row.trial).public(row.trial, note)
    return found


def frame_bytes(study: Study) -> int:
    """The length that every picture of a study is given: that of its largest file."""

    def largest() -> int:
        sizes = (study.stimulus_path(each).stat().st_size for each in study.stimulus_ids)
        return max(sizes, default=0)

    return study.remember("bytes of a bundled stimulus", largest)
