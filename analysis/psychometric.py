"""The psychometric function: how the chance of a right answer grows with the stimulus.

    P(correct | x, c) = guess + (1 − guess − lapse) F(slope · (x − threshold_c))

F is the logistic or the normal distribution function, x the difference in strength of the two
queries (``strength_gap``, in SDs of the item's activations), c the condition. Parameters are found
by maximum likelihood over all answers; guess and lapse can be fixed (guess at 1 / number of
options, say). Intervals come from a covariance clustered by participant, because one person's
answers share that person's ability.

The function is that of the population: people and items that differ make it shallower than one
person's own (by a factor of about √(1 + .35 s²) on the logistic scale, s their SD in logits).

Source: Wichmann and Hill (2001), Perception & Psychophysics 63, 1293–1313.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import optimize, special

from analysis.clustered_logit import NotEstimable
from analysis.sandwich import cluster_covariance, codes

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]
Link = Literal["logistic", "normal"]
RATES = ("guess", "lapse")
SLOPE = 2
RATE_BOUNDS, SLOPE_BOUNDS, THRESHOLD_BOUNDS = (0.0, 0.6), (1e-3, 50.0), (-10.0, 10.0)
"""Where free parameters may lie, in units of the standardised stimulus."""
STARTS = tuple(product((0.02, 0.1), (0.5, 1.5, 4.0), (-1.0, 0.0)))
"""Lapse, slope and threshold to start from."""
BINS = 200
EDGE = 1e-9


@dataclass(frozen=True)
class Psychometric:
    """A fitted function.

    Attributes
    ----------
    table : one row a parameter (``guess``, ``lapse``, ``slope``, then a ``threshold`` for each
        condition): ``parameter``, ``condition``, ``value``, ``low``, ``high``, ``fixed``,
        ``at_edge`` (ended at a bound, so that its interval means little).
    link : which F.
    log_likelihood, n, n_participants : of the fit.
    """

    table: pd.DataFrame
    link: Link
    log_likelihood: float
    n: int
    n_participants: int

    def __call__(self, x: ArrayLike, condition: str | None = None) -> Floats:
        """P(correct) at each x, of one condition (the first one if not given)."""
        guess, lapse, slope = (self.value(name) for name in ("guess", "lapse", "slope"))
        argument = slope * (np.asarray(x, dtype=float) - self.value("threshold", condition))
        return np.asarray(guess + (1 - guess - lapse) * _cdf(argument, self.link)[0])

    def value(self, parameter: str, condition: str | None = None) -> float:
        """A parameter's value."""
        rows = self.table["parameter"] == parameter
        if condition is not None:
            rows &= self.table["condition"] == condition
        return float(self.table.loc[rows, "value"].iloc[0])

    def to_frame(self) -> pd.DataFrame:
        """One row a parameter."""
        return self.table


def fit_psychometric(
    x: ArrayLike,
    correct: ArrayLike,
    *,
    cluster: ArrayLike,
    condition: ArrayLike | None = None,
    guess: float | None = None,
    lapse: float | None = None,
    link: Link = "logistic",
    level: float = 0.95,
) -> Psychometric:
    """Fit by maximum likelihood.

    Parameters
    ----------
    x, correct, cluster : (N,) stimulus, answer in {0, 1}, and who gave it.
    condition : (N,) conditions with a threshold each; one threshold without.
    guess, lapse : fitted unless given.

    Raises
    ------
    NotEstimable
        If x does not vary or all answers agree.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> x = rng.uniform(0, 4, 40_000)
    >>> truth = 0.5 + (1 - 0.5 - 0.03) * special.expit(2.0 * (x - 1.5))
    >>> fit = fit_psychometric(x, rng.random(40_000) < truth, cluster=np.arange(40_000) // 100,
    ...                        guess=0.5)
    >>> [round(float(value), 2) for value in fit.table["value"]]
    [0.5, 0.03, 1.97, 1.51]
    """
    stimulus, answers = np.asarray(x, dtype=float), np.asarray(correct, dtype=float)
    _require_variation(stimulus, answers)
    labels = np.full(len(stimulus), "all") if condition is None else np.asarray(condition)
    names = [str(name) for name in pd.unique(pd.Series(labels))]
    centre, spread = float(stimulus.mean()), float(stimulus.std())
    z = (stimulus - centre) / spread
    model = _Model((guess, lapse), len(names), link)
    data = (z, answers, np.ones_like(z), codes(labels))
    found = [_minimise(model, model.start(*start), _in_bins(*data)) for start in STARTS]
    best = _minimise(model, min(found, key=lambda result: float(result.fun)).x, data)
    covariance = model.covariance(best.x, z, answers, data[3], codes(cluster))
    people = int(codes(cluster).max()) + 1
    return Psychometric(
        table=_table(model, best.x, covariance, names, centre, spread, people, level),
        link=link,
        log_likelihood=-float(best.fun) * len(z),
        n=len(z),
        n_participants=people,
    )


