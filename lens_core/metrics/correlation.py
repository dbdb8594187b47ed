"""Correlations of rows: not a number where a row does not vary."""

from __future__ import annotations

import torch
from torch import Tensor


def pearson(x: Tensor, y: Tensor) -> Tensor:
    """Product-moment correlation of each row of x (n, m) with that of y (n, m): (n,)."""
    cosine = torch.nn.functional.cosine_similarity(_centred(x), _centred(y), dim=1, eps=1e-300)
    return torch.where(_varies(x) & _varies(y), cosine, torch.nan)


def spearman(x: Tensor, y: Tensor) -> Tensor:
    """Rank correlation of each row of x (n, m) with that of y (n, m): (n,)."""
    correlation = pearson(ranks(x), ranks(y))
    # Ranks of rounding errors vary too.
    return torch.where(_varies(x) & _varies(y), correlation, torch.nan)


def ranks(rows: Tensor) -> Tensor:
    """Ranks 1 … m in each row (n, m), equal values sharing the mean of theirs; float64."""
    found = torch.empty(rows.shape, dtype=torch.float64, device=rows.device)
    for row, target in zip(rows, found, strict=True):
        _, group, counts = torch.unique(row, return_inverse=True, return_counts=True)
        last = counts.cumsum(0).double()
        target.copy_((last - (counts - 1) / 2)[group])
    return found


def _centred(rows: Tensor) -> Tensor:
    return rows - rows.mean(1, keepdim=True)


def _varies(rows: Tensor) -> Tensor:
    """Whether a row varies by more than rounding: what correlates with that means nothing."""
    return _centred(rows).abs().amax(1) > 1e-6 * rows.abs().amax(1)
