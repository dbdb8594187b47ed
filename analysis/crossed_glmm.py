"""A logit with people and stimuli as crossed random effects, by Laplace's approximation.

    logit P(y = 1) = X β + z_pᵀ b_p + c_i,   b_p ~ N(0, Λ Λᵀ),   c_i ~ N(0, τ²)

with Λ (q, q) lower triangular. In units of standard normal u = (Λ⁻¹ b, c / τ),

    log L(β, Λ, τ) ≈ log p(y | û) − |û|²/2 − log|H|/2,   H = I + (ZΛ)ᵀ W (ZΛ),  W = diag(p(1 − p))

û, the mode, is found by Newton's method for every β, Λ and τ, which are then moved together
(:mod:`analysis.laplace`). Standard errors come from the curvature of log L.

Effects are *conditional*: odds ratios for one person and one item, further from 1 than the marginal
ones of :mod:`analysis.gee`. The z test claims a little too often with few items (about .07 instead
of .05), so it stands beside the two-way clustered logit, not in its place.

Sources: Breslow and Clayton (1993), Journal of the American Statistical Association 88; Bates,
Mächler, Bolker and Walker (2015), Journal of Statistical Software 67, for the parametrisation;
Baayen, Davidson and Bates (2008), Journal of Memory and Language 59.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import optimize, special

from analysis.clustered_logit import NotEstimable, maximum_likelihood
from analysis.crossed import (
    SIMPLER,
    CrossedFit,
    condition_design,
    random_design,
    start_theta,
)
from analysis.laplace import Laplace, inverse_curvature
from analysis.people import require_columns
from analysis.sandwich import codes

Floats = NDArray[np.float64]
MOST_TRIALS = 100_000
"""Above this number of answers the model is not fitted unless asked for."""
CROSSED = "crossed mixed logit (Laplace)"
ZERO = 1e-3
"""A standard deviation up to this is told as zero."""


@dataclass(frozen=True, kw_only=True)
class GlmmFit(CrossedFit):
    """A fitted model; coefficients are log odds, the likelihood is Laplace's.

    Attributes
    ----------
    item_sd : τ, NaN without items.
    """

    item_sd: float

    @property
    def n_parameters(self) -> int:
        """Coefficients, and entries of people's covariance and of the items' variance."""
        q = len(self.participant_covariance)
        return len(self.names) + q * (q + 1) // 2 + (self.n_items > 0)

    @property
    def aic(self) -> float:
        """−2 log L + 2 parameters (Akaike 1974)."""
        return -2 * self.log_likelihood + 2 * self.n_parameters


@dataclass(frozen=True)
class CrossedComparisons:
    """Conditions against the reference.

    Attributes
    ----------
    table : one row a condition: ``condition``, ``reference``, ``method``, ``scope``,
        ``odds_ratio`` with ``low`` and ``high``, ``z``, ``p``.
    fit : the model.
    notes : in words.
    """

    table: pd.DataFrame
    fit: GlmmFit
    notes: tuple[str, ...]

    def to_frame(self) -> pd.DataFrame:
        """The comparisons."""
        return self.table


def fit_crossed_glmm(
    x: ArrayLike,
    y: ArrayLike,
    *,
    participants: ArrayLike,
    items: ArrayLike | None = None,
    slopes: ArrayLike | None = None,
    names: Sequence[str] | None = None,
) -> GlmmFit:
    """Fit by maximum (Laplace) likelihood.

    Parameters
    ----------
    x : (N, k) design with intercept; y : (N,) 0 or 1; no missing values.
    items : (N,) labels of the stimuli; none for people alone.
    slopes : (N, q − 1) what varies within people and may act differently on each.

    Raises
    ------
    NotEstimable
        If answers are separated or the fit does not settle.

    Examples
    --------
    R: ``lme4::glmer(y ~ x + (1 | id), binomial)``

    >>> y = [1, 1, 1, 0, 1, 0, 0, 0, 1, 1, 1, 1, 0, 1, 0, 0, 1, 0, 1, 0, 1, 1, 1, 0]
    >>> x = np.column_stack([np.ones(24), [0, 1] * 12])
    >>> fit = fit_crossed_glmm(x, y, participants=np.repeat(range(6), 4))
    >>> fit.coefficients.round(2).tolist(), fit.participant_sd.round(2).tolist()
    ([1.28, -1.68], [0.87])
    """
    design, answers = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    start = maximum_likelihood(design, answers)
    z = random_design(len(design), slopes)
    model = Laplace(
        design, answers, z, codes(participants), None if items is None else codes(items)
    )
    theta, bounds = start_theta(z.shape[1], items=items is not None, value=0.5)
    bounds += [(None, None)] * model.k
    found = optimize.minimize(
        model.loss_and_gradient,
        np.concatenate([theta, start]),
        jac=True,
        bounds=bounds,
        method="L-BFGS-B",
        options={"ftol": 1e-14, "gtol": 1e-8, "maxiter": 500},
    )
    parameters = np.asarray(found.x, dtype=float)
    factor, tau, beta = model.unpack(parameters)
    value = model.loss(parameters)
    # At a variance of zero the slope need not be zero.
    free = [i for i in range(len(parameters)) if bounds[i][0] is None or parameters[i] > ZERO]
    if not np.isfinite(value) or np.abs(np.asarray(found.jac)[free]).max() > 1e-3:
        raise NotEstimable("the mixed model did not settle")
    scales = np.append(np.diag(factor), [tau] if items is not None else [])
    covariance = inverse_curvature(model, parameters, free)[-model.k :, -model.k :]
    return GlmmFit(
        names=tuple(names) if names is not None else tuple(f"x{i}" for i in range(model.k)),
        coefficients=beta,
        covariance=covariance,
        participant_covariance=factor @ factor.T,
        item_sd=tau if items is not None else float("nan"),
        log_likelihood=-value * model.n,
        n_answers=model.n,
        n_participants=model.people,
        n_items=model.items,
        singular=bool((scales <= ZERO).any()),
    )


def compare_conditions_mixed(
    trials: pd.DataFrame,
    *,
    cluster: str,
    item: str | None = "item",
    order: Sequence[str] | None = None,
    reference: str | None = None,
    level: float = 0.95,
    most_trials: int = MOST_TRIALS,
) -> CrossedComparisons:
    """Every condition against the reference, people and items random.

    Conditions that vary within people get slopes by participant.

    Raises
    ------
    NotEstimable
        With one condition, separated answers, or more than ``most_trials`` answers.
    """
    require_columns(trials, [cluster, "condition", "correct"])
    used = trials[trials["correct"].notna()]
    if len(used) > most_trials:
        raise NotEstimable(f"the mixed model is off above {most_trials} answers: give most_trials")
    design = condition_design(used, cluster=cluster, item=item, order=order, reference=reference)
    fit = fit_crossed_glmm(
        design.x,
        design.used["correct"].to_numpy(dtype=float),
        participants=design.used[cluster].to_numpy(),
        items=design.items,
        slopes=design.slopes,
        names=design.names,
    )
    half = float(special.ndtri(0.5 + level / 2))
    rows = []
    for place, other in enumerate(design.others, 1):
        estimate, se = float(fit.coefficients[place]), float(fit.standard_errors[place])
        rows.append(
            {
                "condition": other,
                "reference": design.reference,
                "method": CROSSED if design.items is not None else "mixed logit (Laplace)",
                "scope": design.scope,
                "odds_ratio": float(np.exp(estimate)),
                "low": float(np.exp(estimate - half * se)),
                "high": float(np.exp(estimate + half * se)),
                "z": estimate / se,
                "p": float(2 * special.ndtr(-abs(estimate / se))),
            }
        )
    notes = ["Odds ratios are conditional: for one person and one item, not for the average."]
    if design.slopes is not None:
        notes.append("People met several conditions, so effects may differ between people.")
    if fit.singular:
        notes.append(SIMPLER)
    return CrossedComparisons(pd.DataFrame(rows), fit, tuple(notes))
