"""Dictionary learning with an ℓ1 penalty, by scikit-learn."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from lens_core.factorization.base import Factorization, checked, unit_rows


class DictionaryLearning(Factorization):
    """½‖a − u W‖² + α‖u‖₁ with u ≥ 0 and rows of W of length 1, W of any sign.

    Parameters
    ----------
    n_concepts
        r.
    alpha
        α for activations scaled to a mean length of 1, so that it means the same for every layer.
    batch
        Rows in one step of the online algorithm.
    max_iterations, tolerance
        As scikit-learn's `max_iter` (passes over the data) and `tol`.
    seed
        Of its start and of the order of rows.

    Notes
    -----
    Mairal et al., ICML 2009, as `sklearn.decomposition.MiniBatchDictionaryLearning` has it. Runs
    on the CPU. Codes are found by coordinate descent, from zero, so that `encode` needs no seed.
    """

    def __init__(
        self,
        n_concepts: int,
        alpha: float = 0.05,
        batch: int = 256,
        max_iterations: int = 50,
        tolerance: float = 1e-3,
        seed: int = 0,
    ) -> None:
        super().__init__(n_concepts)
        self.alpha = alpha
        self.batch = batch
        self.max_iterations = max_iterations
        self.tolerance = tolerance
        self.seed = seed
        self._scale: Tensor | None = None

    def fit(self, activations: Tensor) -> Tensor:
        """Find W of A (n, d); returns U (n, r) ≥ 0."""
        from sklearn.decomposition import MiniBatchDictionaryLearning

        a = checked(activations, "DictionaryLearning")
        length = a.norm(dim=1).mean()
        self._scale = length if float(length) > 0 else torch.ones_like(length)
        peer = MiniBatchDictionaryLearning(
            self.n_concepts,
            alpha=self.alpha,
            batch_size=min(self.batch, len(a)),
            max_iter=self.max_iterations,
            tol=self.tolerance,
            fit_algorithm="cd",
            transform_algorithm="lasso_cd",
            positive_code=True,
            random_state=self.seed,
        )
        peer.fit((a / self._scale).double().cpu().numpy())
        self.n_iterations = int(peer.n_iter_)
        rows = torch.from_numpy(np.asarray(peer.components_)).to(a)
        self._dictionary, _ = unit_rows(rows, rows.new_ones(1, len(rows)))
        return self.encode(a)

    def encode(self, activations: Tensor) -> Tensor:
        """The penalised non-negative code, in units of the activations."""
        from sklearn.decomposition import sparse_encode

        state = self.state
        a = activations.to(self.dictionary)
        codes = sparse_encode(
            (a / state["scale"]).double().cpu().numpy(),
            self.dictionary.double().cpu().numpy(),
            algorithm="lasso_cd",
            alpha=self.alpha,
            max_iter=1000,
            positive=True,
        )
        return torch.from_numpy(np.asarray(codes)).to(a) * state["scale"]

    @property
    def state(self) -> dict[str, Tensor]:
        """The dictionary and the length that activations are scaled by."""
        if self._scale is None:
            raise RuntimeError("there is no dictionary before fit()")
        return {**super().state, "scale": self._scale}

    def restore(self, state: dict[str, Tensor]) -> None:
        """Take over a `state`, as if fitted."""
        super().restore(state)
        self._scale = state["scale"]
