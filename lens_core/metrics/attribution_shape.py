"""How simple maps are, whatever the model: complexity and sparseness of maps (n, H, W)."""

from __future__ import annotations

import torch
from torch import Tensor


def complexity(maps: Tensor) -> Tensor:
    """Entropy (n,) in nats of each map's share of magnitude a pixel (Bhatt et al., IJCAI 2020).

    0 for a single pixel, log(H · W) for a map that is the same everywhere; not a number for a map
    of zeros.
    """
    magnitude = maps.flatten(1).double().abs()
    shares = magnitude / magnitude.sum(1, keepdim=True)
    entropy: Tensor = torch.special.entr(shares).sum(1)
    return entropy


def sparseness(maps: Tensor) -> Tensor:
    """Gini index (n,) of magnitudes (Chalasani et al., ICML 2020, section 4).

    0 for a map that is the same everywhere, 1 − 1/(H · W) for a single pixel; not a number for a
    map of zeros.
    """
    ordered = maps.flatten(1).double().abs().sort(dim=1).values
    m = ordered.shape[1]
    number = torch.arange(1, m + 1, dtype=ordered.dtype, device=ordered.device)
    weighted = (ordered * number).sum(1) / ordered.sum(1)
    return 2 * weighted / m - (m + 1) / m
