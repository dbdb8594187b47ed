"""Several comparisons that were declared as one family: Holm's correction, and tests of all pairs.

Every condition is compared with every other, with people as the unit:

    Tukey HSD       q = |x̄_i − x̄_j| / √(MSE/2 · (1/n_i + 1/n_j)),  q ~ studentized range(C, N − C)
    Games–Howell    the same with s_i²/n_i + s_j²/n_j in place of MSE, and Welch's df for each pair
    Dunn            z of mean ranks, with the correction for ties; p adjusted by Holm
    paired t        for people who met all conditions; p adjusted by Holm

All speak of *these stimuli only*: other concepts or images might order conditions differently
(see :mod:`analysis.differences`). The first three need different people in each condition.

Sources: Tukey (1949) and Kramer (1956), Biometrics 12; Games and Howell (1976), Journal of
Educational Statistics 1; Dunn (1964), Technometrics 6; Holm (1979).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import special

from analysis.clustered_logit import NotEstimable
from analysis.errors import AnalysisError
from analysis.means import difference_of_means
from analysis.people import met_several, participant_means
from analysis.studentized_range import studentized_range_quantile, studentized_range_tail

Floats = NDArray[np.float64]
Method = Literal["tukey", "games_howell", "dunn", "paired_t"]
METHODS: dict[Method, str] = {
    "tukey": "Tukey's HSD (Tukey–Kramer) on participants' means",
    "games_howell": "Games–Howell test on participants' means",
    "dunn": "Dunn's test on ranks of participants' means, Holm-adjusted",
    "paired_t": "paired t tests on participants' means, Holm-adjusted",
}
CORRECTIONS = {"none": "none", "tukey": "Tukey"}
"""What pages call a declared correction of p-values, if it is not Holm's."""


@dataclass(frozen=True)
class Pairwise:
    """Comparisons of pairs of conditions.

    Attributes
    ----------
    table : one row a pair: ``condition``, ``reference``, ``method``, ``scope``, ``difference``
        (condition − reference) with ``low`` and ``high`` (simultaneous for Tukey and Games–Howell,
        one by one for paired t, none for Dunn), ``statistic``, ``df``, ``p`` (unadjusted where the
        method has one) and ``p_adjusted``.
    method : what was done, in words.
    n_family : pairs that the adjustment is for, also if only some are shown.
    """

    table: pd.DataFrame
    method: str
    n_family: int

    def to_frame(self) -> pd.DataFrame:
        """The comparisons."""
        return self.table


def pairwise_comparisons(
    trials: pd.DataFrame,
    *,
    cluster: str,
    method: Method,
    value: str = "correct",
    against: str | None = None,
    order: Sequence[str] | None = None,
    level: float = 0.95,
) -> Pairwise:
    """Compare all pairs of conditions on participants' means of ``value``.

    Parameters
    ----------
    against : show the comparisons with this condition only; the family stays all pairs.
    order : conditions; each is compared with those before it.

    Raises
    ------
    AnalysisError
        If people met several conditions and the method needs different people, or the reverse.
    NotEstimable
        If there are fewer than two conditions, or people do not vary within conditions.

    Examples
    --------
    R: ``TukeyHSD(aov(weight ~ group, PlantGrowth))``

    >>> weight = [4.17, 5.58, 5.18, 6.11, 4.50, 4.61, 5.17, 4.53, 5.33, 5.14,
    ...           4.81, 4.17, 4.41, 3.59, 5.87, 3.83, 6.03, 4.89, 4.32, 4.69,
    ...           6.31, 5.12, 5.54, 5.50, 5.37, 5.29, 4.92, 6.15, 5.80, 5.26]
    >>> plants = pd.DataFrame({"participant": range(30), "weight": weight,
    ...                        "condition": ["ctrl"] * 10 + ["trt1"] * 10 + ["trt2"] * 10})
    >>> pairs = pairwise_comparisons(plants, cluster="participant", method="tukey", value="weight")
    >>> pairs.table["p_adjusted"].round(5).tolist()
    [0.39087, 0.198, 0.01201]
    """
    if method not in METHODS:
        raise AnalysisError(f"unknown method {method!r}: choose one of {', '.join(METHODS)}")
    means = participant_means(trials, cluster=cluster, value=value)
    present = set(means["condition"])
    names = [name for name in (order or sorted(present)) if name in present]
    if len(names) < 2:
        raise NotEstimable("there are fewer than two conditions, so nothing to compare")
    if against is not None and against not in names:
        raise AnalysisError(f"there is no condition {against!r} to compare with")
    means = means[means["condition"].isin(names)]
    if method == "paired_t":
        wide = means.pivot(index=cluster, columns="condition", values="mean")[names]
        rows = _paired(wide, names, level)
    else:
        if met_several(means, cluster):
            raise AnalysisError(
                f"people met several conditions, which {method!r} cannot take: use 'paired_t'"
            )
        groups = [means.loc[means["condition"] == name, "mean"].to_numpy() for name in names]
        rows = {"tukey": _tukey, "games_howell": _games_howell}.get(method, _dunn)(groups, level)
    table = pd.DataFrame(rows)
    if "p_adjusted" not in table:
        table["p_adjusted"] = holm(table["p"].to_numpy())
    pairs = list(combinations(names, 2))
    table.insert(0, "condition", [second for _, second in pairs])
    table.insert(1, "reference", [first for first, _ in pairs])
    table.insert(2, "method", method)
    table.insert(3, "scope", "these stimuli only")
    if against is not None:
        table = _seen_from(table, against)
    return Pairwise(table, METHODS[method], len(pairs))


