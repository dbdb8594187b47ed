"""Response times with people and stimuli as crossed random effects: a linear mixed model by REML.

    y = X β + z_pᵀ b_p + c_i + e,   b_p ~ N(0, σ² Λ Λᵀ),   c_i ~ N(0, σ² τ²),   e ~ N(0, σ²)

y is the logarithm of the response time. With V = I + Z G Zᵀ (G = ΛΛᵀ and τ² on its diagonal) and
r² = min_β (y − Xβ)ᵀ V⁻¹ (y − Xβ), the restricted likelihood of n answers and k coefficients is

    −2 log L = log|V| + log|Xᵀ V⁻¹ X| + (n − k) (1 + log(2π r² / (n − k)))

V is never formed: all it needs are cross products that are summed once, so that a step does not
depend on the number of answers. Variances are reported on the scale of y, not relative to σ.

Sources: Patterson and Thompson (1971), Biometrika 58; Bates, Mächler, Bolker and Walker (2015),
Journal of Statistical Software 67, section 3; Baayen, Davidson and Bates (2008), Journal of Memory
and Language 59.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import optimize

from analysis.clustered_logit import Contrast, NotEstimable
from analysis.crossed import SIMPLER, CrossedFit, condition_design, random_design, start_theta
from analysis.people import require_columns
from analysis.sandwich import codes

Floats = NDArray[np.float64]
ZERO = 1e-4
"""A standard deviation of this share of the residual's is told as zero."""


@dataclass(frozen=True, kw_only=True)
class LmmFit(CrossedFit):
    """A fitted model; the likelihood is the restricted one.

    Attributes
    ----------
    item_variance : of the stimuli, NaN without them.
    residual_variance : of single answers.
    """

    item_variance: float
    residual_variance: float

    @property
    def df(self) -> int:
        """Of t statistics: the smaller number of clusters less the coefficients."""
        sizes = [self.n_participants] + ([self.n_items] if self.n_items else [])
        return min(sizes) - len(self.names)


@dataclass(frozen=True)
class ResponseTimeModel:
    """Response times of every condition over the reference.

    Attributes
    ----------
    table : one row a condition: ``condition``, ``reference``, ``method``, ``scope``, ``ratio`` of
        geometric means with ``low`` and ``high``, ``t``, ``df``, ``p``.
    fit : the model of log response times.
    notes : in words.
    """

    table: pd.DataFrame
    fit: LmmFit
    notes: tuple[str, ...]

    def to_frame(self) -> pd.DataFrame:
        """The comparisons."""
        return self.table


class _Products:
    """Cross products of one data set, and its restricted likelihood."""

    def __init__(
        self, x: Floats, y: Floats, z: Floats, who: ArrayLike, item: ArrayLike | None
    ) -> None:
        self.n, self.k = x.shape
        self.q = z.shape[1]
        person = codes(who)
        self.people = int(person.max()) + 1
        both = np.column_stack([x, y])
        self.ww = both.T @ both
        self.zz = _sums(z[:, :, None] * z[:, None, :], person, self.people)
        self.zw = _sums(z[:, :, None] * both[:, None, :], person, self.people)
        self.items = 0
        self.lower = np.tril_indices(self.q)
        if item is not None:
            place = codes(item)
            self.items = int(place.max()) + 1
            cells = _sums(z, person * self.items + place, self.people * self.items)
            self.zi = cells.reshape(self.people, self.items, self.q).transpose(0, 2, 1)
            self.ni = np.bincount(place, minlength=self.items).astype(float)
            self.iw = _sums(both, place, self.items)

    def factor(self, theta: Floats) -> tuple[Floats, float]:
        """Λ and τ."""
        factor = np.zeros((self.q, self.q))
        factor[self.lower] = theta[: len(self.lower[0])]
        return factor, float(theta[-1]) if self.items else 0.0

    def whitened(self, theta: Floats) -> tuple[Floats, float]:
        """[X y]ᵀ V⁻¹ [X y] and log|V|, people's blocks taken out first."""
        factor, tau = self.factor(theta)
        blocks = factor.T @ self.zz @ factor + np.eye(self.q)
        gw = factor.T @ self.zw
        inverse = np.linalg.inv(blocks)
        solved = inverse @ gw
        log_det = float(np.linalg.slogdet(blocks)[1].sum())
        taken = np.tensordot(gw, solved, axes=([0, 1], [0, 1]))
        if self.items:
            cross = factor.T @ self.zi * tau
            schur = np.diag(self.ni * tau**2 + 1)
            schur = schur - np.tensordot(cross, inverse @ cross, axes=([0, 1], [0, 1]))
            rest = tau * self.iw - np.tensordot(cross, solved, axes=([0, 1], [0, 1]))
            taken = taken + rest.T @ np.linalg.solve(schur, rest)
            log_det += float(np.linalg.slogdet(schur)[1])
        return np.asarray(self.ww - taken), log_det

    def solve(self, theta: Floats) -> tuple[Floats, Floats, float, float]:
        """β, Xᵀ V⁻¹ X, r² and log|V|."""
        m, log_det = self.whitened(theta)
        information, right = m[: self.k, : self.k], m[: self.k, self.k]
        beta: Floats = np.asarray(np.linalg.solve(information, right), dtype=np.float64)
        return beta, information, float(m[self.k, self.k] - right @ beta), log_det

    def deviance(self, theta: Floats) -> float:
        """−2 log L, restricted."""
        _, information, squares, log_det = self.solve(theta)
        df = self.n - self.k
        return float(
            log_det
            + np.linalg.slogdet(information)[1]
            + df * (1 + np.log(2 * np.pi * max(squares, 1e-300) / df))
        )


