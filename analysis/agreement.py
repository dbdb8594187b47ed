"""Do raters agree? Intraclass correlation, Krippendorff's α and Fleiss' κ.

Ratings are tidy: one row a rating, with the unit that was rated, who rated it, and the value.

    α = 1 − D_o / D_e,   D_o = (1/n) Σ_u Σ_{c,k} n_uc (n_uk − [c = k]) δ²(c, k) / (n_u − 1)

n_uc raters gave unit u the value c; D_e is the same disagreement between values paired at random.
δ² is 0/1 (nominal), the squared number of values between (ordinal), (c − k)² (interval) or
((c − k)/(c + k))² (ratio). Missing ratings are allowed.

Sources: Shrout and Fleiss (1979), Psychological Bulletin 86; McGraw and Wong (1996), Psychological
Methods 1; Krippendorff (2004), Content Analysis, chapter 11; Fleiss (1971), Psychological
Bulletin 76.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import special

from analysis.bootstrap import percentile_interval, resampled_totals
from analysis.clustered_logit import NotEstimable
from analysis.errors import AnalysisError
from analysis.intervals import NONE, Interval
from analysis.people import require_columns

Floats = NDArray[np.float64]
Scale = Literal["nominal", "ordinal", "interval", "ratio"]
SCALES: tuple[Scale, ...] = ("nominal", "ordinal", "interval", "ratio")
ALPHA_RESAMPLES = 2000


@dataclass(frozen=True)
class Agreement:
    """Coefficients of agreement.

    Attributes
    ----------
    table : one row a coefficient: ``coefficient``, ``value``, ``low``, ``high``, ``n_units``,
        ``n_raters``, ``n_ratings`` and what the function adds.
    notes : what the interval is about, in words.
    """

    table: pd.DataFrame
    notes: tuple[str, ...] = ()

    def to_frame(self) -> pd.DataFrame:
        """The coefficients."""
        return self.table


def intraclass_correlation(
    ratings: pd.DataFrame, *, unit: str, rater: str, value: str, level: float = 0.95
) -> Agreement:
    """The six intraclass correlations of Shrout and Fleiss, with F tests and intervals.

    ICC1: each unit has raters of its own; ICC2: raters are a sample (absolute agreement); ICC3:
    these raters only (consistency). A second k: the mean of all k raters instead of one.

    Raises
    ------
    NotEstimable
        Unless every rater rated every unit once, with at least two of both.

    Examples
    --------
    R: ``psych::ICC(sf)``

    >>> scores = [9, 2, 5, 8, 6, 1, 3, 2, 8, 4, 6, 8, 7, 1, 2, 6, 10, 5, 6, 9, 6, 2, 4, 7]
    >>> ratings = pd.DataFrame({"item": np.repeat(range(6), 4), "participant": list("abcd") * 6,
    ...                         "response": scores})
    >>> found = intraclass_correlation(ratings, unit="item", rater="participant", value="response")
    >>> found.table["value"].round(5).tolist()
    [0.16574, 0.28976, 0.71484, 0.4428, 0.62005, 0.90932]
    """
    require_columns(ratings, [unit, rater, value])
    known = ratings[ratings[value].notna()]
    if known.duplicated([unit, rater]).any():
        raise NotEstimable("somebody rated a unit twice: average such ratings first")
    wide = known.pivot(index=unit, columns=rater, values=value)
    n, k = wide.shape
    if n < 2 or k < 2 or wide.isna().any(axis=None):
        raise NotEstimable(
            "intraclass correlations need every rater's rating of every unit, with two or more of "
            "both: use krippendorff_alpha"
        )
    x = wide.to_numpy(dtype=float)
    of_units, of_raters = x.mean(axis=1), x.mean(axis=0)
    between = k * float(((of_units - x.mean()) ** 2).sum()) / (n - 1)
    within = float(((x - of_units[:, None]) ** 2).sum()) / (n * (k - 1))
    raters = n * float(((of_raters - x.mean()) ** 2).sum()) / (k - 1)
    error = (n * (k - 1) * within - (k - 1) * raters) / ((n - 1) * (k - 1))
    if not (error > 0 and within > 0):
        raise NotEstimable("ratings leave no variation within units to compare with")
    one, two = (n - 1, n * (k - 1)), (n - 1, (n - 1) * (k - 1))
    f_one, f_two = between / within, between / error
    random = (between - error) / (between + (k - 1) * error + k * (raters - error) / n)
    random_mean = (between - error) / (between + (raters - error) / n)
    single_two = _random_raters_interval(random, between, raters, error, n, k, level)
    rows = [
        _icc("ICC1", (f_one - 1) / (f_one + k - 1), f_one, one, _single(f_one, one, k, level)),
        _icc("ICC2", random, f_two, two, single_two),
        _icc("ICC3", (f_two - 1) / (f_two + k - 1), f_two, two, _single(f_two, two, k, level)),
        _icc("ICC1k", 1 - 1 / f_one, f_one, one, _mean(f_one, one, level)),
        _icc("ICC2k", random_mean, f_two, two, _stepped_up(single_two, k)),
        _icc("ICC3k", 1 - 1 / f_two, f_two, two, _mean(f_two, two, level)),
    ]
    table = pd.DataFrame(rows).assign(n_units=n, n_raters=k, n_ratings=n * k)
    return Agreement(table, ("Intervals assume normally distributed units.",))


def _icc(
    name: str, value: float, f: float, df: tuple[int, int], ends: Interval
) -> dict[str, object]:
    return {
        "coefficient": name,
        "value": value,
        "low": ends.low,
        "high": ends.high,
        "f": f,
        "df1": df[0],
        "df2": df[1],
        "p": float(special.fdtrc(df[0], df[1], f)),
    }


def _f_ends(f: float, df: tuple[int, int], level: float) -> tuple[float, float]:
    upper = 0.5 + level / 2
    return (
        f / float(special.fdtri(df[0], df[1], upper)),
        f * float(special.fdtri(df[1], df[0], upper)),
    )


def _single(f: float, df: tuple[int, int], k: int, level: float) -> Interval:
    low, high = _f_ends(f, df, level)
    return Interval((low - 1) / (low + k - 1), (high - 1) / (high + k - 1), level)


def _mean(f: float, df: tuple[int, int], level: float) -> Interval:
    low, high = _f_ends(f, df, level)
    return Interval(1 - 1 / low, 1 - 1 / high, level)


def _random_raters_interval(
    icc: float, between: float, raters: float, error: float, n: int, k: int, level: float
) -> Interval:
    """Satterthwaite's approximation; Shrout and Fleiss (1979), p. 424."""
    ratio = raters / error
    a = k * icc * ratio + n * (1 + (k - 1) * icc) - k * icc
    v = (k - 1) * (n - 1) * a * a
    v /= (n - 1) * (k * icc * ratio) ** 2 + (n * (1 + (k - 1) * icc) - k * icc) ** 2
    upper = 0.5 + level / 2
    down, up = float(special.fdtri(n - 1, v, upper)), float(special.fdtri(v, n - 1, upper))
    rest = k * raters + (k * n - k - n) * error
    return Interval(
        n * (between - down * error) / (down * rest + n * between),
        n * (up * between - error) / (rest + n * up * between),
        level,
    )


