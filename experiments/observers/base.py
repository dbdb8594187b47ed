"""What a simulated participant is, and how fast one is."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np

from experiments.paradigms.base import Percept

Departure = Literal["returned", "timed_out"]
"""How somebody leaves before the end: by the button for it, or by closing the page."""


@dataclass(frozen=True)
class Answer:
    """What a simulated participant does: position chosen, confidence (if asked), time taken."""

    choice: int
    confidence: int | None
    rt_ms: float


class Person(ABC):
    """One simulated participant: as a rule one who understands the task and stays to the end.

    Attributes
    ----------
    instruction_s : time spent on the instructions, seconds.
    """

    instruction_s: float

    @abstractmethod
    def answer(self, percept: Percept) -> Answer:
        """Respond to what is seen."""

    def understands(self) -> bool:
        """Whether a question of the quiz is answered right, asked for each question."""
        return True

    def leaves(self) -> Departure | None:
        """Whether, and how, the person leaves instead of looking at the trial that comes."""
        return None


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
    """Log-normal response times: medians in the unit of the name, SDs of the logarithm.

    The median is what the strong/weak task's published ten minutes leave for each of its 45 trials
    after texts (1.5 minutes), the delay before the answer and feedback (2.65 s a trial).
    """

    rt_median_ms: float = 8000.0
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


def sigmoid(logit: float) -> float:
    """The logistic function, without overflow."""
    return 1 / (1 + math.exp(-logit)) if logit >= 0 else 1 - 1 / (1 + math.exp(logit))


def confidence_step(sureness: float, steps: int) -> int | None:
    """The step of confidence for a sureness in [0, 1); none where it is not asked."""
    return None if steps == 0 else min(steps, 1 + int(sureness * steps))
