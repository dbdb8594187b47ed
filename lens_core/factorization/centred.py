"""Methods that look at deviations from the mean, and where they leave the mean.

A ≈ μ + S V with directions V and coordinates S is no product U W. Dropping μ would make the
reconstruction wrong by far, adding it in `decode` would break Â = U W and every importance that
rests on it. So μ is the first row of W, with value 1 in every row of U: a concept that is always
there, whose share of a logit is shown like any other. The other r − 1 rows are directions.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

import torch
from torch import Tensor

from lens_core.factorization.base import Factorization, checked, unit_rows
from lens_core.factorization.linear_algebra import padded, skewed_upwards


class Centred(Factorization):
    """W = [μ; V] with rows of V of unit length, U = [1, S]. Values may be negative.

    Rows of V are 0 where the activations vary in fewer than r − 1 directions.
    """

    non_negative: ClassVar[bool] = False
    ridge = 0.0
    """Of the regression that finds S; 0 for least squares."""

    @abstractmethod
    def directions(self, deviations: Tensor, n_directions: int) -> Tensor:
        """V (k, d), k ≤ n_directions, of A − μ (n, d), in the order of the concepts."""

    def fit(self, activations: Tensor) -> Tensor:
        """Find μ and V of A (n, d); returns U (n, r), its first column 1."""
        a = checked(activations, type(self).__name__)
        mean = a.mean(0)
        n_directions = self.n_concepts - 1
        rows = a.new_zeros(0, a.shape[1])
        if n_directions:
            rows = self.directions(a - mean, n_directions)
            rows, _ = unit_rows(rows, rows.new_ones(1, len(rows)))
            rows, _ = skewed_upwards(rows, self._coordinates(a - mean, rows))
        self._dictionary = torch.cat([mean[None], padded(rows, n_directions)])
        return self.encode(a)

    def encode(self, activations: Tensor) -> Tensor:
        """[1, S] with S the least-squares coordinates of A − μ along V."""
        a = activations.to(self.dictionary)
        mean, rows = self.dictionary[0], self.dictionary[1:]
        return torch.cat([a.new_ones(len(a), 1), self._coordinates(a - mean, rows)], dim=1)

    def _coordinates(self, deviations: Tensor, rows: Tensor) -> Tensor:
        gram = rows @ rows.T
        if self.ridge:
            gram = gram + self.ridge * torch.eye(len(gram), dtype=gram.dtype, device=gram.device)
        inverse: Tensor = torch.linalg.pinv(gram, hermitian=True)
        return deviations @ rows.T @ inverse
