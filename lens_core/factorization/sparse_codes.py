"""The sparse autoencoders: four ways to make values sparse."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from lens_core.factorization.sparse_autoencoder import SparseAutoencoder

_FIRST_THRESHOLD = 0.01
_MEMORY = 0.99


class VanillaSAE(SparseAutoencoder):
    """ReLU with a penalty on the total of values (Bricken et al., Transformer Circuits 2023).

    Parameters
    ----------
    sparsity
        Weight of mean ‖u‖₁, for activations scaled to a mean length of 1.
    n_concepts, steps, batch, learning_rate, seed
        See `SparseAutoencoder`.
    """

    def __init__(
        self,
        n_concepts: int,
        sparsity: float = 0.02,
        steps: int = 2000,
        batch: int = 512,
        learning_rate: float = 1e-3,
        seed: int = 0,
    ) -> None:
        super().__init__(n_concepts, steps, batch, learning_rate, seed)
        self.sparsity = sparsity

    def activate(self, pre: Tensor, learned: dict[str, Tensor]) -> Tensor:
        """The positive part."""
        return pre.relu()

    def activate_batch(self, pre: Tensor, learned: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        """With the ℓ1 penalty."""
        u = pre.relu()
        return u, self.sparsity * u.sum(1).mean()


class TopKSAE(SparseAutoencoder):
    """The k largest values of each row (Gao et al., 2024, arXiv 2406.04093, section 2.3).

    Parameters
    ----------
    k
        Values kept, those that are positive.
    n_concepts, steps, batch, learning_rate, seed
        See `SparseAutoencoder`.
    """

    def __init__(
        self,
        n_concepts: int,
        k: int = 4,
        steps: int = 2000,
        batch: int = 512,
        learning_rate: float = 1e-3,
        seed: int = 0,
    ) -> None:
        super().__init__(n_concepts, steps, batch, learning_rate, seed)
        self.k = _checked_k(k, n_concepts)

    def activate(self, pre: Tensor, learned: dict[str, Tensor]) -> Tensor:
        """All but the k largest of each row set to 0."""
        largest = pre.topk(self.k, dim=1)
        return torch.zeros_like(pre).scatter(1, largest.indices, largest.values.relu())


class BatchTopKSAE(SparseAutoencoder):
    """k values a row on average (Bussmann et al., 2024, arXiv 2412.06410).

    While training, the n·k largest values of a batch of n rows are kept. Afterwards a row must not
    depend on its neighbours: values above a threshold are kept, the running mean of the smallest
    value kept in training. The threshold is part of what is saved.

    Parameters
    ----------
    k
        Values kept a row, on average.
    n_concepts, steps, batch, learning_rate, seed
        See `SparseAutoencoder`.
    """

    def __init__(
        self,
        n_concepts: int,
        k: int = 4,
        steps: int = 2000,
        batch: int = 512,
        learning_rate: float = 1e-3,
        seed: int = 0,
    ) -> None:
        super().__init__(n_concepts, steps, batch, learning_rate, seed)
        self.k = _checked_k(k, n_concepts)

    def extra(self, like: Tensor) -> dict[str, Tensor]:
        """The threshold, not a number until the first batch."""
        return {"threshold": like.new_full((), math.nan)}

    def activate(self, pre: Tensor, learned: dict[str, Tensor]) -> Tensor:
        """Values from the threshold on."""
        u = pre.relu()
        return u * (u >= learned["threshold"])

    def activate_batch(self, pre: Tensor, learned: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        """The n·k largest of the batch; moves the threshold."""
        u = pre.relu()
        largest = u.flatten().topk(self.k * len(u))
        kept = torch.zeros_like(u).flatten().scatter(0, largest.indices, largest.values)
        positive = largest.values.detach()
        positive = positive[positive > 0]
        if len(positive):
            threshold, smallest = learned["threshold"], positive[-1]
            moved = _MEMORY * threshold + (1 - _MEMORY) * smallest
            learned["threshold"] = torch.where(threshold.isnan(), smallest, moved)
        return kept.view_as(u), pre.new_zeros(())


class JumpReLUSAE(SparseAutoencoder):
    """A learned threshold for each concept (Rajamanoharan et al., 2024, arXiv 2407.14435).

    u = z where z > θ, else 0, penalised by the number of values that are not 0. Both steps have no
    useful derivative with respect to θ; straight-through estimates with a rectangular window take
    its place (section 3 there), and θ = exp of what is trained.

    Parameters
    ----------
    sparsity
        Weight of mean ‖u‖₀, for activations scaled to a mean length of 1.
    bandwidth
        Width of the window around θ.
    n_concepts, steps, batch, learning_rate, seed
        See `SparseAutoencoder`.
    """

    def __init__(
        self,
        n_concepts: int,
        sparsity: float = 0.02,
        bandwidth: float = 0.2,
        steps: int = 2000,
        batch: int = 512,
        learning_rate: float = 1e-3,
        seed: int = 0,
    ) -> None:
        super().__init__(n_concepts, steps, batch, learning_rate, seed)
        self.sparsity = sparsity
        self.bandwidth = bandwidth

    def extra(self, like: Tensor) -> dict[str, Tensor]:
        """Logarithms of the thresholds."""
        first = like.new_full((self.n_concepts,), math.log(_FIRST_THRESHOLD))
        return {"log_threshold": first.requires_grad_()}

    def activate(self, pre: Tensor, learned: dict[str, Tensor]) -> Tensor:
        """Values above their concept's threshold."""
        return pre * (pre > learned["log_threshold"].exp())

    def activate_batch(self, pre: Tensor, learned: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        """With the penalty on the number of values above."""
        threshold = learned["log_threshold"].exp()
        open_gates: Tensor = _Gate.apply(pre, threshold, self.bandwidth)
        u = pre.detach() * open_gates + (pre - pre.detach()) * open_gates.detach()
        return u, self.sparsity * open_gates.sum(1).mean()


class _Gate(torch.autograd.Function):
    """H(z − θ), with −K((z − θ)/ε)/ε as derivative with respect to θ and 0 for z."""

    @staticmethod
    def forward(ctx: Any, pre: Tensor, threshold: Tensor, bandwidth: float) -> Tensor:
        ctx.save_for_backward(pre, threshold)
        ctx.bandwidth = bandwidth
        return (pre > threshold).to(pre.dtype)

    @staticmethod
    def backward(ctx: Any, *cotangents: Tensor) -> tuple[None, Tensor, None]:
        pre, threshold = ctx.saved_tensors
        window = ((pre - threshold).abs() <= ctx.bandwidth / 2).to(pre.dtype)
        return None, -(window * cotangents[0]).sum(0) / ctx.bandwidth, None


def _checked_k(k: int, n_concepts: int) -> int:
    if not 1 <= k <= n_concepts:
        raise ValueError(f"k must be from 1 to n_concepts ({n_concepts}), not {k}")
    return k
