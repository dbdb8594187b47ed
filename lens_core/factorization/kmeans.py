"""K-Means: each row of activations is one concept, and no other."""

from __future__ import annotations

import torch
from torch import Tensor

from lens_core.factorization.base import Factorization, checked


class KMeans(Factorization):
    """Centres as dictionary and one-hot values: U W is the nearest centre of each row.

    Distances to centres, which other code hands out as values, would rebuild nothing.

    Parameters
    ----------
    n_concepts
        r. With fewer distinct rows, some centres coincide with rows of others and stay empty.
    max_iterations
        Of Lloyd's algorithm (IEEE Trans. Inf. Theory 1982) from each start.
    n_starts
        The best of so many k-means++ starts is kept (Arthur & Vassilvitskii, SODA 2007).
    seed
        Of the starts.
    """

    def __init__(
        self, n_concepts: int, max_iterations: int = 300, n_starts: int = 4, seed: int = 0
    ) -> None:
        super().__init__(n_concepts)
        self.max_iterations = max_iterations
        self.n_starts = n_starts
        self.seed = seed

    def fit(self, activations: Tensor) -> Tensor:
        """Find the centres of A (n, d), the most used first; returns one-hot U (n, r)."""
        a = checked(activations, "KMeans")
        generator = torch.Generator().manual_seed(self.seed)
        best: tuple[float, Tensor, int] | None = None
        for _ in range(self.n_starts):
            found = self._lloyd(a, _plus_plus(a, self.n_concepts, generator))
            if best is None or found[0] < best[0]:
                best = found
        assert best is not None
        _, centres, self.n_iterations = best
        counts = torch.bincount(nearest(a, centres)[0], minlength=self.n_concepts)
        self._dictionary = centres[counts.argsort(descending=True, stable=True)]
        return self.encode(a)

    def encode(self, activations: Tensor) -> Tensor:
        """One-hot rows; the first of equally near centres."""
        a = activations.to(self.dictionary)
        labels, _ = nearest(a, self.dictionary)
        return torch.nn.functional.one_hot(labels, self.n_concepts).to(a.dtype)

    def _lloyd(self, a: Tensor, centres: Tensor) -> tuple[float, Tensor, int]:
        """Sum of squared distances, centres and iterations."""
        labels, squares = nearest(a, centres)
        rounds = 0
        for _ in range(self.max_iterations):
            rounds += 1
            members = torch.nn.functional.one_hot(labels, len(centres)).to(a.dtype)
            counts = members.sum(0)
            means = (members.T @ a) / counts.clamp(min=1)[:, None]
            centres = torch.where(counts[:, None] > 0, means, centres)
            for empty, far in zip(
                (counts == 0).nonzero()[:, 0].tolist(),
                squares.argsort(descending=True, stable=True).tolist(),
                strict=False,
            ):
                centres[empty] = a[far]
            previous = labels
            labels, squares = nearest(a, centres)
            if torch.equal(labels, previous):
                break
        return float(squares.double().sum()), centres, rounds


def nearest(a: Tensor, centres: Tensor) -> tuple[Tensor, Tensor]:
    """Index of and squared distance to the nearest centre of each row of A (n, d)."""
    squares = (
        a.square().sum(1, keepdim=True) - 2 * a @ centres.T + centres.square().sum(1)
    ).clamp_(min=0)
    smallest = squares.min(dim=1)
    return smallest.indices, smallest.values


def _plus_plus(a: Tensor, r: int, generator: torch.Generator) -> Tensor:
    """Rows of A (r, d), each drawn with a probability that grows with the squared distance."""
    chosen = [int(torch.randint(len(a), (1,), generator=generator))]
    squares = (a - a[chosen[0]]).square().sum(1)
    for _ in range(r - 1):
        weights = squares.double().cpu()
        if float(weights.sum()) <= 0:
            weights = torch.ones_like(weights)
        row = int(torch.multinomial(weights, 1, generator=generator))
        chosen.append(row)
        squares = torch.minimum(squares, (a - a[row]).square().sum(1))
    return a[chosen].clone()
