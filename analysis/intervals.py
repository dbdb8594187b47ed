"""Intervals for one proportion or one mean, as closed forms.

Notation: k successes in n trials, z and t the quantiles of level (1 + level) / 2.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import special


@dataclass(frozen=True)
class Interval:
    """An interval and the confidence level it was made for; NaN ends where none exists."""

    low: float
    high: float
    level: float = 0.95

    def clipped(self) -> Interval:
        """The part of it that a proportion can take."""
        return Interval(float(max(self.low, 0.0)), float(min(self.high, 1.0)), self.level)


NONE = Interval(float("nan"), float("nan"))
"""No interval can be given."""


def wilson(k: float, n: float, level: float = 0.95) -> Interval:
    """Wilson's score interval; ``n`` may be an effective number of trials.

    Valid for independent trials only: several answers of one person are not (see
    :mod:`analysis.accuracy`). Source: Wilson (1927), Journal of the American Statistical
    Association 22.

    Examples
    --------
    R: ``prop.test(30, 40, correct = FALSE)$conf.int``

    >>> interval = wilson(30, 40)
    >>> round(interval.low, 6), round(interval.high, 6)
    (0.59806, 0.858129)
    """
    if not n > 0:
        return NONE
    z2 = float(special.ndtri(0.5 + level / 2)) ** 2
    p = k / n
    centre = (p + z2 / (2 * n)) / (1 + z2 / n)
    half = np.sqrt(z2 * (p * (1 - p) / n + z2 / (4 * n * n))) / (1 + z2 / n)
    low = 0.0 if k <= 0 else float(max(centre - half, 0.0))
    high = 1.0 if k >= n else float(min(centre + half, 1.0))
    return Interval(low, high, level)


def clopper_pearson(k: int, n: int, level: float = 0.95) -> Interval:
    """Clopper and Pearson's exact interval for independent trials.

    Source: Clopper and Pearson (1934), Biometrika 26.

    Examples
    --------
    R: ``binom.test(682, 925)$conf.int``

    >>> interval = clopper_pearson(682, 925)
    >>> round(interval.low, 6), round(interval.high, 6)
    (0.707668, 0.765407)
    """
    if n <= 0:
        return NONE
    tail = (1 - level) / 2
    low = 0.0 if k == 0 else float(special.betaincinv(k, n - k + 1, tail))
    high = 1.0 if k == n else float(special.betaincinv(k + 1, n - k, 1 - tail))
    return Interval(low, high, level)


def t_interval(values: ArrayLike, level: float = 0.95) -> Interval:
    """Student's interval for the mean of independent values, one a person.

    None of values that are all the same: no spread among a few people is not none among others.

    Examples
    --------
    R: ``t.test(c(.7, .8, .9))$conf.int``

    >>> interval = t_interval([0.7, 0.8, 0.9])
    >>> round(interval.low, 4), round(interval.high, 4)
    (0.5516, 1.0484)
    """
    x = np.asarray(values, dtype=float)
    if len(x) < 2 or np.ptp(x) == 0:
        return NONE
    half = special.stdtrit(len(x) - 1, 0.5 + level / 2) * x.std(ddof=1) / np.sqrt(len(x))
    return Interval(float(x.mean() - half), float(x.mean() + half), level)
