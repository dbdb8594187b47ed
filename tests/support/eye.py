"""A small random network with the classifier's interface, its weights not even frozen."""

from __future__ import annotations

from types import SimpleNamespace

import torch
from torch import Tensor, nn


class Eye:
    """Pictures (n, 3, H, W) → maps of 8 channels → 4 logits."""

    def __init__(self, input_px: int) -> None:
        torch.manual_seed(0)
        self.body = nn.Sequential(
            nn.Conv2d(3, 16, 5, stride=2), nn.ReLU(), nn.Conv2d(16, 8, 3, stride=2), nn.ReLU()
        )
        self.top = nn.Linear(8, 4)
        self.device = torch.device("cpu")
        self.preprocessing = SimpleNamespace(input_px=input_px)

    def encode(self, x: Tensor) -> Tensor:
        """Maps (n, 8, h, w)."""
        answer: Tensor = self.body((x - 0.5) / 0.25)
        return answer

    def logits(self, x: Tensor) -> Tensor:
        """Logits (n, 4)."""
        answer: Tensor = self.top(self.encode(x).mean((2, 3)))
        return answer
