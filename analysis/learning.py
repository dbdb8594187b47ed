"""How people get better: the learning curve, and trials to criterion for those who reach it.

The curve is the mean accuracy of people in each stretch of trials, with t intervals over people.
Trials to criterion is the first trial at which the last ``window`` answers hold ``n_correct`` right
ones. Who never gets there is *censored* at the last trial, not left out: the share that has not
reached the criterion is Kaplan and Meier's

    S(t) = Π_{i: t_i ≤ t} (1 − d_i / n_i)

(n_i people still without it before trial t_i, d_i reach it there), with Greenwood's variance on the
log(−log) scale, and conditions are compared by the log-rank test.

Sources: Kaplan and Meier (1958), Journal of the American Statistical Association 53; Kalbfleisch
and Prentice (2002), section 1.4; Mantel (1966), Cancer Chemotherapy Reports 50.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import special

from analysis.errors import AnalysisError
from analysis.intervals import t_interval
from analysis.people import require_columns

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class LearningCurve:
    """Accuracy along the task.

    Attributes
    ----------
    table : one row a condition and stretch: ``step`` (from 1), ``accuracy`` (mean over people),
        ``low``, ``high``, ``n_participants``.
    participants : one row a person, condition and stretch.
    """

    table: pd.DataFrame
    participants: pd.DataFrame

    def to_frame(self) -> pd.DataFrame:
        """The curve."""
        return self.table


@dataclass(frozen=True)
class TrialsToCriterion:
    """When people reach the criterion.

    Attributes
    ----------
    table : one row a condition: ``n_participants``, ``n_reached``, ``median`` trials with ``low``
        and ``high`` (NaN: not reached by half, or no bound), ``restricted_mean``.
    curves : Kaplan–Meier steps: ``condition``, ``trials``, ``at_risk``, ``reached``, ``survival``
        (share without the criterion), ``low``, ``high``.
    participants : one row a person: ``trials``, ``reached``.
    test : log-rank test of conditions: ``chi2``, ``df``, ``p``; none for one condition.
    """

    table: pd.DataFrame
    curves: pd.DataFrame
    participants: pd.DataFrame
    test: dict[str, float] | None

    def to_frame(self) -> pd.DataFrame:
        """The table by condition."""
        return self.table


def learning_curve(
    trials: pd.DataFrame,
    *,
    cluster: str,
    step_trials: int,
    by_session: bool = False,
    order: Sequence[str] | None = None,
    level: float = 0.95,
) -> LearningCurve:
    """Accuracy in stretches of ``step_trials`` answered trials, or in sessions.

    Parameters
    ----------
    trials : with ``condition``, ``trial`` (position) and ``correct``; ``session`` if by session.
    step_trials : answered trials in one stretch of a person.
    by_session : use the column ``session`` instead.

    Examples
    --------
    >>> trials = pd.DataFrame({"participant": list("aaaabbbb"), "condition": "x",
    ...                        "trial": [0, 1, 2, 3] * 2, "correct": [0, 1, 1, 1, 0, 0, 0, 1]})
    >>> learning_curve(trials, cluster="participant", step_trials=2).table["accuracy"].tolist()
    [0.25, 0.75]
    """
    used = _in_order(trials, cluster, "session" if by_session else "trial")
    if by_session:
        used["step"] = used["session"]
    else:
        if step_trials < 1:
            raise AnalysisError(f"step_trials must be 1 or more, not {step_trials}")
        place = used.groupby([cluster, "condition"], observed=True).cumcount()
        used["step"] = place // step_trials + 1
    people = (
        used.groupby([cluster, "condition", "step"], observed=True)["correct"]
        .agg(accuracy="mean", n="count")
        .reset_index()
    )
    names = list(order) if order is not None else sorted(people["condition"].unique())
    rows: list[dict[str, object]] = []
    for name in names:
        for step, own in people[people["condition"] == name].groupby("step"):
            ends = t_interval(own["accuracy"].to_numpy(dtype=float), level).clipped()
            rows.append(
                {
                    "condition": name,
                    "step": step,
                    "accuracy": float(own["accuracy"].mean()),
                    "low": ends.low,
                    "high": ends.high,
                    "n_participants": len(own),
                }
            )
    return LearningCurve(pd.DataFrame(rows), people)


def trials_to_criterion(
    trials: pd.DataFrame,
    *,
    cluster: str,
    window: int,
    n_correct: int,
    order: Sequence[str] | None = None,
    level: float = 0.95,
) -> TrialsToCriterion:
    """When ``n_correct`` of the last ``window`` answers are right for the first time.

    Examples
    --------
    Three people; the third never gets two in a row. R: ``survival::survfit(Surv(t, d) ~ 1)``

    >>> trials = pd.DataFrame({"participant": np.repeat(list("abc"), 4), "condition": "x",
    ...     "trial": [0, 1, 2, 3] * 3, "correct": [1, 1, 0, 0, 0, 1, 1, 0, 1, 0, 1, 0]})
    >>> found = trials_to_criterion(trials, cluster="participant", window=2, n_correct=2)
    >>> found.participants[["trials", "reached"]].values.tolist()
    [[2, 1], [3, 1], [4, 0]]
    >>> found.curves["survival"].round(3).tolist()
    [0.667, 0.333]
    """
    if not 1 <= n_correct <= window:
        raise AnalysisError(f"n_correct must lie between 1 and the window ({window})")
    used = _in_order(trials, cluster, "trial")
    records = []
    for (who, name), own in used.groupby([cluster, "condition"], observed=True):
        right = own["correct"].to_numpy(dtype=float)
        sums = np.convolve(right, np.ones(window))[: len(right)]
        hits = np.flatnonzero(sums >= n_correct)
        reached = len(hits) > 0
        records.append((who, name, int(hits[0]) + 1 if reached else len(right), int(reached)))
    people = pd.DataFrame(records, columns=[cluster, "condition", "trials", "reached"])
    names = list(order) if order is not None else sorted(people["condition"].unique())
    groups = {
        name: people.loc[people["condition"] == name, ["trials", "reached"]].to_numpy(dtype=float)
        for name in names
    }
    curves = {name: kaplan_meier(group[:, 0], group[:, 1], level) for name, group in groups.items()}
    rows = [_median_row(name, groups[name], curves[name]) for name in names]
    steps = pd.concat(
        [curve.assign(condition=name) for name, curve in curves.items()], ignore_index=True
    )
    steps.insert(0, "condition", steps.pop("condition"))
    filled = [group for group in groups.values() if len(group)]
    test = log_rank(filled) if len(filled) > 1 else None
    return TrialsToCriterion(pd.DataFrame(rows), steps, people, test)


def kaplan_meier(times: Floats, reached: Floats, level: float = 0.95) -> pd.DataFrame:
    """Steps of the survival curve: one row a time at which somebody reaches the criterion."""
    moments = np.unique(times[reached == 1])
    at_risk = np.array([(times >= t).sum() for t in moments], dtype=float)
    events = np.array([((times == t) & (reached == 1)).sum() for t in moments], dtype=float)
    survival = np.cumprod(1 - events / at_risk) if len(moments) else np.array([])
    z = float(special.ndtri(0.5 + level / 2))
    with np.errstate(all="ignore"):
        variance = np.cumsum(events / (at_risk * (at_risk - events)))
        spread = np.sqrt(variance) / np.abs(np.log(survival))
        low, high = survival ** np.exp(z * spread), survival ** np.exp(-z * spread)
    inside = (survival > 0) & (survival < 1)
    return pd.DataFrame(
        {
            "trials": moments,
            "at_risk": at_risk,
            "reached": events,
            "survival": survival,
            "low": np.where(inside, low, np.nan),
            "high": np.where(inside, high, np.nan),
        }
    )


def log_rank(groups: Sequence[Floats]) -> dict[str, float]:
    """Log-rank test of groups of (time, reached) rows: ``chi2``, ``df``, ``p``.

    Examples
    --------
    R: ``survival::survdiff(Surv(t, d) ~ group)``

    >>> first = np.array([[1, 1], [3, 1], [4, 0], [6, 1]], dtype=float)
    >>> second = np.array([[5, 1], [7, 1], [8, 0], [9, 1]], dtype=float)
    >>> {name: round(value, 4) for name, value in log_rank([first, second]).items()}
    {'chi2': 3.1209, 'df': 1.0, 'p': 0.0773}
    """
    k = len(groups)
    every = np.vstack(groups)
    lack, spread = np.zeros(k), np.zeros((k, k))
    for t in np.unique(every[every[:, 1] == 1, 0]):
        n = np.array([(group[:, 0] >= t).sum() for group in groups], dtype=float)
        d = np.array([((group[:, 0] == t) & (group[:, 1] == 1)).sum() for group in groups])
        total, events = n.sum(), float(d.sum())
        lack += d - events * n / total
        if total > 1:
            factor = events * (total - events) / (total - 1)
            share = n / total
            spread += factor * (np.diag(share) - np.outer(share, share))
    rank = int(np.linalg.matrix_rank(spread)) if spread.any() else 0
    if rank < 1:
        return {"chi2": float("nan"), "df": float(k - 1), "p": float("nan")}
    chi2 = float(lack @ np.linalg.pinv(spread) @ lack)
    return {"chi2": chi2, "df": float(k - 1), "p": float(special.chdtrc(k - 1, chi2))}


def _median_row(name: str, group: Floats, curve: pd.DataFrame) -> dict[str, object]:
    ends = {}
    for what, column in (("median", "survival"), ("low", "low"), ("high", "high")):
        below = curve.loc[curve[column] <= 0.5, "trials"]
        ends[what] = float(below.iloc[0]) if len(below) else float("nan")
    last = float(group[:, 0].max()) if len(group) else float("nan")
    corners = np.concatenate([[0.0], curve["trials"].to_numpy(), [last]])
    heights = np.concatenate([[1.0], curve["survival"].to_numpy()])
    return {
        "condition": name,
        "n_participants": len(group),
        "n_reached": int(group[:, 1].sum()),
        **ends,
        "restricted_mean": float((np.diff(corners) * heights).sum()),
    }


def _in_order(trials: pd.DataFrame, cluster: str, place: str) -> pd.DataFrame:
    require_columns(trials, [cluster, "condition", place, "correct"])
    answered = trials[trials["correct"].notna() & trials[place].notna()]
    return answered.sort_values([cluster, place], kind="stable").copy()
