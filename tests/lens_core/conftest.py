"""A classifier and photographs so small that building an atlas of them takes a second."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

FACTORY = '''
import torch
from torch import nn


class Tiny(nn.Module):
    """Counts red, green and blue in patches of 8 px; three further channels look at contrast."""

    preprocessing = {
        "input_px": 64, "resize_px": 64, "mean": [0.0, 0.0, 0.0], "std": [1.0, 1.0, 1.0]
    }
    class_names = ["red fox", "green", "blue"]

    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(3, 6, 8, stride=8), nn.ReLU())
        self.head = nn.Linear(6, 3)
        weight = torch.zeros(6, 3, 8, 8)
        for colour in range(3):
            weight[colour] = -0.5
            weight[colour, colour] = 1.0
            weight[3 + colour, colour, :4] = 1.0
            weight[3 + colour, colour, 4:] = -1.0
        with torch.no_grad():
            self.features[0].weight.copy_(weight / 64)
            self.features[0].bias.zero_()
            self.head.weight.copy_(torch.cat([10 * torch.eye(3), torch.ones(3, 3)], 1))
            self.head.bias.fill_(0.1)

    def forward(self, x):
        return self.head(self.features(x).mean((2, 3)))


class Bent(Tiny):
    """The same with a head that is not linear."""

    def forward(self, x):
        return torch.nn.functional.softplus(super().forward(x))


def tiny():
    return Tiny()


def bent():
    return Bent()


def nothing():
    return 7
'''


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> str:
    """SPEC of a classifier with three classes whose answers are known."""
    path = tmp_path_factory.mktemp("model") / "tiny.py"
    path.write_text(FACTORY, encoding="utf-8")
    return f"{path}:tiny"


@pytest.fixture(scope="session")
def tiny_images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folders Red_Fox, greens and blue with 16 pictures each; one of the greens is really red."""
    root = tmp_path_factory.mktemp("images")
    rng = np.random.default_rng(0)
    for colour, folder in enumerate(("Red_Fox", "greens", "blue")):
        (root / folder).mkdir()
        for number in range(16):
            pixels = rng.uniform(0, 90, (8, 8, 3))
            strong = colour if (folder, number) != ("greens", 3) else 0
            patches = rng.random((8, 8)) < rng.uniform(0.3, 0.9)
            pixels[patches, strong] = rng.uniform(180, 255, patches.sum())
            picture = Image.fromarray(pixels.astype(np.uint8)).resize(
                (96, 64), Image.Resampling.NEAREST
            )
            picture.save(root / folder / f"{number:02d}.png")
    return root
