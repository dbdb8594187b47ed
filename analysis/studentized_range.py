"""The distribution of the studentized range, fast enough to be simulated with.

Range of k standard normal values over an independent √(χ²_ν / ν):

    P(Q ≤ q) = ∫ f_ν(s) · k ∫ φ(z) (Φ(z) − Φ(z − q s))^(k−1) dz ds

Both integrals are smooth; the inner one is a trapezoid rule, the outer one Gauss–Legendre where
f_ν, the density of √(χ²_ν / ν), has its mass. Agrees with scipy.stats.studentized_range to 1e-9.

Source: Tukey (1949); Lund and Lund (1983), Applied Statistics 32, algorithm AS 190.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, special

Floats = NDArray[np.float64]

Z: Floats = np.linspace(-8.5, 8.5, 171)
DENSITY: Floats = np.exp(-(Z**2) / 2) / np.sqrt(2 * np.pi) * (Z[1] - Z[0])
BELOW: Floats = np.asarray(special.ndtr(Z))
NODES, WEIGHTS = np.polynomial.legendre.leggauss(80)
TAIL = 1e-15


def studentized_range_tail(q: float, k: int, df: float) -> float:
    """P(Q > q) for k means and ν = ``df``.

    Examples
    --------
    R: ``ptukey(3.5, 3, 27, lower.tail = FALSE)``

    >>> round(studentized_range_tail(3.5, 3, 27.0), 6)
    0.050491
    """
    if not np.isfinite(q):
        return 0.0 if q > 0 else float("nan")
    low = np.sqrt(special.chdtri(df, 1 - TAIL) / df)
    high = np.sqrt(special.chdtri(df, TAIL) / df)
    half = (high - low) / 2
    s = low + half * (NODES + 1)
    log_f = (
        (df / 2) * np.log(df)
        - special.gammaln(df / 2)
        - (df / 2 - 1) * np.log(2)
        + (df - 1) * np.log(s)
        - df * s * s / 2
    )
    between = BELOW - special.ndtr(Z - q * s[:, None])
    inner = k * (between ** (k - 1) @ DENSITY)
    covered = float((np.exp(log_f) * WEIGHTS * inner).sum() * half)
    return float(min(max(1 - covered, 0.0), 1.0))


def studentized_range_quantile(level: float, k: int, df: float) -> float:
    """The q with P(Q ≤ q) = ``level``.

    Examples
    --------
    R: ``qtukey(.95, 3, 27)``

    >>> round(studentized_range_quantile(0.95, 3, 27.0), 6)
    3.506426
    """
    top = 8.0
    while studentized_range_tail(top, k, df) > 1 - level:
        top *= 2
    return float(
        optimize.brentq(lambda q: studentized_range_tail(q, k, df) - (1 - level), 0.0, top)
    )