@dataclass(frozen=True)
class _Model:
    """The function in units of z = (x − centre) / spread, where every parameter is of order one.

    The parameters are guess, lapse, slope, threshold_1 … threshold_C; rates may be fixed.
    """

    rates: tuple[float | None, float | None]
    n_conditions: int
    link: Link

    @property
    def free(self) -> list[int]:
        """Positions of the fitted parameters."""
        fixed = [i for i, rate in enumerate(self.rates) if rate is not None]
        return [i for i in range(SLOPE + 1 + self.n_conditions) if i not in fixed]

    @property
    def bounds(self) -> list[tuple[float, float]]:
        """Of the fitted parameters."""
        every = [RATE_BOUNDS, RATE_BOUNDS, SLOPE_BOUNDS] + [THRESHOLD_BOUNDS] * self.n_conditions
        return [every[i] for i in self.free]

    def start(self, lapse: float, slope: float, threshold: float) -> Floats:
        """Fitted parameters to start from."""
        every = np.array([0.3, lapse, slope] + [threshold] * self.n_conditions)
        return every[self.free]

    def full(self, values: Floats) -> Floats:
        """All parameters."""
        theta = np.array([*(rate or 0.0 for rate in self.rates), 0.0] + [0.0] * self.n_conditions)
        theta[self.free] = values
        return theta

    def gradient(self, values: Floats, z: Floats, group: Codes) -> tuple[Floats, Floats]:
        """P (N,) kept off 0 and 1, and dP / d(fitted parameters) (N, f)."""
        theta = self.full(values)
        guess, lapse, slope, thresholds = theta[0], theta[1], theta[SLOPE], theta[SLOPE + 1 :]
        distance = z - thresholds[group]
        f, density = _cdf(slope * distance, self.link)
        reach = (1 - guess - lapse) * density
        of_thresholds = np.zeros((len(z), self.n_conditions))
        of_thresholds[np.arange(len(z)), group] = -reach * slope
        columns = np.column_stack([1 - f, -f, reach * distance, of_thresholds])
        p = np.clip(guess + (1 - guess - lapse) * f, EDGE, 1 - EDGE)
        return p, columns[:, self.free]

    def loss(
        self, values: Floats, z: Floats, share: Floats, weight: Floats, group: Codes
    ) -> tuple[float, Floats]:
        """Mean negative log-likelihood of shares of right answers, and its gradient."""
        p, gradient = self.gradient(values, z, group)
        total = weight.sum()
        value = -(weight * (share * np.log(p) + (1 - share) * np.log1p(-p))).sum() / total
        slope = -((weight * (share - p) / (p * (1 - p))) @ gradient) / total
        return float(value), slope

    def covariance(
        self, values: Floats, z: Floats, answers: Floats, group: Codes, who: Codes
    ) -> Floats:
        """Clustered sandwich: expected information outside, scores summed by person inside."""
        p, gradient = self.gradient(values, z, group)
        weight = 1 / (p * (1 - p))
        bread = np.linalg.pinv((gradient * weight[:, None]).T @ gradient)
        return cluster_covariance(
            np.asarray(bread), gradient * ((answers - p) * weight)[:, None], who
        )


def _minimise(
    model: _Model, start: Floats, data: tuple[Floats, Floats, Floats, Codes]
) -> optimize.OptimizeResult:
    return optimize.minimize(
        model.loss,
        start,
        data,
        jac=True,
        bounds=model.bounds,
        method="L-BFGS-B",
        options={"ftol": 1e-13, "gtol": 1e-8},
    )


def _cdf(argument: Floats, link: Link) -> tuple[Floats, Floats]:
    """F and its derivative."""
    if link == "normal":
        return special.ndtr(argument), np.exp(-(argument**2) / 2) / np.sqrt(2 * np.pi)
    f = special.expit(argument)
    return f, f * (1 - f)


def _in_bins(
    z: Floats, answers: Floats, weight: Floats, group: Codes
) -> tuple[Floats, Floats, Floats, Codes]:
    """The data in bins of similar stimuli, for finding where to start."""
    order = np.lexsort((z, group))
    ends = np.flatnonzero(np.diff(group[order])) + 1
    parts = [
        part for own in np.split(order, ends) for part in np.array_split(own, min(BINS, len(own)))
    ]
    rows = np.array([(z[part].mean(), answers[part].mean(), len(part)) for part in parts])
    of_part = np.array([group[part[0]] for part in parts], dtype=np.int64)
    return rows[:, 0], rows[:, 1], rows[:, 2], of_part


def _table(
    model: _Model,
    values: Floats,
    covariance: Floats,
    names: list[str],
    centre: float,
    spread: float,
    people: int,
    level: float,
) -> pd.DataFrame:
    """Back to the units of x."""
    theta = model.full(values)
    shift = np.array([0.0, 0.0, 0.0] + [centre] * len(names))
    factor = np.array([1.0, 1.0, 1 / spread] + [spread] * len(names))
    half = np.full(len(theta), np.nan)
    edge = np.zeros(len(theta), dtype=bool)
    variance = np.diag(covariance)
    quantile = float(special.stdtrit(people - 1, 0.5 + level / 2)) if people > 1 else float("nan")
    half[model.free] = quantile * np.sqrt(np.where(variance > 0, variance, np.nan))
    edge[model.free] = [
        min(abs(value - end) for end in ends) < 1e-6
        for value, ends in zip(values, model.bounds, strict=True)
    ]
    half[edge] = np.nan
    low, high = shift + factor * (theta - half), shift + factor * (theta + half)
    low[:SLOPE], high[:SLOPE] = low[:SLOPE].clip(0, 1), high[:SLOPE].clip(0, 1)
    return pd.DataFrame(
        {
            "parameter": [*RATES, "slope"] + ["threshold"] * len(names),
            "condition": [""] * (SLOPE + 1) + names,
            "value": shift + factor * theta,
            "low": low,
            "high": high,
            "fixed": [i not in model.free for i in range(len(theta))],
            "at_edge": edge,
        }
    )


def _require_variation(stimulus: Floats, answers: Floats) -> None:
    if len(answers) == 0:
        raise NotEstimable("there are no answers with a known stimulus strength")
    if len(np.unique(stimulus)) < 4:
        raise NotEstimable("the stimulus takes fewer than four values")
    if answers.min() == answers.max():
        raise NotEstimable("all answers are the same")
