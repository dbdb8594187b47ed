"""Do conditions differ? For these people and stimuli, and for others like them.

Stimuli are as random as people: concepts nested in a condition make participant-level tests
declare differences that other concepts would not show (Welch: up to half of all null studies).
The confirmatory default is therefore a logit with covariance clustered by participant and by item
(:mod:`analysis.clustered_logit`). Welch's t (or the paired t, where everybody met all conditions)
and the participant bootstrap stand beside it and speak of *these stimuli only*.

Sources: Clark (1973), Journal of Verbal Learning and Verbal Behavior 12; Judd, Westfall and Kenny
(2012), Journal of Personality and Social Psychology 103; Cameron, Gelbach and Miller (2011).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from scipy import special

from analysis.accuracy import BOOTSTRAP_RESAMPLES, participant_counts
from analysis.bootstrap import percentile_interval, resampled_totals
from analysis.clustered_logit import Contrast, LogitFit, NotEstimable, fit_clustered_logit
from analysis.intervals import NONE
from analysis.means import difference_of_means
from analysis.multiple_comparisons import holm

TWO_WAY = "two_way_cluster_logit"
ONE_WAY = "participant_cluster_logit"
WELCH = "welch_t"
PAIRED = "paired_t"
BOOTSTRAP = "participant_bootstrap"
METHODS = {
    TWO_WAY: "logistic regression, covariance clustered by participant and item (CR2), "
    "t with min(participants, items) − k degrees of freedom",
    ONE_WAY: "logistic regression, covariance clustered by participant (CR2)",
    WELCH: "Welch's t test on participants' mean accuracies",
    PAIRED: "paired t test on participants' mean accuracies",
    BOOTSTRAP: "percentile bootstrap over participants",
}
NAMES = {
    TWO_WAY: "logit, people and stimuli as samples",
    ONE_WAY: "logit, people as samples",
    WELCH: "Welch's t test of people",
    PAIRED: "paired t test of people",
    BOOTSTRAP: "bootstrap over people",
}
"""The same, short enough for a table."""
GENERAL = "people and stimuli like these"
THESE_STIMULI = "these stimuli only"
FEW_ITEMS = 10


@dataclass(frozen=True)
class Differences:
    """Comparisons of every condition with the reference.

    Attributes
    ----------
    reference : the condition compared against.
    table : one row a comparison and method: ``condition``, ``reference``, ``method``, ``scope``,
        ``odds_ratio`` and ``difference`` (of accuracies) with ``…_low`` and ``…_high``, ``t``,
        ``df``, ``p``, ``p_holm``, ``hedges_g``.
    overall : joint test of all comparisons (``f``, ``df1``, ``df2``, ``p``), none for two
        conditions.
    notes, warnings : in words; warnings limit what may be concluded.
    """

    reference: str
    table: pd.DataFrame
    overall: dict[str, float] | None = None
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = field(default=())

    def to_frame(self) -> pd.DataFrame:
        """The comparisons."""
        return self.table

    def primary(self) -> pd.DataFrame:
        """The rows of the confirmatory method (clustered logit) alone."""
        return self.table[self.table["method"].isin([TWO_WAY, ONE_WAY])]


def compare_conditions(
    trials: pd.DataFrame,
    *,
    cluster: str,
    rng: np.random.Generator,
    item: str | None = "item",
    order: Sequence[str] | None = None,
    reference: str | None = None,
    level: float = 0.95,
    n_resamples: int = BOOTSTRAP_RESAMPLES,
    labels: Mapping[str, str] | None = None,
) -> Differences:
    """Compare every condition with the reference.

    Parameters
    ----------
    trials : test trials with ``condition``, ``correct``, the cluster and the item.
    cluster : column that names people.
    item : column of the stimuli's random factor; without it nothing general can be said.
    order : conditions; the first one is the reference unless given.
    labels : what warnings call conditions.

    Raises
    ------
    NotEstimable
        If there are fewer than two conditions with answers.
    """
    answers = trials[trials["correct"].notna()]
    present = [str(name) for name in pd.unique(answers["condition"])]
    names = [name for name in (order or sorted(present)) if name in present]
    if len(names) < 2:
        raise NotEstimable("there is only one condition, so nothing to compare")
    base = reference if reference in names else names[0]
    others = [name for name in names if name != base]
    warnings: list[str] = []
    notes: list[str] = []
    if item is not None and item not in answers:
        item = None
    if item is None:
        warnings.append(
            "The data do not name the stimuli (column 'item'), so every comparison speaks of these "
            "stimuli only."
        )
    else:
        warnings += _few_items(answers, names, item, labels or {})
    counts = participant_counts(answers, cluster)
    rows, overall = _logit_rows(
        answers, base, others, cluster, item, level, labels or {}, warnings, notes
    )
    for other in others:
        rows += _participant_rows(counts, base, other, cluster, level, n_resamples, rng, notes)
    table = pd.DataFrame(rows)
    table["p_holm"] = table.groupby("method")["p"].transform(lambda p: holm(p.to_numpy()))
    return Differences(base, table, overall, tuple(notes), tuple(dict.fromkeys(warnings)))


def _few_items(
    answers: pd.DataFrame, names: Sequence[str], item: str, labels: Mapping[str, str]
) -> list[str]:
    per = answers.groupby("condition")[item].nunique()
    few = [
        f"{labels.get(name, name)} has {int(per[name])}" for name in names if per[name] < FEW_ITEMS
    ]
    if not few:
        return []
    few = few if per.nunique() > 1 else [f"each has {int(per.iloc[0])}"]
    return [
        f"Fewer than {FEW_ITEMS} items in a condition ({', '.join(few)}): conclusions about other "
        "stimuli hang on very few of them; use more items."
    ]


def _logit_rows(
    answers: pd.DataFrame,
    base: str,
    others: Sequence[str],
    cluster: str,
    item: str | None,
    level: float,
    labels: Mapping[str, str],
    warnings: list[str],
    notes: list[str],
) -> tuple[list[dict[str, object]], dict[str, float] | None]:
    """The clustered logit; rows without numbers where it has no finite answer."""
    used = answers[answers["condition"].isin([base, *others])]
    condition = used["condition"].to_numpy()
    design = np.column_stack(
        [np.ones(len(used))] + [(condition == other).astype(float) for other in others]
    )
    method = TWO_WAY if item is not None else ONE_WAY
    pooled = used.groupby("condition")["correct"].mean()
    try:
        fit = fit_clustered_logit(
            design,
            used["correct"].to_numpy(),
            participants=used[cluster].to_numpy(),
            items=None if item is None else used[item].to_numpy(),
            names=("intercept", *others),
        )
    except NotEstimable as problem:
        warnings.append(_separation_words(pooled.rename(index=dict(labels)), str(problem)))
        return [_empty_row(other, base, method, pooled) for other in others], None
    if fit.widened:
        notes.append(
            "Participants and items are too few to take their overlap off, so the clustered "
            "intervals are wider than need be."
        )
    rows = [_logit_row(fit, i, other, base, method, level) for i, other in enumerate(others, 1)]
    if len(others) < 2:
        return rows, None
    try:
        f, df1, df2, p = fit.wald(np.eye(len(fit.names))[1:])
    except NotEstimable as problem:
        notes.append(f"No joint test of all conditions: {problem}.")
        return rows, None
    return rows, {"f": f, "df1": df1, "df2": df2, "p": p}


def _logit_row(
    fit: LogitFit, position: int, other: str, base: str, method: str, level: float
) -> dict[str, object]:
    weights = np.zeros(len(fit.names))
    weights[position] = 1.0
    log_odds = fit.contrast(weights, level)
    p_base, p_other = special.expit(
        [fit.coefficients[0], fit.coefficients @ (weights + _first(weights))]
    )
    # Delta method: d(p_other − p_base)/dβ with the same clustered covariance.
    gradient = _first(weights) * (p_other * (1 - p_other) - p_base * (1 - p_base))
    gradient = gradient + weights * p_other * (1 - p_other)
    variance = float(gradient @ fit.covariance @ gradient)
    difference = Contrast.of(float(p_other - p_base), variance, fit.df, level)
    return {
        "condition": other,
        "reference": base,
        "method": method,
        "scope": GENERAL if method == TWO_WAY else THESE_STIMULI,
        "odds_ratio": float(np.exp(log_odds.estimate)),
        "odds_ratio_low": float(np.exp(log_odds.low)),
        "odds_ratio_high": float(np.exp(log_odds.high)),
        "difference": difference.estimate,
        "difference_low": difference.low,
        "difference_high": difference.high,
        "t": log_odds.t,
        "df": log_odds.df,
        "p": log_odds.p,
        "hedges_g": float("nan"),
    }


def _first(weights: np.ndarray) -> np.ndarray:
    intercept = np.zeros_like(weights)
    intercept[0] = 1.0
    return intercept


def _empty_row(other: str, base: str, method: str, pooled: pd.Series) -> dict[str, object]:
    nan = float("nan")
    return {
        "condition": other,
        "reference": base,
        "method": method,
        "scope": GENERAL if method == TWO_WAY else THESE_STIMULI,
        **{
            f"{what}{end}": nan
            for what in ("odds_ratio", "difference")
            for end in ("", "_low", "_high")
        },
        "difference": float(pooled[other] - pooled[base]),
        **dict.fromkeys(("t", "df", "p", "hedges_g"), nan),
    }


def _separation_words(pooled: pd.Series, problem: str) -> str:
    ends = [
        f"everybody in {name} was always {'right' if value == 1 else 'wrong'}"
        for name, value in pooled.items()
        if value in (0.0, 1.0)
    ]
    if not ends:
        return f"The clustered test cannot be computed ({problem}), and no claim is made."
    return (
        f"The clustered test has no finite answer, because {' and '.join(ends)}: an odds ratio "
        "would be infinite. The accuracies themselves are the result, and no claim is made."
    )


def _participant_rows(
    counts: pd.DataFrame,
    base: str,
    other: str,
    cluster: str,
    level: float,
    n_resamples: int,
    rng: np.random.Generator,
    notes: list[str],
) -> list[dict[str, object]]:
    """t test and bootstrap with the person as the unit."""
    wide = counts[counts["condition"].isin([base, other])].pivot(
        index=cluster, columns="condition", values=["k", "n"]
    )
    both = wide["n", base].notna() & wide["n", other].notna()
    paired = bool(both.all()) and len(wide) > 1
    if both.any() and not both.all():
        notes.append(
            f"{int(both.sum())} of {len(wide)} people met both {base} and {other}: the t test "
            "beside treats the two groups as different people."
        )
    score = wide["k"] / wide["n"]
    first, second = score[base], score[other]
    test = difference_of_means(
        second.dropna().to_numpy(), first.dropna().to_numpy(), paired=paired, level=level
    )
    rows: list[dict[str, object]] = [
        {
            **_empty_row(other, base, PAIRED if paired else WELCH, pd.Series({base: 0, other: 0})),
            "scope": THESE_STIMULI,
            "difference": test.estimate,
            "difference_low": test.low,
            "difference_high": test.high,
            "t": test.t,
            "df": test.df,
            "p": test.p,
            "hedges_g": test.hedges_g,
        }
    ]
    alike = first.nunique() <= 1 and second.nunique() <= 1
    if alike or min(first.notna().sum(), second.notna().sum()) < 2:
        return rows
    totals = _bootstrap_totals(wide, base, other, bool(both.any()), n_resamples, rng)
    with np.errstate(invalid="ignore", divide="ignore"):
        p_base, p_other = totals[:, 0] / totals[:, 1], totals[:, 2] / totals[:, 3]
        ratio = (p_other / (1 - p_other)) / (p_base / (1 - p_base))
    summed = wide.sum()
    here = {name: float(summed["k", name] / summed["n", name]) for name in (base, other)}
    difference = percentile_interval(p_other - p_base, level)
    odds = (
        percentile_interval(ratio, level)
        if 0 < min(here.values()) <= max(here.values()) < 1
        else NONE
    )
    rows.append(
        {
            **_empty_row(other, base, BOOTSTRAP, pd.Series(here)),
            "scope": THESE_STIMULI,
            "difference_low": difference.low,
            "difference_high": difference.high,
            "odds_ratio": _odds(here[other]) / _odds(here[base]),
            "odds_ratio_low": odds.low,
            "odds_ratio_high": odds.high,
        }
    )
    return rows


def _odds(p: float) -> float:
    return p / (1 - p) if 0 < p < 1 else float("nan")


def _bootstrap_totals(
    wide: pd.DataFrame,
    base: str,
    other: str,
    overlap: bool,
    n_resamples: int,
    rng: np.random.Generator,
) -> np.ndarray:
    """Resampled k and n of both conditions: together if people met both, else group by group."""
    columns = [("k", base), ("n", base), ("k", other), ("n", other)]
    filled = wide[columns].fillna(0.0).to_numpy()
    if overlap:
        return resampled_totals(filled, n_resamples, rng)
    in_base = filled[:, 1] > 0
    return np.hstack(
        [
            resampled_totals(filled[in_base][:, :2], n_resamples, rng),
            resampled_totals(filled[~in_base][:, 2:], n_resamples, rng),
        ]
    )
