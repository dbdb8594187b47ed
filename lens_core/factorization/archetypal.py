"""Archetypal analysis: concepts at the corners of the data, activations as mixtures of them."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from lens_core.factorization.base import Factorization, checked
from lens_core.factorization.simplex import minimise, simplex_code


class ArchetypalAnalysis(Factorization):
    """A ≈ U W with W = C A, where rows of U and of C are ≥ 0 and total 1.

    Archetypes lie on the hull of the activations; values are shares and read as percentages.

    Parameters
    ----------
    n_concepts
        r.
    max_iterations, tolerance
        Stop when an iteration lowers ‖A − U W‖² by less than `tolerance` of the activations'
        spread around their mean.
    seed
        Of the first archetype in the furthest-sum start.

    Attributes
    ----------
    coefficients
        C (r, n) of the last `fit`.

    Notes
    -----
    Cutler & Breiman, Technometrics 1994; start and alternating projected gradients as in Mørup &
    Hansen, Neurocomputing 2012, sections 2.1–2.2, with acceleration in place of line searches.
    """

    inner_iterations: ClassVar[int] = 20

    def __init__(
        self, n_concepts: int, max_iterations: int = 200, tolerance: float = 1e-6, seed: int = 0
    ) -> None:
        super().__init__(n_concepts)
        self.max_iterations = max_iterations
        self.tolerance = tolerance
        self.seed = seed
        self.coefficients: Tensor | None = None

    def fit(self, activations: Tensor) -> Tensor:
        """Find C and W of A (n, d); returns U (n, r)."""
        data = checked(activations, "ArchetypalAnalysis")
        # All shares total 1, so the origin is free: the mean conditions the problem best.
        a = data - data.mean(0)
        corners = _furthest_sum(a, self.n_concepts, self.seed)
        c = torch.nn.functional.one_hot(corners, len(a)).to(a)
        spread = float(torch.linalg.matrix_norm(a, 2)) ** 2
        total = float(a.double().square().sum())
        u: Tensor | None = None
        previous = float("inf")
        for iteration in range(1, self.max_iterations + 1):
            u = simplex_code(a, c @ a, start=u, max_iterations=self.inner_iterations)
            c = self._better_corners(a, u, c, spread)
            self.n_iterations = iteration
            error = float((a - u @ (c @ a)).double().square().sum())
            if previous - error < self.tolerance * total:
                break
            previous = error
        self.coefficients = c
        self._dictionary = c @ data
        return self.encode(data)

    def _better_corners(self, a: Tensor, u: Tensor, c: Tensor, spread: float) -> Tensor:
        gram, cross = u.T @ u, (u.T @ a) @ a.T
        steepness = float(torch.linalg.eigvalsh(gram.double())[-1]) * spread
        return minimise(
            lambda rows: gram @ ((rows @ a) @ a.T) - cross, steepness, c, self.inner_iterations
        )

    def encode(self, activations: Tensor) -> Tensor:
        """Shares (n, r) of the archetypes in the nearest mixture to each row."""
        return simplex_code(activations.to(self.dictionary), self.dictionary)


def _furthest_sum(a: Tensor, r: int, seed: int) -> Tensor:
    """Rows far from one another (r,): each maximises the sum of distances to those before."""
    generator = torch.Generator().manual_seed(seed)
    first = int(torch.randint(len(a), (1,), generator=generator))
    chosen: list[int] = []
    sums = (a - a[first]).norm(dim=1)
    # The random first point is a vantage point only, and is replaced in the last round.
    for step in range(r):
        if step == r - 1 and step:
            sums = sums - (a - a[first]).norm(dim=1)
        candidates = sums.clone()
        if len(chosen) < len(a):
            candidates[chosen] = -torch.inf
        row = int(candidates.argmax())
        chosen.append(row)
        sums = sums + (a - a[row]).norm(dim=1)
    return torch.tensor(chosen, device=a.device)
