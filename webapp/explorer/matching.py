"""Which concept of one set is which of another: likeness, and the best one-to-one matching.

Notation: left (r, d) and right (s, d) hold a concept a row; likeness (r, s).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

AT_LEAST = 0.3
"""Likeness from which two concepts are called matched, as the atlas's own similar concepts are."""


@dataclass(frozen=True)
class Match:
    """Two rows that belong together."""

    left: int
    right: int
    likeness: float


@dataclass(frozen=True)
class Matching:
    """Pairs, the most alike first, and the rows of either side that have no partner."""

    pairs: tuple[Match, ...]
    left_alone: tuple[int, ...]
    right_alone: tuple[int, ...]

    @property
    def mean(self) -> float | None:
        """Mean likeness of the pairs; None if there are none."""
        return float(np.mean([pair.likeness for pair in self.pairs])) if self.pairs else None


def cosines(left: Floats, right: Floats) -> Floats:
    """Cosine of every row with every row (r, s); 0 for rows of 0."""
    return np.clip(_unit(left) @ _unit(right).T, -1.0, 1.0)


def correlations(left: Floats, right: Floats) -> Floats:
    """Pearson correlation of every column with every column.

    Parameters
    ----------
    left, right : (n, r) and (n, s), values of two sets of concepts on the same n photographs.

    Returns
    -------
    (r, s); 0 for a concept that never changes.
    """
    return cosines((left - left.mean(axis=0)).T, (right - right.mean(axis=0)).T)


def match(likeness: Floats, at_least: float = AT_LEAST) -> Matching:
    """The one-to-one matching with the largest total likeness, weak pairs taken apart again.

    The assignment problem: Kuhn (1955), *Naval Research Logistics Quarterly* 2, as SciPy solves it.

    Parameters
    ----------
    likeness : (r, s), need not be square.
    at_least : a pair less alike than this is two rows without a partner.
    """
    from scipy.optimize import linear_sum_assignment

    rows, columns = linear_sum_assignment(likeness, maximize=True)
    pairs = [
        Match(int(row), int(column), float(likeness[row, column]))
        for row, column in zip(rows, columns, strict=True)
        if likeness[row, column] >= at_least
    ]
    left, right = {pair.left for pair in pairs}, {pair.right for pair in pairs}
    return Matching(
        pairs=tuple(sorted(pairs, key=lambda pair: (-pair.likeness, pair.left))),
        left_alone=tuple(row for row in range(likeness.shape[0]) if row not in left),
        right_alone=tuple(row for row in range(likeness.shape[1]) if row not in right),
    )


def _unit(rows: Floats) -> Floats:
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    unit: Floats = rows / np.where(norms > 0, norms, 1.0)
    return unit
