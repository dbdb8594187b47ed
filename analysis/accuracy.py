"""Accuracy of a condition, with people as clusters.

Answers of one person hang together, so an interval on pooled answers is far too narrow (for 40
people with 40 answers each and a spread of .6 logits between people it covers .69 instead of .95).
Here the person is the unit: Student's t on participants' mean accuracies, a bootstrap over
participants, and Wilson's interval on the effective number of answers n / deff beside them. Where
stimuli are named, a logit clustered by participant and item speaks of other stimuli, too.

Notation: person j answered n_j trials, k_j of them right; p = Σk / Σn; design effect
deff = V / (p(1−p)/Σn) with V = G/(G−1) Σ(k_j − p n_j)² / (Σn)².

Sources: Kish (1965), Survey Sampling; Korn and Graubard (1998), Survey Methodology 24; Field and
Welsh (2007), Journal of the Royal Statistical Society B 69.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import special

from analysis.bootstrap import percentile_interval, resampled_proportions
from analysis.clustered_logit import NotEstimable, fit_clustered_logit
from analysis.intervals import NONE, Interval, t_interval, wilson

FEW_CLUSTERS = 12
"""Up to this number of people a percentile bootstrap covers too rarely."""
BOOTSTRAP_RESAMPLES = 10_000


@dataclass(frozen=True)
class Accuracy:
    """Accuracy by condition.

    Attributes
    ----------
    table : one row a condition: ``n_participants``, ``n_answers``, ``n_items``, ``accuracy`` (mean
        over people), ``sd`` (of people), ``low`` and ``high`` (t), ``bootstrap_low`` …,
        ``wilson_low`` …, ``deff``, ``chance``, ``t``, ``df``, ``p`` (against chance, these
        stimuli only), ``new_stimuli_low`` … with ``new_stimuli_t``, ``…_df`` and ``…_p`` (against
        chance, clustered by participant and item, on the answers pooled).
    participants : one row a person and condition: ``k``, ``n``, ``accuracy``.
    notes : in words.
    """

    table: pd.DataFrame
    participants: pd.DataFrame
    notes: tuple[str, ...]

    def to_frame(self) -> pd.DataFrame:
        """The table by condition."""
        return self.table


def participant_counts(trials: pd.DataFrame, cluster: str) -> pd.DataFrame:
    """What each person contributes to each condition: ``k`` right of ``n`` answered.

    Examples
    --------
    >>> trials = pd.DataFrame({"participant": list("aab"), "condition": "x", "correct": [1, 0, 1]})
    >>> participant_counts(trials, "participant")[["k", "n", "accuracy"]].values.tolist()
    [[1.0, 2.0, 0.5], [1.0, 1.0, 1.0]]
    """
    answered = trials[trials["correct"].notna()]
    grouped = answered.groupby([cluster, "condition"], observed=True, sort=True)["correct"]
    counts = grouped.agg(k="sum", n="count").reset_index()
    counts[["k", "n"]] = counts[["k", "n"]].astype("float64")
    counts["accuracy"] = counts["k"] / counts["n"]
    return counts


def accuracy_by_condition(
    trials: pd.DataFrame,
    *,
    cluster: str,
    rng: np.random.Generator,
    item: str | None = "item",
    order: Sequence[str] | None = None,
    level: float = 0.95,
    n_resamples: int = BOOTSTRAP_RESAMPLES,
) -> Accuracy:
    """Accuracy of each condition with its intervals, and against chance.

    Parameters
    ----------
    trials : test trials with ``condition``, ``correct``, the cluster, and if possible ``n_options``
        (chance is the mean of 1 / n_options) and the item.
    cluster : column that names people. There is no default: nobody is to forget it.
    item : column of the stimuli's random factor; none if there is none.
    order : conditions in the order of the table.

    Examples
    --------
    R: ``t.test(c(.5, .75, 1))``

    >>> trials = pd.DataFrame({
    ...     "participant": ["a"] * 4 + ["b"] * 4 + ["c"] * 4, "condition": "x",
    ...     "correct": [1, 1, 0, 0] + [1, 1, 1, 0] + [1, 1, 1, 1], "n_options": 2})
    >>> result = accuracy_by_condition(trials, cluster="participant",
    ...                                rng=np.random.default_rng(0), item=None)
    >>> result.table[["accuracy", "low", "t", "p"]].round(4).values.tolist()
    [[0.75, 0.129, 1.7321, 0.2254]]
    """
    counts = participant_counts(trials, cluster)
    names = list(order) if order is not None else sorted(counts["condition"].unique())
    notes: list[str] = []
    rows = []
    for name in names:
        people = counts[counts["condition"] == name]
        answers = trials[(trials["condition"] == name) & trials["correct"].notna()]
        rows.append(_row(name, people, answers, cluster, item, rng, level, n_resamples, notes))
    few = [str(row["condition"]) for row in rows if 1 < int(row["n_participants"]) <= FEW_CLUSTERS]
    if few:
        notes.append(
            f"With {FEW_CLUSTERS} people or fewer ({', '.join(few)}) the bootstrap interval is too "
            "narrow; trust the t interval."
        )
    return Accuracy(pd.DataFrame(rows), counts, tuple(notes))


def _row(
    name: str,
    people: pd.DataFrame,
    answers: pd.DataFrame,
    cluster: str,
    item: str | None,
    rng: np.random.Generator,
    level: float,
    n_resamples: int,
    notes: list[str],
) -> dict[str, Any]:
    k, n, score = (people[column].to_numpy() for column in ("k", "n", "accuracy"))
    size = len(people)
    t_based, boot = NONE, NONE
    if size == 0:
        notes.append(f"Nobody answered in condition {name!r}.")
    elif size == 1:
        notes.append(
            f"One person answered in condition {name!r}: nothing can be said about other people. "
            "The interval given treats the answers as independent and is about this person only."
        )
    else:
        t_based = t_interval(score, level).clipped()
        boot = percentile_interval(resampled_proportions(k, n, n_resamples, rng), level)
        if len(set(score)) == 1:
            t_based, boot = NONE, NONE
            notes.append(_same_words(name, float(score[0])))
    deff, effective = design_effect(k, n)
    pooled = float(k.sum() / n.sum()) if size else float("nan")
    chance = _chance(answers)
    t, df, p = _against_chance(score, chance)
    both, (both_t, both_df, both_p) = _new_stimuli(answers, cluster, item, chance, level)
    return {
        "condition": name,
        "n_participants": size,
        "n_answers": int(n.sum()),
        "n_items": int(answers[item].nunique()) if item and item in answers else None,
        "accuracy": float(score.mean()) if size else float("nan"),
        "accuracy_pooled": pooled,
        "sd": float(score.std(ddof=1)) if size > 1 else float("nan"),
        **_ends("", t_based),
        **_ends("bootstrap_", boot),
        **_ends("wilson_", wilson(pooled * effective, effective, level)),
        "deff": deff,
        "chance": chance,
        "t": t,
        "df": df,
        "p": p,
        **_ends("new_stimuli_", both),
        "new_stimuli_t": both_t,
        "new_stimuli_df": both_df,
        "new_stimuli_p": both_p,
    }


def design_effect(k: np.ndarray, n: np.ndarray) -> tuple[float, float]:
    """How much wider the variance is than with independent answers, and n / deff.

    Where the answers do not vary at all every person counts as one answer; a single person's
    answers count as they are.
    """
    total = float(n.sum())
    if len(k) < 2 or total == 0:
        return float("nan"), total
    p = float(k.sum()) / total
    if p in (0.0, 1.0):
        return total / len(k), float(len(k))
    variance = len(k) / (len(k) - 1) * float(((k - p * n) ** 2).sum()) / total**2
    deff = max(variance / (p * (1 - p) / total), 1e-9)
    return deff, min(total / deff, total)


def _same_words(name: str, score: float) -> str:
    what = {1.0: "answered everything right", 0.0: "answered everything wrong"}.get(
        score, "has the same accuracy"
    )
    return (
        f"Everybody in condition {name!r} {what}: people do not differ, so there is no t interval; "
        "Wilson's interval is given"
        + (", with each person counted as one answer." if score in (0.0, 1.0) else ".")
    )


def _chance(answers: pd.DataFrame) -> float:
    if "n_options" not in answers or answers["n_options"].isna().all():
        return float("nan")
    options = answers["n_options"].where(answers["n_options"] >= 1)
    return float((1 / options).mean())


def _against_chance(score: np.ndarray, chance: float) -> tuple[float, float, float]:
    nan = float("nan")
    if len(score) < 2 or not np.isfinite(chance) or score.std(ddof=1) == 0:
        return nan, nan, nan
    df = float(len(score) - 1)
    t = float((score.mean() - chance) / (score.std(ddof=1) / np.sqrt(len(score))))
    return t, df, float(2 * special.stdtr(df, -abs(t)))


def _new_stimuli(
    answers: pd.DataFrame, cluster: str, item: str | None, chance: float, level: float
) -> tuple[Interval, tuple[float, float, float]]:
    """Interval, and t, df, p against chance, that also hold for other stimuli of the same kind."""
    nan = float("nan")
    if item is None or item not in answers or answers.empty:
        return NONE, (nan, nan, nan)
    try:
        fit = fit_clustered_logit(
            np.ones((len(answers), 1)),
            answers["correct"].to_numpy(),
            participants=answers[cluster].to_numpy(),
            items=answers[item].to_numpy(),
        )
    except NotEstimable:
        return NONE, (nan, nan, nan)
    estimate = fit.satterthwaite([1.0], level)
    interval = Interval(
        float(special.expit(estimate.low)), float(special.expit(estimate.high)), level
    )
    if not (np.isfinite(chance) and 0 < chance < 1 and np.isfinite(estimate.se)):
        return interval, (nan, nan, nan)
    t = (estimate.estimate - float(special.logit(chance))) / estimate.se
    return interval, (t, estimate.df, float(2 * special.stdtr(estimate.df, -abs(t))))


def _ends(prefix: str, interval: Interval) -> dict[str, float]:
    return {f"{prefix}low": interval.low, f"{prefix}high": interval.high}
