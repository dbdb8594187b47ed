"""Truncated singular value decomposition: the best of all products U W of rank r."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor

from lens_core.factorization.base import Factorization, checked
from lens_core.factorization.linear_algebra import accurate_svd, padded, skewed_upwards


class SVD(Factorization):
    """Orthonormal rows of W, the largest singular value first; values may be negative.

    No method reaches a lower ‖A − U W‖ at the same r (Eckart & Young, Psychometrika 1936), which
    makes it the yardstick of the others. Unlike PCA it does not take the mean away.

    Parameters
    ----------
    n_concepts
        r.
    seed
        Of the range finder that large matrices need.
    """

    non_negative: ClassVar[bool] = False

    def __init__(self, n_concepts: int, seed: int = 0) -> None:
        super().__init__(n_concepts)
        self.seed = seed

    def fit(self, activations: Tensor) -> Tensor:
        """Find the leading right singular vectors of A (n, d); returns U (n, r)."""
        a = checked(activations, "SVD")
        left, singular, right = accurate_svd(a, self.n_concepts, self.seed)
        rows, _ = skewed_upwards(right, left * singular)
        self._dictionary = padded(rows, self.n_concepts)
        return self.encode(a)

    def encode(self, activations: Tensor) -> Tensor:
        """A Wᵀ, the orthogonal projection."""
        return activations.to(self.dictionary) @ self.dictionary.T
