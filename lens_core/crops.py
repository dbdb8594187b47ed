"""CRAFT's crops: a grid of square patches of each picture, each seen by the model full size."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from lens_core.images import to_float
from lens_core.spooled import Pictures

STRIDE = 0.8
"""Distance of neighbouring patches as a part of their side (CRAFT)."""


def default_patch_px(side_px: int) -> int:
    """CRAFT's 64 pixels at 224, and in proportion elsewhere."""
    return max(8, round(side_px * 64 / 224))


def grid(side_px: int, patch_px: int) -> tuple[tuple[int, int], ...]:
    """Top-left corners (x, y) in pixels of the patches of a square picture, row by row.

    Patches keep about `STRIDE` of their side from one another and are spread evenly from border
    to border, so that every pixel is seen. (Steps of a fixed length leave a blind margin: 7 of
    224 pixels at patches of 64.)
    """
    patch_px = min(patch_px, side_px)
    room = side_px - patch_px
    wanted = round(room / max(1, math.floor(STRIDE * patch_px)))
    steps = max(wanted, math.ceil(room / patch_px))
    at = [round(i * room / steps) for i in range(steps + 1)] if steps else [0]
    return tuple((x, y) for y in at for x in at)


def boxes(side_px: int, patch_px: int) -> Tensor:
    """Crop boxes (m, 4) x0 y0 x1 y1 as fractions of the view, in the order of `grid`."""
    patch_px = min(patch_px, side_px)
    corners = torch.tensor(grid(side_px, patch_px), dtype=torch.float64)
    return torch.cat([corners, corners + patch_px], dim=1) / side_px


def cut(pictures: Tensor, patch_px: int, size_px: int) -> Tensor:
    """All crops of pictures (n, 3, s, s), resized bilinearly: (n · m, 3, size_px, size_px).

    Crops of one picture follow one another in the order of `grid`.
    """
    side = pictures.shape[-1]
    patch = min(patch_px, side)
    crops = [pictures[:, :, y : y + patch, x : x + patch] for x, y in grid(side, patch)]
    stacked = torch.stack(crops, dim=1).flatten(0, 1)
    return nn.functional.interpolate(
        stacked, (size_px, size_px), mode="bilinear", align_corners=False
    )


def pick(pictures: Tensor | Pictures, rows: Sequence[int], patch_px: int, size_px: int) -> Tensor:
    """Some of the crops that `cut` makes of all pictures, by their rows: (k, 3, size_px, size_px).

    Pictures (n, 3, s, s) are bytes, crops floats in [0, 1].
    """
    side = pictures.shape[-1]
    patch = min(patch_px, side)
    corners = grid(side, patch)
    pieces = []
    for row in rows:
        x, y = corners[row % len(corners)]
        pieces.append(pictures[row // len(corners), :, y : y + patch, x : x + patch])
    return nn.functional.interpolate(
        to_float(torch.stack(pieces)), (size_px, size_px), mode="bilinear", align_corners=False
    )