def _sums(values: Floats, groups: NDArray[np.int64], size: int) -> Floats:
    """Sums (size, …) of values (N, …) by group."""
    flat = values.reshape(len(values), -1)
    totals = [np.bincount(groups, column, minlength=size) for column in flat.T]
    return np.asarray(np.column_stack(totals).reshape(size, *values.shape[1:]), dtype=float)


def fit_crossed_lmm(
    x: ArrayLike,
    y: ArrayLike,
    *,
    participants: ArrayLike,
    items: ArrayLike | None = None,
    slopes: ArrayLike | None = None,
    names: Sequence[str] | None = None,
) -> LmmFit:
    """Fit by restricted maximum likelihood.

    Parameters
    ----------
    x : (N, k) design with intercept; y : (N,); no missing values.
    items : (N,) labels of the stimuli; none for people alone.
    slopes : (N, q − 1) what varies within people and may act differently on each.

    Raises
    ------
    NotEstimable
        If columns repeat each other, nothing varies, or there are too few answers.

    Examples
    --------
    R: ``lme4::lmer(y ~ x + (1 | id))``

    >>> y = [5.1, 5.9, 5.0, 6.2, 4.0, 5.2, 4.4, 4.9, 6.1, 6.8, 5.9, 7.2]
    >>> x = np.column_stack([np.ones(12), [0, 1] * 6])
    >>> fit = fit_crossed_lmm(x, y, participants=np.repeat(range(3), 4))
    >>> fit.coefficients.round(4).tolist(), fit.standard_errors.round(4).tolist()
    ([5.0833, 0.95], [0.5441, 0.1099])
    """
    design, values = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    n, k = design.shape
    if n <= k + 1 or np.linalg.matrix_rank(design) < k:
        raise NotEstimable("there are too few answers, or two columns of the model say the same")
    rest = values - design @ np.linalg.lstsq(design, values, rcond=None)[0]
    if not float(rest @ rest) > 1e-12 * max(float(values @ values), 1e-300):
        raise NotEstimable("nothing varies beyond what the model fixes")
    z = random_design(n, slopes)
    products = _Products(design, values, z, participants, items)
    start, bounds = start_theta(z.shape[1], items=items is not None, value=1.0)
    found = optimize.minimize(
        products.deviance,
        np.array(start),
        jac="3-point",
        bounds=bounds,
        method="L-BFGS-B",
        options={"ftol": 1e-15, "gtol": 1e-8, "maxiter": 1000},
    )
    theta = np.asarray(found.x, dtype=float)
    beta, information, squares, _ = products.solve(theta)
    if not np.isfinite(found.fun):
        raise NotEstimable("the mixed model did not settle")
    factor, tau = products.factor(theta)
    variance = squares / (n - k)
    scales = np.append(np.diag(factor), [tau] if items is not None else [])
    return LmmFit(
        names=tuple(names) if names is not None else tuple(f"x{i}" for i in range(k)),
        coefficients=beta,
        covariance=np.asarray(variance * np.linalg.inv(information)),
        participant_covariance=np.asarray(variance * factor @ factor.T),
        item_variance=variance * tau**2 if items is not None else float("nan"),
        residual_variance=variance,
        log_likelihood=-float(found.fun) / 2,
        n_answers=n,
        n_participants=products.people,
        n_items=products.items,
        singular=bool((scales <= ZERO).any()),
    )


def response_time_model(
    trials: pd.DataFrame,
    *,
    cluster: str,
    item: str | None = "item",
    order: Sequence[str] | None = None,
    reference: str | None = None,
    level: float = 0.95,
) -> ResponseTimeModel:
    """Log response times of every condition against the reference, people and items random.

    Conditions that vary within people get slopes by participant.

    Parameters
    ----------
    trials : with ``condition`` and ``rt_ms``; times that are missing or not positive are left out.
    """
    require_columns(trials, [cluster, "condition", "rt_ms"])
    used = trials[trials["rt_ms"] > 0]
    design = condition_design(used, cluster=cluster, item=item, order=order, reference=reference)
    fit = fit_crossed_lmm(
        design.x,
        np.log(design.used["rt_ms"].to_numpy(dtype=float)),
        participants=design.used[cluster].to_numpy(),
        items=design.items,
        slopes=design.slopes,
        names=design.names,
    )
    rows = []
    for place, other in enumerate(design.others, 1):
        found = Contrast.of(
            float(fit.coefficients[place]), float(fit.covariance[place, place]), fit.df, level
        )
        rows.append(
            {
                "condition": other,
                "reference": design.reference,
                "method": "linear mixed model of log response time (REML)",
                "scope": design.scope,
                "ratio": float(np.exp(found.estimate)),
                "low": float(np.exp(found.low)),
                "high": float(np.exp(found.high)),
                "t": found.t,
                "df": found.df,
                "p": found.p,
            }
        )
    notes = []
    if len(trials) > len(design.used):
        notes.append(
            f"{len(trials) - len(design.used)} answers without a positive time are left out."
        )
    if fit.singular:
        notes.append(SIMPLER)
    return ResponseTimeModel(pd.DataFrame(rows), fit, tuple(notes))