def holm(p_values: ArrayLike) -> NDArray[np.float64]:
    """Holm's step-down adjusted p-values; missing ones are no part of the family.

    Source: Holm (1979), Scandinavian Journal of Statistics 6.

    Examples
    --------
    R: ``p.adjust(c(.01, .02, .03, .04, .05), "holm")``

    >>> [round(float(p), 4) for p in holm([0.01, 0.02, 0.03, 0.04, 0.05])]
    [0.05, 0.08, 0.09, 0.09, 0.09]
    """
    p = np.asarray(p_values, dtype=float)
    adjusted = np.full(p.shape, np.nan)
    known = np.flatnonzero(np.isfinite(p))
    order = known[np.argsort(p[known], kind="stable")]
    factors = len(order) - np.arange(len(order))
    adjusted[order] = np.minimum(np.maximum.accumulate(p[order] * factors), 1.0)
    return adjusted


def judged(table: pd.DataFrame, correction: str) -> Floats:
    """p of every row of :func:`analysis.differences.compare_conditions` by a declared correction.

    Parameters
    ----------
    table : with ``condition``, ``method``, ``t``, ``df`` and ``p``; the rows of a method are one
        family.
    correction : ``holm`` (any unknown one, too), ``none``, or ``tukey``: contrasts among all pairs
        of the conditions, by the studentized range.

    Examples
    --------
    >>> rows = pd.DataFrame({"condition": ["b", "c"], "method": "logit", "t": [2.5, 2.1],
    ...                      "df": 30.0, "p": [0.018, 0.044]})
    >>> {name: judged(rows, name).round(3).tolist() for name in ("none", "holm", "tukey")}
    {'none': [0.018, 0.044], 'holm': [0.036, 0.044], 'tukey': [0.046, 0.107]}
    """
    if correction == "none":
        return table["p"].to_numpy(dtype=float)
    if correction != "tukey":
        families = table.groupby("method")["p"]
        return np.asarray(families.transform(lambda p: holm(p.to_numpy())), dtype=float)
    compared = table["condition"].nunique() + 1
    return np.array(
        [
            studentized_range_tail(abs(t) * np.sqrt(2), compared, df)
            if np.isfinite(t) and np.isfinite(df)
            else np.nan
            for t, df in table[["t", "df"]].to_numpy(dtype=float)
        ]
    )


