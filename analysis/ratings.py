"""Ratings in ordered steps: a proportional-odds model with people as clusters.

    logit P(rating ≤ c) = θ_c − X β,   c = 1 … C − 1,  θ_1 < θ_2 < …

e^β is the odds ratio of a higher rating, the same at every step. Averages of ratings assume equal
distances between steps; this model does not. The covariance is clustered by participant, or by
participant and item, each effect with the variance and Satterthwaite's degrees of freedom of its
own contrast (:mod:`analysis.sandwich`). min(participants, items) − k would count the thresholds,
which cost a comparison within people and items nothing: with ten items its intervals held the truth
in 99 % of simulated studies.

Sources: McCullagh (1980), Journal of the Royal Statistical Society B 42; Venables and Ripley
(2002), Modern Applied Statistics with S, section 7.3.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import sparse, special

from analysis.clustered_logit import (
    CONVERGED,
    MAX_STEPS,
    SEPARATED,
    Contrast,
    NotEstimable,
)
from analysis.formatting import count
from analysis.people import require_columns
from analysis.sandwich import Clustered, Correction, Information, clustered_covariance, codes

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]
TINY = 1e-12
HALVINGS = 20
PEOPLE, ITEMS = ("person", "people"), ("item", "items")


@dataclass(frozen=True)
class OrdinalFit:
    """A fitted model: (C − 1,) thresholds θ, (q,) coefficients β, covariance of θ then β."""

    levels: tuple[float, ...]
    thresholds: Floats
    coefficients: Floats
    clustered: Clustered
    log_likelihood: float

    @property
    def covariance(self) -> Floats:
        """(C − 1 + q, C − 1 + q) of θ, then β."""
        return self.clustered.covariance

    def contrast(self, weights: ArrayLike, level: float = 0.95) -> Contrast:
        """A weighted sum of β."""
        w = np.concatenate([np.zeros(len(self.thresholds)), np.asarray(weights, dtype=float)])
        estimate = float(w[len(self.thresholds) :] @ self.coefficients)
        return Contrast.of(estimate, *self.clustered.contrast(w), level)


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
    correction: Correction = "cr2",
) -> OrdinalFit:
    """Fit by maximum likelihood and cluster the covariance.

    Parameters
    ----------
    x : (N, q) design *without* intercept; ratings : (N,) numbers; none missing.
    correction : for few groups; ``cr1`` is what most programs give.

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
    groups = {PEOPLE: codes(participants)}
    if items is not None:
        groups[ITEMS] = codes(items)
    sizes = {name: int(group.max()) + 1 for name, group in groups.items()}
    for name, size in sizes.items():
        if size <= q + 1:
            raise NotEstimable(f"{count(size, *name)} cannot carry {q + 1} coefficients")
    natural, likelihood = _maximum(design, place, steps)
    _, scores = _scores(natural, design, place, steps)
    information = _information(natural, design, steps)
    all_answers = np.zeros(len(place), dtype=np.int64)
    clustered = clustered_covariance(
        np.linalg.inv(information(all_answers, 1)[0]),
        scores,
        information,
        participants=groups[PEOPLE],
        items=groups.get(ITEMS),
        correction=correction,
    )
    return OrdinalFit(
        tuple(float(value) for value in levels),
        natural[:steps],
        natural[steps:],
        clustered,
        likelihood,
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
    correction: Correction = "cr2",
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
        correction=correction,
    )
    rows = []
    for place, other in enumerate(others):
        rows.append(
            {
                "condition": other,
                "reference": base,
                **fit.contrast(np.eye(len(others))[place], level).odds_ratio(),
                "scope": "people and stimuli like these" if both else "these stimuli only",
            }
        )
    shares = pd.crosstab(known["condition"], known[value], normalize="index").loc[names]
    notes = () if both else ("The data do not name the stimuli: these stimuli only.",)
    return Ratings(pd.DataFrame(rows), shares, fit, notes)


def _maximum(x: Floats, place: Codes, steps: int) -> tuple[Floats, float]:
    """θ then β, and the log-likelihood: Fisher scoring, on ratings that are alike counted once.

    Raises
    ------
    NotEstimable
        If the likelihood has no finite maximum.
    """
    q = x.shape[1]
    cells, counts = np.unique(np.column_stack([x, place]), axis=0, return_counts=True)
    alike, level = cells[:, :q], cells[:, q].astype(np.int64)
    below = np.cumsum(np.bincount(place, minlength=steps + 1))[:-1] / len(place)
    natural = np.concatenate([special.logit(below), np.zeros(q)])
    p, scores = _scores(natural, alike, level, steps)
    likelihood = float(counts @ np.log(p))
    for _ in range(MAX_STEPS):
        information = _each_information(natural, alike, steps)
        expected = np.einsum("u,ukl->kl", counts, information)
        try:
            step = np.linalg.solve(expected, counts @ scores)
        except np.linalg.LinAlgError:
            raise NotEstimable("two columns of the model say the same") from None
        for _ in range(HALVINGS):
            tried = natural + step
            p, scores = _scores(tried, alike, level, steps)
            now = float(counts @ np.log(p))
            if (np.diff(tried[:steps]) > 0).all() and now >= likelihood - CONVERGED:
                break
            step = step / 2
        natural, likelihood = tried, now
        if not np.isfinite(natural).all() or (q and np.abs(x @ natural[steps:]).max() > SEPARATED):
            raise NotEstimable("ratings are all at one end in some part of the design")
        if np.abs(step).max() < CONVERGED:
            return natural, likelihood
    raise NotEstimable("the fit did not settle")


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


def _information(natural: Floats, x: Floats, steps: int) -> Information:
    """Expected information: that of one rating at each distinct row of x, times their numbers."""
    distinct, row = np.unique(x, axis=0, return_inverse=True)
    each = _each_information(natural, distinct, steps)
    k = len(natural)

    def information(groups: Codes, size: int) -> Floats:
        counts = sparse.csr_array(
            (np.ones(len(row)), (groups, row.ravel())), shape=(size, len(distinct))
        )
        return np.asarray(counts @ each.reshape(len(distinct), -1)).reshape(size, k, k)

    return information


def _each_information(natural: Floats, x: Floats, steps: int) -> Floats:
    """(U, k, k) expected information of one rating at each row of x (U, q)."""
    found = np.zeros((len(x), len(natural), len(natural)))
    for level in range(steps + 1):
        p, scores = _scores(natural, x, np.full(len(x), level), steps)
        found += p[:, None, None] * scores[:, :, None] * scores[:, None, :]
    return found
