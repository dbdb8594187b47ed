"""Importance of a concept by how the head does with random others."""

from __future__ import annotations

import torch
from torch import Tensor

from lens_core.importance.masked import Head, masked_logits


def rise(
    head: Head,
    values: Tensor,
    dictionary: Tensor,
    nb_samples: int = 512,
    probability: float = 0.5,
    seed: int = 0,
    batch: int = 256,
) -> Tensor:
    """Mean logit over random masks that keep the concept: (n, r).

    RISE (Petsiuk et al., BMVC 2018, equation 6) with whole concepts kept or dropped, divided by how
    often a concept was really kept. With a linear head and p = ½ it tends to b + ½ uᵀω + ½ u_i ω_i:
    a constant an image, that ranks nothing, is part of it.

    Parameters
    ----------
    probability
        That a concept is kept. Masks are drawn in pairs m and 1 − m where it is ½, which removes
        most of the noise.
    """
    if not 0 < probability < 1:
        raise ValueError(f"probability must lie between 0 and 1, not {probability}")
    r = values.shape[1]
    generator = torch.Generator().manual_seed(seed)
    if probability == 0.5:
        half = (torch.rand((nb_samples + 1) // 2, r, generator=generator) < 0.5).float()
        masks = torch.cat([half, 1 - half])[:nb_samples]
    else:
        masks = (torch.rand(nb_samples, r, generator=generator) < probability).float()
    masks = masks.to(values)
    logits = masked_logits(head, values, dictionary, masks, batch)
    return logits @ masks / masks.sum(0).clamp(min=1)
