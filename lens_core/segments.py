"""Pictures cut into superpixels, coarse and fine, each then seen by the model as a picture.

The parts that ACE groups into concepts (Ghorbani et al., NeurIPS 2019, section 3).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from skimage.segmentation import slic
from torch import Tensor, nn

from lens_core.atlas import LensError, Track, no_track

Labels = NDArray[np.int64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class SegmentSettings:
    """How pictures are cut.

    Attributes
    ----------
    resolutions
        About how many superpixels a picture, one number a pass; coarse ones come first.
    compactness, sigma_px
        Of SLIC (Achanta et al., IEEE PAMI 2012): how square, and the blur before.
    duplicate_from
        Jaccard index with a coarser segment from which a finer one is the same part again.
    min_share
        Smallest area, as a share of the picture.
    """

    resolutions: tuple[int, ...] = (15, 50, 80)
    compactness: float = 20.0
    sigma_px: float = 1.0
    duplicate_from: float = 0.5
    min_share: float = 0.001

    def __post_init__(self) -> None:
        if not self.resolutions or min(self.resolutions) < 1:
            raise LensError(f"resolutions are {self.resolutions}: give at least one, each from 1")


@dataclass(frozen=True)
class Segments:
    """Parts of n pictures, those of one picture beside one another, coarse ones first.

    Attributes
    ----------
    image
        (m,) number of the picture.
    resolution
        (m,) number of the pass that gave it.
    boxes
        (m, 4) x0 y0 x1 y1 in pixels, ends excluded.
    masks
        m masks, each of its box.
    size_px
        Height and width of the pictures.
    """

    image: Tensor
    resolution: Tensor
    boxes: Tensor
    masks: tuple[Mask, ...]
    size_px: tuple[int, int]

    def __len__(self) -> int:
        return len(self.masks)

    def full_mask(self, segment: int) -> Mask:
        """Where in its picture a segment lies: (H, W)."""
        x0, y0, x1, y1 = self.boxes[segment].tolist()
        full = np.zeros(self.size_px, dtype=np.bool_)
        full[y0:y1, x0:x1] = self.masks[segment]
        return full


def cut_segments(
    pictures: Tensor, settings: SegmentSettings | None = None, track: Track = no_track
) -> Segments:
    """Superpixels of pictures (n, 3, H, W) in [0, 1] at all resolutions, duplicates left out."""
    settings = settings or SegmentSettings()
    image: list[int] = []
    resolution: list[int] = []
    boxes: list[tuple[int, int, int, int]] = []
    masks: list[Mask] = []
    for number, picture in enumerate(track(pictures, "cutting segments", len(pictures))):
        pixels = picture.detach().cpu().permute(1, 2, 0).double().numpy()
        for level, labels, chosen in _passes(pixels, settings):
            for label in chosen:
                mask = labels == label
                rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
                x0, x1 = int(columns[0]), int(columns[-1]) + 1
                y0, y1 = int(rows[0]), int(rows[-1]) + 1
                image.append(number)
                resolution.append(level)
                boxes.append((x0, y0, x1, y1))
                masks.append(mask[y0:y1, x0:x1].copy())
    return Segments(
        torch.tensor(image, dtype=torch.int64),
        torch.tensor(resolution, dtype=torch.int64),
        torch.tensor(boxes, dtype=torch.int64).reshape(-1, 4),
        tuple(masks),
        (int(pictures.shape[2]), int(pictures.shape[3])),
    )


def as_pictures(
    pictures: Tensor, segments: Segments, rows: Tensor, size_px: int, grey: tuple[float, ...]
) -> Tensor:
    """Segments on plain grey, their boxes stretched to the model's size: (m, 3, size, size).

    Parameters
    ----------
    rows
        (m,) numbers of the segments.
    grey
        What lies around them, one value a channel: the mean that the model subtracts.
    """
    around = torch.tensor(grey).view(-1, 1, 1)
    found = []
    for row in rows.tolist():
        x0, y0, x1, y1 = segments.boxes[row].tolist()
        inside = pictures[int(segments.image[row]), :, y0:y1, x0:x1].cpu().float()
        part = torch.where(torch.from_numpy(segments.masks[row]), inside, around)
        found.append(
            nn.functional.interpolate(
                part[None], (size_px, size_px), mode="bilinear", align_corners=False
            )[0]
        )
    return torch.stack(found)


def _passes(
    pixels: NDArray[np.float64], settings: SegmentSettings
) -> list[tuple[int, Labels, list[int]]]:
    """(pass, labels (H, W), labels kept) of one picture (H, W, 3)."""
    done: list[tuple[int, Labels, list[int]]] = []
    for level, wanted in enumerate(settings.resolutions):
        labels: Labels = slic(
            pixels,
            n_segments=wanted,
            compactness=settings.compactness,
            sigma=settings.sigma_px,
            start_label=0,
            channel_axis=-1,
        ).astype(np.int64)
        areas = np.bincount(labels.ravel())
        fresh = areas > settings.min_share * labels.size
        for _, before, kept in done:
            fresh &= _overlap(labels, before)[:, kept].max(1, initial=0) <= settings.duplicate_from
        done.append((level, labels, np.flatnonzero(fresh).tolist()))
    return done


def _overlap(labels: Labels, others: Labels) -> NDArray[np.float64]:
    """Jaccard index of every segment of one cut with every one of another."""
    m, k = int(labels.max()) + 1, int(others.max()) + 1
    common = np.bincount((labels * k + others).ravel(), minlength=m * k).reshape(m, k)
    union = common.sum(1, keepdims=True) + common.sum(0, keepdims=True) - common
    jaccard: NDArray[np.float64] = common / np.maximum(union, 1)
    return jaccard
