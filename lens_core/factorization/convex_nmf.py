"""Convex NMF: concepts that are weighted means of activations really seen."""

from __future__ import annotations

import torch
from torch import Tensor

from lens_core.factorization.base import Factorization, checked
from lens_core.factorization.kmeans import KMeans
from lens_core.factorization.nnls import sweep


class ConvexNMF(Factorization):
    """A ≈ U W with W = C A, U ≥ 0, C ≥ 0 and rows of C that total 1.

    Every concept thus lies within the cloud of activations and can be shown by the rows that make
    it up; activations may have any sign.

    Parameters
    ----------
    n_concepts
        r.
    max_iterations, tolerance
        Stop when an iteration lowers ‖A − U W‖² by less than `tolerance` of ‖A‖².
    seed
        Of the K-Means start.

    Attributes
    ----------
    coefficients
        C (r, n) of the last `fit`.

    Notes
    -----
    Ding, Li & Jordan, IEEE PAMI 2010, section 3.2, with their multiplicative update of C (the
    constraint on totals is a matter of scale between C and U). U is updated by coordinate descent.
    Signed activations need their n × n Gram matrix in memory; non-negative ones do not.
    """

    def __init__(
        self, n_concepts: int, max_iterations: int = 500, tolerance: float = 1e-6, seed: int = 0
    ) -> None:
        super().__init__(n_concepts)
        self.max_iterations = max_iterations
        self.tolerance = tolerance
        self.seed = seed
        self.coefficients: Tensor | None = None

    def fit(self, activations: Tensor) -> Tensor:
        """Find C and W of A (n, d); returns U (n, r) ≥ 0."""
        a = checked(activations, "ConvexNMF")
        kernel = _Kernel(a)
        members = KMeans(self.n_concepts, max_iterations=20, n_starts=1, seed=self.seed).fit(a).T
        ut = members + 0.2
        c = ut / ut.sum(1, keepdim=True)
        total = float(a.double().square().sum())
        previous = float("inf")
        for iteration in range(1, self.max_iterations + 1):
            w = c @ a
            sweep(ut, w @ w.T, w @ a.T)
            gram = ut @ ut.T
            up_u, down_u = kernel.parts(ut)
            up_c, down_c = kernel.parts(c)
            tiny = torch.finfo(c.dtype).tiny
            c = c * ((up_u + gram @ down_c) / (down_u + gram @ up_c).clamp(min=tiny)).sqrt()
            self.n_iterations = iteration
            if iteration % 5 == 0:
                error = float((a - ut.T @ (c @ a)).double().square().sum())
                if previous - error < 5 * self.tolerance * total:
                    break
                previous = error
        sums = c.sum(1, keepdim=True)
        # A concept that U never uses decays to nothing: the plain mean stands in, unused.
        gone = sums <= 0
        c = torch.where(gone, torch.full_like(c, 1 / len(a)), c / sums.masked_fill(gone, 1.0))
        self.coefficients = c
        self._dictionary = c @ a
        return (ut * sums).T.contiguous()


class _Kernel:
    """Products with the positive and the negative part of A Aᵀ."""

    def __init__(self, a: Tensor) -> None:
        self.a = a
        self.gram = a @ a.T if bool((a < 0).any()) else None

    def parts(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """rows (r, n) times K⁺ and K⁻, both ≥ 0."""
        if self.gram is None:
            product = (rows @ self.a) @ self.a.T
            return product, torch.zeros_like(product)
        both = rows @ self.gram
        up = rows @ self.gram.clamp(min=0)
        return up, (up - both).clamp(min=0)
