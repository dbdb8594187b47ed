"""Patches of known colours and a model with a channel for each, so that concepts are known.

Patches are black, white or of their class's colour: one colour a class, and white, which red foxes
and blue have and green has not.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

MODEL = '''
import torch
from torch import nn


class Colours(nn.Module):
    """Channels: red, green, blue, white, and one that never answers."""

    preprocessing = {
        "input_px": 64, "resize_px": 64, "mean": [0.0, 0.0, 0.0], "std": [1.0, 1.0, 1.0]
    }
    class_names = ["red fox", "green", "blue"]

    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(3, 5, 8, stride=8), nn.ReLU())
        self.head = nn.Linear(5, 3)
        weight = torch.tensor([[1, -1, -1], [-1, 1, -1], [-1, -1, 1], [1, 1, 1], [0, 0, 0]])
        with torch.no_grad():
            self.features[0].weight.copy_(weight[:, :, None, None].expand(5, 3, 8, 8) / 64)
            self.features[0].bias.copy_(torch.tensor([0, 0, 0, -2, -1]))
            self.head.weight.zero_()
            self.head.weight[:, :3] = 10 * torch.eye(3)
            self.head.weight[0, 3] = self.head.weight[2, 3] = 5
            self.head.bias.fill_(0.2)

    def forward(self, x):
        return self.head(self.features(x).mean((2, 3)))


class Bent(Colours):
    def forward(self, x):
        return torch.nn.functional.softplus(super().forward(x))


def make():
    return Colours()


def bent():
    return Bent()
'''

PALETTE = {"Red_Fox": (255, 0, 0), "greens": (0, 255, 0), "blue": (0, 0, 255)}


def draw_patches(root: Path) -> None:
    """Folders Red_Fox and blue with 12 pictures of 4 × 4 patches, greens with 8."""
    rng = np.random.default_rng(0)
    for folder, colour in PALETTE.items():
        (root / folder).mkdir()
        others = [(0, 0, 0)] if folder == "greens" else [(0, 0, 0), (255, 255, 255)]
        palette = np.array([colour, *others], np.uint8)
        for number in range(8 if folder == "greens" else 12):
            odds = [0.4] + [0.6 / len(others)] * len(others)
            pixels = palette[rng.choice(len(palette), size=(4, 4), p=odds)]
            picture = Image.fromarray(pixels).resize((64, 64), Image.Resampling.NEAREST)
            picture.save(root / folder / f"{number:02d}.png")
