"""Gradient×input on concepts, for heads that are not linear."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


def gradient_input(
    logit: Callable[[Tensor], Tensor], values: Tensor, dictionary: Tensor
) -> tuple[Tensor, Tensor]:
    """Contributions of concepts to one logit by values ⊙ gradient, summed over positions.

    Parameters
    ----------
    logit
        Maps (n, d, h, w) → the class's logit (n,).
    values
        Spatial concept values (n, r, h, w).
    dictionary
        W (r, d).

    Returns
    -------
    contributions (n, r) and the logit of empty maps (n,), the part that no concept carries.
    Contributions add up to the logit only where the head is linear; the remainder is a residual
    that callers must show.
    """
    values = values.detach().requires_grad_(True)
    with torch.enable_grad():
        maps = torch.einsum("nrhw,rd->ndhw", values, dictionary)
        (gradient,) = torch.autograd.grad(logit(maps).sum(), values)
    with torch.no_grad():
        empty = logit(torch.zeros_like(maps))
    return (values.detach() * gradient).sum(dim=(2, 3)), empty
