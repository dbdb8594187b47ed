"""Which photographs a session teaches with and which it asks about, balanced."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from experiments.schedule import shuffled

Cell = tuple[str, int | None]
"""What the model says, and whether it is right (none where that is not known)."""

Cells = dict[Cell, tuple[list[str], list[str]]]
"""Photographs of each cell: those that can teach, and those that can only be asked about."""


@dataclass(frozen=True)
class SessionImages:
    """Photographs of one session of one participant, in order."""

    training: tuple[str, ...]
    tests: tuple[str, ...]


def draw_sessions(
    cells: Mapping[Cell, tuple[Sequence[str], Sequence[str]]],
    n_training: int,
    n_tests: Sequence[int],
    rng: np.random.Generator,
) -> list[SessionImages]:
    """Draw all sessions of a participant; no photograph comes twice.

    In a session the cells come equally often within one, as far as they have photographs. All
    training is drawn first, so that no question takes a photograph that a later session teaches
    with.

    Parameters
    ----------
    n_training : of each session.
    n_tests : of each session.

    Raises
    ------
    ValueError
        If the photographs are too few.

    Examples
    --------
    >>> cells = {("a", 1): (["1", "2"], ["3"]), ("b", 0): (["4", "5"], ["6"])}
    >>> (session,) = draw_sessions(cells, 2, [3], np.random.default_rng(0))
    >>> sum(name in session.training for name in "12"), {"3", "6"} < set(session.tests)
    (1, True)
    """
    names = sorted(cells, key=str)
    queues = {name: shuffled(sorted(cells[name][0]), rng) for name in names}
    used = [Counter[Cell]() for _ in n_tests]

    def take(so_far: Counter[Cell]) -> str:
        able = [name for name in names if queues[name]]
        if not able:
            raise ValueError("too few photographs")
        rank = {name: (so_far[name], -len(queues[name])) for name in able}
        open_ = [name for name in able if rank[name] == min(rank.values())]
        name = open_[int(rng.integers(len(open_)))]
        so_far[name] += 1
        return queues[name].pop()

    training = [[take(so_far) for _ in range(n_training)] for so_far in used]
    # What is left over of training is asked about as often as what cannot teach.
    queues = {name: shuffled([*queues[name], *sorted(cells[name][1])], rng) for name in names}
    return [
        SessionImages(tuple(shown), tuple(shuffled([take(so_far) for _ in range(n)], rng)))
        for shown, n, so_far in zip(
            [shuffled(each, rng) for each in training], n_tests, used, strict=True
        )
    ]


def imbalance(session: SessionImages, cells: Mapping[Cell, tuple[Sequence[str], ...]]) -> int:
    """The most frequent of the four kinds of photographs minus the rarest, over a whole session.

    The four are two answers × right and wrong; a kind that there is no photograph of counts 0.
    """
    of = {item: name for name, both in cells.items() for part in both for item in part}
    counts = Counter(of[item] for item in (*session.training, *session.tests))
    answers = sorted({answer for answer, _ in cells})
    four = [counts[answer, right] for answer in answers for right in (0, 1)]
    return max(four) - min(four)
