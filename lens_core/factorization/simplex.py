"""Least squares over the probability simplex: codes that are shares of a whole."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


def project(rows: Tensor) -> Tensor:
    """The nearest point to each row that is ≥ 0 and totals 1 (Duchi et al., ICML 2008)."""
    ordered = rows.sort(dim=1, descending=True).values
    excess = ordered.cumsum(1) - 1
    rank = torch.arange(1, rows.shape[1] + 1, device=rows.device, dtype=rows.dtype)
    n_kept = (ordered * rank > excess).sum(1, keepdim=True)
    shift = excess.gather(1, n_kept - 1) / n_kept
    return (rows - shift).clamp(min=0)


def minimise(
    slope: Callable[[Tensor], Tensor],
    steepness: float,
    start: Tensor,
    max_iterations: int,
    tolerance: float = 1e-6,
) -> Tensor:
    """Accelerated projected gradient over rows on the simplex.

    Momentum starts over wherever it points uphill (O'Donoghue & Candès, Found. Comput. Math.
    2015), which keeps the linear rate without knowing the curvature.

    Parameters
    ----------
    slope
        Gradient at rows (m, k).
    steepness
        A Lipschitz constant of it.
    """
    if steepness <= 0:
        return start
    now, ahead, momentum = start, start, 1.0
    for _ in range(max_iterations):
        gradient = slope(ahead)
        following = project(ahead - gradient / steepness)
        step = following - now
        if float((gradient * step).sum()) > 0:
            momentum, ahead = 1.0, now
            gradient = slope(ahead)
            following = project(ahead - gradient / steepness)
            step = following - now
        grown = (1 + (1 + 4 * momentum**2) ** 0.5) / 2
        ahead = following + (momentum - 1) / grown * step
        now, momentum = following, grown
        if float(step.abs().max()) < tolerance:
            break
    return now


def simplex_code(
    activations: Tensor,
    dictionary: Tensor,
    start: Tensor | None = None,
    max_iterations: int = 2000,
    tolerance: float = 1e-7,
) -> Tensor:
    """u* = argmin ‖a − uW‖² over u ≥ 0 with total 1, for rows of A (n, d): U (n, r).

    Starts from equal shares unless told otherwise, so that the answer depends on the problem
    alone. Totals of 1 make the problem the same wherever the origin is; the dictionary's mean as
    origin makes it a well-posed one.
    """
    middle = dictionary.mean(0)
    rows = dictionary - middle
    gram, cross = rows @ rows.T, (activations - middle) @ rows.T
    if start is None:
        start = cross.new_full(cross.shape, 1.0 / len(dictionary))
    steepness = float(torch.linalg.eigvalsh(gram.double())[-1])
    return minimise(lambda u: u @ gram - cross, steepness, start, max_iterations, tolerance)
