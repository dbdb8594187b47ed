"""Singular vectors for starts and for methods that rest on them."""

from __future__ import annotations

import torch
from torch import Tensor

_EXACT_UP_TO = 1024

Squeezed = tuple[Tensor, Tensor]
"""An orthonormal basis Q (n, k) and QᵀA (k, d)."""


def range_basis(
    a: Tensor, width: int, seed: int, rounds: int, rough: Tensor | None = None
) -> Tensor:
    """Orthonormal (n, k), k = min(width, n, d), close to the leading left singular vectors.

    Seeded range finder with subspace iteration (Halko et al., SIAM Review 2011, algorithm 4.4).
    All rounds but the last go through `rough`, A in lower precision, if it is there: each round
    refines whatever it starts from.
    """
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn(a.shape[1], min(width, *a.shape), generator=generator).to(a)
    quick = a if rough is None else rough
    basis: Tensor = torch.linalg.qr((quick @ noise.to(quick)).to(a)).Q
    for left in reversed(range(rounds)):
        at = a if left == 0 else quick
        right = torch.linalg.qr((at.T @ basis.to(at)).to(a)).Q
        basis = torch.linalg.qr((at @ right.to(at)).to(a)).Q
    return basis


def leading_svd(
    a: Tensor, r: int, seed: int, rounds: int = 4, squeezed: Squeezed | None = None
) -> tuple[Tensor, Tensor, Tensor]:
    """The leading singular triplets (n, k), (k,), (k, d), k = min(r, n, d), largest first.

    Within the span of the basis of `squeezed`, or of one found in so many `rounds`: close for few
    of them, good enough to start from.
    """
    rank = min(r, *a.shape)
    if squeezed is None:
        basis = range_basis(a, rank + 10, seed, rounds)
        squeezed = basis, basis.T @ a
    small_left, singular, right = torch.linalg.svd(squeezed[1], full_matrices=False)
    return (squeezed[0] @ small_left)[:, :rank], singular[:rank], right[:rank]


def accurate_svd(a: Tensor, r: int, seed: int) -> tuple[Tensor, Tensor, Tensor]:
    """The same to working accuracy: in full where that is cheap, else with many rounds."""
    if min(a.shape) > _EXACT_UP_TO:
        return leading_svd(a, r, seed, rounds=40)
    left, singular, right = torch.linalg.svd(a, full_matrices=False)
    rank = min(r, *a.shape)
    return left[:, :rank], singular[:rank], right[:rank]


def skewed_upwards(rows: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
    """Flip signs of components so that large values of each are positive ones.

    A component's sign is arbitrary; a concept that is rarely and strongly there should read as
    present, not as absent.
    """
    signs = torch.where(values.double().pow(3).sum(0) < 0, -1.0, 1.0).to(rows)
    return rows * signs[:, None], values * signs


def padded(rows: Tensor, n_rows: int) -> Tensor:
    """Rows of 0 below, where the data have fewer directions than were asked for."""
    return torch.cat([rows, rows.new_zeros(n_rows - len(rows), rows.shape[1])])
