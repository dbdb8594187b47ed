"""Several NMFs at once: HALS over a stack of matrices, as for folds of a class or small classes.

A HALS sweep is r small products, each with the overhead of its calls; a stack shares those. It pays
where matrices are small. Seen on one CPU core with r = 10, time one by one over time in a stack:
2.3 for eight of 60 × 128, 1.3 for eight of 300 × 512, 1.1 for four of 480 × 1,280. From about 10⁶
elements a matrix on, where `NMF` multiplies in bfloat16, one by one is the quicker way.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from lens_core.factorization.base import checked
from lens_core.factorization.nmf import NMF, first_factors
from lens_core.factorization.nmf_products import Products
from lens_core.factorization.nmf_solvers import INNER_SWEEPS, squared_norm


def fit_stack(matrices: Sequence[Tensor], methods: Sequence[NMF]) -> list[Tensor]:
    """Fit one method to each matrix A (n_i, d); returns their U (n_i, r).

    Each ends as by `NMF.fit` alone, up to rounding: it starts from its own matrix and stops by its
    own error. Rows are padded with zeros to the tallest matrix, which adds nothing to any product.

    Parameters
    ----------
    methods
        With the "hals" solver, one r, tolerance and limit for all.

    Raises
    ------
    ValueError
        Methods or matrices do not fit together, or a matrix cannot be factorized.
    """
    _check_alike(matrices, methods)
    data = [checked(a, "NMF", non_negative=True) for a in matrices]
    first = [first_factors(Products(a), method) for a, method in zip(data, methods, strict=True)]
    a = _padded(data)
    ut = _padded([one.T for one, _ in first]).transpose(1, 2).contiguous()
    w = torch.stack([one for _, one in first])
    total = torch.tensor([squared_norm(one) for one in data], dtype=torch.float64, device=a.device)
    previous = total.clone()
    left = list(range(len(data)))
    limit, tolerance = methods[0].max_iterations, methods[0].tolerance
    values: list[Tensor] = [torch.empty(0)] * len(data)
    for iteration in range(1, limit + 1):
        _sweeps(ut, w @ w.transpose(1, 2), w @ a.transpose(1, 2))
        gram, cross = ut @ ut.transpose(1, 2), ut @ a
        _sweeps(w, gram, cross)
        if iteration % 5 and iteration < limit:
            continue
        error = total + _quadratic(w, gram, cross)
        done = (previous - error < 5 * tolerance * total) | (iteration == limit)
        previous = error
        if not bool(done.any()):
            continue
        for place in done.nonzero()[:, 0].tolist():
            which = left[place]
            methods[which].n_iterations = iteration
            values[which] = methods[which].take(ut[place, :, : len(data[which])], w[place])
        going = ~done
        left = [which for which, ended in zip(left, done.tolist(), strict=True) if not ended]
        if not left:
            break
        a, ut, w = a[going], ut[going], w[going]
        total, previous = total[going], previous[going]
    return values


def _check_alike(matrices: Sequence[Tensor], methods: Sequence[NMF]) -> None:
    if not methods or len(matrices) != len(methods):
        raise ValueError(f"{len(matrices)} matrices need as many methods, not {len(methods)}")
    if len({a.shape[-1] for a in matrices}) > 1:
        raise ValueError("matrices in a stack need the same number of columns")
    alike = {(m.solver, m.n_concepts, m.tolerance, m.max_iterations) for m in methods}
    if len(alike) > 1 or methods[0].solver != "hals":
        raise ValueError("methods in a stack need the hals solver and the same r and limits")


def _padded(matrices: Sequence[Tensor]) -> Tensor:
    """(k, n, …) of matrices (n_i, …), zeros below."""
    return torch.nn.utils.rnn.pad_sequence(list(matrices), batch_first=True)


def _sweeps(values: Tensor, gram: Tensor, cross: Tensor) -> None:
    """Coordinate updates of values (k, r, n) in place, as `nnls.sweep` does for one."""
    diagonal = gram.diagonal(dim1=1, dim2=2)
    scale = torch.where(diagonal > 0, 1.0 / diagonal, torch.zeros_like(diagonal))
    for _ in range(INNER_SWEEPS):
        for k in range(values.shape[1]):
            step = torch.baddbmm(cross[:, k : k + 1], gram[:, k : k + 1], values, alpha=-1.0)
            row = values[:, k : k + 1]
            row.addcmul_(step, scale[:, k, None, None]).clamp_(min=0)


def _quadratic(w: Tensor, gram: Tensor, cross: Tensor) -> Tensor:
    """‖A − U W‖² − ‖A‖² of each, in double against cancellation."""
    wide = w.double()
    fit = (cross.double() * wide).sum(dim=(1, 2))
    own = (gram.double() * (wide @ wide.transpose(1, 2))).sum(dim=(1, 2))
    return own - 2 * fit
