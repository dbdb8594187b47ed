"""Simulated participants. They see what the pictures carry, and never the key.

A psychometric observer of a forced choice with gap ``g`` between the strongest option and the next
(in SDs of the item's activations) picks the strongest with probability

    P = γ + (1 - γ - λ) · σ(β (g - α) + effect[condition] + participant + item),

guess rate γ (one over the number of answers unless given), lapse rate λ, slope β, threshold α
(Wichmann & Hill 2001, eq. 1, with a logistic function), participant and item drawn from normal
distributions with the given SDs (logits).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from experiments.paradigms.base import Percept
from experiments.schedule import generator
from lens_core.atlas import LensError


@dataclass(frozen=True)
class Answer:
    """What a simulated participant does: position chosen, confidence (if asked), time taken."""

    choice: int
    confidence: int | None
    rt_ms: float


class Person(Protocol):
    """One simulated participant."""

    instruction_s: float

    def answer(self, percept: Percept) -> Answer:
        """Respond to what is seen."""
        ...


class Observer(Protocol):
    """A kind of participant; makes as many persons as wanted."""

    @property
    def name(self) -> str:
        """Name on the command line and in the data."""
        ...

    def recruit(self, seed: int, number: int) -> Person:
        """Participant ``number`` of a simulation; items are alike for all of the same seed."""
        ...


@dataclass(frozen=True)
class Timing:
    """Log-normal response times: medians in the unit of the name, SDs of the logarithm."""

    rt_median_ms: float = 2600.0
    rt_sd_person: float = 0.3
    rt_sd_trial: float = 0.4
    instruction_median_s: float = 55.0
    instruction_sd: float = 0.3

    def pace(self, rng: np.random.Generator) -> tuple[float, float]:
        """A person's median response time and time spent on instructions."""
        rt_ms = self.rt_median_ms * math.exp(self.rt_sd_person * rng.standard_normal())
        instruction_s = self.instruction_median_s * math.exp(
            self.instruction_sd * rng.standard_normal()
        )
        return rt_ms, instruction_s

    def rt_ms(self, median_ms: float, rng: np.random.Generator) -> float:
        """One response time."""
        return round(median_ms * math.exp(self.rt_sd_trial * rng.standard_normal()), 1)


@dataclass(frozen=True)
class Psychometric:
    """See the module. ``effects`` are planted, in logits, by condition."""

    guess: float | None = None
    lapse: float = 0.02
    threshold: float = 1.5
    slope: float = 0.8
    participant_sd: float = 0.5
    item_sd: float = 0.4
    effects: Mapping[str, float] = field(default_factory=dict)
    timing: Timing = Timing()

    name = "psychometric"

    def __post_init__(self) -> None:
        guess = self.guess or 0.0
        if not (0 <= guess < 1 and 0 <= self.lapse < 1 and guess + self.lapse < 1):
            raise LensError(
                f"observer: guess {guess} and lapse {self.lapse} leave nothing to see with"
            )

    def logit(self, gap: float, condition: str) -> float:
        """The argument of σ for an average participant and item."""
        return self.slope * (gap - self.threshold) + self.effects.get(condition, 0.0)

    def guess_rate(self, n_options: int) -> float:
        """γ among so many answers."""
        return 1 / n_options if self.guess is None else self.guess

    def probability(self, logit: float, n_options: int = 2) -> float:
        """Probability to pick the strongest option."""
        guess = self.guess_rate(n_options)
        return guess + (1 - guess - self.lapse) * _sigmoid(logit)

    def recruit(self, seed: int, number: int) -> Person:
        rng = generator(seed, "person", number)
        return _PsychometricPerson(self, seed, rng, *self.timing.pace(rng))


