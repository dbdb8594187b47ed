"""Does what a machine measures go along with what people gain? Methods compared on two scores.

The published question: explanation methods with a higher faithfulness score need not be more useful
to people. The unit is the *method*, and there are few of them, so the p-value comes from all
orders in which one score could be dealt out to the methods (a sample of them above eight methods),
and intervals use Fisher's z, which for so few methods are as wide as they should be.

Sources: Colin, Fel, Cadène and Serre (2022), NeurIPS, section 5; Pitman (1937), Supplement to the
Journal of the Royal Statistical Society 4, for the permutation test; Bonett and Wright (2000),
Psychometrika 65, for the interval of Spearman's coefficient.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import permutations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import special, stats

from analysis.clustered_logit import NotEstimable
from analysis.people import require_columns

Floats = NDArray[np.float64]
ALL_ORDERS_UP_TO = 8
PERMUTATIONS = 20_000
FEWEST = 4


@dataclass(frozen=True)
class Relations:
    """How scores of methods go together.

    Attributes
    ----------
    table : one row a measure: ``measure``, ``n_methods``, ``pearson`` with ``pearson_low`` and
        ``…_high`` and ``pearson_p``, ``spearman`` with the same.
    methods : the scores, one row a method.
    """

    table: pd.DataFrame
    methods: pd.DataFrame

    def to_frame(self) -> pd.DataFrame:
        """The relations."""
        return self.table


def relations(
    scores: pd.DataFrame,
    measures: pd.DataFrame,
    *,
    value: str,
    rng: np.random.Generator,
    method: str = "condition",
    level: float = 0.95,
) -> Relations:
    """Correlate a score of methods with every measure of them.

    Parameters
    ----------
    scores : one row a method with its ``value`` (Utility).
    measures : one row a method; every numeric column is a measure (faithfulness, complexity …).
    method : column that names methods in both.

    Raises
    ------
    NotEstimable
        If fewer than four methods have both.

    Examples
    --------
    >>> names = list("abcde")
    >>> useful = pd.DataFrame({"condition": names, "utility": [1.0, 1.1, 1.2, 1.3, 1.4]})
    >>> faithful = pd.DataFrame({"condition": names, "deletion": [0.1, 0.2, 0.4, 0.3, 0.5]})
    >>> found = relations(useful, faithful, value="utility", rng=np.random.default_rng(0))
    >>> found.table[["spearman", "spearman_p"]].round(4).values.tolist()
    [[0.9, 0.0833]]
    """
    require_columns(scores, [method, value])
    require_columns(measures, [method])
    names = [str(name) for name in measures.select_dtypes("number").columns]
    joined = scores[[method, value]].merge(measures[[method, *names]], on=method, how="inner")
    rows = []
    for name in names:
        known = joined[[value, name]].dropna()
        if len(known) < FEWEST:
            continue
        x, y = known[value].to_numpy(dtype=float), known[name].to_numpy(dtype=float)
        if np.ptp(x) == 0 or np.ptp(y) == 0:
            continue
        row: dict[str, object] = {"measure": name, "n_methods": len(known)}
        row |= _row("pearson", x, y, 1.0, level, rng)
        ranks = stats.rankdata(x), stats.rankdata(y)
        row |= _row("spearman", *ranks, 1 + float(np.corrcoef(*ranks)[0, 1]) ** 2 / 2, level, rng)
        rows.append(row)
    if not rows:
        raise NotEstimable(f"fewer than {FEWEST} methods have a score and a measure that vary")
    return Relations(pd.DataFrame(rows), joined)


def _row(
    kind: str,
    x: ArrayLike,
    y: ArrayLike,
    inflation: float,
    level: float,
    rng: np.random.Generator,
) -> dict[str, object]:
    r, p = permutation_correlation(x, y, rng)
    half = float(special.ndtri(0.5 + level / 2)) * np.sqrt(inflation / (len(np.asarray(x)) - 3))
    z = np.arctanh(r) if abs(r) < 1 - 1e-9 else np.nan  # a perfect order has no spread
    return {
        kind: r,
        f"{kind}_low": float(np.tanh(z - half)),
        f"{kind}_high": float(np.tanh(z + half)),
        f"{kind}_p": p,
    }


def permutation_correlation(
    x: ArrayLike, y: ArrayLike, rng: np.random.Generator
) -> tuple[float, float]:
    """Pearson's r and the two-sided share of orders of y with an |r| at least as large."""
    a, b = (np.asarray(values, dtype=float) for values in (x, y))
    a, b = (a - a.mean()) / a.std(), (b - b.mean()) / b.std()
    n = len(a)
    exact = n <= ALL_ORDERS_UP_TO
    if exact:
        orders = np.array(list(permutations(range(n))))
    else:
        orders = rng.permuted(np.tile(np.arange(n), (PERMUTATIONS, 1)), axis=1)
    r = float(a @ b / n)
    extreme = int((np.abs(b[orders] @ a / n) >= abs(r) - 1e-12).sum())
    total = len(orders)
    return r, extreme / total if exact else (extreme + 1) / (total + 1)
