"""What the two mixed models with people and stimuli crossed have in common.

Notation, as in :mod:`analysis.crossed_glmm` and :mod:`analysis.crossed_lmm`: people's effects have
covariance Λ Λᵀ with Λ (q, q) lower triangular, stimuli's effects a standard deviation τ; θ holds
the entries of Λ on and below its diagonal, row by row, then τ where stimuli are random.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from analysis.clustered_logit import NotEstimable
from analysis.differences import GENERAL, THESE_STIMULI
from analysis.people import require_columns

Floats = NDArray[np.float64]
Bounds = list[tuple[float | None, float | None]]
SIMPLER = "A variance was estimated as zero, so the model is simpler than asked for."


@dataclass(frozen=True, kw_only=True)
class CrossedFit:
    """A fitted model.

    Attributes
    ----------
    names, coefficients, covariance : (k,) fixed effects and (k, k).
    participant_covariance : (q, q) of people's effects, on the scale of the coefficients.
    log_likelihood : of single answers; how it was made is the model's to say.
    n_answers, n_participants, n_items : sizes; no items where stimuli were not random.
    singular : some variance was estimated as zero.
    """

    names: tuple[str, ...]
    coefficients: Floats
    covariance: Floats
    participant_covariance: Floats
    log_likelihood: float
    n_answers: int
    n_participants: int
    n_items: int
    singular: bool

    @property
    def standard_errors(self) -> Floats:
        """(k,) of the coefficients."""
        return np.asarray(np.sqrt(np.diag(self.covariance)))

    @property
    def participant_sd(self) -> Floats:
        """(q,) standard deviations between people."""
        return np.asarray(np.sqrt(np.diag(self.participant_covariance)))


@dataclass(frozen=True)
class ConditionDesign:
    """Answers of several conditions, coded against a reference.

    Attributes
    ----------
    used : the rows that take part.
    reference, others : conditions; ``others`` in the order of the columns.
    x : (N, 1 + C) intercept and one indicator a condition.
    items : (N,) labels, or none.
    slopes : (N, C) the indicators where people met several conditions, else none.
    """

    used: pd.DataFrame
    reference: str
    others: tuple[str, ...]
    x: Floats
    items: ArrayLike | None
    slopes: Floats | None

    @property
    def names(self) -> tuple[str, ...]:
        """Of the columns of ``x``."""
        return ("intercept", *self.others)

    @property
    def scope(self) -> str:
        """For which stimuli the result speaks."""
        return THESE_STIMULI if self.items is None else GENERAL


def condition_design(
    used: pd.DataFrame,
    *,
    cluster: str,
    item: str | None,
    order: Sequence[str] | None,
    reference: str | None,
) -> ConditionDesign:
    """The design that compares every condition with the reference.

    Raises
    ------
    NotEstimable
        If there are fewer than two conditions.
    """
    require_columns(used, [cluster, "condition"])
    present = set(used["condition"])
    names = [name for name in (order or sorted(present)) if name in present]
    if len(names) < 2:
        raise NotEstimable("there is only one condition, so nothing to compare")
    base = reference if reference in names else names[0]
    others = tuple(name for name in names if name != base)
    rows = used[used["condition"].isin(names)]
    condition = rows["condition"].to_numpy()
    columns = np.column_stack([(condition == other).astype(float) for other in others])
    within = bool((rows.groupby(cluster)["condition"].nunique() > 1).any())
    both = item is not None and item in rows
    return ConditionDesign(
        used=rows,
        reference=base,
        others=others,
        x=np.column_stack([np.ones(len(rows)), columns]),
        items=rows[item].to_numpy() if both else None,
        slopes=columns if within else None,
    )


def random_design(n: int, slopes: ArrayLike | None) -> Floats:
    """Z (N, q): what acts differently on each person, the intercept first."""
    z = np.ones((n, 1))
    if slopes is None:
        return z
    return np.column_stack([z, np.asarray(slopes, dtype=float).reshape(n, -1)])


def start_theta(q: int, *, items: bool, value: float) -> tuple[list[float], Bounds]:
    """Where the search for θ begins, and its bounds: standard deviations are not negative."""
    diagonal = [a == b for a, b in zip(*np.tril_indices(q), strict=True)]
    start = [value if on else 0.0 for on in diagonal] + [value] * items
    bounds: Bounds = [(0.0 if on else None, None) for on in diagonal]
    return start, bounds + [(0.0, None)] * items
