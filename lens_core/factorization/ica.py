"""Independent component analysis: directions along which activations are least Gaussian."""

from __future__ import annotations

import torch
from torch import Tensor

from lens_core.factorization.centred import Centred
from lens_core.factorization.linear_algebra import accurate_svd


class ICA(Centred):
    """The mean and the r − 1 columns of the mixing matrix, by FastICA.

    The dictionary holds what sources add to activations (the mixing matrix), not the filters that
    extract sources (the unmixing matrix): only the former rebuilds A.

    Parameters
    ----------
    n_concepts
        r, the mean included.
    max_iterations, tolerance
        Stop when no direction turns by more than this: 1 − |cosine|.
    seed
        Of the first rotation.

    Notes
    -----
    Hyvärinen & Oja, Neural Networks 2000, section 6: symmetric decorrelation, contrast log cosh.
    """

    def __init__(
        self, n_concepts: int, max_iterations: int = 500, tolerance: float = 1e-6, seed: int = 0
    ) -> None:
        super().__init__(n_concepts)
        self.max_iterations = max_iterations
        self.tolerance = tolerance
        self.seed = seed

    def directions(self, deviations: Tensor, n_directions: int) -> Tensor:
        """Columns of the mixing matrix of A − μ, those of most variance first."""
        left, singular, right = accurate_svd(deviations, n_directions, self.seed)
        kept = singular > singular[0] * max(deviations.shape) * 1e-7
        n, k = len(deviations), int(kept.sum())
        if k == 0:
            return right[:0]
        white = left[:, kept].double() * n**0.5
        rotation = self._rotation(white, k)
        mixing: Tensor = rotation @ (singular[kept, None].double() * right[kept].double()) / n**0.5
        order = mixing.norm(dim=1).argsort(descending=True, stable=True)
        return mixing[order].to(deviations)

    def _rotation(self, white: Tensor, k: int) -> Tensor:
        """Orthogonal (k, k), sources are white @ rotationᵀ; white (n, k) has unit covariance."""
        generator = torch.Generator().manual_seed(self.seed)
        first = torch.randn(k, k, generator=generator, dtype=torch.float64).to(white)
        rotation = _orthogonal(first)
        for iteration in range(1, self.max_iterations + 1):
            slope = torch.tanh(white @ rotation.T)
            curvature = (1 - slope.square()).mean(0)
            turned = _orthogonal(slope.T @ white / len(white) - curvature[:, None] * rotation)
            moved = float((1 - (turned * rotation).sum(1).abs()).abs().max())
            rotation = turned
            self.n_iterations = iteration
            if moved < self.tolerance:
                break
        return rotation


def _orthogonal(matrix: Tensor) -> Tensor:
    """(M Mᵀ)^−½ M: the orthogonal matrix nearest to M."""
    left, _, right = torch.linalg.svd(matrix)
    nearest: Tensor = left @ right
    return nearest
