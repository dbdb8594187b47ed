"""Importances from gradients with respect to concept values.

A concept's gradient is that of raising it everywhere alike: g_i = Σ_xy ∂f/∂u_i(x, y). With a linear
head g = ω, so that Saliency = SmoothGrad = ω, SquareGrad = ω², VarGrad = 0 and integrated
gradients from 0 are u ⊙ ω. All return (n, r), signed unless squared.
"""

from __future__ import annotations

import torch
from torch import Tensor

from lens_core.importance.masked import Head


def saliency(head: Head, values: Tensor, dictionary: Tensor) -> Tensor:
    """g at the values themselves, signed (Simonyan et al., 2014, arXiv 1312.6034)."""
    return _pooled(gradients(head, values, dictionary))


def gradient_input(head: Head, values: Tensor, dictionary: Tensor) -> tuple[Tensor, Tensor]:
    """u ⊙ gradient, summed over positions (Shrikumar et al., 2017, arXiv 1605.01713).

    Returns
    -------
    contributions (n, r) and the logit of empty maps (n,). Contributions add up to the logit only
    where the head is linear; the remainder is a residual that callers must show.
    """
    contributions = _pooled(values.detach() * gradients(head, values, dictionary))
    with torch.no_grad():
        empty = head(values.new_zeros(len(values), dictionary.shape[1], *values.shape[2:]))
    return contributions, empty


def integrated_gradients(
    head: Head, values: Tensor, dictionary: Tensor, nb_steps: int = 32
) -> Tensor:
    """u ⊙ mean of the gradient on the way from no concept to all (Sundararajan et al., ICML 2017).

    Midpoints of `nb_steps` equal parts, which is exact for heads up to quadratic ones. Adds up to
    f(all) − f(none) but for that approximation.
    """
    total = torch.zeros_like(values)
    for step in range(nb_steps):
        total += gradients(head, values * ((step + 0.5) / nb_steps), dictionary)
    return _pooled(values * total / nb_steps)


def smooth_grad(
    head: Head,
    values: Tensor,
    dictionary: Tensor,
    nb_samples: int = 50,
    noise: float = 0.1,
    seed: int = 0,
) -> Tensor:
    """Mean gradient under noise (Smilkov et al., 2017, arXiv 1706.03825).

    Parameters
    ----------
    noise
        Standard deviation as a share of the largest value of each image.
    """
    return _moments(head, values, dictionary, nb_samples, noise, seed)[0]


def square_grad(
    head: Head,
    values: Tensor,
    dictionary: Tensor,
    nb_samples: int = 50,
    noise: float = 0.1,
    seed: int = 0,
) -> Tensor:
    """Mean squared gradient under noise (Hooker et al., NeurIPS 2019). Without sign."""
    mean, variance = _moments(head, values, dictionary, nb_samples, noise, seed)
    return mean.square() + variance * (nb_samples - 1) / nb_samples


def var_grad(
    head: Head,
    values: Tensor,
    dictionary: Tensor,
    nb_samples: int = 50,
    noise: float = 0.1,
    seed: int = 0,
) -> Tensor:
    """Variance of the gradient under noise (Adebayo et al., NeurIPS 2018). Without sign.

    It measures how the head bends: where the head is linear in a concept it is 0, however much the
    concept matters.
    """
    return _moments(head, values, dictionary, nb_samples, noise, seed)[1]


def gradients(head: Head, values: Tensor, dictionary: Tensor) -> Tensor:
    """∂f/∂u, shaped as the values."""
    values = values.detach().requires_grad_()
    with torch.enable_grad():
        activations = torch.einsum("nr...,rd->nd...", values, dictionary)
        (gradient,) = torch.autograd.grad(head(activations).sum(), values)
    return gradient


def _pooled(spatial: Tensor) -> Tensor:
    return spatial.flatten(2).sum(2) if spatial.ndim > 2 else spatial


def _moments(
    head: Head, values: Tensor, dictionary: Tensor, nb_samples: int, noise: float, seed: int
) -> tuple[Tensor, Tensor]:
    """Mean and unbiased variance (n, r) of g, in one pass (Welford), so memory stays the same."""
    if nb_samples < 2:
        raise ValueError(f"nb_samples must be at least 2, not {nb_samples}")
    generator = torch.Generator().manual_seed(seed)
    largest = values.flatten(1).abs().amax(1).view(-1, *[1] * (values.ndim - 1))
    mean = torch.zeros_like(_pooled(values))
    squares = torch.zeros_like(mean)
    for count in range(1, nb_samples + 1):
        draw = torch.randn(values.shape, generator=generator).to(values)
        gradient = _pooled(gradients(head, values + noise * largest * draw, dictionary))
        away = gradient - mean
        mean = mean + away / count
        squares = squares + away * (gradient - mean)
    return mean, squares / (nb_samples - 1)
