"""Bootstrap over participants on what each contributes, never on trials.

A participant is a row of sufficient statistics (k correct, n answered; a pair of columns for each
condition where conditions vary within a person). A resample only needs the column sums of G rows
drawn with replacement, so no frame is ever filtered.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from analysis.intervals import NONE, Interval

Floats = NDArray[np.float64]

CHUNK_DRAWS = 2_000_000
"""Indices held in memory at once."""
FEW_PATTERNS = 0.5
"""Share of distinct rows up to which counting patterns is quicker than drawing rows."""


def resampled_totals(rows: ArrayLike, n_resamples: int, rng: np.random.Generator) -> Floats:
    """Column sums of resampled participants.

    Participants with the same row are exchangeable, so the number of times that each distinct row
    is drawn is multinomial: with few distinct rows the cost does not depend on the number of
    people. Otherwise indices are drawn in chunks. Both give the same distribution.

    Parameters
    ----------
    rows : (G, c), one row a participant.
    n_resamples : B.
    rng : source of chance.

    Returns
    -------
    totals : (B, c).
    """
    table = np.asarray(rows, dtype=float)
    size = len(table)
    if size == 0:
        raise ValueError("no participants to resample")
    patterns, counts = np.unique(table, axis=0, return_counts=True)
    if len(patterns) <= FEW_PATTERNS * size:
        drawn = rng.multinomial(size, counts / size, size=n_resamples)
        return np.asarray(drawn @ patterns, dtype=float)
    totals = np.empty((n_resamples, table.shape[1]))
    step = max(1, CHUNK_DRAWS // size)
    for start in range(0, n_resamples, step):
        stop = min(start + step, n_resamples)
        picks = rng.integers(size, size=(stop - start, size), dtype=np.int32)
        for column in range(table.shape[1]):
            totals[start:stop, column] = table[:, column][picks].sum(axis=1)
    return totals


def resampled_proportions(
    k: ArrayLike, n: ArrayLike, n_resamples: int, rng: np.random.Generator
) -> Floats:
    """Σk / Σn of resampled participants; ``k`` and ``n`` have one entry a participant."""
    totals = resampled_totals(np.column_stack([k, n]), n_resamples, rng)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(totals[:, 0] / totals[:, 1])


def percentile_interval(draws: ArrayLike, level: float = 0.95) -> Interval:
    """Central interval of the draws, those that are no number left out.

    It covers too rarely with 12 participants or fewer (about .90 for .95): say so beside it.
    """
    values = np.asarray(draws, dtype=float)
    values = values[np.isfinite(values)]
    if len(values) == 0:
        return NONE
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(low), float(high), level)
