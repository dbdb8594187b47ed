"""People who do not look, or hardly."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from experiments.observers.base import Answer, Person, Timing, confidence_step
from experiments.paradigms.base import Percept
from experiments.schedule import generator

GUESSING = Timing(rt_median_ms=1100.0)
REPEATING = Timing(rt_median_ms=600.0)
HURRIED = Timing(rt_median_ms=320.0, instruction_median_s=3.0)


@dataclass(frozen=True)
class Guesser:
    """Chooses by coin, but remembers the feedback of practice."""

    timing: Timing = GUESSING

    name = "guesser"

    def recruit(self, seed: int, number: int) -> Person:
        return _Careless(self.timing, generator(seed, "person", number))


@dataclass(frozen=True)
class StraightLiner:
    """Chooses the same side again and again, but remembers the feedback of practice."""

    timing: Timing = REPEATING

    name = "straight_liner"

    def recruit(self, seed: int, number: int) -> Person:
        rng = generator(seed, "person", number)
        return _Careless(self.timing, rng, side=float(rng.random()))


@dataclass(frozen=True)
class Impatient:
    """Clicks through the instructions, half guesses the quiz, and answers before looking.

    Attributes
    ----------
    understood : probability that a question of the quiz is answered right.
    glances : share of trials that are looked at, and then answered as they look.
    """

    timing: Timing = HURRIED
    understood: float = 0.8
    glances: float = 0.25

    name = "impatient"

    def recruit(self, seed: int, number: int) -> Person:
        return _Impatient(self, generator(seed, "person", number))


class _Careless(Person):
    def __init__(
        self,
        timing: Timing,
        rng: np.random.Generator,
        side: float | None = None,
        glances: float = 0.0,
    ) -> None:
        self._timing = timing
        self._rng = rng
        self._side = side
        self._glances = glances
        self._rt_ms, self.instruction_s = timing.pace(rng)

    def answer(self, percept: Percept) -> Answer:
        n_options = len(percept.strengths)
        looks = percept.attempt > 1 or (self._glances and self._rng.random() < self._glances)
        if n_options < 2:  # nothing to choose: only looked at
            choice = 0
        elif looks:
            choice = int(np.argmax(percept.strengths))
        elif self._side is None:
            choice = int(self._rng.integers(n_options))
        else:
            choice = int(self._side * n_options)
        sureness = float(self._rng.random())
        return Answer(
            choice=choice,
            confidence=confidence_step(sureness, percept.confidence_steps),
            rt_ms=self._timing.rt_ms(self._rt_ms, self._rng),
        )


class _Impatient(_Careless):
    def __init__(self, kind: Impatient, rng: np.random.Generator) -> None:
        super().__init__(kind.timing, rng, glances=kind.glances)
        self._understood = kind.understood

    def understands(self) -> bool:
        return bool(self._rng.random() < self._understood)