class _PsychometricPerson:
    def __init__(
        self,
        kind: Psychometric,
        seed: int,
        rng: np.random.Generator,
        rt_ms: float,
        instruction_s: float,
    ) -> None:
        self.instruction_s = instruction_s
        self._kind = kind
        self._seed = seed
        self._rng = rng
        self._rt_ms = rt_ms
        self._skill = kind.participant_sd * rng.standard_normal()

    def answer(self, percept: Percept) -> Answer:
        kind, rng = self._kind, self._rng
        n_options = len(percept.strengths)
        if n_options < 2:  # nothing to choose: only looked at
            confidence = _step(float(rng.random()), percept.confidence_steps)
            return Answer(0, confidence, kind.timing.rt_ms(self._rt_ms, rng))
        order = np.argsort(percept.strengths)
        best = int(order[-1])
        gap = percept.strengths[best] - percept.strengths[int(order[-2])]
        item = kind.item_sd * generator(self._seed, "item", percept.item).standard_normal()
        logit = kind.logit(gap, percept.condition) + self._skill + item
        probability = kind.probability(logit, n_options)
        # The same picture among the references, or feedback of an earlier attempt, tells all.
        if any(percept.seen_among_references):
            best = int(np.argmax(percept.seen_among_references))
            probability, logit = 1 - kind.lapse, 4.0
        elif percept.attempt > 1:
            probability = 1 - kind.lapse
        others = [position for position in range(n_options) if position != best]
        right = rng.random() < probability
        choice = best if right else others[int(rng.integers(len(others)))]
        sureness = _sigmoid(logit + rng.standard_normal())
        slower = math.exp(0.25 * (1 - _sigmoid(logit)))
        return Answer(
            choice=choice,
            confidence=_step(sureness, percept.confidence_steps),
            rt_ms=kind.timing.rt_ms(self._rt_ms * slower, rng),
        )


@dataclass(frozen=True)
class Guesser:
    """Chooses by coin, but remembers the feedback of practice."""

    timing: Timing = Timing(rt_median_ms=1100.0)

    name = "guesser"

    def recruit(self, seed: int, number: int) -> Person:
        return _Careless(self.timing, generator(seed, "person", number), side=None)


@dataclass(frozen=True)
class StraightLiner:
    """Chooses the same side again and again, but remembers the feedback of practice."""

    timing: Timing = Timing(rt_median_ms=600.0)

    name = "straight_liner"

    def recruit(self, seed: int, number: int) -> Person:
        rng = generator(seed, "person", number)
        return _Careless(self.timing, rng, side=float(rng.random()))


class _Careless:
    def __init__(self, timing: Timing, rng: np.random.Generator, side: float | None) -> None:
        self._timing = timing
        self._rng = rng
        self._side = side
        self._rt_ms, self.instruction_s = timing.pace(rng)

    def answer(self, percept: Percept) -> Answer:
        n_options = len(percept.strengths)
        if percept.attempt > 1:
            choice = int(np.argmax(percept.strengths))
        elif self._side is None:
            choice = int(self._rng.integers(n_options))
        else:
            choice = int(self._side * n_options)
        sureness = float(self._rng.random())
        return Answer(
            choice=choice,
            confidence=_step(sureness, percept.confidence_steps),
            rt_ms=self._timing.rt_ms(self._rt_ms, self._rng),
        )


OBSERVERS: dict[str, type[Psychometric] | type[Guesser] | type[StraightLiner]] = {
    kind.name: kind for kind in (Psychometric, Guesser, StraightLiner)
}


def get_observer(name: str) -> Observer:
    """The observer of that name with its default parameters.

    Raises
    ------
    LensError
        If there is none.
    """
    try:
        return OBSERVERS[name]()
    except KeyError:
        raise LensError(f"no observer {name!r}; there are {', '.join(OBSERVERS)}") from None


def _sigmoid(logit: float) -> float:
    return 1 / (1 + math.exp(-logit)) if logit >= 0 else 1 - 1 / (1 + math.exp(logit))


def _step(sureness: float, steps: int) -> int | None:
    return None if steps == 0 else min(steps, 1 + int(sureness * steps))
