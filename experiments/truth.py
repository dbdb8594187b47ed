"""What a simulation planted: the figures that an analysis of its data has to find again."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.optimize import brentq

from experiments.observers import Psychometric
from lens_core.atlas import LensError

if TYPE_CHECKING:
    from experiments.study import Study

NODES = 64
"""Of the Gauss–Hermite quadrature over participants and items."""

REACH = 60.0
"""Largest planted effect, in logits: beyond it only guesses or only lapses are left."""


@dataclass(frozen=True)
class Truth:
    """Expected accuracy of test trials, over participants, items and the pool of trials.

    Attributes
    ----------
    accuracy : by condition.
    reference : the condition that the others are compared with.
    difference : accuracy minus the reference's, by condition.
    log_odds : marginal log odds of being right minus the reference's, by condition.
    """

    accuracy: Mapping[str, float]
    reference: str
    difference: Mapping[str, float]
    log_odds: Mapping[str, float]

    def to_dict(self) -> dict[str, Any]:
        """A dictionary that JSON can hold."""
        return {
            "accuracy": dict(self.accuracy),
            "reference": self.reference,
            "difference": dict(self.difference),
            "log_odds": dict(self.log_odds),
        }


def truth(study: Study, observer: Psychometric) -> Truth:
    """Expected accuracies by numerical integration.

    Participant and item effects are normal and independent, so their sum is normal too and one
    Gauss–Hermite quadrature integrates both; trials of the pool are weighted by how often they
    are drawn.
    """
    reference = study.config.analysis.reference or study.conditions[0]
    accuracy = {name: _accuracy(study, observer, name) for name in study.conditions}
    others = [name for name in study.conditions if name != reference]
    return Truth(
        accuracy=accuracy,
        reference=reference,
        difference={name: accuracy[name] - accuracy[reference] for name in others},
        log_odds={name: _logit(accuracy[name]) - _logit(accuracy[reference]) for name in others},
    )


def calibrated(
    study: Study, observer: Psychometric, accuracy: float, effect: float = 0.0
) -> Psychometric:
    """The observer with condition effects such that :func:`truth` is exactly as wanted.

    Without this, conditions whose pictures differ in strength differ in accuracy although no
    effect was planted.

    Parameters
    ----------
    accuracy : expected in the reference condition.
    effect : marginal log odds of every other condition minus the reference's.

    Raises
    ------
    LensError
        If guesses and lapses put the wanted accuracy out of reach, or pictures do that speak
        against the right answer.
    """
    reference = study.config.analysis.reference or study.conditions[0]
    effects: dict[str, float] = {}
    for name in study.conditions:
        wanted = accuracy if name == reference else _sigmoid(_logit(accuracy) + effect)

        def excess(shift: float, name: str = name, wanted: float = wanted) -> float:
            return _accuracy(study, replace(observer, effects={name: shift}), name) - wanted

        low, high = wanted + excess(-REACH), wanted + excess(REACH)
        if high <= low:
            raise LensError(
                f"observer: in {name} the pictures say no more for the right answer than against "
                "it, so that whoever goes by them is right by chance alone; ask about other items, "
                "or take --observer guesser"
            )
        if not low + 0.005 < wanted < high - 0.005:
            raise LensError(
                f"observer: accuracy {wanted:.3f} in {name} is out of reach between guessing "
                f"({low:g}) and lapses ({high:g}); change --accuracy or --effect"
            )
        effects[name] = float(brentq(excess, -REACH, REACH, xtol=1e-10))
    return replace(observer, effects=effects)


def has_right_answers(study: Study) -> bool:
    """Whether every condition has test trials with a right answer, so that accuracy exists."""
    return all(study.task.asked(study, condition) for condition in study.conditions)


def _accuracy(study: Study, observer: Psychometric, condition: str) -> float:
    gaps, shares = gaps_asked(study, condition)
    n_options = np.array([trial.n_options for trial in study.task.asked(study, condition)])
    nodes, node_weights = np.polynomial.hermite_e.hermegauss(NODES)
    spread = math.hypot(observer.participant_sd, observer.item_sd)
    effect = observer.effects.get(condition, 0.0)
    logits = observer.slope * (np.abs(gaps) - observer.threshold) + effect
    seen = 1 / (1 + np.exp(-np.clip(logits[:, None] + spread * nodes, -500, 500)))
    core = seen @ node_weights / node_weights.sum()
    guess = np.array([observer.guess_rate(int(n)) for n in n_options])
    strongest = guess + (1 - guess - observer.lapse) * core
    return float(right_answers(gaps, strongest, n_options) @ shares)


def right_answers(gaps: np.ndarray, strongest: np.ndarray, n_options: np.ndarray) -> np.ndarray:
    """Probability of the right answer, from that of the answer with the strongest evidence.

    Where the pictures speak against the key (a negative gap), the strongest answer is a wrong one;
    where two are equally strong, either may pass for the strongest.
    """
    otherwise = (1 - strongest) / (n_options - 1)
    chosen = np.select([gaps > 0, gaps < 0], [1.0, 0.0], 0.5)
    return np.asarray(chosen * strongest + (1 - chosen) * otherwise)


def gaps_asked(study: Study, condition: str) -> tuple[np.ndarray, np.ndarray]:
    """Gap of every test trial of a condition, and the share of trials that it makes up."""
    asked = study.task.asked(study, condition)
    return np.array([trial.gap for trial in asked]), np.array([trial.share for trial in asked])


def _logit(probability: float) -> float:
    return math.log(probability / (1 - probability))


def _sigmoid(logit: float) -> float:
    return 1 / (1 + math.exp(-logit))
