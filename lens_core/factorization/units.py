"""The trivial basis: single units of the layer, to compare concepts with.

The dictionary's rows are one-hot, a concept's value is the activation of its unit; so units go
through the same code as concepts everywhere.
"""

from __future__ import annotations

import torch
from torch import Tensor

from lens_core.factorization.base import Factorization


class Units(Factorization):
    """The r units that contribute most to a class on average.

    Parameters
    ----------
    n_concepts
        r; all units if the layer has fewer.
    relevance
        (d,) how much one unit of activation adds to the class's logit: with a linear head the
        class's row of weights.
    """

    def __init__(self, n_concepts: int, relevance: Tensor) -> None:
        super().__init__(min(n_concepts, len(relevance)))
        self.relevance = relevance
        self.units: tuple[int, ...] = ()

    def fit(self, activations: Tensor) -> Tensor:
        """Choose the units by mean(A) · relevance, the largest first; returns their activations."""
        contribution = activations.mean(0) * self.relevance.to(activations)
        order = torch.argsort(contribution, descending=True, stable=True)[: self.n_concepts]
        self.units = tuple(int(i) for i in order)
        rows = torch.zeros(self.n_concepts, activations.shape[1], device=activations.device)
        rows[torch.arange(self.n_concepts), order] = 1.0
        self._dictionary = rows
        return self.encode(activations)

    def encode(self, activations: Tensor) -> Tensor:
        """The chosen columns of A (n, d)."""
        return activations[:, list(self.units)]

    def encode_maps(self, maps: Tensor) -> Tensor:
        """The chosen channels of maps (n, d, h, w)."""
        return maps[:, list(self.units)]

    def restore(self, state: dict[str, Tensor]) -> None:
        """Take over a `state`, as if fitted."""
        super().restore(state)
        self.units = tuple(int(i) for i in self.dictionary.argmax(dim=1))
