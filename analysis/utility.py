"""Utility-K: how much an explanation helps people to predict a model, session by session.

    Utility(K) = accuracy in session K with the explanation / accuracy in session K without one
    Utility    = Σ_K accuracy(K) / Σ_K baseline accuracy(K)       ("ratio", the published scalar)

``ratio`` gives 19 of the 21 published values to two decimals. Two other averages are offered by
name, since papers disagree: ``mean_of_ratios`` = mean of Utility(K), and ``auc`` = the area under
Utility(K) by trapezoids, divided by its length.

Every condition is divided by the *same* baseline group, so both groups are resampled in each
bootstrap draw, the baseline once for all conditions. Intervals are made on the logarithm of the
ratio, with Student's t and the draws' standard deviation.

Source: Colin, Fel, Cadène and Serre (2022), What I Cannot Predict, I Do Not Understand, NeurIPS,
section 3 and table 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import special

from analysis.accuracy import BOOTSTRAP_RESAMPLES
from analysis.bootstrap import resampled_totals
from analysis.clustered_logit import NotEstimable
from analysis.errors import AnalysisError
from analysis.people import participant_means

Floats = NDArray[np.float64]
Kind = Literal["ratio", "mean_of_ratios", "auc"]
KINDS: tuple[Kind, ...] = ("ratio", "mean_of_ratios", "auc")


@dataclass(frozen=True)
class Utility:
    """Utilities of conditions.

    Attributes
    ----------
    table : one row a condition and session, and one for all sessions (``session`` is "all"):
        ``accuracy``, ``baseline_accuracy``, ``utility`` with ``low`` and ``high``,
        ``n_participants``, ``n_baseline``, ``kind`` (of the row for all sessions).
    baseline : the condition divided by.
    notes : in words.
    """

    table: pd.DataFrame
    baseline: str
    notes: tuple[str, ...] = ()

    def to_frame(self) -> pd.DataFrame:
        """The table."""
        return self.table

    def overall(self) -> pd.DataFrame:
        """One row a condition: all sessions together."""
        return self.table[self.table["session"] == "all"].reset_index(drop=True)


def utility_of_means(accuracy: ArrayLike, baseline: ArrayLike, *, kind: Kind = "ratio") -> Floats:
    """Utility from accuracies by session (last axis), both in the same unit.

    Examples
    --------
    Grad-CAM and husky or wolf: published 1.34.

    >>> float(utility_of_means([77.6, 85.7, 84.1], [55.7, 66.2, 62.9]).round(3))
    1.339
    """
    with_, without = np.asarray(accuracy, dtype=float), np.asarray(baseline, dtype=float)
    with np.errstate(invalid="ignore", divide="ignore"):
        if kind == "ratio":
            return np.asarray(with_.sum(axis=-1) / without.sum(axis=-1))
        curve = with_ / without
    if kind == "mean_of_ratios" or curve.shape[-1] == 1:
        return np.asarray(curve.mean(axis=-1))
    if kind != "auc":
        raise AnalysisError(f"unknown kind {kind!r}: choose one of {', '.join(KINDS)}")
    return np.asarray(((curve[..., 1:] + curve[..., :-1]) / 2).mean(axis=-1))


def utility(
    trials: pd.DataFrame,
    *,
    cluster: str,
    baseline: str,
    rng: np.random.Generator,
    kind: Kind = "ratio",
    order: Sequence[str] | None = None,
    level: float = 0.95,
    n_resamples: int = BOOTSTRAP_RESAMPLES,
) -> Utility:
    """Utility of every condition over the baseline, by session and over all sessions.

    Parameters
    ----------
    trials : test trials with ``condition``, ``session`` and ``correct`` (the participant predicted
        the model).
    baseline : the condition without an explanation.
    kind : how sessions are put together.

    Raises
    ------
    AnalysisError
        If there is no such baseline.
    NotEstimable
        If a condition lacks answers in some session.

    Examples
    --------
    >>> trials = pd.DataFrame({"participant": np.repeat(list("abcd"), 4),
    ...     "condition": np.repeat(["none", "map"], 8), "session": [1, 1, 2, 2] * 4,
    ...     "correct": [1, 0, 1, 0, 0, 1, 1, 0, 1, 0, 1, 1, 1, 1, 1, 0]})
    >>> found = utility(trials, cluster="participant", baseline="none",
    ...                 rng=np.random.default_rng(0), n_resamples=200)
    >>> found.table[["condition", "session", "utility"]].values.tolist()
    [['map', '1', 1.5], ['map', '2', 1.5], ['map', 'all', 1.5]]
    """
    if kind not in KINDS:
        raise AnalysisError(f"unknown kind {kind!r}: choose one of {', '.join(KINDS)}")
    people = participant_means(trials, cluster=cluster, by=("condition", "session"))
    people["k"] = people["mean"] * people["n"]
    names = list(order) if order is not None else sorted(people["condition"].unique())
    if baseline not in set(people["condition"]):
        known = ", ".join(str(name) for name in sorted(people["condition"].unique()))
        raise AnalysisError(f"there is no condition {baseline!r} to divide by; there are {known}")
    others = [name for name in names if name != baseline and name in set(people["condition"])]
    sessions = sorted(people["session"].unique())
    wide = people.pivot(index=cluster, columns=["condition", "session"], values=["k", "n"])
    used = [baseline, *others]
    for name in used:
        for session in sessions:
            if ("k", name, session) not in wide:
                raise NotEstimable(f"condition {name!r} has no answers in session {session}")
    drawn, notes = _draws(wide, used, sessions, n_resamples, rng)
    whole = {name: _shares(_block(wide, name, sessions).sum(axis=0)[None]) for name in used}
    sizes = {name: int(wide["n"][name].notna().any(axis=1).sum()) for name in used}
    rows: list[dict[str, object]] = []
    for name in others:
        df = min(sizes[name], sizes[baseline]) - 1
        for place, session in enumerate([*sessions, "all"]):
            every = session == "all"
            pick = slice(None) if every else slice(place, place + 1)
            value = float(
                utility_of_means(whole[name][0, pick], whole[baseline][0, pick], kind=kind)
            )
            draws = utility_of_means(drawn[name][:, pick], drawn[baseline][:, pick], kind=kind)
            low, high = _log_interval(value, draws, df, level)
            rows.append(
                {
                    "condition": name,
                    "baseline": baseline,
                    "session": str(session),
                    "accuracy": float(whole[name][0, pick].mean()),
                    "baseline_accuracy": float(whole[baseline][0, pick].mean()),
                    "utility": value,
                    "low": low,
                    "high": high,
                    "n_participants": sizes[name],
                    "n_baseline": sizes[baseline],
                    "kind": kind if every else "",
                }
            )
    return Utility(pd.DataFrame(rows), baseline, tuple(notes))


def _block(wide: pd.DataFrame, name: str, sessions: Sequence[object]) -> Floats:
    """(people, 2 sessions): k of each session, then n; people without the condition are zeros."""
    columns = [(what, name, session) for what in ("k", "n") for session in sessions]
    return np.asarray(wide[columns].fillna(0.0).to_numpy(dtype=float))


def _shares(totals: Floats) -> Floats:
    half = totals.shape[1] // 2
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(totals[:, :half] / totals[:, half:])


def _draws(
    wide: pd.DataFrame,
    names: Sequence[str],
    sessions: Sequence[object],
    n_resamples: int,
    rng: np.random.Generator,
) -> tuple[dict[str, Floats], list[str]]:
    """Accuracies (B, sessions) of resampled people in each condition."""
    blocks = {name: _block(wide, name, sessions) for name in names}
    answered = np.column_stack([blocks[name].sum(axis=1) > 0 for name in names])
    if (answered.sum(axis=1) > 1).any():
        totals = resampled_totals(np.hstack(list(blocks.values())), n_resamples, rng)
        parts = np.split(totals, len(names), axis=1)
        note = "People met several conditions, so each person is resampled with all of them."
        return {n: _shares(part) for n, part in zip(names, parts, strict=True)}, [note]
    drawn = {
        name: _shares(resampled_totals(blocks[name][answered[:, i]], n_resamples, rng))
        for i, name in enumerate(names)
    }
    return drawn, []


def _log_interval(value: float, draws: Floats, df: int, level: float) -> tuple[float, float]:
    kept = draws[np.isfinite(draws) & (draws > 0)]
    if df < 1 or not value > 0 or len(kept) < 2:
        return float("nan"), float("nan")
    # Resampling G of G people gives (G − 1)/G of the variance.
    spread = float(np.log(kept).std(ddof=1)) * np.sqrt((df + 1) / df)
    half = float(special.stdtrit(df, 0.5 + level / 2)) * spread
    return float(value * np.exp(-half)), float(value * np.exp(half))
