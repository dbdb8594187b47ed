"""Logistic regression with standard errors that know of participants and of items.

Notation: X (N, k) design, y (N,) answers in {0, 1}, p = 1 / (1 + exp(−Xβ)), scores
s_i = x_i (y_i − p_i), bread A = (Xᵀ W X)⁻¹ = C Cᵀ with W = diag(p(1−p)). For a grouping with G
groups g, whose answers have the leverage E_g = Cᵀ X_gᵀ W_g X_g C,

    V = A (Σ_g s_g s_gᵀ) A · G/(G−1) · (N−1)/(N−k),     s_g = Σ_{i in g} s_i          ("CR1")
    V = A (Σ_g r_g r_gᵀ) A,     r_g = C⁻ᵀ (I − E_g)^(−1/2) Cᵀ s_g                     ("CR2")

CR2 has no bias where answers are independent. CR1 counts all groups together, so that it is too
small where each condition has few of its own: five items in each of two conditions are scaled up by
10/9, though each condition loses one of five.

With participants and items crossed, V = V_participant + V_item − V_{participant × item} (the last
one always by CR1, as its groups are many), and t statistics have min(G_participant, G_item) − k
degrees of freedom.

Sources: Liang and Zeger (1986), Biometrika 73; Bell and McCaffrey (2002), Survey Methodology 28,
for CR2; Cameron, Gelbach and Miller (2011), Journal of Business & Economic Statistics 29, sections
2.2–2.3; Cameron and Miller (2015), Journal of Human Resources 50, section VI.D, for the degrees of
freedom.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import special

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]
Correction = Literal["cr1", "cr2"]

MAX_STEPS = 50
CONVERGED = 1e-10
SEPARATED = 15.0
"""A coefficient of this size (odds of three million) means that the maximum lies at infinity."""
DETERMINED = 1e-9
"""What a group determines alone has no residual; it is left out as nothing can be known of it."""


class NotEstimable(Exception):
    """The model has no finite answer on these data; the message says why, in words."""


@dataclass(frozen=True)
class LogitFit:
    """A fitted model.

    Attributes
    ----------
    names : k coefficient names.
    coefficients, covariance : (k,) log odds and (k, k) their clustered covariance.
    clusters : names of the clusterings, ``participant`` alone or with ``item``.
    sizes : number of clusters of each.
    df : degrees of freedom of t statistics.
    n : number of answers.
    widened : the difference of clusterings was no covariance, so V_participant + V_item stands in.
    """

    names: tuple[str, ...]
    coefficients: Floats
    covariance: Floats
    clusters: tuple[str, ...]
    sizes: tuple[int, ...]
    df: int
    n: int
    widened: bool

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
    weights = p * (1 - p)
    bread = np.linalg.inv((design * weights[:, None]).T @ design)
    scores = design * (answers - p)[:, None]

    def clustered(group: Codes) -> Floats:
        if correction == "cr1":
            return cluster_covariance(bread, scores, group)
        return leverage_adjusted_covariance(bread, design, weights, scores, group)

    covariance = clustered(groups["participant"])
    widened = False
    if items is not None:
        both = codes(groups["participant"] * sizes["item"] + groups["item"])
        bound = covariance + clustered(groups["item"])
        covariance = bound - cluster_covariance(bread, scores, both)
        widened = not positive_definite(covariance)
        covariance = bound if widened else covariance
    return LogitFit(
        names=tuple(names) if names is not None else tuple(f"x{i}" for i in range(k)),
        coefficients=beta,
        covariance=covariance,
        clusters=tuple(groups),
        sizes=tuple(sizes.values()),
        df=min(sizes.values()) - k,
        n=n,
        widened=widened,
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


def cluster_covariance(bread: Floats, scores: Floats, groups: Codes) -> Floats:
    """CR1 of the module's docstring: (k, k) from (k, k), (N, k) and (N,) integer codes."""
    n, k = scores.shape
    size = int(groups.max()) + 1
    sums = _sums(scores, groups, size)
    # With one answer in each cell there is nothing to correct for but the coefficients.
    correction = size / (size - 1) * (n - 1) / (n - k) if size > 1 else 1.0
    return np.asarray(bread @ (sums.T @ sums) @ bread * correction)


def leverage_adjusted_covariance(
    bread: Floats, x: Floats, weights: Floats, scores: Floats, groups: Codes
) -> Floats:
    """CR2 of the module's docstring: (k, k) from (k, k), (N, k), (N,), (N, k) and (N,) codes."""
    k = x.shape[1]
    size = int(groups.max()) + 1
    root = np.linalg.cholesky(bread)
    turned = (x @ root) * np.sqrt(weights)[:, None]
    rows, columns = np.tril_indices(k)
    leverage = np.zeros((size, k, k))
    leverage[:, rows, columns] = _sums(turned[:, rows] * turned[:, columns], groups, size)
    values, vectors = np.linalg.eigh(np.eye(k) - leverage)  # of the lower triangle
    scale = np.where(values > DETERMINED, np.maximum(values, DETERMINED) ** -0.5, 0.0)
    along = np.einsum("gab,ga->gb", vectors, _sums(scores, groups, size) @ root) * scale
    adjusted = np.einsum("gab,gb->ga", vectors, along) @ root.T
    return np.asarray(adjusted.T @ adjusted)


def _sums(values: Floats, groups: Codes, size: int) -> Floats:
    """(G, m) sums of (N, m) by group."""
    columns = [np.bincount(groups, weights=column, minlength=size) for column in values.T]
    return np.column_stack(columns)


def positive_definite(covariance: Floats) -> bool:
    """Whether all directions have a variance clearly above zero.

    With few clusters V_participant + V_item − V_both may fail to; the sum without the last term
    bounds it from above (Davezies, D'Haultfœuille and Guyonvarch 2021, Annals of Statistics 49).
    """
    values = np.linalg.eigvalsh((covariance + covariance.T) / 2)
    return bool(values.min() > 1e-9 * max(values.max(), 0.0))


def codes(labels: ArrayLike) -> Codes:
    """Integer codes 0 … G−1 of labels, in order of appearance."""
    return np.asarray(pd.factorize(np.asarray(labels))[0], dtype=np.int64)
