"""The one interface of all ways to find concepts in activations.

Notation: A (n × d) activations, U (n × r) concept values, W (r × d) dictionary, A ≈ U W.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor

from lens_core.factorization.nnls import nnls


class Factorization(ABC):
    """Finds a dictionary W for activations A and codes activations in it.

    Attributes
    ----------
    n_concepts
        r, the number of rows of the dictionary.
    n_iterations
        How many the last `fit` took; None where nothing is iterated.
    """

    def __init__(self, n_concepts: int) -> None:
        if n_concepts < 1:
            raise ValueError(f"n_concepts must be at least 1, not {n_concepts}")
        self.n_concepts = n_concepts
        self.n_iterations: int | None = None
        self._dictionary: Tensor | None = None

    @abstractmethod
    def fit(self, activations: Tensor) -> Tensor:
        """Find the dictionary of A (n, d); returns U (n, r) of the same rows."""

    @property
    def dictionary(self) -> Tensor:
        """W (r, d)."""
        if self._dictionary is None:
            raise RuntimeError("there is no dictionary before fit()")
        return self._dictionary

    def encode(self, activations: Tensor) -> Tensor:
        """U (n, r) of A (n, d): by default the best non-negative code."""
        return nnls(activations, self.dictionary)

    def decode(self, values: Tensor) -> Tensor:
        """Â (n, d) = U W."""
        return values @ self.dictionary


def relative_error(activations: Tensor, reconstruction: Tensor) -> float:
    """‖A − Â‖ / ‖A‖ over all rows; 0 where A is 0."""
    norm = float(activations.norm())
    return float((activations - reconstruction).norm()) / norm if norm else 0.0
