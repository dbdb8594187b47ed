"""Sparse principal components, by scikit-learn."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from lens_core.factorization.centred import Centred


class SparsePCA(Centred):
    """The mean and r − 1 directions that each involve few units.

    Parameters
    ----------
    n_concepts
        r, the mean included.
    alpha
        Weight of the absolute values of the directions; more is sparser.
    ridge
        Of the regression that finds values along directions that are not orthogonal.
    max_iterations, tolerance
        As scikit-learn's `max_iter` and `tol`.
    seed
        Of its start.

    Notes
    -----
    Zou, Hastie & Tibshirani, J. Comput. Graph. Stat. 2006, as `sklearn.decomposition.SparsePCA`
    solves it (dictionary learning with the roles exchanged; Mairal et al., ICML 2009). Runs on the
    CPU. Directions that the penalty empties are rows of 0.
    """

    def __init__(
        self,
        n_concepts: int,
        alpha: float = 1.0,
        ridge: float = 0.01,
        max_iterations: int = 200,
        tolerance: float = 1e-6,
        seed: int = 0,
    ) -> None:
        super().__init__(n_concepts)
        self.alpha = alpha
        self.ridge = ridge
        self.max_iterations = max_iterations
        self.tolerance = tolerance
        self.seed = seed

    def directions(self, deviations: Tensor, n_directions: int) -> Tensor:
        """Components as scikit-learn orders them."""
        from sklearn.decomposition import SparsePCA as Peer

        peer = Peer(
            n_directions,
            alpha=self.alpha,
            ridge_alpha=self.ridge,
            max_iter=self.max_iterations,
            tol=self.tolerance,
            random_state=self.seed,
        )
        peer.fit(deviations.double().cpu().numpy())
        self.n_iterations = int(peer.n_iter_)
        return torch.from_numpy(np.asarray(peer.components_)).to(deviations)
