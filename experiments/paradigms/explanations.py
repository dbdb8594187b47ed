"""Pictures of explanations: a map laid over the photograph that it explains.

All methods are drawn alike, so that what differs between conditions is what a map says, not how it
looks: small values leave the photograph as it is, large ones cover it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lens_core.saliency import spectral_residual_map

Floats = NDArray[np.float64]

HEAT = ((24, 18, 82), (124, 24, 120), (214, 62, 78), (250, 148, 52), (252, 236, 120))
"""From nothing to most, ever lighter, so that the order is seen without colours, too."""
AGAINST = ((24, 18, 82), (20, 92, 168), (64, 172, 224), (196, 236, 252))
"""The same for what speaks against the class."""
CONCEPTS = (
    (230, 159, 0), (86, 180, 233), (0, 158, 115), (240, 228, 66), (0, 114, 178), (213, 94, 0),
    (204, 121, 167),
)  # fmt: skip
"""Of several concepts in one picture: the palette of Okabe and Ito, told apart by everybody."""


def photograph(picture: Image.Image, px: int) -> Floats:
    """The picture (px, px, 3), 0 to 255."""
    large = picture.convert("RGB").resize((px, px), Image.Resampling.LANCZOS)
    return np.asarray(large, dtype=np.float64)


def heat_overlay(
    picture: Image.Image, values: Floats, px: int, opacity: float, percentile: float
) -> Image.Image:
    """A photograph (px × px) under a map (h, w) of any size; values below 0 speak against.

    Parameters
    ----------
    opacity : of the largest values, 0 … 1.
    percentile : of the map's sizes, what counts as the largest.
    """
    field = enlarged(scaled(values, percentile), px)
    ground = photograph(picture, px)
    colours = np.where(
        (field < 0)[..., None], _ramp(AGAINST, np.abs(field)), _ramp(HEAT, np.abs(field))
    )
    cover = opacity * np.sqrt(np.abs(field))[..., None]
    return _image((1 - cover) * ground + cover * colours)


def concept_overlay(
    picture: Image.Image,
    maps: Sequence[Floats],
    colours: Sequence[int],
    px: int,
    opacity: float,
    percentile: float,
) -> Image.Image:
    """A photograph under maps of concepts (h, w), each in a colour of its own.

    Parameters
    ----------
    colours : one a map, places in :data:`CONCEPTS`; the same concept has one colour everywhere.
    """
    pixels = photograph(picture, px)
    fields = [enlarged(scaled(np.maximum(one, 0), percentile), px) for one in maps]
    for field, colour in zip(fields, colours, strict=True):
        cover = (opacity * field)[..., None]
        pixels = (1 - cover) * pixels + cover * np.array(CONCEPTS[colour % len(CONCEPTS)])
    return _image(pixels)


def control_overlay(
    picture: Image.Image, px: int, opacity: float, percentile: float
) -> Image.Image:
    """A photograph under a map of what stands out in it, which says nothing of any model."""
    values = spectral_residual_map(photograph(picture, px) / 255)
    return heat_overlay(picture, values, px, opacity, percentile)


def scaled(values: Floats, percentile: float) -> Floats:
    """A map from −1 to 1; its few extreme places count as its strong ones."""
    sizes = np.abs(values)
    strong = float(np.percentile(sizes, percentile)) or float(sizes.max()) or 1.0
    return np.clip(np.asarray(values, np.float64) / strong, -1, 1)


def enlarged(values: Floats, px: int) -> Floats:
    """A map (px, px) without steps."""
    small = Image.fromarray(values.astype(np.float32))
    large = small.resize((px, px), Image.Resampling.BICUBIC)
    return np.clip(np.asarray(large, dtype=np.float64), -1, 1)


def _ramp(anchors: Sequence[tuple[int, int, int]], at: Floats) -> Floats:
    places = np.linspace(0, 1, len(anchors))
    table = np.array(anchors, dtype=np.float64)
    return np.stack([np.interp(at, places, table[:, channel]) for channel in range(3)], axis=-1)


def _image(pixels: Floats) -> Image.Image:
    return Image.fromarray(np.clip(np.rint(pixels), 0, 255).astype(np.uint8))
