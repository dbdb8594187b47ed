"""Attribution by hiding one window after the other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from lens_core.atlas import LensError
from lens_core.attribution.base import Run, parts
from lens_core.attribution.perturbation import Perturbation, Question


@dataclass(frozen=True)
class Occlusion(Perturbation):
    """f(x) − f(x without the window), averaged over the windows that cover a pixel.

    Zeiler & Fergus, ECCV 2014, section 4.2, with a grey window. The last row and column of windows
    are moved inwards, so that the whole picture is covered.

    Attributes
    ----------
    patch_size
        Side of the window; None takes a seventh of the picture's shorter side.
    patch_stride
        From window to window; None takes half a window.
    """

    title: ClassVar[str] = "Occlusion"
    signed: ClassVar[bool] = True
    patch_size: int | None = None
    patch_stride: int | None = None

    def _one(self, ask: Question, run: Run) -> Tensor:
        height, width = ask.size
        side = self.patch_size or max(1, round(min(ask.size) / 7))
        stride = self.patch_stride or max(1, side // 2)
        if not 0 < side <= min(ask.size) or stride < 1:
            raise LensError(
                f"patch_size {side} and patch_stride {stride} do not fit {height} × {width} px"
            )
        corners = torch.cartesian_prod(_starts(height, side, stride), _starts(width, side, stride))
        kept, _ = ask.whole()
        total = torch.zeros(height, width, dtype=torch.float64)
        covered = torch.zeros(height, width, dtype=torch.float64)
        for some in parts(corners, run.batch):
            masks = torch.ones(len(some), height, width, device=ask.image.device)
            for mask, (top, left) in zip(masks, some.tolist(), strict=True):
                mask[top : top + side, left : left + side] = 0
            drops = kept - ask(masks)
            for drop, (top, left) in zip(drops, some.tolist(), strict=True):
                total[top : top + side, left : left + side] += drop
                covered[top : top + side, left : left + side] += 1
        return total / covered.clamp(min=1)


def _starts(length: int, side: int, stride: int) -> Tensor:
    """Where windows start along one side, the last one flush with the end."""
    last = length - side
    return torch.tensor(sorted({*range(0, last + 1, stride), last}))