def _stepped_up(single: Interval, k: int) -> Interval:
    low, high = (k * end / (1 + (k - 1) * end) for end in (single.low, single.high))
    return Interval(low, high, single.level)


def krippendorff_alpha(
    ratings: pd.DataFrame,
    *,
    unit: str,
    rater: str,
    value: str,
    scale: Scale,
    cluster: str,
    rng: np.random.Generator,
    level: float = 0.95,
    n_resamples: int = ALPHA_RESAMPLES,
) -> Agreement:
    """Krippendorff's α with an interval.

    Parameters
    ----------
    scale : how values differ.
    cluster : what the interval generalises to: the column ``unit`` (bootstrap over units, these
        raters only) or the column ``rater`` (delete-one jackknife over raters, these units only).

    Examples
    --------
    R: ``irr::kripp.alpha(m, "nominal")``

    >>> nan = float("nan")
    >>> a = [nan, nan, nan, nan, nan, 3, 4, 1, 2, 1, 1, 3, 3, nan, 3]
    >>> b = [1, nan, 2, 1, 3, 3, 4, 3, nan, nan, nan, nan, nan, nan, nan]
    >>> c = [nan, nan, 2, 1, 3, 4, 4, nan, 2, 1, 1, 3, 3, nan, 4]
    >>> ratings = pd.DataFrame({"item": list(range(15)) * 3, "participant": np.repeat(list("abc"),
    ...                         15), "response": a + b + c})
    >>> found = krippendorff_alpha(ratings, unit="item", rater="participant", value="response",
    ...     scale="nominal", cluster="item", rng=np.random.default_rng(0))
    >>> found.table["value"].round(3).tolist()
    [0.691]
    """
    require_columns(ratings, [unit, rater, value])
    if cluster not in (unit, rater):
        raise AnalysisError(f"cluster must be the units ({unit!r}) or the raters ({rater!r})")
    if scale not in SCALES:
        raise AnalysisError(f"unknown scale {scale!r}: choose one of {', '.join(SCALES)}")
    known = ratings[ratings[value].notna()]
    values = np.sort(known[value].unique())
    whole = _counts(known, unit, value, values)
    alpha = _alpha(whole, values, scale)
    if cluster == unit:
        ends = _alpha_bootstrap(whole, values, scale, n_resamples, rng, level)
        note = f"The interval resamples units ({unit}): these raters, other units like these."
    else:
        ends = _alpha_jackknife(known, unit, rater, value, values, scale, alpha, level)
        note = f"The interval leaves out one rater ({rater}) at a time: these units, other raters."
    row = {
        "coefficient": f"Krippendorff α ({scale})",
        "value": alpha,
        "low": ends.low,
        "high": min(ends.high, 1.0),
        "n_units": len(whole),
        "n_raters": int(known[rater].nunique()),
        "n_ratings": int(whole.sum()),
    }
    return Agreement(pd.DataFrame([row]), (note,))


