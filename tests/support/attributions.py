"""Attribution methods with few samples, and a model that looks at one patch alone."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from lens_core.attribution import ATTRIBUTIONS, Attribution, attribution
from lens_core.attribution.gradients import IntegratedGradients
from lens_core.attribution.noise import SmoothGrad, SquareGrad, VarGrad
from lens_core.attribution.rise import Rise
from lens_core.attribution.sensitivity import Hsic, Sobol
from lens_core.attribution.surrogates import KernelShap, Lime
from lens_core.classifier import Classifier, Preprocessing

PX = 32
BLACK_BOX = ("occlusion", "rise", "lime", "kernel_shap", "sobol", "hsic")

QUICK: dict[str, Attribution] = {
    "integrated_gradients": IntegratedGradients(nb_steps=8),
    "smoothgrad": SmoothGrad(6),
    "squaregrad": SquareGrad(6),
    "vargrad": VarGrad(6),
    "rise": Rise(nb_samples=300, grid_size=4),
    # Models here hear means of colours, which painting a segment in its mean would not change.
    "lime": Lime(nb_samples=150, segments="grid", nb_segments=16, hide="baseline"),
    "kernel_shap": KernelShap(nb_samples=150, segments="grid", nb_segments=16),
    "sobol": Sobol(grid_size=4, nb_design=8),
    "hsic": Hsic(grid_size=4, nb_design=128),
}
"""Fewer samples than by default."""

EVERY = [QUICK.get(name, attribution(name)) for name in ATTRIBUTIONS]
"""All methods."""


class OnePatch(nn.Module):
    """Counts red and green in the second of four rows and the third of four columns, only there.

    `tokens` lays its features out as a transformer does, with a class token before them.
    """

    def __init__(self, tokens: bool = False) -> None:
        super().__init__()
        self.layer = _Features(tokens)
        self.tokens = tokens
        self.head = nn.Linear(2, 2)
        with torch.no_grad():
            self.head.weight.copy_(torch.tensor([[20.0, 0.0], [0.0, 20.0]]))
            self.head.bias.fill_(0.5)

    def forward(self, x: Tensor) -> Tensor:
        features = self.layer(x)
        pooled = features[:, 1:].mean(1) if self.tokens else features.mean((2, 3))
        logits: Tensor = self.head(torch.relu(pooled) + pooled**2)
        return logits


class _Features(nn.Module):
    def __init__(self, tokens: bool) -> None:
        super().__init__()
        self.tokens = tokens
        self.conv = nn.Conv2d(3, 2, 4, 4)
        self.relu = nn.ReLU(inplace=True)
        with torch.no_grad():
            self.conv.weight.zero_()
            self.conv.weight[0, 0] = self.conv.weight[1, 1] = 1 / 16
            self.conv.bias.zero_()
        window = torch.zeros(PX // 4, PX // 4)
        window[2:4, 4:6] = 1
        self.register_buffer("window", window)

    def forward(self, x: Tensor) -> Tensor:
        maps: Tensor = self.relu(self.conv(x)) * self.window
        if not self.tokens:
            return maps
        patches = maps.flatten(2).transpose(1, 2)
        return torch.cat([torch.ones_like(patches[:, :1]), patches], dim=1)


def seen_at(module: nn.Module, layer: str, px: int = PX) -> Classifier:
    preprocessing = Preprocessing(
        input_px=px, resize_px=px, mean=(0.0,) * 3, std=(1.0,) * 3, interpolation="bilinear"
    )
    return Classifier(module, preprocessing=preprocessing, layer=layer, precision="float32")


def noise_pictures() -> Tensor:
    """Two pictures (2, 3, 32, 32), brighter than black everywhere."""
    return 0.4 + 0.5 * torch.rand(2, 3, PX, PX, generator=torch.Generator().manual_seed(0))
