"""Evidence for and against a difference: Bayes factors with their prior named.

    JZS t     BF₁₀ = ∫ L(g) p(g) dg / L(0),  L(g) = (1 + N g)^(−½) (1 + t²/((1 + N g) ν))^(−(ν+1)/2)
              with g ~ inverse gamma(½, r²/2): the effect size δ is Cauchy with scale r
    binomial  BF₁₀ = B(k + a, n − k + b) / (B(a, b) p₀^k (1 − p₀)^(n−k)):  p is Beta(a, b)

N is the number of pairs, or n₁ n₂ / (n₁ + n₂). The participant is the unit in both: answers of one
person are no independent evidence.

Sources: Rouder, Speckman, Sun, Morey and Iverson (2009), Psychonomic Bulletin & Review 16,
equation 1; Wagenmakers (2007), Psychonomic Bulletin & Review 14; Jeffreys (1961), appendix B, for
the words.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import integrate, special

from analysis.clustered_logit import NotEstimable
from analysis.means import difference_of_means
from analysis.people import participant_means

MEDIUM = float(np.sqrt(0.5))
"""Scale of the Cauchy prior: half of the effects are smaller than this."""
WORDS = ((1 / 3, "for no difference"), (3.0, "undecided"), (np.inf, "for a difference"))


@dataclass(frozen=True)
class Evidence:
    """Bayes factors.

    Attributes
    ----------
    table : one row a comparison: ``condition``, ``reference``, ``bf10`` (evidence for a difference
        over none), ``bf01``, ``prior``, ``t``, ``n``, ``reading``, ``scope``.
    """

    table: pd.DataFrame

    def to_frame(self) -> pd.DataFrame:
        """The comparisons."""
        return self.table


def jzs_t(t: float, n: int, m: int | None = None, *, scale: float = MEDIUM) -> float:
    """BF₁₀ of a t statistic: of n values or pairs, or of n and m values of two groups.

    Examples
    --------
    R: ``BayesFactor::ttestBF(sleep$extra[1:10], sleep$extra[11:20], paired = TRUE)``

    >>> round(jzs_t(-4.062128, 10), 3)
    17.259
    """
    size = float(n) if m is None else n * m / (n + m)
    df = n - 1 if m is None else n + m - 2
    if df < 1:
        raise NotEstimable("a Bayes factor needs two people or more")
    power = (df + 1) / 2
    none = -power * np.log1p(t * t / df)

    def integrand(u: float) -> float:
        # g = exp(u): the integrand is smooth and light-tailed on the log scale.
        g = np.exp(u)
        spread = 1 + size * g
        log = -0.5 * np.log(spread) - power * np.log1p(t * t / (spread * df))
        prior = np.log(scale) - 0.5 * np.log(2 * np.pi) - 1.5 * u - scale**2 / (2 * g)
        return float(np.exp(log + prior + u - none))

    value, _ = integrate.quad(integrand, -15.0, 35.0, limit=400, epsabs=0, epsrel=1e-9)
    return float(value)


def binomial_bf(k: float, n: float, p0: float, *, a: float = 1.0, b: float = 1.0) -> float:
    """BF₁₀ of k successes in n independent trials, p ~ Beta(a, b) against p = p₀.

    Examples
    --------
    115 of 200 against .5: (1/201) / .005956. R: ``1/201 / dbinom(115, 200, .5)``

    >>> round(binomial_bf(115, 200, 0.5), 4)
    0.8353
    """
    some = special.betaln(k + a, n - k + b) - special.betaln(a, b)
    none = special.xlogy(k, p0) + special.xlog1py(n - k, -p0)
    return float(np.exp(some - none))


def reading(bf10: float) -> str:
    """Which way the evidence points; between 1/3 and 3 it is said to be undecided.

    Examples
    --------
    >>> reading(17.3), reading(0.2), reading(1.5)
    ('for a difference', 'for no difference', 'undecided')
    """
    if not np.isfinite(bf10):
        return "for a difference" if bf10 > 0 else "unknown"
    return next(word for bound, word in WORDS if bf10 < bound)


def evidence(
    trials: pd.DataFrame,
    *,
    cluster: str,
    value: str = "correct",
    order: Sequence[str] | None = None,
    reference: str | None = None,
    chance: float | None = None,
    scale: float = MEDIUM,
) -> Evidence:
    """JZS Bayes factors on participants' means: each condition against the reference or chance.

    Pairs where everybody met both conditions, independent groups otherwise.

    Parameters
    ----------
    chance : if given, conditions are compared with this value instead of with the reference.
    scale : r, the scale of the Cauchy prior on the effect size.

    Examples
    --------
    R: ``BayesFactor::ttestBF(formula = extra ~ group, data = sleep)``

    >>> extra = [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0,
    ...          1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4]
    >>> sleep = pd.DataFrame({"participant": range(20), "extra": extra,
    ...                       "condition": ["1"] * 10 + ["2"] * 10})
    >>> found = evidence(sleep, cluster="participant", value="extra")
    >>> found.table[["bf10", "reading"]].round(4).values.tolist()
    [[1.2659, 'undecided']]
    """
    means = participant_means(trials, cluster=cluster, value=value)
    present = [str(name) for name in pd.unique(means["condition"])]
    names = [name for name in (order or sorted(present)) if name in present]
    wide = means.pivot(index=cluster, columns="condition", values="mean")
    rows: list[dict[str, object]] = []
    if chance is not None:
        for name in names:
            x = wide[name].dropna().to_numpy()
            t, _ = _one_sample(x - chance)
            rows.append(_row(name, f"chance ({chance:g})", t, len(x), None, scale))
        return Evidence(pd.DataFrame(rows))
    if len(names) < 2:
        raise NotEstimable("there is only one condition, so nothing to compare")
    base = reference if reference in names else names[0]
    for other in (name for name in names if name != base):
        pair = wide[[base, other]].dropna(how="all")
        x, y = pair[other].dropna().to_numpy(), pair[base].dropna().to_numpy()
        if pair.notna().all(axis=None):
            t = difference_of_means(x, y, paired=True).t
            rows.append(_row(other, base, t, len(x), None, scale))
        else:
            rows.append(_row(other, base, _student(x, y), len(x), len(y), scale))
    return Evidence(pd.DataFrame(rows))


def _student(x: np.ndarray, y: np.ndarray) -> float:
    """t with pooled variance, which the JZS model assumes."""
    n, m = len(x), len(y)
    if n + m < 3:
        return float("nan")
    squares = float(((x - x.mean()) ** 2).sum() + ((y - y.mean()) ** 2).sum())
    se = np.sqrt(squares / (n + m - 2) * (1 / n + 1 / m))
    return float((x.mean() - y.mean()) / se) if se > 0 else float("nan")


def _one_sample(x: np.ndarray) -> tuple[float, int]:
    if len(x) < 2 or x.std(ddof=1) == 0:
        return float("nan"), len(x)
    return float(x.mean() / x.std(ddof=1) * np.sqrt(len(x))), len(x)


def _row(name: str, base: str, t: float, n: int, m: int | None, scale: float) -> dict[str, object]:
    bf = jzs_t(t, n, m, scale=scale) if np.isfinite(t) else float("nan")
    return {
        "condition": name,
        "reference": base,
        "bf10": bf,
        "bf01": 1 / bf if bf else float("nan"),
        "prior": f"JZS, Cauchy scale {scale:.3f}",
        "t": t,
        "n": n + (m or 0),
        "reading": reading(bf),
        "scope": "these stimuli only",
    }
