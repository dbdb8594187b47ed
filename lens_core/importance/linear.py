"""Exact importances where the logit is linear in concept values.

With y = uᵀω + b and ω = W w_c, gradient×input, integrated gradients from 0 and occlusion all equal
u ⊙ ω, and the Sobol total indices are (u_i ω_i)² / Σ_j (u_j ω_j)².
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from lens_core.atlas import LensError


@dataclass(frozen=True)
class Shares:
    """What makes up the logits of a class, as signed shares that total 1 (LENS importance).

    Attributes
    ----------
    concepts
        (r,): Σ_x u_i(x) ω_i / Σ_x logit(x).
    bias
        The head's bias, or the logit of empty maps where the head is not linear.
    residual
        What the concepts leave unexplained.
    """

    concepts: Tensor
    bias: float
    residual: float

    @classmethod
    def of(cls, contributions: Tensor, logits: Tensor, bias: Tensor) -> Shares:
        """From contributions (n, r), logits (n,) and biases (n,) of the images of a class.

        Raises
        ------
        LensError
            The logits do not total more than 0, so that shares of them mean nothing.
        """
        total = float(logits.double().sum())
        if not total > 0:
            raise LensError(
                f"the logits of the images average {total / max(len(logits), 1):.3g}, and shares "
                "of a total that is not positive mean nothing: use --select predicted, or leave "
                "the class out with --classes"
            )
        concepts = contributions.double().sum(0) / total
        share_of_bias = float(bias.double().sum()) / total
        residual = 1.0 - share_of_bias - float(concepts.sum())
        return cls(concepts, share_of_bias, residual)


def sobol_of_contributions(contributions: Tensor) -> Tensor:
    """Sobol total indices (n, r) of a linear logit, from contributions u ⊙ ω (n, r).

    Each mask value enters with the same variance, so an index is the concept's part of the sum of
    squares. Rows whose contributions are all 0 have indices 0.
    """
    squares = contributions.double().square()
    total = squares.sum(dim=1, keepdim=True)
    return squares / total.masked_fill(total == 0, 1.0)


def sobol_closed_form(values: Tensor, omega: Tensor) -> Tensor:
    """Sobol total indices (n, r) for concept values U (n, r) and ω (r,)."""
    return sobol_of_contributions(values * omega)