def _seen_from(table: pd.DataFrame, against: str) -> pd.DataFrame:
    """Rows with ``against``, turned so that it is the reference."""
    turned = table["condition"] == against
    kept = table[turned | (table["reference"] == against)].copy()
    turned = turned[kept.index]
    kept.loc[turned, "condition"] = kept.loc[turned, "reference"]
    kept["reference"] = against
    low, high = kept["low"].copy(), kept["high"].copy()
    kept["low"], kept["high"] = low.where(~turned, -high), high.where(~turned, -low)
    for name in ("difference", "statistic"):
        kept[name] = kept[name].where(~turned, -kept[name])
    return kept.reset_index(drop=True)


def _row(difference: float, half: float, statistic: float, df: float, p: float) -> dict[str, float]:
    return {
        "difference": difference,
        "low": difference - half,
        "high": difference + half,
        "statistic": statistic,
        "df": df,
        "p": p,
    }


def _tukey(groups: list[Floats], level: float) -> list[dict[str, float]]:
    sizes = np.array([len(group) for group in groups])
    df = float(sizes.sum() - len(groups))
    within = sum(float(((group - group.mean()) ** 2).sum()) for group in groups)
    if df < 1 or within == 0:
        raise NotEstimable("people in the same condition do not differ, so there is no test")
    critical = float(studentized_range_quantile(level, len(groups), df))
    rows = []
    for first, second in combinations(groups, 2):
        se = float(np.sqrt(within / df / 2 * (1 / len(first) + 1 / len(second))))
        difference = float(second.mean() - first.mean())
        q = difference / se
        row = _row(difference, critical * se, q, df, float("nan"))
        row["p_adjusted"] = float(studentized_range_tail(abs(q), len(groups), df))
        rows.append(row)
    return rows


def _games_howell(groups: list[Floats], level: float) -> list[dict[str, float]]:
    rows = []
    for first, second in combinations(groups, 2):
        test = difference_of_means(second, first, paired=False, level=level)
        if not np.isfinite(test.t):
            raise NotEstimable("people in the same condition do not differ, so there is no test")
        se = test.estimate / test.t if test.t else (test.high - test.low) / 2
        if not test.t:
            se /= float(special.stdtrit(test.df, 0.5 + level / 2))
        q = abs(test.t) * np.sqrt(2)
        half = float(studentized_range_quantile(level, len(groups), test.df)) * se / np.sqrt(2)
        row = _row(test.estimate, half, float(np.sign(test.t) * q), test.df, test.p)
        row["p_adjusted"] = float(studentized_range_tail(q, len(groups), test.df))
        rows.append(row)
    return rows


def _dunn(groups: list[Floats], level: float) -> list[dict[str, float]]:
    from scipy.stats import rankdata

    ranks = rankdata(np.concatenate(groups))
    total = len(ranks)
    ties = np.unique(ranks, return_counts=True)[1].astype(float)
    variance = total * (total + 1) / 12 - float((ties**3 - ties).sum()) / (12 * (total - 1))
    if variance <= 0:
        raise NotEstimable("everybody has the same value, so there is no test")
    parts = np.split(ranks, np.cumsum([len(group) for group in groups])[:-1])
    rows = []
    for (i, j), (first, second) in zip(
        combinations(range(len(groups)), 2), combinations(parts, 2), strict=True
    ):
        se = np.sqrt(variance * (1 / len(first) + 1 / len(second)))
        z = float((second.mean() - first.mean()) / se)
        difference = float(groups[j].mean() - groups[i].mean())
        rows.append(
            _row(difference, float("nan"), z, float("nan"), float(2 * special.ndtr(-abs(z))))
        )
    return rows


def _paired(wide: pd.DataFrame, names: Sequence[str], level: float) -> list[dict[str, float]]:
    rows = []
    for first, second in combinations(names, 2):
        both = wide[[first, second]].dropna()
        if len(both) < 2:
            raise AnalysisError(
                f"fewer than two people met both {first!r} and {second!r}, which 'paired_t' needs: "
                "use 'tukey' or 'games_howell'"
            )
        test = difference_of_means(
            both[second].to_numpy(), both[first].to_numpy(), paired=True, level=level
        )
        half = (test.high - test.low) / 2
        rows.append(_row(test.estimate, half, test.t, test.df, test.p))
    return rows
