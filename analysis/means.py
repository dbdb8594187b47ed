"""The difference of two groups' means: Welch's t, the paired t, and Hedges' g."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from analysis.clustered_logit import Contrast


@dataclass(frozen=True)
class MeanDifference:
    """first − second, with its test; NaN where a group is too small or does not vary."""

    estimate: float
    low: float
    high: float
    t: float
    df: float
    p: float
    hedges_g: float


def difference_of_means(
    first: ArrayLike, second: ArrayLike, *, paired: bool, level: float = 0.95
) -> MeanDifference:
    """Welch's t test, or the paired one.

    Hedges' g is the difference over the pooled standard deviation (also for pairs, so that designs
    can be compared), times the exact small-sample factor.

    Sources: Welch (1947), Biometrika 34; Hedges (1981), Journal of Educational Statistics 6.

    Examples
    --------
    R: ``t.test(extra ~ group, data = sleep)`` and with ``paired = TRUE``

    >>> drug1 = [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0]
    >>> drug2 = [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4]
    >>> welch = difference_of_means(drug1, drug2, paired=False)
    >>> round(welch.t, 4), round(welch.df, 3), round(welch.p, 5)
    (-1.8608, 17.776, 0.07939)
    >>> round(difference_of_means(drug1, drug2, paired=True).t, 4)
    -4.0621
    """
    x, y = np.asarray(first, dtype=float), np.asarray(second, dtype=float)
    n, m = len(x), len(y)
    nan = float("nan")
    estimate = float(x.mean() - y.mean()) if n and m else nan
    if n < 2 or m < 2:
        return MeanDifference(estimate, nan, nan, nan, nan, nan, nan)
    vx, vy = float(x.var(ddof=1)), float(y.var(ddof=1))
    if paired:
        variance, df = float((x - y).var(ddof=1)) / n, float(n - 1)
    else:
        variance = vx / n + vy / m
        df = variance**2 / ((vx / n) ** 2 / (n - 1) + (vy / m) ** 2 / (m - 1)) if variance else nan
    test = Contrast.of(estimate, variance, df, level)
    pooled = ((n - 1) * vx + (m - 1) * vy) / (n + m - 2)
    g = estimate / np.sqrt(pooled) * _small_sample(n + m - 2) if pooled > 0 else nan
    return MeanDifference(estimate, test.low, test.high, test.t, df, test.p, float(g))


def _small_sample(df: int) -> float:
    return float(np.exp(special.gammaln(df / 2) - special.gammaln((df - 1) / 2)) / np.sqrt(df / 2))
