"""The one interface of all ways to find concepts in activations.

Notation: A (n × d) activations, U (n × r) concept values, W (r × d) dictionary, A ≈ U W.
"""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from typing import ClassVar

import torch
from torch import Tensor

from lens_core.factorization.nnls import nnls

Option = int | float | str | bool | Tensor | None
"""What a method may be told when it is made: all of it can be saved without pickling."""


class Factorization(ABC):
    """Finds a dictionary W for activations A and codes activations in it.

    A subclass keeps each parameter of its constructor in an attribute of the same name, so that
    `options` can tell them, and says in `state` what else `encode` needs.

    Attributes
    ----------
    non_negative
        Whether concept values are never below 0. Where they can be, so can maps of them.
    n_concepts
        r, the number of rows of the dictionary.
    n_iterations
        How many the last `fit` took; None where nothing is iterated.
    """

    non_negative: ClassVar[bool] = True

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
        return nnls(activations.to(self.dictionary), self.dictionary)

    def encode_maps(self, maps: Tensor) -> Tensor:
        """Concept values of every position by itself: maps (n, d, h, w) → (n, r, h, w)."""
        n, d, h, w = maps.shape
        values = self.encode(maps.permute(0, 2, 3, 1).reshape(-1, d))
        return values.view(n, h, w, -1).permute(0, 3, 1, 2).contiguous()

    def decode(self, values: Tensor) -> Tensor:
        """Â (n, d) = U W, whatever the method."""
        return values @ self.dictionary

    @property
    def options(self) -> dict[str, Option]:
        """What the constructor was given."""
        names = list(inspect.signature(type(self).__init__).parameters)[1:]
        return {name: getattr(self, name) for name in names}

    @property
    def state(self) -> dict[str, Tensor]:
        """What `fit` has learned: the dictionary, and all else that `encode` needs."""
        return {"dictionary": self.dictionary}

    def restore(self, state: dict[str, Tensor]) -> None:
        """Take over a `state`, as if fitted."""
        self._dictionary = state["dictionary"]


def checked(activations: Tensor, method: str, non_negative: bool = False) -> Tensor:
    """A (n, d) in float32, or float64 if it is that, refused where it cannot be factorized.

    Raises
    ------
    ValueError
        Not a matrix with at least one row, or values that are not finite, or negative ones where
        the method takes none.
    """
    if activations.ndim != 2 or 0 in activations.shape:
        shape = tuple(activations.shape)
        raise ValueError(f"{method} needs a matrix (n, d) that is not empty, not shape {shape}")
    a = activations if activations.dtype == torch.float64 else activations.float()
    low, high = a.aminmax()  # one pass, and a value that is no number is both
    if not (torch.isfinite(low) and torch.isfinite(high)) or (non_negative and bool(low < 0)):
        wanted = "finite, non-negative" if non_negative else "finite"
        raise ValueError(f"{method} needs {wanted} activations")
    return a


def unit_rows(dictionary: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
    """W with rows of length 1 and the U that keeps U W; rows of 0 stay as they are."""
    norms = dictionary.norm(dim=1)
    norms = torch.where(norms > 0, norms, torch.ones_like(norms))
    return dictionary / norms[:, None], values * norms


def relative_error(activations: Tensor, reconstruction: Tensor) -> float:
    """‖A − Â‖ / ‖A‖ over all rows; 0 where A is 0."""
    norm = float(activations.norm())
    return float((activations - reconstruction).norm()) / norm if norm else 0.0
