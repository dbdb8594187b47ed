"""From optimised tensors to pictures that people look at."""

from __future__ import annotations

import numpy as np
from PIL import Image
from torch import Tensor

from .optimise import Visualizations

_CLIP_PERCENT = (1.0, 99.0)
_OPAQUE_PERCENT = 80.0
_MOST_STRETCH = 1.5


def to_pictures(made: Visualizations) -> list[Image.Image]:
    """RGBA pictures in the targets' order; see :func:`to_picture`."""
    return [to_picture(*pair) for pair in zip(made.images, made.transparency, strict=True)]


def to_picture(image: Tensor, transparency: Tensor) -> Image.Image:
    """RGBA picture of one visualization.

    Parameters
    ----------
    image : Tensor (3, S, S)
        Stretched so that the 1st and 99th percentile of what is at least half opaque become black
        and white, but by no more than half: a dark picture stays dark, a plain one plain.
    transparency : Tensor (S, S)
        Becomes the alpha channel, opaque from its 80th percentile on.
    """
    rgb = image.detach().float().cpu().numpy()
    shown = transparency.detach().float().cpu().numpy()
    alpha = np.clip(shown / max(float(np.percentile(shown, _OPAQUE_PERCENT)), 1e-12), 0, 1)
    seen = rgb[:, alpha >= 0.5] if bool((alpha >= 0.5).any()) else rgb
    low, high = np.percentile(seen, _CLIP_PERCENT)
    gain = min(1 / max(high - low, 1e-6), _MOST_STRETCH)
    middle, half = (low + high) / 2, gain * (high - low) / 2
    # The range stays where it is as far as it fits.
    rgb = np.clip((rgb - middle) * gain + np.clip(middle, half, 1 - half), 0, 1)
    stacked = np.concatenate([rgb, alpha[None]]).transpose(1, 2, 0)
    return Image.fromarray(np.round(stacked * 255).astype(np.uint8), mode="RGBA")
