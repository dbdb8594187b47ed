"""Semi-NMF: concepts that may inhibit, in values that may not."""

from __future__ import annotations

import torch
from torch import Tensor

from lens_core.factorization.base import Factorization, checked, unit_rows
from lens_core.factorization.kmeans import KMeans
from lens_core.factorization.nnls import sweep


class SemiNMF(Factorization):
    """A ≈ U W with U ≥ 0 and W of any sign: for layers whose activations are signed.

    Parameters
    ----------
    n_concepts
        r.
    max_iterations, tolerance
        Stop when an iteration lowers ‖A − U W‖² by less than `tolerance` of ‖A‖².
    seed
        Of the K-Means start.

    Notes
    -----
    Ding, Li & Jordan, IEEE PAMI 2010, section 2. As there, W is the least-squares solution for U;
    U is updated by coordinate descent instead of their multiplicative rule, which solves the same
    problem in fewer iterations and does not get stuck at zeros.
    """

    def __init__(
        self, n_concepts: int, max_iterations: int = 500, tolerance: float = 1e-7, seed: int = 0
    ) -> None:
        super().__init__(n_concepts)
        self.max_iterations = max_iterations
        self.tolerance = tolerance
        self.seed = seed

    def fit(self, activations: Tensor) -> Tensor:
        """Find W of A (n, d); returns U (n, r) ≥ 0."""
        a = checked(activations, "SemiNMF")
        ut = KMeans(self.n_concepts, max_iterations=20, n_starts=1, seed=self.seed).fit(a).T + 0.2
        ut = ut.contiguous()
        total = float(a.double().square().sum())
        previous = float("inf")
        w = least_squares_rows(ut, a)
        for iteration in range(1, self.max_iterations + 1):
            gram, cross = w @ w.T, w @ a.T
            for _ in range(3):
                sweep(ut, gram, cross)
            w = least_squares_rows(ut, a)
            self.n_iterations = iteration
            if iteration % 5 == 0:
                error = float((a - ut.T @ w).double().square().sum())
                if previous - error < 5 * self.tolerance * total:
                    break
                previous = error
        self._dictionary, values = unit_rows(w, ut.T.contiguous())
        return values


def least_squares_rows(ut: Tensor, a: Tensor) -> Tensor:
    """W (r, d) that minimises ‖A − U W‖; the shortest where concepts are collinear or unused."""
    gram = (ut @ ut.T).double()
    inverse: Tensor = torch.linalg.pinv(gram, hermitian=True, rtol=1e-10)
    return (inverse @ (ut @ a).double()).to(a)
