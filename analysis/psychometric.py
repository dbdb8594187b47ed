"""The psychometric function: how the chance of a right answer grows with the stimulus.

    P(correct | x) = guess + (1 − guess − lapse) F(slope · (x − threshold))

F is the logistic or the normal distribution function, x the difference in strength of the two
queries (``strength_gap``, in SDs of the item's activations). Parameters are found by maximum
likelihood over all answers; any of them can be fixed (guess at 1 / number of options, say). The
intervals come from a covariance clustered by participant, because one person's answers share that
person's ability.

Source: Wichmann and Hill (2001), Perception & Psychophysics 63, 1293–1313.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import optimize, special, stats

from analysis.clustered_logit import NotEstimable, codes

Floats = NDArray[np.float64]
Link = Literal["logistic", "normal"]
PARAMETERS = ("guess", "lapse", "slope", "threshold")
BOUNDS = ((0.0, 0.6), (0.0, 0.6), (1e-3, 50.0), (-10.0, 10.0))
"""Where free parameters may lie, in units of the standardised stimulus."""
STARTS = tuple(product((0.3,), (0.02, 0.1), (0.5, 1.5, 4.0), (-1.0, 0.0)))
BINS = 200
EDGE = 1e-9


@dataclass(frozen=True)
class Psychometric:
    """A fitted function.

    Attributes
    ----------
    guess, lapse, slope, threshold : parameters; slope per unit of x on the scale of F.
    link : which F.
    fixed : names of parameters that were not fitted.
    low, high : ends of the interval of each fitted parameter, by name.
    log_likelihood, n, n_participants : of the fit.
    at_edge : fitted parameters that ended at a bound, so that their interval means little.
    """

    guess: float
    lapse: float
    slope: float
    threshold: float
    link: Link
    fixed: tuple[str, ...]
    low: Mapping[str, float]
    high: Mapping[str, float]
    log_likelihood: float
    n: int
    n_participants: int
    at_edge: tuple[str, ...] = ()

    def __call__(self, x: ArrayLike) -> Floats:
        """P(correct) at each x."""
        return _probability(
            np.array([self.guess, self.lapse, self.slope, self.threshold]),
            np.asarray(x, dtype=float),
            self.link,
        )

    def to_frame(self) -> pd.DataFrame:
        """One row a parameter."""
        return pd.DataFrame(
            {
                "parameter": list(PARAMETERS),
                "value": [getattr(self, name) for name in PARAMETERS],
                "low": [self.low.get(name, float("nan")) for name in PARAMETERS],
                "high": [self.high.get(name, float("nan")) for name in PARAMETERS],
                "fixed": [name in self.fixed for name in PARAMETERS],
            }
        )


def fit_psychometric(
    x: ArrayLike,
    correct: ArrayLike,
    *,
    cluster: ArrayLike,
    fixed: Mapping[str, float] | None = None,
    link: Link = "logistic",
    level: float = 0.95,
) -> Psychometric:
    """Fit by maximum likelihood.

    Parameters
    ----------
    x, correct, cluster : (N,) stimulus, answer in {0, 1}, and who gave it.
    fixed : parameters that are known, such as ``{"guess": 0.5}``.

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
    ...                        fixed={"guess": 0.5})
    >>> round(fit.slope, 1), round(fit.threshold, 1), round(fit.lapse, 2)
    (2.0, 1.5, 0.03)
    """
    known = dict(fixed or {})
    unknown = sorted(set(known) - set(PARAMETERS))
    if unknown:
        raise ValueError(f"{unknown[0]!r} is no parameter; there are {', '.join(PARAMETERS)}")
    stimulus, answers = np.asarray(x, dtype=float), np.asarray(correct, dtype=float)
    who = codes(cluster)
    _require_variation(stimulus, answers)
    centre, spread = float(stimulus.mean()), float(stimulus.std())
    z = (stimulus - centre) / spread
    free = [i for i, name in enumerate(PARAMETERS) if name not in known]

    model = _Model(
        known=np.array([known.get(name, np.nan) for name in PARAMETERS]),
        free=np.array(free),
        centre=centre,
        spread=spread,
        link=link,
    )
    bounds = [BOUNDS[i] for i in free]
    coarse = _in_bins(z, answers)
    found = [
        optimize.minimize(
            model.loss, np.array(start)[free], coarse, jac=True, bounds=bounds, method="L-BFGS-B"
        )
        for start in STARTS
    ]
    best = optimize.minimize(
        model.loss,
        min(found, key=lambda result: float(result.fun)).x,
        (z, answers, np.ones_like(z)),
        jac=True,
        bounds=bounds,
        method="L-BFGS-B",
        options={"ftol": 1e-13, "gtol": 1e-9},
    )
    covariance = model.covariance(best.x, z, answers, who)
    return _result(model, best.x, covariance, -float(best.fun), len(z), int(who.max()) + 1, level)


@dataclass(frozen=True)
class _Model:
    """The function in units of z = (x − centre) / spread, where every parameter is of order one.

    ``known`` holds fixed parameters in units of x and NaN for free ones.
    """

    known: Floats
    free: NDArray[np.int64]
    centre: float
    spread: float
    link: Link

    def full(self, values: Floats) -> Floats:
        """All four parameters in units of z."""
        theta = self.known.copy()
        theta[2], theta[3] = theta[2] * self.spread, (theta[3] - self.centre) / self.spread
        theta[self.free] = values
        return theta

    def gradient(self, values: Floats, z: Floats) -> tuple[Floats, Floats]:
        """P (N,) kept off 0 and 1, and dP/d(free parameters) (N, f)."""
        guess, lapse, slope, threshold = self.full(values)
        argument = slope * (z - threshold)
        if self.link == "logistic":
            f = special.expit(argument)
            density = f * (1 - f)
        else:
            f = special.ndtr(argument)
            density = np.exp(-(argument**2) / 2) / np.sqrt(2 * np.pi)
        reach = (1 - guess - lapse) * density
        columns = np.column_stack([1 - f, -f, reach * (z - threshold), -reach * slope])
        p = np.clip(guess + (1 - guess - lapse) * f, EDGE, 1 - EDGE)
        return p, columns[:, self.free]

    def loss(
        self, values: Floats, z: Floats, share: Floats, weight: Floats
    ) -> tuple[float, Floats]:
        """Mean negative log-likelihood of shares of right answers, and its gradient."""
        p, gradient = self.gradient(values, z)
        total = weight.sum()
        value = -(weight * (share * np.log(p) + (1 - share) * np.log1p(-p))).sum() / total
        slope = -((weight * (share - p) / (p * (1 - p))) @ gradient) / total
        return float(value), slope

    def covariance(
        self, values: Floats, z: Floats, answers: Floats, who: NDArray[np.int64]
    ) -> Floats:
        """Clustered sandwich: expected information outside, scores summed by person inside."""
        p, gradient = self.gradient(values, z)
        weight = 1 / (p * (1 - p))
        bread = np.linalg.pinv((gradient * weight[:, None]).T @ gradient)
        scores = gradient * ((answers - p) * weight)[:, None]
        people = int(who.max()) + 1
        sums = np.column_stack([np.bincount(who, weights=s, minlength=people) for s in scores.T])
        correction = people / (people - 1) if people > 1 else float("nan")
        return np.asarray(bread @ (sums.T @ sums) @ bread * correction)


def _in_bins(z: Floats, answers: Floats) -> tuple[Floats, Floats, Floats]:
    """Mean stimulus, share of right answers and size of bins, for finding where to start."""
    order = np.argsort(z, kind="stable")
    parts = np.array_split(order, min(BINS, len(z)))
    means = [(z[part].mean(), answers[part].mean(), float(len(part))) for part in parts]
    x, share, size = np.array(means).T
    return x, share, size


def _result(
    model: _Model,
    values: Floats,
    covariance: Floats,
    mean_log_likelihood: float,
    n: int,
    people: int,
    level: float,
) -> Psychometric:
    """Back to the units of x."""
    scale = ((0.0, 1.0), (0.0, 1.0), (0.0, 1 / model.spread), (model.centre, model.spread))
    quantile = float(stats.t.ppf(0.5 + level / 2, max(people - 1, 1)))
    theta = dict(zip(PARAMETERS, (float(value) for value in model.known), strict=True))
    low: dict[str, float] = {}
    high: dict[str, float] = {}
    edges = []
    for position, i in enumerate(int(i) for i in model.free):
        name, (shift, factor) = PARAMETERS[i], scale[i]
        theta[name] = shift + factor * float(values[position])
        variance = float(covariance[position, position])
        half = quantile * factor * np.sqrt(variance) if variance > 0 else float("nan")
        low[name], high[name] = float(theta[name] - half), float(theta[name] + half)
        if i < 2:
            low[name], high[name] = max(low[name], 0.0), min(high[name], 1.0)
        if min(abs(values[position] - end) for end in BOUNDS[i]) < 1e-6:
            edges.append(name)
    return Psychometric(
        guess=theta["guess"],
        lapse=theta["lapse"],
        slope=theta["slope"],
        threshold=theta["threshold"],
        link=model.link,
        fixed=tuple(name for i, name in enumerate(PARAMETERS) if i not in model.free),
        low=low,
        high=high,
        log_likelihood=mean_log_likelihood * n,
        n=n,
        n_participants=people,
        at_edge=tuple(edges),
    )


def _probability(theta: Floats, x: Floats, link: Link) -> Floats:
    guess, lapse, slope, threshold = theta
    argument = slope * (x - threshold)
    f = special.expit(argument) if link == "logistic" else special.ndtr(argument)
    return np.asarray(guess + (1 - guess - lapse) * f)


def _require_variation(stimulus: Floats, answers: Floats) -> None:
    if len(answers) == 0:
        raise NotEstimable("there are no answers with a known stimulus strength")
    if len(np.unique(stimulus)) < 4:
        raise NotEstimable("the stimulus takes fewer than four values")
    if answers.min() == answers.max():
        raise NotEstimable("all answers are the same")
