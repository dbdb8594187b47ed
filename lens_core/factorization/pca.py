"""Principal component analysis."""

from __future__ import annotations

from torch import Tensor

from lens_core.factorization.centred import Centred
from lens_core.factorization.linear_algebra import accurate_svd


class PCA(Centred):
    """The mean and the r − 1 orthogonal directions of largest variance, the largest first.

    Parameters
    ----------
    n_concepts
        r, the mean included.
    seed
        Of the range finder that large matrices need.

    Notes
    -----
    Hotelling, J. Educ. Psychol. 1933. As a source of concepts: Fel et al., NeurIPS 2023
    (arXiv 2306.07304), section 3.
    """

    def __init__(self, n_concepts: int, seed: int = 0) -> None:
        super().__init__(n_concepts)
        self.seed = seed

    def directions(self, deviations: Tensor, n_directions: int) -> Tensor:
        """The leading right singular vectors of A − μ."""
        _, singular, right = accurate_svd(deviations, n_directions, self.seed)
        floor = singular[0] * max(deviations.shape) * 1e-7
        return right[singular > floor]
