"""Pixel pictures: every pixel is free. The naive baseline, which gives noise that excites.

Source: Erhan, Bengio, Courville & Vincent, "Visualizing Higher-Layer Features of a Deep Network",
University of Montreal technical report 1341, 2009; total variation after Mahendran & Vedaldi, CVPR
2015.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from lens_core.atlas import Track, no_track

from .optimise import Visualizations, optimise
from .settings import PixelSettings
from .targets import Sight, Targets

_START_SD = 0.1


class PixelPictures(nn.Module):
    """k pictures in [0, 1], each pixel a parameter behind a sigmoid; they start as grey noise."""

    def __init__(self, k: int, size_px: int, generator: torch.Generator) -> None:
        super().__init__()
        shape = (k, 3, size_px, size_px)
        start = torch.randn(shape, generator=generator, device=generator.device) * _START_SD
        self.pixels = nn.Parameter(start)

    def forward(self) -> Tensor:
        """Pictures (k, 3, S, S) in [0, 1]."""
        return torch.sigmoid(self.pixels)


def visualize_pixels(
    classifier: Sight,
    targets: Targets,
    settings: PixelSettings | None = None,
    seed: int = 0,
    track: Track = no_track,
) -> Visualizations:
    """Optimise the pixels of one picture for each target; see `maco.visualize`."""
    chosen = settings or PixelSettings()

    def build(part: Targets, first: int, generator: torch.Generator) -> nn.Module:
        return PixelPictures(len(part), chosen.size_px, generator)

    return optimise(classifier, targets, build, chosen, seed, track)
