"""Non-negative matrix factorization by HALS, on whatever device the activations are.

A ≈ U W with U, W ≥ 0, minimising ½‖A − U W‖². Hierarchical alternating least squares updates one
component after the other in closed form (Cichocki & Phan, IEICE Trans. 2009); the start is the
non-negative double SVD with zeros filled by the mean (NNDSVDa; Boutsidis & Gallopoulos, Pattern
Recognition 2008).
"""

from __future__ import annotations

import torch
from torch import Tensor

from lens_core.factorization.base import Factorization
from lens_core.factorization.nnls import sweep


class NMF(Factorization):
    """NMF with rows of W of unit length, so that values of different concepts compare.

    Parameters
    ----------
    n_concepts
        r.
    max_iterations, tolerance
        Stop when an iteration lowers ‖A − U W‖² by less than `tolerance` of the first one's
        level (looked at every fifth), or at the limit.
    seed
        Of the randomised SVD at the start; the result is the same for the same seed.
    """

    def __init__(
        self,
        n_concepts: int,
        max_iterations: int = 1000,
        tolerance: float = 1e-6,
        seed: int = 0,
    ) -> None:
        super().__init__(n_concepts)
        self.max_iterations = max_iterations
        self.tolerance = tolerance
        self.seed = seed

    def fit(self, activations: Tensor) -> Tensor:
        """Find W of A (n, d) ≥ 0; returns U (n, r).

        Raises
        ------
        ValueError
            A holds negative or non-finite values.
        """
        a = activations.float()
        if not torch.isfinite(a).all() or (a < 0).any():
            raise ValueError("NMF needs finite, non-negative activations")
        start_u, start_w = nndsvda(a, self.n_concepts, self.seed)
        # Both factors transposed or not so that a component is one contiguous row.
        ut, w = start_u.T.contiguous(), start_w.contiguous()
        total = float(a.double().square().sum())
        previous = total
        for iteration in range(1, self.max_iterations + 1):
            sweep(ut, w @ w.T, w @ a.T)
            gram, cross = ut @ ut.T, ut @ a
            sweep(w, gram, cross)
            self.n_iterations = iteration
            if iteration % 5 == 0:
                error = total + _quadratic(w, gram, cross)
                if previous - error < 5 * self.tolerance * total:
                    break
                previous = error
        norms = w.norm(dim=1, keepdim=True)
        alive = norms > 0
        self._dictionary = torch.where(alive, w / norms.clamp(min=1e-30), w)
        return (ut * torch.where(alive, norms, torch.ones_like(norms))).T.contiguous()


def _quadratic(w: Tensor, gram: Tensor, cross: Tensor) -> float:
    """‖A − U W‖² − ‖A‖² from what an update has at hand, in double against cancellation."""
    wide = w.double()
    fit = (cross.double() * wide).sum()
    own = (gram.double() * (wide @ wide.T)).sum()
    return float(own - 2 * fit)


def nndsvda(a: Tensor, r: int, seed: int) -> tuple[Tensor, Tensor]:
    """Non-negative start (n, r), (r, d) from the leading singular vectors."""
    left, singular, right = _leading_svd(a, r, seed)
    fill = float(a.mean())
    u = a.new_zeros(a.shape[0], r)
    w = a.new_zeros(r, a.shape[1])
    for k in range(len(singular)):
        x, y = left[:, k], right[k]
        positive = (x.clamp(min=0), y.clamp(min=0))
        negative = ((-x).clamp(min=0), (-y).clamp(min=0))
        # Of the two non-negative halves of the pair, keep the one that carries more.
        x, y = max(positive, negative, key=lambda pair: float(pair[0].norm() * pair[1].norm()))
        nx, ny = x.norm(), y.norm()
        if nx > 0 and ny > 0:
            scale = (singular[k] * nx * ny).sqrt()
            u[:, k] = scale * x / nx
            w[k] = scale * y / ny
    return u.masked_fill_(u <= 0, fill), w.masked_fill_(w <= 0, fill)


def _leading_svd(a: Tensor, r: int, seed: int) -> tuple[Tensor, Tensor, Tensor]:
    """The r leading singular triplets by a seeded range finder (Halko et al., SIAM Rev. 2011)."""
    rank = min(r, *a.shape)
    width = min(rank + 10, *a.shape)
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn(a.shape[1], width, generator=generator).to(a.device)
    basis = torch.linalg.qr(a @ noise).Q
    for _ in range(4):
        basis = torch.linalg.qr(a @ torch.linalg.qr(a.T @ basis).Q).Q
    small_left, singular, right = torch.linalg.svd(basis.T @ a, full_matrices=False)
    return (basis @ small_left)[:, :rank], singular[:rank], right[:rank]
