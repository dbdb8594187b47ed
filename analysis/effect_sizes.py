"""How large a difference is: Hedges' g, odds ratio and risk difference, η² with its kind named.

    g      = (x̄₁ − x̄₂) / s_pooled · J(ν),  J(ν) = Γ(ν/2) / (√(ν/2) Γ((ν − 1)/2)),  ν = n₁ + n₂ − 2
    OR     = (p₁/(1 − p₁)) / (p₂/(1 − p₂)),  RD = p₁ − p₂
    η²     = SS_effect / SS_total;  partial η² = SS_effect / (SS_effect + SS_error)
    ω²     = (SS_effect − df_effect MS_error) / (SS_total + MS_error)

The interval of g is exact for normal values with equal spread (noncentral t). Intervals of odds
ratio and risk difference resample participants; the closed forms for independent answers are for
published tables, where nothing else can be had.

Sources: Hedges (1981), Journal of Educational Statistics 6; Steiger and Fouladi (1997); Woolf
(1955), Annals of Human Genetics 19; Olejnik and Algina (2003), Psychological Methods 8; Richardson
(2011), Educational Research Review 6, on naming which η² is meant.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import special

from analysis.accuracy import BOOTSTRAP_RESAMPLES, participant_counts
from analysis.bootstrap import percentile_interval, resampled_totals
from analysis.clustered_logit import NotEstimable
from analysis.intervals import NONE, Interval, wilson
from analysis.means import difference_of_means
from analysis.people import require_columns

Floats = NDArray[np.float64]
EtaKind = Literal["eta_squared", "partial_eta_squared", "omega_squared"]


@dataclass(frozen=True)
class Effect:
    """An effect size with its interval and what it is."""

    kind: str
    value: float
    low: float
    high: float

    @classmethod
    def of(cls, kind: str, value: float, ends: Interval) -> Effect:
        """With the ends of an interval."""
        return cls(kind, value, ends.low, ends.high)


@dataclass(frozen=True)
class EffectSizes:
    """Effect sizes of every condition against the reference.

    Attributes
    ----------
    table : one row a condition and kind: ``condition``, ``reference``, ``kind`` (``hedges_g``,
        ``odds_ratio``, ``risk_difference``), ``value``, ``low``, ``high``, ``method``, ``scope``.
    reference : the condition compared against.
    """

    table: pd.DataFrame
    reference: str

    def to_frame(self) -> pd.DataFrame:
        """The effect sizes."""
        return self.table


def hedges_g(first: ArrayLike, second: ArrayLike, *, level: float = 0.95) -> Effect:
    """Hedges' g of two groups of independent values, first − second.

    Examples
    --------
    R: ``effectsize::hedges_g(extra ~ group, data = sleep)``

    >>> drug1 = [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0]
    >>> drug2 = [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4]
    >>> effect = hedges_g(drug1, drug2)
    >>> round(effect.value, 4), round(effect.low, 2), round(effect.high, 2)
    (-0.7969, -1.67, 0.09)
    """
    x, y = np.asarray(first, dtype=float), np.asarray(second, dtype=float)
    n, m = len(x), len(y)
    value = difference_of_means(x, y, paired=False, level=level).hedges_g
    if not np.isfinite(value):
        return Effect.of("hedges_g", value, NONE)
    df = n + m - 2
    unit = float(np.sqrt(1 / n + 1 / m))
    correction = float(
        np.exp(special.gammaln(df / 2) - special.gammaln((df - 1) / 2)) / np.sqrt(df / 2)
    )
    t = value / correction / unit
    # The noncentrality for which t lies at either end of its distribution.
    low, high = (
        float(special.nctdtrinc(df, tail, t)) for tail in (0.5 + level / 2, 0.5 - level / 2)
    )
    scale = correction * unit
    return Effect("hedges_g", value, low * scale, high * scale)


def odds_ratio(k1: float, n1: float, k2: float, n2: float, *, level: float = 0.95) -> Effect:
    """Odds ratio of two proportions of *independent* answers, with Woolf's interval.

    ½ is added to every cell if one is empty. Several answers of a person are not independent: use
    :func:`effect_sizes` on trials.

    Examples
    --------
    R: ``epitools::oddsratio.wald``; aspirin and heart attacks, Agresti (2002), chapter 2

    >>> effect = odds_ratio(189, 11034, 104, 11037)
    >>> round(effect.value, 4), round(effect.low, 4), round(effect.high, 4)
    (1.8321, 1.44, 2.3308)
    """
    cells = np.array([k1, n1 - k1, k2, n2 - k2], dtype=float)
    if cells.min() <= 0:
        cells = cells + 0.5
    log = float(np.log(cells[0]) - np.log(cells[1]) - np.log(cells[2]) + np.log(cells[3]))
    half = float(special.ndtri(0.5 + level / 2) * np.sqrt((1 / cells).sum()))
    return Effect(
        "odds_ratio", float(np.exp(log)), float(np.exp(log - half)), float(np.exp(log + half))
    )


def risk_difference(k1: float, n1: float, k2: float, n2: float, *, level: float = 0.95) -> Effect:
    """Difference of two proportions of *independent* answers, with Newcombe's interval.

    Source: Newcombe (1998), Statistics in Medicine 17, method 10.

    Examples
    --------
    R: ``DescTools::BinomDiffCI(56, 70, 48, 80, method = "score")``; Newcombe's first example

    >>> effect = risk_difference(56, 70, 48, 80)
    >>> round(effect.value, 4), round(effect.low, 4), round(effect.high, 4)
    (0.2, 0.0524, 0.3339)
    """
    p1, p2 = k1 / n1, k2 / n2
    one, two = wilson(k1, n1, level), wilson(k2, n2, level)
    value = p1 - p2
    low = value - np.sqrt((p1 - one.low) ** 2 + (two.high - p2) ** 2)
    high = value + np.sqrt((one.high - p1) ** 2 + (p2 - two.low) ** 2)
    return Effect("risk_difference", value, float(low), float(high))


def eta_squared_of_f(
    f: float, df1: float, df2: float, *, kind: EtaKind = "partial_eta_squared"
) -> float:
    """Share of variance that an F statistic implies.

    In a one-way design η² and partial η² agree; in others only partial η² follows from F, so
    ``eta_squared`` and ``omega_squared`` are the one-way ones.

    Examples
    --------
    The published F(7, 234) = 9.19 implies .216.

    >>> round(eta_squared_of_f(9.19, 7, 234), 3)
    0.216
    """
    if kind == "omega_squared":
        return float(df1 * (f - 1) / (df1 * f + df2 + 1))
    return float(df1 * f / (df1 * f + df2))


def effect_sizes(
    trials: pd.DataFrame,
    *,
    cluster: str,
    rng: np.random.Generator,
    order: Sequence[str] | None = None,
    reference: str | None = None,
    level: float = 0.95,
    n_resamples: int = BOOTSTRAP_RESAMPLES,
) -> EffectSizes:
    """Effect sizes of accuracy of every condition against the reference.

    Hedges' g of people's accuracies; odds ratio and risk difference of the conditions' pooled
    accuracies, with participants resampled (both conditions of a person together).

    Examples
    --------
    >>> trials = pd.DataFrame({"participant": np.repeat(list("abcdef"), 4),
    ...     "condition": np.repeat(["x", "y"], 12),
    ...     "correct": [1, 0, 0, 0, 1, 1, 0, 0, 1, 0, 1, 0, 1, 1, 1, 0, 1, 1, 1, 1, 1, 0, 1, 0]})
    >>> found = effect_sizes(trials, cluster="participant", rng=np.random.default_rng(0))
    >>> found.table[["kind", "value"]].round(3).values.tolist()
    [['hedges_g', 1.303], ['odds_ratio', 4.2], ['risk_difference', 0.333]]
    """
    require_columns(trials, [cluster, "condition", "correct"])
    counts = participant_counts(trials, cluster)
    present = [str(name) for name in pd.unique(counts["condition"])]
    names = [name for name in (order or sorted(present)) if name in present]
    if len(names) < 2:
        raise NotEstimable("there is only one condition, so nothing to compare")
    base = reference if reference in names else names[0]
    rows: list[dict[str, object]] = []
    for other in (name for name in names if name != base):
        rows += _effects(counts, base, other, cluster, rng, level, n_resamples)
    return EffectSizes(pd.DataFrame(rows), base)


def _effects(
    counts: pd.DataFrame,
    base: str,
    other: str,
    cluster: str,
    rng: np.random.Generator,
    level: float,
    n_resamples: int,
) -> list[dict[str, object]]:
    wide = counts[counts["condition"].isin([base, other])].pivot(
        index=cluster, columns="condition", values=["k", "n"]
    )
    score = wide["k"] / wide["n"]
    both = bool((score[base].notna() & score[other].notna()).any())
    first, second = score[other].dropna().to_numpy(), score[base].dropna().to_numpy()
    g = hedges_g(first, second, level=level)
    if both:  # the noncentral t is for independent groups
        g = Effect.of("hedges_g", g.value, NONE)
    columns = [("k", other), ("n", other), ("k", base), ("n", base)]
    table = wide[columns].fillna(0.0).to_numpy()
    if both:
        totals = resampled_totals(table, n_resamples, rng)
    else:
        mine = table[:, 1] > 0
        totals = np.hstack(
            [
                resampled_totals(table[mine][:, :2], n_resamples, rng),
                resampled_totals(table[~mine][:, 2:], n_resamples, rng),
            ]
        )
    whole = table.sum(axis=0)[None]
    found = [g]
    for kind, function in (("odds_ratio", _ratio), ("risk_difference", _gap)):
        value = float(function(whole)[0])
        ends = percentile_interval(function(totals), level) if np.isfinite(value) else NONE
        enough = min(len(first), len(second)) > 1
        found.append(Effect.of(kind, value, ends if enough else NONE))
    methods = ["noncentral t", "participant bootstrap", "participant bootstrap"]
    return [
        {
            "condition": other,
            "reference": base,
            "kind": effect.kind,
            "value": effect.value,
            "low": effect.low,
            "high": effect.high,
            "method": method,
            "scope": "these stimuli only",
        }
        for effect, method in zip(found, methods, strict=True)
    ]


def _ratio(totals: Floats) -> Floats:
    k1, n1, k2, n2 = totals.T
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(k1 * (n2 - k2) / ((n1 - k1) * k2))


def _gap(totals: Floats) -> Floats:
    k1, n1, k2, n2 = totals.T
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(k1 / n1 - k2 / n2)
