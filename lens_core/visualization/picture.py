"""From optimised tensors to pictures that people look at."""

from __future__ import annotations

import numpy as np
from PIL import Image
from torch import Tensor

from .maco import Visualizations

_CLIP_PERCENT = (1.0, 99.0)
_OPAQUE_PERCENT = 80.0


def to_pictures(made: Visualizations) -> list[Image.Image]:
    """RGBA pictures in the targets' order; see :func:`to_picture`."""
    return [to_picture(*pair) for pair in zip(made.images, made.transparency, strict=True)]


def to_picture(image: Tensor, transparency: Tensor) -> Image.Image:
    """RGBA picture of one visualization.

    Parameters
    ----------
    image : Tensor (3, S, S)
        Stretched so that its 1st and 99th percentile become black and white.
    transparency : Tensor (S, S)
        Becomes the alpha channel, opaque from its 80th percentile on.
    """
    rgb = image.detach().float().cpu().numpy()
    low, high = np.percentile(rgb, _CLIP_PERCENT)
    rgb = np.clip((rgb - low) / max(high - low, 1e-6), 0, 1)
    shown = transparency.detach().float().cpu().numpy()
    alpha = np.clip(shown / max(float(np.percentile(shown, _OPAQUE_PERCENT)), 1e-12), 0, 1)
    stacked = np.concatenate([rgb, alpha[None]]).transpose(1, 2, 0)
    return Image.fromarray(np.round(stacked * 255).astype(np.uint8), mode="RGBA")
