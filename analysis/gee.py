"""Do conditions differ, also over sessions? Population-averaged logits with people as clusters.

Generalised estimating equations for correct answers,

    logit P(correct) = X β,   Σ_j D_jᵀ V_j⁻¹ (y_j − p_j) = 0,   corr(y_ij, y_i'j) = ρ (exchangeable)

with the robust (sandwich) covariance; under 40 people the covariance of Mancl and DeRouen, which
takes off the bias of few clusters. Tests use t and F with G − k degrees of freedom, G people and k
coefficients.

Effects are *marginal*: they compare the average accuracy of populations, and are nearer to zero
than the effects for one person that a mixed model gives. Stimuli are taken as fixed: the results
speak of these stimuli only.

Sources: Liang and Zeger (1986), Biometrika 73; Mancl and DeRouen (2001), Biometrics 57.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import special

from analysis.clustered_logit import SEPARATED, Contrast, NotEstimable
from analysis.crossed import condition_design
from analysis.differences import THESE_STIMULI
from analysis.formatting import count, number
from analysis.people import require_columns
from analysis.sandwich import codes

Floats = NDArray[np.float64]
FEW_PEOPLE = 40
"""Under this number of clusters the robust covariance is too small and is corrected."""


@dataclass(frozen=True)
class GeeFit:
    """A fitted model: (k,) coefficients, (k, k) covariance, within-person correlation ρ."""

    names: tuple[str, ...]
    coefficients: Floats
    covariance: Floats
    correlation: float
    n_participants: int
    n_answers: int
    bias_reduced: bool

    @property
    def df(self) -> int:
        """Of t and F tests."""
        return self.n_participants - len(self.names)

    @property
    def standard_errors(self) -> Floats:
        """(k,) on the log-odds scale."""
        return np.asarray(np.sqrt(np.diag(self.covariance)))

    def contrast(self, weights: ArrayLike, level: float = 0.95) -> Contrast:
        """A weighted sum of coefficients."""
        w = np.asarray(weights, dtype=float)
        return Contrast.of(
            float(w @ self.coefficients), float(w @ self.covariance @ w), self.df, level
        )

    def wald(self, rows: Sequence[int]) -> tuple[float, int, int, float]:
        """Joint test that the coefficients at these places are zero: F, q, df, p."""
        pick = np.asarray(rows, dtype=int)
        q = len(pick)
        values, spread = self.coefficients[pick], self.covariance[np.ix_(pick, pick)]
        if self.df < 1 or np.linalg.matrix_rank(spread) < q:
            raise NotEstimable("there are too few people to test all coefficients at once")
        f = float(values @ np.linalg.solve(spread, values)) / q
        return f, q, self.df, float(special.fdtrc(q, self.df, f))

    @property
    def notes(self) -> tuple[str, ...]:
        """What the numbers mean, in words."""
        told = (
            "Effects are marginal: they compare populations' average accuracy, not single people.",
            f"Answers of one person correlate by {number(self.correlation)}.",
        )
        if not self.bias_reduced:
            return told
        return (
            *told,
            f"With {self.n_participants} people (under {FEW_PEOPLE}) the covariance is corrected "
            "for few clusters.",
        )


@dataclass(frozen=True)
class MarginalComparisons:
    """Conditions against the reference.

    Attributes
    ----------
    table : one row a condition: ``condition``, ``reference``, ``method``, ``scope``,
        ``odds_ratio`` with ``low`` and ``high``, ``t``, ``df``, ``p``.
    fit : the model.
    notes : in words.
    """

    table: pd.DataFrame
    fit: GeeFit
    notes: tuple[str, ...]

    def to_frame(self) -> pd.DataFrame:
        """The comparisons."""
        return self.table


@dataclass(frozen=True)
class SessionEffects:
    """Session × condition.

    Attributes
    ----------
    table : one row a test: ``source`` (condition, session, condition:session), ``f``, ``df1``,
        ``df2``, ``p``, ``scope``.
    cells : one row a condition and session: marginal ``accuracy`` with ``low`` and ``high``.
    fit : the model, its first columns the intercept, conditions and sessions.
    notes : in words.
    """

    table: pd.DataFrame
    cells: pd.DataFrame
    fit: GeeFit
    notes: tuple[str, ...] = ()

    def to_frame(self) -> pd.DataFrame:
        """The tests."""
        return self.table


def fit_gee(
    x: ArrayLike,
    y: ArrayLike,
    *,
    participants: ArrayLike,
    names: Sequence[str] | None = None,
    bias_reduced: bool | None = None,
) -> GeeFit:
    """Fit a logit with an exchangeable working correlation.

    Parameters
    ----------
    x : (N, k) design with intercept; y : (N,) 0 or 1; no missing values.
    bias_reduced : Mancl and DeRouen's covariance; if not given, under 40 people.

    Raises
    ------
    NotEstimable
        If answers are separated, or people too few.

    Examples
    --------
    R: ``geepack::geeglm(y ~ x, binomial, id = id, corstr = "exchangeable")``

    >>> y = [1, 1, 1, 1, 0, 0, 1, 0, 1, 1, 1, 1, 0, 1, 1, 0]
    >>> x = np.column_stack([np.ones(16), [0, 0, 1, 1] * 4])
    >>> fit_gee(x, y, participants=np.repeat(range(4), 4)).coefficients.round(4).tolist()
    [0.5108, 0.5878]
    """
    import statsmodels.api as sm

    design, answers = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    who = codes(participants)
    order = np.argsort(who, kind="stable")
    design, answers, who = design[order], answers[order], who[order]
    people, k = (int(who.max()) + 1 if len(who) else 0), design.shape[1]
    if people <= k:
        raise NotEstimable(
            f"{count(people, 'person', 'people')} cannot carry {count(k, 'coefficient')}"
        )
    if np.linalg.matrix_rank(design) < k:
        raise NotEstimable("two columns of the model say the same")
    reduced = people < FEW_PEOPLE if bias_reduced is None else bias_reduced
    structure = sm.cov_struct.Exchangeable()
    model = sm.GEE(answers, design, groups=who, family=sm.families.Binomial(), cov_struct=structure)
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # separation is told below, in words
        found = model.fit(maxiter=200, ctol=1e-9, cov_type="bias_reduced" if reduced else "robust")
    beta = np.asarray(found.params, dtype=float)
    if not np.isfinite(beta).all() or np.abs(design @ beta).max() > SEPARATED:
        raise NotEstimable("answers are all right or all wrong in some part of the design")
    return GeeFit(
        names=tuple(names) if names is not None else tuple(f"x{i}" for i in range(k)),
        coefficients=beta,
        covariance=np.asarray(found.cov_params(), dtype=float),
        correlation=float(np.asarray(structure.dep_params)),
        n_participants=people,
        n_answers=len(answers),
        bias_reduced=reduced,
    )


def compare_conditions_gee(
    trials: pd.DataFrame,
    *,
    cluster: str,
    order: Sequence[str] | None = None,
    reference: str | None = None,
    level: float = 0.95,
    bias_reduced: bool | None = None,
) -> MarginalComparisons:
    """Every condition against the reference, averaged over people; stimuli are taken as fixed.

    Parameters
    ----------
    trials : test trials with ``condition`` and ``correct``.
    order : conditions; the first one is the reference unless given.

    Raises
    ------
    NotEstimable
        With one condition, too few people, or a condition that is all right or all wrong.
    """
    require_columns(trials, [cluster, "condition", "correct"])
    design = condition_design(
        trials[trials["correct"].notna()],
        cluster=cluster,
        item=None,
        order=order,
        reference=reference,
    )
    fit = fit_gee(
        design.x,
        design.used["correct"].to_numpy(),
        participants=design.used[cluster].to_numpy(),
        names=design.names,
        bias_reduced=bias_reduced,
    )
    rows = []
    for place, other in enumerate(design.others, 1):
        rows.append(
            {
                "condition": other,
                "reference": design.reference,
                "method": "GEE, exchangeable",
                "scope": THESE_STIMULI,
                **fit.contrast(np.eye(len(fit.names))[place], level).odds_ratio(),
            }
        )
    return MarginalComparisons(pd.DataFrame(rows), fit, fit.notes)


def session_by_condition(
    trials: pd.DataFrame,
    *,
    cluster: str,
    order: Sequence[str] | None = None,
    level: float = 0.95,
    bias_reduced: bool | None = None,
) -> SessionEffects:
    """Test condition, session and their interaction, sessions as categories.

    Codes sum to zero over levels, so that each test of a main effect is about the average of the
    other factor's levels.

    Parameters
    ----------
    trials : test trials with ``condition``, ``session`` and ``correct``.
    order : conditions.

    Raises
    ------
    NotEstimable
        If there is one condition or one session, a cell is empty, or a cell is all right or wrong.
    """
    require_columns(trials, [cluster, "condition", "session", "correct"])
    used = trials[trials["correct"].notna() & trials["session"].notna()]
    present = set(used["condition"])
    conditions = [name for name in (order or sorted(present)) if name in present]
    sessions = sorted(used["session"].unique())
    if len(conditions) < 2 or len(sessions) < 2:
        raise NotEstimable("session × condition needs two conditions and two sessions")
    used = used[used["condition"].isin(conditions)]
    of_condition = _sum_coded(used["condition"], conditions)
    of_session = _sum_coded(used["session"], sessions)
    design = _crossed(of_condition, of_session)
    a, b = of_condition.shape[1], of_session.shape[1]
    names = (
        ["intercept"]
        + [f"condition {name}" for name in conditions[:-1]]
        + [f"session {name}" for name in sessions[:-1]]
        + [f"condition {c} × session {s}" for c in conditions[:-1] for s in sessions[:-1]]
    )
    fit = fit_gee(
        design,
        used["correct"].to_numpy(),
        participants=used[cluster].to_numpy(),
        names=names,
        bias_reduced=bias_reduced,
    )
    places = {
        "condition": range(1, 1 + a),
        "session": range(1 + a, 1 + a + b),
        "condition:session": range(1 + a + b, len(names)),
    }
    tests = []
    for source, where in places.items():
        f, df1, df2, p = fit.wald(list(where))
        tests.append(
            {
                "source": source,
                "f": f,
                "df1": df1,
                "df2": df2,
                "p": p,
                "scope": THESE_STIMULI,
            }
        )
    return SessionEffects(
        pd.DataFrame(tests), _cells(fit, conditions, sessions, level), fit, fit.notes
    )


def _sum_coded(labels: pd.Series, levels: Sequence[object]) -> Floats:
    """(N, levels − 1): +1 for a level, −1 for the last one."""
    place = pd.Categorical(labels, categories=list(levels)).codes
    indicator = np.eye(len(levels))[place]
    return np.asarray(indicator[:, :-1] - indicator[:, -1:])


def _crossed(first: Floats, second: Floats) -> Floats:
    """Intercept, both factors and their products."""
    products = (first[:, :, None] * second[:, None, :]).reshape(len(first), -1)
    return np.column_stack([np.ones(len(first)), first, second, products])


def _cells(
    fit: GeeFit, conditions: Sequence[str], sessions: Sequence[object], level: float
) -> pd.DataFrame:
    rows = []
    for condition in conditions:
        for session in sessions:
            weights = _crossed(
                _sum_coded(pd.Series([condition]), conditions),
                _sum_coded(pd.Series([session]), sessions),
            )[0]
            log_odds = fit.contrast(weights, level)
            accuracy, low, high = special.expit([log_odds.estimate, log_odds.low, log_odds.high])
            rows.append(
                {
                    "condition": condition,
                    "session": session,
                    "accuracy": float(accuracy),
                    "low": float(low),
                    "high": float(high),
                }
            )
    return pd.DataFrame(rows)
