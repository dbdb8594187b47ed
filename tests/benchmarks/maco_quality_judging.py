"""How `maco_quality.py` shows both sides' pictures, and what its judges say of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

from lens_core.classifier import Classifier
from lens_core.metrics.feature_visualization import fid
from lens_core.visualization.exhibits import Exhibit, to_tensor
from lens_core.visualization.judging import judge_class, look

_MORE = 1.25
_SIDES = (0.25, 0.5)
_BATCH = 64


def as_horama_shows(image: Tensor, transparency: Tensor) -> Image.Image:
    """RGBA as its `plot_maco` draws: 1 to 99 % of values spread over the range, alpha to 80 %."""
    rgb, alpha = image.numpy(), transparency.numpy()
    rgb = np.clip(rgb, *np.percentile(rgb, (1, 99)))
    rgb = (rgb - rgb.min()) / (rgb.max() - rgb.min())
    alpha = np.clip(alpha / np.percentile(alpha, 80), 0, 1)
    stacked = np.concatenate([rgb, alpha[None]]).transpose(1, 2, 0)
    return Image.fromarray(np.round(stacked * 255).astype(np.uint8), mode="RGBA")


def bare(image: Tensor) -> Image.Image:
    """Opaque, nothing stretched."""
    rgb = image.clamp(0, 1).permute(1, 2, 0).numpy()
    return Image.fromarray(np.round(rgb * 255).astype(np.uint8)).convert("RGBA")


def verdict(judge: Classifier, name: str, shown: Exhibit, took_part: bool) -> dict[str, object]:
    """All figures of one set of pictures before one judge."""
    seen = look(judge, shown)
    said = judge_class(judge, shown, seen, "", name, took_part)
    px = judge.preprocessing.input_px
    n = int(_MORE * seen.views.shape[-1]) + 1
    pictures = torch.stack([to_tensor(picture) for picture in shown.pictures])
    made = features(judge, random_crops(pictures, n, px, near_middle=True))
    real = features(judge, random_crops(shown.views(px, 10_000), n, px, near_middle=False))
    return {
        "plausibility": round(said.plausibility, 4),
        "plausibility_real": round(said.plausibility_real, 4),
        "fid": float(f"{fid(made, real):.4g}"),
        "fid_scaled": round(fid(functional.normalize(made), functional.normalize(real)), 4),
        "fid_crops": n,
        "kid": [float(f"{value:.4g}") for value in (said.kid, said.kid_low, said.kid_high)],
        "top1": said.top1,
        "mean_rank": said.mean_rank,
        "n": said.n,
    }


def random_crops(pictures: Tensor, n: int, px: int, near_middle: bool) -> Iterator[Tensor]:
    """Batches of n random square crops of pictures (k, 3, S, S), each picture as often."""
    generator = torch.Generator().manual_seed(0)
    size = pictures.shape[-1]
    batch = []
    for i in range(n):
        side = _SIDES[0] + (_SIDES[1] - _SIDES[0]) * torch.rand(1, generator=generator)
        if near_middle:
            middle = 0.5 + 0.15 * torch.randn(2, generator=generator)
        else:
            middle = torch.rand(2, generator=generator)
        width = round(float(side) * size)
        left, top = (
            round(float((at - side / 2).clamp(0, 1 - float(side))) * (size - 1)) for at in middle
        )
        crop = pictures[i % len(pictures), None, :, top : top + width, left : left + width]
        batch.append(
            functional.interpolate(
                crop, (px, px), mode="bilinear", align_corners=False, antialias=True
            )
        )
        if len(batch) == _BATCH or i == n - 1:
            yield torch.cat(batch)
            batch = []


@torch.inference_mode()
def features(judge: Classifier, batches: Iterator[Tensor]) -> Tensor:
    """(n, d), means over positions of the judge's layer."""
    return torch.cat([judge.encode(x).mean((2, 3)) for x in batches]).clone()


def only(shown: Exhibit, rows: list[int], pictures: list[Image.Image]) -> Exhibit:
    """The exhibit of some of its concepts, with other pictures."""

    def some(values: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(values[i] for i in rows)

    return replace(
        shown,
        concepts=some(shown.concepts),
        rows=some(shown.rows),
        pictures=tuple(pictures),
        class_picture=None,
        crops=some(shown.crops),
        crop_images=some(shown.crop_images),
        crop_boxes=some(shown.crop_boxes),
    )
