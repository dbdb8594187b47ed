"""What one participant will see, in which order and on which side, drawn from a stored seed."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import numpy as np

from experiments.records import Phase
from lens_core.atlas import LensError

if TYPE_CHECKING:
    from experiments.study import Study

T = TypeVar("T")
PracticeOutcome = Literal["go_on", "repeat", "screen_out"]


@dataclass(frozen=True)
class ScheduledTrial:
    """One trial of one participant, the answer included: it never leaves the server whole.

    Attributes
    ----------
    index : identifies the trial within the session, from 0; further practice attempts are
        numbered after the last trial.
    phase, block, trial, attempt : as in the exported data; ``trial`` is the position that the
        schedule gives the trial, ``attempt`` counts repetitions of practice from 1.
    condition : condition of this trial (a participant of a within design has several).
    item, source_image : random factor of the stimuli, and photograph of the queried stimulus.
    n_options, option_order : options and their stimulus ids, from left to right.
    stimuli : slot to stimulus ids, in the order in which they are shown.
    correct_response : the answer that counts as correct, as it is exported; empty if none does.
    columns : the paradigm's own columns of the exported data, by name.
    display : what the browser is told besides the pictures (delays, labels, feedback …).
    """

    index: int
    phase: Phase
    block: int
    trial: int
    condition: str
    item: str
    source_image: str
    n_options: int
    option_order: tuple[str, ...]
    stimuli: Mapping[str, tuple[str, ...]]
    correct_response: str
    session: int = 1
    attempt: int = 1
    columns: Mapping[str, Any] = field(default_factory=dict)
    display: Mapping[str, Any] = field(default_factory=dict)

    @property
    def right(self) -> int | None:
        """Position of the right answer among the options; none if there is none."""
        if not self.correct_response or self.n_options == 0:
            return None
        places = [str(place) for place in range(self.n_options)]
        return list(self.display.get("answers", places)).index(self.correct_response)

    def to_dict(self) -> dict[str, Any]:
        """A dictionary that JSON can hold."""
        content = asdict(self)
        content["option_order"] = list(self.option_order)
        content["stimuli"] = {slot: list(ids) for slot, ids in self.stimuli.items()}
        return content

    def row(self) -> dict[str, Any]:
        """The exported columns that the schedule decides."""
        return {
            "condition": self.condition,
            "session": self.session,
            "block": self.block,
            "phase": self.phase,
            "trial": self.trial,
            "attempt": self.attempt,
            "item": self.item,
            "source_image": self.source_image,
            "n_options": self.n_options,
            "option_order": list(self.option_order),
            "correct_response": self.correct_response,
            **self.columns,
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> ScheduledTrial:
        """The inverse of :meth:`to_dict`."""
        values = {name: value for name, value in content.items() if name in _FIELDS}
        values["option_order"] = tuple(content["option_order"])
        values["stimuli"] = {slot: tuple(ids) for slot, ids in content["stimuli"].items()}
        return cls(**values)


_FIELDS = frozenset(entry.name for entry in fields(ScheduledTrial))


def draw_schedule(study: Study, condition: str, seed: int) -> tuple[ScheduledTrial, ...]:
    """Practice (first attempt), all blocks of one participant, and remarks if they are asked for.

    Parameters
    ----------
    study : the study.
    condition : one of ``study.cells``.
    seed : the participant's stored seed; the same seed gives the same schedule.

    Raises
    ------
    LensError
        If the study has no such condition.
    """
    if condition not in study.cells:
        known = ", ".join(study.cells)
        raise LensError(f"study {study.name} has no condition {condition!r}; it has {known}")
    from experiments.remarks import with_remarks

    return with_remarks(study.task.schedule(study, condition, seed), study.config.session)


def draw_practice(
    study: Study, condition: str, seed: int, attempt: int, first_index: int
) -> tuple[ScheduledTrial, ...]:
    """A further attempt at practice, with sides and order drawn anew.

    Parameters
    ----------
    attempt : from 2; the first attempt is part of :func:`draw_schedule`.
    first_index : index of its first trial, i.e. the number of trials the session has so far.
    """
    return study.task.practice(study, condition, seed, attempt=attempt, first_index=first_index)


def after_practice(study: Study, attempt: int, correct: Sequence[bool]) -> PracticeOutcome:
    """What follows once the practice trials of one attempt are answered."""
    rules = study.config.practice
    if not rules.until_correct or all(correct):
        return "go_on"
    if attempt < rules.max_attempts:
        return "repeat"
    return "screen_out" if rules.on_failure == "screen_out" else "go_on"


def generator(seed: int, *purpose: str | int) -> np.random.Generator:
    """A random stream of its own for each purpose, so that one draw never shifts another."""
    text = "/".join(str(part) for part in purpose)
    digest = hashlib.sha256(text.encode()).digest()
    words = np.frombuffer(digest[:16], dtype=np.uint32)
    return np.random.default_rng([seed, *(int(word) for word in words)])


def shuffled(values: Sequence[T], rng: np.random.Generator) -> list[T]:
    """The values in random order."""
    return [values[position] for position in rng.permutation(len(values))]


def spread(values: Sequence[T], n: int, rng: np.random.Generator) -> list[T]:
    """``n`` draws in which no value comes more than once more often than another."""
    if not values:
        raise ValueError("nothing to draw from")
    drawn: list[T] = []
    while len(drawn) < n:
        drawn += shuffled(values, rng)[: n - len(drawn)]
    return drawn


def balanced_positions(n: int, n_options: int, rng: np.random.Generator) -> list[int]:
    """A position of the right answer for each of ``n`` trials, balanced within one."""
    return shuffled(spread(range(n_options), n, rng), rng)


def spaced(values: Sequence[T], key: Sequence[str], rng: np.random.Generator) -> list[T]:
    """Random order in which equal keys follow each other only if nothing else is left."""
    left = shuffled(range(len(values)), rng)
    order: list[int] = []
    while left:
        counts: dict[str, int] = {}
        for position in left:
            counts[key[position]] = counts.get(key[position], 0) + 1
        last = key[order[-1]] if order else None
        open_ = [position for position in left if key[position] != last] or left
        most = max(counts[key[position]] for position in open_)
        crowded = most * 2 > len(left)
        pick = next(p for p in open_ if not crowded or counts[key[p]] == most)
        order.append(pick)
        left.remove(pick)
    return [values[position] for position in order]
