"""LeafNet: a small residual network for small image sets, trained on a CPU in about a minute.

Input 128 × 128, total stride 16, so the last maps are 8 × 8. `features` ends in a ReLU and
everything after it is a global average and one linear layer: split there, the head is linear and
importances have a closed form.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

STRIDE = 16


@dataclass(frozen=True)
class LeafNetSettings:
    """`width` channels after the stem; each of the three later stages doubles them."""

    width: int = 16
    input_px: int = 128


class Block(nn.Module):
    """Two 3 × 3 convolutions and a shortcut; ReLU last (He et al. 2016, fig. 2)."""

    def __init__(self, n_in: int, n_out: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(n_in, n_out, 3, stride, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(n_out)
        self.conv2 = nn.Conv2d(n_out, n_out, 3, 1, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(n_out)
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or n_in != n_out:
            # Averaging before the 1 × 1 keeps every pixel in use; odd sizes round up, as in conv1.
            pool = nn.AvgPool2d(stride, ceil_mode=True) if stride != 1 else nn.Identity()
            conv = nn.Conv2d(n_in, n_out, 1, bias=False)
            self.shortcut = nn.Sequential(pool, conv, nn.BatchNorm2d(n_out))

    def forward(self, x: Tensor) -> Tensor:
        y = torch.relu(self.norm1(self.conv1(x)))
        out: Tensor = torch.relu(self.norm2(self.conv2(y)) + self.shortcut(x))
        return out


class LeafNet(nn.Module):
    """Residual network with named stages.

    Parameters
    ----------
    n_classes : int
        Number of outputs.
    width : int
        Channels after the stem; the last maps have 8 × `width`.

    Notes
    -----
    `features` maps normalised images (n, 3, h, w) to non-negative (n, 8·width, h/16, w/16);
    `pool` and `classifier` make logits (n, n_classes) of them.
    """

    def __init__(self, n_classes: int, width: int = LeafNetSettings.width) -> None:
        super().__init__()
        stem = nn.Sequential(
            nn.Conv2d(3, width, 5, 2, 2, bias=False), nn.BatchNorm2d(width), nn.ReLU()
        )
        self.features = nn.Sequential()
        self.features.add_module("stem", stem)
        self.features.add_module("stage1", Block(width, 2 * width, 2))
        self.features.add_module("stage2", Block(2 * width, 4 * width, 2))
        self.features.add_module("stage3", Block(4 * width, 8 * width, 2))
        self.features.add_module("stage4", Block(8 * width, 8 * width, 1))
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Linear(8 * width, n_classes)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.classifier(self.pool(self.features(x)).flatten(1))
        return logits
