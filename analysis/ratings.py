"""Ratings in ordered steps: a proportional-odds model with people as clusters.

    logit P(rating ≤ c) = θ_c − X β,   c = 1 … C − 1,  θ_1 < θ_2 < …

e^β is the odds ratio of a higher rating, the same at every step. Averages of ratings assume equal
distances between steps; this model does not. The covariance is clustered by participant, or by
participant and item (see :mod:`analysis.clustered_logit`), and t statistics have
min(participants, items) − k degrees of freedom, k being all coefficients.

Sources: McCullagh (1980), Journal of the Royal Statistical Society B 42; Venables and Ripley
(2002), Modern Applied Statistics with S, section 7.3.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import optimize, special

from analysis.clustered_logit import (
    SEPARATED,
    Contrast,
    NotEstimable,
    cluster_covariance,
    codes,
    positive_definite,
)
from analysis.people import require_columns

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]
TINY = 1e-12


@dataclass(frozen=True)
class OrdinalFit:
    """A fitted model: (C − 1,) thresholds θ, (q,) coefficients β, covariance of θ then β."""

    levels: tuple[float, ...]
    thresholds: Floats
    coefficients: Floats
    covariance: Floats
    log_likelihood: float
    df: int

    def contrast(self, weights: ArrayLike, level: float = 0.95) -> Contrast:
        """A weighted sum of β."""
        w = np.concatenate([np.zeros(len(self.thresholds)), np.asarray(weights, dtype=float)])
        estimate = float(w[len(self.thresholds) :] @ self.coefficients)
        return Contrast.of(estimate, float(w @ self.covariance @ w), self.df, level)


@dataclass(frozen=True)
class Ratings:
    """Ratings of every condition against the reference.

    Attributes
    ----------
    table : one row a condition: ``condition``, ``reference``, ``odds_ratio`` of a higher rating
        with ``low`` and ``high``, ``t``, ``df``, ``p``, ``scope``.
    shares : share of each rating (columns) in each condition (rows).
    fit : the model.
    notes : in words.
    """

    table: pd.DataFrame
    shares: pd.DataFrame
    fit: OrdinalFit
    notes: tuple[str, ...] = ()

    def to_frame(self) -> pd.DataFrame:
        """The comparisons."""
        return self.table


def fit_ordinal(
    x: ArrayLike,
    ratings: ArrayLike,
    *,
    participants: ArrayLike,
    items: ArrayLike | None = None,
) -> OrdinalFit:
    """Fit by maximum likelihood and cluster the covariance.

    Parameters
    ----------
    x : (N, q) design *without* intercept; ratings : (N,) numbers; none missing.

    Raises
    ------
    NotEstimable
        If there is one rating only, or no finite maximum, or too few clusters.

    Examples
    --------
    R: ``MASS::polr(factor(y) ~ x)``

    >>> y = np.repeat([1, 2, 3, 1, 2, 3], [20, 15, 5, 8, 14, 18])
    >>> x = np.repeat([0.0, 1.0], 40)[:, None]
    >>> fit = fit_ordinal(x, y, participants=np.arange(80))
    >>> fit.coefficients.round(4).tolist(), fit.thresholds.round(4).tolist()
    ([1.5401], [0.0416, 1.7891])
    """
    design, values = np.asarray(x, dtype=float), np.asarray(ratings, dtype=float)
    levels, place = np.unique(values, return_inverse=True)
    steps, q = len(levels) - 1, design.shape[1]
    if steps < 1:
        raise NotEstimable("all ratings are the same")
    groups = {"people": codes(participants)}
    if items is not None:
        groups["items"] = codes(items)
    sizes = {name: int(group.max()) + 1 for name, group in groups.items()}
    for name, size in sizes.items():
        if size <= steps + q:
            raise NotEstimable(f"{size} {name} cannot carry {steps + q} coefficients")
    below = np.cumsum(np.bincount(place, minlength=steps + 1))[:-1] / len(place)
    start = np.concatenate([special.logit(below), np.zeros(q)])
    start[1:steps] = np.log(np.diff(start[:steps]))
    found = optimize.minimize(
        _loss, start, (design, place, steps), jac=True, method="BFGS", options={"gtol": 1e-9}
    )
    theta = _thresholds(found.x, steps)
    beta = np.asarray(found.x[steps:], dtype=float)
    if not np.isfinite(found.x).all() or (q and np.abs(design @ beta).max() > SEPARATED):
        raise NotEstimable("ratings are all at one end in some part of the design")
    natural = np.concatenate([theta, beta])
    _, scores = _scores(natural, design, place, steps)
    bread: Floats = np.asarray(
        np.linalg.inv(_information(natural, design, place, steps)), dtype=np.float64
    )
    covariance = cluster_covariance(bread, scores, groups["people"])
    if items is not None:
        both = codes(groups["people"] * sizes["items"] + groups["items"])
        bound = covariance + cluster_covariance(bread, scores, groups["items"])
        covariance = bound - cluster_covariance(bread, scores, both)
        covariance = covariance if positive_definite(covariance) else bound
    return OrdinalFit(
        tuple(float(value) for value in levels),
        theta,
        beta,
        covariance,
        -float(found.fun) * len(place),
        min(sizes.values()) - steps - q,
    )


def ratings_by_condition(
    trials: pd.DataFrame,
    *,
    cluster: str,
    value: str = "response",
    item: str | None = "item",
    order: Sequence[str] | None = None,
    reference: str | None = None,
    level: float = 0.95,
) -> Ratings:
    """Odds of a higher rating in each condition over the reference.

    Parameters
    ----------
    trials : with ``condition``, the ratings as numbers, and the item if known.
    item : column of the stimuli's random factor; without it nothing general can be said.
    """
    require_columns(trials, [cluster, "condition", value])
    known = trials[trials[value].notna()]
    present = set(known["condition"])
    names = [name for name in (order or sorted(present)) if name in present]
    if len(names) < 2:
        raise NotEstimable("there is only one condition, so nothing to compare")
    base = reference if reference in names else names[0]
    others = [name for name in names if name != base]
    known = known[known["condition"].isin(names)]
    condition = known["condition"].to_numpy()
    both = item is not None and item in known
    fit = fit_ordinal(
        np.column_stack([(condition == other).astype(float) for other in others]),
        known[value].to_numpy(dtype=float),
        participants=known[cluster].to_numpy(),
        items=known[item].to_numpy() if both else None,
    )
    rows = []
    for place, other in enumerate(others):
        found = fit.contrast(np.eye(len(others))[place], level)
        rows.append(
            {
                "condition": other,
                "reference": base,
                "odds_ratio": float(np.exp(found.estimate)),
                "low": float(np.exp(found.low)),
                "high": float(np.exp(found.high)),
                "t": found.t,
                "df": found.df,
                "p": found.p,
                "scope": "people and stimuli like these" if both else "these stimuli only",
            }
        )
    shares = pd.crosstab(known["condition"], known[value], normalize="index").loc[names]
    notes = () if both else ("The data do not name the stimuli: these stimuli only.",)
    return Ratings(pd.DataFrame(rows), shares, fit, notes)


def _thresholds(parameters: Floats, steps: int) -> Floats:
    """θ from its first value and the logarithms of its increments, so that it is in order."""
    return np.cumsum(np.concatenate([parameters[:1], np.exp(parameters[1:steps])]))


def _scores(natural: Floats, x: Floats, place: Codes, steps: int) -> tuple[Floats, Floats]:
    """P of the given ratings (N,) and d log P / d(θ, β) (N, steps + q)."""
    eta = x @ natural[steps:]
    edges = np.concatenate([[-np.inf], natural[:steps], [np.inf]])
    upper, lower = special.expit(edges[place + 1] - eta), special.expit(edges[place] - eta)
    p = np.maximum(upper - lower, TINY)
    at_upper, at_lower = upper * (1 - upper) / p, lower * (1 - lower) / p
    scores = np.zeros((len(place), steps + x.shape[1]))
    rows = np.arange(len(place))
    inner = place < steps
    scores[rows[inner], place[inner]] += at_upper[inner]
    outer = place > 0
    scores[rows[outer], place[outer] - 1] -= at_lower[outer]
    scores[:, steps:] = -(at_upper - at_lower)[:, None] * x
    return p, scores


def _loss(parameters: Floats, x: Floats, place: Codes, steps: int) -> tuple[float, Floats]:
    """Mean negative log-likelihood and its gradient, thresholds by increments."""
    theta = _thresholds(parameters, steps)
    p, scores = _scores(np.concatenate([theta, parameters[steps:]]), x, place, steps)
    gradient = scores.mean(axis=0)
    inward = np.cumsum(gradient[:steps][::-1])[::-1].copy()
    inward[1:] *= np.exp(parameters[1:steps])
    return -float(np.log(p).mean()), -np.concatenate([inward, gradient[steps:]])


def _information(natural: Floats, x: Floats, place: Codes, steps: int) -> Floats:
    """Observed information (k, k): central differences of the summed scores."""
    k = len(natural)
    information = np.empty((k, k))
    for i in range(k):
        move = np.zeros(k)
        move[i] = 1e-5
        above, below = (
            _scores(natural + sign * move, x, place, steps)[1].sum(axis=0) for sign in (1, -1)
        )
        information[i] = (below - above) / 2e-5
    return np.asarray((information + information.T) / 2)
