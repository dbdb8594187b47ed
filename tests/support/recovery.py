"""Scores of an account of a classifier against the truth. All are arrays in, numbers out."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from scipy.stats import rankdata

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]


def auc(scores: Array, truth: Mask) -> float:
    """Chance that a true case scores above a false one, ties counting half; nan without both."""
    n_true = int(truth.sum())
    n_false = len(truth) - n_true
    if not n_true or not n_false:
        return float("nan")
    total = float(rankdata(scores)[truth].sum())
    return (total - n_true * (n_true + 1) / 2) / (n_true * n_false)


def thickness_px(mask: Mask) -> float:
    """Typical width of a region: of a strip, its width.

    Four times the mean distance of its pixels to its edge.
    """
    # To the nearest pixel outside, whose edge is half a pixel nearer than its centre.
    away = ndimage.distance_transform_edt(np.pad(mask, 1)) - 0.5
    return 4.0 * float(away[1:-1, 1:-1][mask].mean())


def enlarged(maps: Array, size_px: int) -> Array:
    """Maps (r, h, w), bilinearly at (r, size_px, size_px)."""
    large = torch.nn.functional.interpolate(
        torch.from_numpy(maps)[None], (size_px, size_px), mode="bilinear", align_corners=False
    )
    found: Array = large[0].double().numpy()
    return found


def overlap(enlarged_map: Array, mask: Mask) -> tuple[float, float]:
    """IoU of the map's highest pixels, as many as the mask has, and whether its peak is on it.

    A map of two levels is a region already: its own IoU, and the chance that a point in it is on
    the mask. A map that is flat points nowhere and overlaps with nothing.
    """
    low, high = float(enlarged_map.min()), float(enlarged_map.max())
    if not high > low:
        return 0.0, 0.0
    peak = enlarged_map == high
    on_mask = float(mask[peak].mean())
    if bool((peak | (enlarged_map == low)).all()):
        return float((peak & mask).sum() / (peak | mask).sum()), on_mask
    n = int(mask.sum())
    highest = np.argpartition(-enlarged_map, n - 1, axis=None)[:n]
    common = int(mask.ravel()[highest].sum())
    return common / (2 * n - common), on_mask


def chance_overlap(mask: Mask) -> tuple[float, float]:
    """What a map of noise is expected to score."""
    share = float(mask.mean())
    return share / (2 - share), share


def lost_share(before: Array, after: Array) -> Array:
    """Part of each concept's value (…, r) that goes with an intervention, −1 to 1.

    Of a value below 0, too, the part that is lost is positive, so that with contributions u ω as
    importances their sum is the contribution lost. Values that hardly differ from 0, on the scale
    of the dictionary, do not blow up.
    """
    floor = 1e-3 * float(np.abs(before).mean()) + np.finfo(np.float64).tiny
    size = np.where(before < 0, -1.0, 1.0) * np.maximum(np.abs(before), floor)
    share: Array = np.clip((before - after) / size, -1, 1)
    return share


def gain(importance: Array, about: Array) -> float:
    """Importance (r,) of concepts that are about a part, beyond what even importance would give.

    Σ_i (I_i − mean I) about_i with Σ|I_i| = 1. Importances that know nothing of the classifier
    score 0 on average whatever the concepts are about, so that their AUC is about ½.
    """
    total = float(np.abs(importance).sum())
    if not total > 0:
        return 0.0
    weights = importance / total
    return float(((weights - weights.mean()) * about).sum())


def halves(found: dict[int, Array]) -> list[tuple[list[int], list[int]]]:
    """Cases to choose on and to score, both ways; none where either side would be empty."""
    even, odd = list(found)[::2], list(found)[1::2]
    return [(even, odd), (odd, even)] if even and odd else []


def best_of(found: dict[int, Array]) -> list[tuple[float, float]]:
    """IoU and pointing of each case, of the concept that is best on the other half."""
    scores = []
    for choose, score in halves(found):
        best = int(np.mean([found[k][:-1, 0] for k in choose], axis=0).argmax())
        scores += [(float(found[k][best, 0]), float(found[k][best, 1])) for k in score]
    return scores
