"""Random square crops of pictures, each resized to what the model is fed.

Notation: k pictures, n crops of each, S the pictures' side, P the crops' side at the model.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from .settings import Optimisation

_MIN_BOX = 0.05


@dataclass(frozen=True)
class Boxes:
    """Crops of k pictures.

    `centre` (k, n, 2) as x, y and `side` (k, n) in fractions of the picture's side; `turn` (k, n)
    in radians, None if all are upright.
    """

    centre: Tensor
    side: Tensor
    turn: Tensor | None = None

    def __getitem__(self, pictures: slice) -> Boxes:
        """Those of some pictures."""
        turn = None if self.turn is None else self.turn[pictures]
        return Boxes(self.centre[pictures], self.side[pictures], turn)


def draw_boxes(
    k: int, settings: Optimisation, progress: float, generator: torch.Generator
) -> Boxes:
    """Draw the crops of one step; `progress` runs from 0 to 1 over the optimisation.

    Centres are normal around the picture's middle, sides around the schedule's; boxes are pushed
    back inside the picture, save that corners of turned ones may look over its border, where the
    border's colours go on.
    """
    n = settings.crops
    device = generator.device
    mean_side = settings.box_from + (settings.box_to - settings.box_from) * progress
    side = mean_side + settings.box_sd * torch.randn(k, n, generator=generator, device=device)
    side = side.clamp(_MIN_BOX, 1.0)
    centre = 0.5 + settings.centre_sd * torch.randn(k, n, 2, generator=generator, device=device)
    half = (side / 2)[..., None]
    centre = torch.minimum(torch.maximum(centre, half), 1 - half)
    if not settings.turn_deg:
        return Boxes(centre, side)
    turn = torch.rand(k, n, generator=generator, device=device) * 2 - 1
    return Boxes(centre, side, turn * math.radians(settings.turn_deg))


def take_crops(pictures: Tensor, boxes: Boxes, crop_px: int) -> Tensor:
    """Pictures (k, 3, S, S) and k × n boxes → crops (k·n, 3, P, P), bilinear, differentiable."""
    if pictures.device.type == "cpu" or boxes.turn is not None:
        return _by_sampling(pictures, boxes, crop_px)
    # grid_sample adds gradients in any order on a GPU, and pictures would differ between runs.
    return _by_matrices(pictures, boxes, crop_px)


def _positions(boxes: Boxes, crop_px: int) -> tuple[Tensor, Tensor]:
    """Where the crops' pixels lie, x and y, each (k, n, P), as fractions of the side."""
    steps = (torch.arange(crop_px, device=boxes.side.device) + 0.5) / crop_px - 0.5
    offsets = boxes.side[..., None] * steps
    return boxes.centre[..., 0:1] + offsets, boxes.centre[..., 1:2] + offsets


def _by_sampling(pictures: Tensor, boxes: Boxes, crop_px: int) -> Tensor:
    k, n = boxes.side.shape
    x, y = _positions(boxes, crop_px)
    shape = (k, n, crop_px, crop_px)
    grid = torch.stack([x[:, :, None, :].expand(shape), y[:, :, :, None].expand(shape)], dim=-1)
    if boxes.turn is not None:
        middle = boxes.centre[:, :, None, None]
        cos, sin = torch.cos(boxes.turn), torch.sin(boxes.turn)
        turned = torch.stack([torch.stack([cos, sin], -1), torch.stack([-sin, cos], -1)], -2)
        grid = (grid - middle) @ turned[:, :, None] + middle
    # The n crops of a picture stand below one another, so that it need not be repeated n times.
    tall = functional.grid_sample(
        pictures,
        grid.reshape(k, n * crop_px, crop_px, 2) * 2 - 1,
        mode="bilinear",
        padding_mode="border",
        align_corners=False,
    )
    return tall.reshape(k, 3, n, crop_px, crop_px).transpose(1, 2).flatten(0, 1)


def _by_matrices(pictures: Tensor, boxes: Boxes, crop_px: int) -> Tensor:
    k, n = boxes.side.shape
    size = pictures.shape[-1]
    across, down = (_weights(p, size) for p in _positions(boxes, crop_px))  # (k, n, P, S) each
    rows = down.reshape(k, n * crop_px, size) @ pictures.transpose(1, 2).reshape(k, size, 3 * size)
    crops = rows.reshape(k, n, crop_px * 3, size) @ across.transpose(-1, -2)
    return crops.reshape(k * n, crop_px, 3, crop_px).transpose(1, 2)


def _weights(positions: Tensor, size: int) -> Tensor:
    """Bilinear weights (…, P, S) of each pixel of a line for positions (…, P) on it."""
    pixel = (positions * size - 0.5).clamp(0, size - 1)
    return (1 - (pixel[..., None] - torch.arange(size, device=pixel.device)).abs()).clamp(min=0)