def _counts(known: pd.DataFrame, unit: str, value: str, values: Floats) -> Floats:
    """(units with two ratings or more, values): how many raters gave each value."""
    wide = known.groupby([unit, value], observed=True).size().unstack(fill_value=0)
    counts = wide.reindex(columns=list(values), fill_value=0).to_numpy(dtype=float)
    return np.asarray(counts[counts.sum(axis=1) >= 2])


def _coincidences(counts: Floats) -> Floats:
    """(units, V, V): pairs of values within each unit, each pairing weighted 1 / (n_u − 1)."""
    pairs = counts[:, :, None] * counts[:, None, :]
    diagonal = np.arange(counts.shape[1])
    pairs[:, diagonal, diagonal] -= counts
    return np.asarray(pairs / (counts.sum(axis=1) - 1)[:, None, None])


def _distances(values: Floats, totals: Floats, scale: Scale) -> Floats:
    """δ² (V, V)."""
    if scale == "nominal":
        return 1.0 - np.eye(len(values))
    if scale == "ordinal":
        middle = np.cumsum(totals) - totals / 2
        return np.asarray((middle[:, None] - middle[None, :]) ** 2)
    x = values.astype(float)
    gap = x[:, None] - x[None, :]
    if scale == "interval":
        return np.asarray(gap**2)
    total = x[:, None] + x[None, :]
    return np.asarray(np.divide(gap, total, out=np.zeros_like(gap), where=total != 0) ** 2)


def _alpha_of(observed: Floats, values: Floats, scale: Scale) -> float:
    """From the (V, V) coincidence matrix."""
    totals = observed.sum(axis=1)
    n = float(totals.sum())
    distances = _distances(values, totals, scale)
    expected = (np.outer(totals, totals) * distances).sum() / (n - 1) if n > 1 else 0.0
    return float(1 - (observed * distances).sum() / expected) if expected > 0 else float("nan")


