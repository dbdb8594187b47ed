"""Models with statistics as if trained, and how far two of them are apart."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def lived(model: nn.Module, seed: int = 0) -> nn.Module:
    """Give the batch norms statistics as if trained: fresh ones would make folding trivial."""
    generator = torch.Generator().manual_seed(seed)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            for tensor, low in (
                (module.running_mean, -0.5),
                (module.running_var, 0.5),
                (module.weight, 0.5),
                (module.bias, -0.5),
            ):
                assert tensor is not None
                tensor.data = low + torch.rand(tensor.shape, generator=generator)
    return model.eval()


def worst(model: nn.Module, other: nn.Module, x: Tensor) -> float:
    """Largest difference of the answers, relative to the largest answer."""
    with torch.no_grad():
        a, b = model(x), other(x)
    return float((a - b).abs().max() / a.abs().max())
