"""People who look: at their best throughout, or getting tired.

A psychometric observer of a forced choice with gap ``g`` between the strongest option and the next
(in SDs of the item's activations) picks the strongest with probability

    P = γ + (1 - γ - λ) · σ(β (g - α) + effect[condition] + participant + item),

guess rate γ (one over the number of answers unless given), lapse rate λ, slope β, threshold α
(Wichmann & Hill 2001, eq. 1, with a logistic function), participant and item drawn from normal
distributions with the given SDs (logits). Where the pictures say as much for several answers, which
of these passes for the strongest is drawn: anew each time for options, and once for each item for
words, because people who look at one thing think of the same words.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from experiments.observers.base import (
    Answer,
    Departure,
    Person,
    Timing,
    confidence_step,
    sigmoid,
)
from experiments.paradigms.base import Percept
from experiments.schedule import generator
from lens_core.atlas import LensError


@dataclass(frozen=True)
class Psychometric:
    """See the module. ``effects`` are planted, in logits, by condition.

    ``word_sd`` is how much words differ in how well they suit an item, where nothing else says so.
    """

    guess: float | None = None
    lapse: float = 0.02
    threshold: float = 1.5
    slope: float = 0.8
    participant_sd: float = 0.5
    item_sd: float = 0.4
    word_sd: float = 2.0
    effects: Mapping[str, float] = field(default_factory=dict)
    timing: Timing = field(default_factory=Timing)

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
        return guess + (1 - guess - self.lapse) * sigmoid(logit)

    def recruit(self, seed: int, number: int) -> Person:
        return PsychometricPerson(self, seed, number)


class PsychometricPerson(Person):
    """See the module."""

    def __init__(self, kind: Psychometric, seed: int, number: int) -> None:
        rng = generator(seed, "person", number)
        rt_ms, self.instruction_s = kind.timing.pace(rng)
        self.kind = kind
        self._seed = seed
        self._rng = rng
        self._rt_ms = rt_ms
        self.skill = kind.participant_sd * rng.standard_normal()

    def answer(self, percept: Percept) -> Answer:
        kind, rng = self.kind, self._rng
        n_options = len(percept.strengths)
        if n_options < 2:  # nothing to choose: only looked at
            confidence = confidence_step(float(rng.random()), percept.confidence_steps)
            return Answer(0, confidence, kind.timing.rt_ms(self._rt_ms, rng))
        strengths = self._strengths(percept)
        order = np.argsort(strengths)
        best = int(order[-1])
        gap = strengths[best] - strengths[int(order[-2])]
        if gap == 0:
            best = int(rng.choice(np.flatnonzero(np.equal(strengths, strengths[best]))))
        item = kind.item_sd * generator(self._seed, "item", percept.item).standard_normal()
        logit = kind.logit(gap, percept.condition) + self.skill + item
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
        sureness = sigmoid(logit + rng.standard_normal())
        slower = math.exp(0.25 * (1 - sigmoid(logit)))
        return Answer(
            choice=choice,
            confidence=confidence_step(sureness, percept.confidence_steps),
            rt_ms=kind.timing.rt_ms(self._rt_ms * slower, rng),
        )

    def _strengths(self, percept: Percept) -> Sequence[float]:
        if percept.asks not in ("text", "vocabulary") or any(percept.strengths):
            return percept.strengths
        drawn = generator(self._seed, "words", percept.item).standard_normal(len(percept.strengths))
        return [self.kind.word_sd * float(value) for value in drawn]


@dataclass(frozen=True)
class Fatigued:
    """Somebody whose skill falls with every trial, from that of ``fresh``, in logits."""

    fresh: Psychometric = field(default_factory=Psychometric)
    loss_per_trial: float = 0.03

    name = "fatigued"

    def recruit(self, seed: int, number: int) -> Person:
        return _FatiguedPerson(self, seed, number)


class _FatiguedPerson(PsychometricPerson):
    def __init__(self, kind: Fatigued, seed: int, number: int) -> None:
        super().__init__(kind.fresh, seed, number)
        self._loss = kind.loss_per_trial

    def answer(self, percept: Percept) -> Answer:
        given = super().answer(percept)
        self.skill -= self._loss
        return given


@dataclass(frozen=True)
class Quitter:
    """Somebody who answers like ``fresh`` and leaves before each trial with the same probability.

    Half of them press the button for leaving, half close the page.
    """

    fresh: Psychometric = field(default_factory=Psychometric)
    hazard: float = 0.03

    name = "quitter"

    def recruit(self, seed: int, number: int) -> Person:
        return _QuittingPerson(self, seed, number)


class _QuittingPerson(PsychometricPerson):
    def __init__(self, kind: Quitter, seed: int, number: int) -> None:
        super().__init__(kind.fresh, seed, number)
        self._hazard = kind.hazard
        # A stream of its own: until they leave, they answer like those who stay.
        self._patience = generator(seed, "patience", number)

    def leaves(self) -> Departure | None:
        if self._patience.random() >= self._hazard:
            return None
        return "returned" if self._patience.random() < 0.5 else "timed_out"