def _alpha(counts: Floats, values: Floats, scale: Scale) -> float:
    if len(counts) == 0:
        raise NotEstimable("no unit was rated twice, so nothing is said about agreement")
    alpha = _alpha_of(_coincidences(counts).sum(axis=0), values, scale)
    if not np.isfinite(alpha):
        raise NotEstimable("all ratings are the same, so chance would agree as well")
    return alpha


def _alpha_bootstrap(
    counts: Floats,
    values: Floats,
    scale: Scale,
    n_resamples: int,
    rng: np.random.Generator,
    level: float,
) -> Interval:
    size = len(values)
    rows = _coincidences(counts).reshape(len(counts), -1)
    totals = resampled_totals(rows, n_resamples, rng).reshape(-1, size, size)
    return percentile_interval([_alpha_of(one, values, scale) for one in totals], level)


def _alpha_jackknife(
    known: pd.DataFrame,
    unit: str,
    rater: str,
    value: str,
    values: Floats,
    scale: Scale,
    alpha: float,
    level: float,
) -> Interval:
    names = known[rater].unique()
    g = len(names)
    if g < 3:
        return NONE
    left_out = []
    for name in names:
        counts = _counts(known[known[rater] != name], unit, value, values)
        if len(counts) == 0:
            return NONE
        left_out.append(_alpha_of(_coincidences(counts).sum(axis=0), values, scale))
    pseudo = g * alpha - (g - 1) * np.array(left_out)
    half = float(special.stdtrit(g - 1, 0.5 + level / 2) * pseudo.std(ddof=1) / np.sqrt(g))
    return Interval(alpha - half, alpha + half, level)


def fleiss_kappa(
    ratings: pd.DataFrame,
    *,
    unit: str,
    rater: str,
    value: str,
    rng: np.random.Generator,
    level: float = 0.95,
    n_resamples: int = ALPHA_RESAMPLES,
) -> Agreement:
    """Fleiss' κ for categories, all units rated equally often; bootstrap over units.

    κ = (P̄ − P_e) / (1 − P_e) with P̄ the share of agreeing pairs of ratings and P_e = Σ_c p_c².

    Raises
    ------
    NotEstimable
        If units have different numbers of ratings (α takes them) or all ratings agree.
    """
    require_columns(ratings, [unit, rater, value])
    known = ratings[ratings[value].notna()]
    values = np.sort(known[value].unique())
    sizes = known.groupby(unit, observed=True).size()
    if sizes.nunique() != 1 or int(sizes.iloc[0]) < 2:
        raise NotEstimable(
            "Fleiss' κ needs the same number of ratings, two or more, of every unit: use "
            "krippendorff_alpha"
        )
    counts = _counts(known, unit, value, values)
    m = int(sizes.iloc[0])
    agreeing = (counts * (counts - 1)).sum(axis=1) / (m * (m - 1))
    rows = np.column_stack([agreeing, counts, np.ones(len(counts))])
    kappa = _kappa(rows.sum(axis=0)[None], m)[0]
    if not np.isfinite(kappa):
        raise NotEstimable("all ratings are the same, so chance would agree as well")
    ends = percentile_interval(_kappa(resampled_totals(rows, n_resamples, rng), m), level)
    row = {
        "coefficient": "Fleiss κ",
        "value": float(kappa),
        "low": ends.low,
        "high": ends.high,
        "n_units": len(counts),
        "n_raters": int(known[rater].nunique()),
        "n_ratings": int(counts.sum()),
    }
    note = f"The interval resamples units ({unit}): these raters, other units like these."
    return Agreement(pd.DataFrame([row]), (note,))


def _kappa(totals: Floats, m: int) -> Floats:
    """κ from rows of summed agreement, counts of categories, and number of units."""
    units = totals[:, -1:]
    chance = ((totals[:, 1:-1] / (units * m)) ** 2).sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray((totals[:, 0] / units[:, 0] - chance) / (1 - chance))
