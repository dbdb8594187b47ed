"""Non-negative least squares with a small dictionary: the common core of all encodings.

u* = argmin_{u ≥ 0} ½‖a − Wᵀu‖² + ½ α‖u‖², for many rows a at once. All that is needed of A and W
are the Gram matrix G = W Wᵀ (r × r) and the products A Wᵀ (n × r).
"""

from __future__ import annotations

import torch
from torch import Tensor

_GRAM_NUMBERS = 2**26
"""Numbers in the matrices of all rows' supports that are solved at once; bounds memory."""


def sweep(values: Tensor, gram: Tensor, cross: Tensor) -> None:
    """One round of exact coordinate updates, in place (HALS; Cichocki & Phan 2009).

    Parameters
    ----------
    values
        (r, n), transposed so that each coordinate is contiguous. Changed.
    gram
        (r, r) Gram matrix of the fixed factor.
    cross
        (r, n) products of the data with the fixed factor.

    Notes
    -----
    A coordinate whose Gram diagonal is 0 does not touch the objective: it is left alone, where
    dividing by a small constant instead would blow it up or kill it.
    """
    for k, diagonal in enumerate(gram.diagonal().tolist()):
        if diagonal <= 0.0:
            continue
        step = cross[k] - gram[k] @ values
        values[k].add_(step, alpha=1.0 / diagonal).clamp_(min=0)


def nnls(
    activations: Tensor,
    dictionary: Tensor,
    ridge: float = 0.0,
    max_iterations: int = 500,
    tolerance: float = 1e-6,
) -> Tensor:
    """Best non-negative code of each row of A (n, d) in W (r, d); returns U (n, r).

    Starts from zero, so that the answer depends on nothing but the problem. Stops when no
    coordinate moves by more than `tolerance` of the largest, then solves the equations of each
    row's support exactly where that keeps the code non-negative.
    """
    gram = dictionary @ dictionary.T
    if ridge:
        gram = gram + ridge * torch.eye(len(gram), dtype=gram.dtype, device=gram.device)
    cross = (activations @ dictionary.T).T.contiguous()
    values = torch.zeros_like(cross)
    for iteration in range(max_iterations):
        before = values.clone() if iteration % 5 == 4 else None
        sweep(values, gram, cross)
        if before is not None:
            scale = values.abs().max().clamp(min=torch.finfo(values.dtype).tiny)
            if float((values - before).abs().max() / scale) < tolerance:
                break
    return _polished(values.T.contiguous(), gram, cross.T)


def masked_gram(gram: Tensor, support: Tensor) -> Tensor:
    """Gram matrices (n, r, r) of each row's support (n, r), the identity elsewhere."""
    mask = support.to(gram.dtype)
    inside = gram * mask[:, :, None] * mask[:, None, :]
    return inside + torch.diag_embed(1.0 - mask)


def _polished(codes: Tensor, gram: Tensor, cross: Tensor) -> Tensor:
    """Replace codes by the exact solution on their support where that stays feasible."""
    chunk = max(1, min(4096, _GRAM_NUMBERS // gram.numel()))
    for start in range(0, len(codes), chunk):
        rows = slice(start, start + chunk)
        support = codes[rows] > 0
        exact, failed = torch.linalg.solve_ex(
            masked_gram(gram, support), (cross[rows] * support).unsqueeze(-1)
        )
        exact = exact.squeeze(-1)
        near = (exact - codes[rows]).abs().amax(1) <= 1e-2 * codes[rows].amax(1)
        better = (failed == 0) & (exact >= 0).all(1) & near
        codes[rows] = torch.where(better[:, None], exact, codes[rows])
    return codes
