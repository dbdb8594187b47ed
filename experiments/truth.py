"""What a simulation planted: the figures that an analysis of its data has to find again."""

from __future__ import annotations

import math
from collections import Counter
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
        If guesses and lapses put the wanted accuracy out of reach.
    """
    reference = study.config.analysis.reference or study.conditions[0]
    effects: dict[str, float] = {}
    for name in study.conditions:
        wanted = accuracy if name == reference else _sigmoid(_logit(accuracy) + effect)
        low, high = observer.guess, 1 - observer.lapse
        if not low + 0.005 < wanted < high - 0.005:
            raise LensError(
                f"observer: accuracy {wanted:.3f} in {name} is out of reach between guessing "
                f"({low:g}) and lapses ({high:g}); change --accuracy or --effect"
            )

        def excess(shift: float, name: str = name, wanted: float = wanted) -> float:
            return _accuracy(study, replace(observer, effects={name: shift}), name) - wanted

        effects[name] = float(brentq(excess, -60.0, 60.0, xtol=1e-10))
    return replace(observer, effects=effects)


def _accuracy(study: Study, observer: Psychometric, condition: str) -> float:
    gaps, weights = gaps_asked(study, condition)
    nodes, node_weights = np.polynomial.hermite_e.hermegauss(NODES)
    spread = math.hypot(observer.participant_sd, observer.item_sd)
    logits = observer.slope * (gaps - observer.threshold) + observer.effects.get(condition, 0.0)
    seen = 1 / (1 + np.exp(-np.clip(logits[:, None] + spread * nodes, -500, 500)))
    by_gap = seen @ node_weights / node_weights.sum()
    core = float(by_gap @ weights)
    return observer.guess + (1 - observer.guess - observer.lapse) * core


def gaps_asked(study: Study, condition: str) -> tuple[np.ndarray, np.ndarray]:
    """Gap of every test trial of a condition, and the share of trials that it makes up."""
    rows = [r for r in study.templates if r["condition"] == condition and r["use"] == "test"]
    gaps = np.array([abs(r["strength_a"] - r["strength_b"]) / r["scale"] for r in rows])
    per_item = Counter(row["item"] for row in rows)
    layer_of = {row["item"]: row["layer"] for row in rows}
    per_layer = Counter(layer_of.values())
    limit = getattr(study.config.design, "items_per_layer", None)
    share = {
        layer: (1.0 if limit is None else min(limit, count) / count)
        for layer, count in per_layer.items()
    }
    weights = np.array([share[row["layer"]] / per_item[row["item"]] for row in rows])
    return gaps, weights / weights.sum()


def _logit(probability: float) -> float:
    return math.log(probability / (1 - probability))


def _sigmoid(logit: float) -> float:
    return 1 / (1 + math.exp(-logit))
