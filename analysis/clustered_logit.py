"""Logistic regression with standard errors that know of participants and of items.

Notation: X (N, k) design, y (N,) answers in {0, 1}, p = 1 / (1 + exp(−Xβ)), scores
s_i = x_i (y_i − p_i), information H_i = p_i (1 − p_i) x_i x_iᵀ. The covariance is clustered by
participant and item (:mod:`analysis.sandwich`). For comparisons of conditions t statistics have
min(G_participant, G_item) − k degrees of freedom; a single accuracy and models of more than
conditions take those of their own contrast (:meth:`LogitFit.satterthwaite`).

Sources: Cameron, Gelbach and Miller (2011), Journal of Business & Economic Statistics 29, sections
2.2–2.3; Cameron and Miller (2015), Journal of Human Resources 50, section VI.D, for the degrees of
freedom.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from analysis.sandwich import (
    Clustered,
    Codes,
    Correction,
    Floats,
    clustered_covariance,
    codes,
    summed_outer,
)

MAX_STEPS = 50
CONVERGED = 1e-10
SEPARATED = 15.0
"""A coefficient of this size (odds of three million) means that the maximum lies at infinity."""


class NotEstimable(Exception):
    """The model has no finite answer on these data; the message says why, in words."""


@dataclass(frozen=True)
class LogitFit:
    """A fitted model.

    Attributes
    ----------
    names : k coefficient names.
    coefficients : (k,) log odds.
    clusters : names of the clusterings, ``participant`` alone or with ``item``.
    sizes : number of clusters of each.
    df : degrees of freedom of t statistics.
    n : number of answers.
    clustered : what the covariance was put together from.
    """

    names: tuple[str, ...]
    coefficients: Floats
    clusters: tuple[str, ...]
    sizes: tuple[int, ...]
    df: int
    n: int
    clustered: Clustered

    @property
    def covariance(self) -> Floats:
        """(k, k) clustered covariance of the coefficients."""
        return self.clustered.covariance

    @property
    def widened(self) -> bool:
        """Whether V_participant + V_item stands in for a difference that is no covariance."""
        return self.clustered.widened

    @property
    def standard_errors(self) -> Floats:
        """(k,) on the log-odds scale."""
        return np.sqrt(np.diag(self.covariance))

    def contrast(self, weights: ArrayLike, level: float = 0.95) -> Contrast:
        """A weighted sum of coefficients, on the log-odds scale."""
        w = np.asarray(weights, dtype=float)
        return Contrast.of(
            float(w @ self.coefficients), float(w @ self.covariance @ w), self.df, level
        )

    def satterthwaite(self, weights: ArrayLike, level: float = 0.95) -> Contrast:
        """The same with the variance and degrees of freedom of this contrast alone.

        The rule for models of more than conditions: see :mod:`analysis.sandwich`.
        """
        w = np.asarray(weights, dtype=float)
        return Contrast.of(float(w @ self.coefficients), *self.clustered.contrast(w), level)

    def wald(self, rows: ArrayLike) -> tuple[float, int, int, float]:
        """Joint test that all the weighted sums (q, k) are zero: F, q, df, p."""
        weights = np.atleast_2d(np.asarray(rows, dtype=float))
        values = weights @ self.coefficients
        spread = weights @ self.covariance @ weights.T
        q = int(np.linalg.matrix_rank(spread))
        if q < len(weights):
            raise NotEstimable("there are too few clusters to test all differences at once")
        f = float(values @ np.linalg.solve(spread, values)) / q
        return f, q, self.df, float(special.fdtrc(q, self.df, f))


@dataclass(frozen=True)
class Contrast:
    """An estimate with its interval and test."""

    estimate: float
    se: float
    low: float
    high: float
    t: float
    df: float
    p: float

    @classmethod
    def of(cls, estimate: float, variance: float, df: float, level: float) -> Contrast:
        """From an estimate and its variance, by the t distribution."""
        if not variance > 0 or not df >= 1:
            nan = float("nan")
            return cls(estimate, nan, nan, nan, nan, df, nan)
        se = float(np.sqrt(variance))
        half = float(special.stdtrit(df, 0.5 + level / 2)) * se
        t = estimate / se
        return cls(
            estimate,
            se,
            estimate - half,
            estimate + half,
            t,
            df,
            float(2 * special.stdtr(df, -abs(t))),
        )

    def odds_ratio(self) -> dict[str, float]:
        """The estimate as an odds ratio with its interval and test, as tables hold it."""
        ratio, low, high = (float(np.exp(end)) for end in (self.estimate, self.low, self.high))
        rest = {"t": self.t, "df": self.df, "p": self.p}
        return {"odds_ratio": ratio, "low": low, "high": high, **rest}


def fit_clustered_logit(
    x: ArrayLike,
    y: ArrayLike,
    *,
    participants: ArrayLike,
    items: ArrayLike | None = None,
    names: Sequence[str] | None = None,
    correction: Correction = "cr2",
) -> LogitFit:
    """Fit a logit by maximum likelihood and cluster its covariance.

    Parameters
    ----------
    x : (N, k) design, the intercept included; no missing values.
    y : (N,) 0 or 1.
    participants : (N,) labels.
    items : (N,) labels, or none to cluster by participant alone. Then the result speaks of other
        people and of these stimuli only.
    names : k names.
    correction : for few groups; ``cr1`` is what most programs give.

    Raises
    ------
    NotEstimable
        If answers are separated (all right or all wrong somewhere), or clusters are too few.
    """
    design = np.asarray(x, dtype=float)
    answers = np.asarray(y, dtype=float)
    n, k = design.shape
    groups: dict[str, Codes] = {"participant": codes(participants)}
    if items is not None:
        groups["item"] = codes(items)
    sizes = {name: int(group.max()) + 1 if n else 0 for name, group in groups.items()}
    for name, size in sizes.items():
        if size - k < 1:
            raise NotEstimable(
                f"{size} {name}{'s' if size != 1 else ''} cannot carry {k} "
                f"coefficient{'s' if k != 1 else ''}"
            )
    beta = maximum_likelihood(design, answers)
    p = special.expit(design @ beta)
    weighted = design * np.sqrt(p * (1 - p))[:, None]
    clustered = clustered_covariance(
        np.linalg.inv(weighted.T @ weighted),
        design * (answers - p)[:, None],
        summed_outer(weighted),
        participants=groups["participant"],
        items=groups.get("item"),
        correction=correction,
    )
    return LogitFit(
        names=tuple(names) if names is not None else tuple(f"x{i}" for i in range(k)),
        coefficients=beta,
        clusters=tuple(groups),
        sizes=tuple(sizes.values()),
        df=min(sizes.values()) - k,
        n=n,
        clustered=clustered,
    )


def maximum_likelihood(x: Floats, y: Floats) -> Floats:
    """Coefficients by Newton's method.

    Raises
    ------
    NotEstimable
        If the likelihood has no finite maximum.
    """
    beta = np.zeros(x.shape[1])
    for _ in range(MAX_STEPS):
        p = special.expit(x @ beta)
        information = (x * (p * (1 - p))[:, None]).T @ x
        try:
            step = np.linalg.solve(information, x.T @ (y - p))
        except np.linalg.LinAlgError:
            raise NotEstimable("two columns of the model say the same") from None
        beta = beta + step
        if not np.all(np.isfinite(beta)) or np.abs(x @ beta).max() > SEPARATED:
            raise NotEstimable("answers are all right or all wrong in some part of the design")
        if np.abs(step).max() < CONVERGED:
            return beta
    raise NotEstimable("the fit did not settle")
