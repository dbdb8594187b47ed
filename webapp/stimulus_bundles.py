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

from sqlalchemy import select
from sqlalchemy.orm import Session

from experiments.schedule import ScheduledTrial
from experiments.study import Study
from webapp.models import Scheduled

from .stimulus_names import StimulusNames

BUNDLE_BYTES = 2 * 1024 * 1024
"""About how much is sent at once, so that what has to be repeated is not a whole block."""
HEAD = struct.Struct("<II")


def plan(study: Study, names: StimulusNames, rows: Sequence[Scheduled]) -> list[str]:
    """Names of the bundles that hold the pictures of trials, which follow one another."""
    size = frame_bytes(study)
    bundles: list[str] = []
    for _, attempt in groupby(rows, key=lambda row: (row.block, row.attempt)):
        part: list[Scheduled] = []
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


def trials_of(db: Session, session_id: int, first: int, n_trials: int) -> Sequence[Scheduled]:
    """The trials of a bundle: the first, and those after it in its block and attempt."""
    start = db.scalars(
        select(Scheduled).where(Scheduled.session_id == session_id, Scheduled.index == first)
    ).first()
    if start is None:
        return ()
    return db.scalars(
        select(Scheduled)
        .where(
            Scheduled.session_id == session_id,
            Scheduled.block == start.block,
            Scheduled.attempt == start.attempt,
            Scheduled.position >= start.position,
        )
        .order_by(Scheduled.position)
        .limit(n_trials)
    ).all()


def pack(study: Study, names: StimulusNames, rows: Sequence[Scheduled]) -> bytes:
    """The pictures of trials in one piece."""
    size = frame_bytes(study)
    parts: list[bytes] = []
    for row in rows:
        name = names.of_trial(row.session_id, row.index)
        for stimulus in shown_in(study, row):
            parts += (name(stimulus).encode(), study.stimulus_bytes(stimulus).ljust(size, b"\0"))
    return HEAD.pack(len(parts) // 2, size) + b"".join(parts)


def shown_in(study: Study, row: Scheduled) -> list[str]:
    """The stimuli of a trial, in the order in which the trial names them."""
    found: list[str] = []

    def note(stimulus: str) -> str:
        found.append(stimulus)
        return ""

    trial = ScheduledTrial.from_dict(row.body)
    study.asking(trial).public(trial, note)
    return found


def frame_bytes(study: Study) -> int:
    """The length that every picture of a study is given: that of its largest file."""

    def largest() -> int:
        sizes = (study.stimulus_path(each).stat().st_size for each in study.stimulus_ids)
        return max(sizes, default=0)

    return study.remember("bytes of a bundled stimulus", largest)
