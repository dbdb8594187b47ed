"""One iteration of each way to solve NMF, on transposed values Uᵀ (r, n) and W (r, d), in place.

Each updates Uᵀ, then W, never raises ‖A − U W‖, and returns what W was updated with: Uᵀ U (r, r)
and Uᵀ A (r, d), from which the error follows without a pass over A.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor

from lens_core.factorization.nmf_products import Products
from lens_core.factorization.nnls import sweep

Solver = Literal["hals", "multiplicative", "projected_gradient"]
Update = Callable[[Tensor, Tensor, Tensor], None]

INNER_SWEEPS = 3
_INNER_STEPS = 10


def hals(values: Tensor, gram: Tensor, cross: Tensor) -> None:
    """A few sweeps of coordinate updates (Gillis & Glineur, Neural Computation 2012).

    A sweep is cheap beside the products with A that it needs, so it pays to use those well.
    """
    for _ in range(INNER_SWEEPS):
        sweep(values, gram, cross)


def multiply(values: Tensor, gram: Tensor, cross: Tensor) -> None:
    """Multiplicative update of Lee & Seung (NeurIPS 2000, theorem 1). Zeros stay zeros."""
    floor = torch.finfo(values.dtype).tiny
    values.mul_(cross.clamp(min=0) / (gram @ values).clamp(min=floor))


def descend(values: Tensor, gram: Tensor, cross: Tensor) -> None:
    """Projected gradient steps on one factor (Lin, Neural Computation 2007).

    The step is the inverse of the gradient's Lipschitz constant in place of a line search: each
    step is safe, and no function values are needed.
    """
    steepest = float(torch.linalg.eigvalsh(gram.double())[-1])
    if steepest <= 0:
        return
    for _ in range(_INNER_STEPS):
        values.add_(cross - gram @ values, alpha=1.0 / steepest).clamp_(min=0)


UPDATES: dict[Solver, Update] = {
    "hals": hals,
    "multiplicative": multiply,
    "projected_gradient": descend,
}


def iterate(solver: Solver, ut: Tensor, w: Tensor, a: Products) -> tuple[Tensor, Tensor]:
    """Update both factors once; returns Uᵀ U and Uᵀ A."""
    update = UPDATES[solver]
    update(ut, w @ w.T, a.of_rows(w))
    gram, cross = ut @ ut.T, a.of_columns(ut)
    update(w, gram, cross)
    return gram, cross


def squared_norm(a: Tensor) -> float:
    """‖A‖², rows in their own precision (a pass in double would cost twenty times that)."""
    return float(torch.linalg.vector_norm(a, dim=1).double().square().sum())


def quadratic(w: Tensor, gram: Tensor, cross: Tensor) -> float:
    """‖A − U W‖² − ‖A‖² from W, UᵀU and UᵀA, in double against cancellation."""
    wide = w.double()
    fit = (cross.double() * wide).sum()
    own = (gram.double() * (wide @ wide.T)).sum()
    return float(own - 2 * fit)
