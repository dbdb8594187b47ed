"""Superpixels: connected pieces of similar colour, by SLIC or as a plain grid."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor

_RGB_TO_XYZ = np.array(
    [
        [0.4124564, 0.3575761, 0.1804375],
        [0.2126729, 0.7151522, 0.0721750],
        [0.0193339, 0.1191920, 0.9503041],
    ]
)
_D65 = np.array([0.95047, 1.0, 1.08883])


def grid_segments(size: tuple[int, int], n_segments: int) -> Tensor:
    """Labels (H, W) of a grid of about `n_segments` cells, row by row from 0."""
    side = max(1, round(n_segments**0.5))
    rows = torch.arange(size[0]) * side // size[0]
    columns = torch.arange(size[1]) * side // size[1]
    labels: Tensor = rows[:, None] * side + columns[None, :]
    return labels


def slic_segments(
    image: Tensor, n_segments: int, compactness: float = 10.0, n_iterations: int = 10
) -> Tensor:
    """SLIC superpixels (Achanta et al., TPAMI 2012) of one picture (3, H, W) in [0, 1].

    K-means over CIELAB colour and place from a regular grid of centres, each centre looking at its
    neighbourhood alone; then pieces that are not connected go to the neighbour they touch.

    Parameters
    ----------
    n_segments
        About how many.
    compactness
        m: how much place counts against colour (the paper: 1 to 40, 10 for CIELAB).

    Returns
    -------
    Labels (H, W), 0 … without gaps.
    """
    lab = _to_lab(image.detach().cpu().double().numpy())
    _, height, width = lab.shape
    step = max(1.0, (height * width / n_segments) ** 0.5)
    ys = np.arange(step / 2, height, step)
    xs = np.arange(step / 2, width, step)
    centres = np.array([(y, x, *lab[:, int(y), int(x)]) for y in ys for x in xs])
    labels = np.zeros((height, width), dtype=np.int64)
    grid_y, grid_x = np.mgrid[:height, :width]
    for _ in range(n_iterations):
        best = np.full((height, width), np.inf)
        for number, (y, x, *colour) in enumerate(centres):
            box = np.s_[
                max(0, int(y - step)) : int(y + step) + 1, max(0, int(x - step)) : int(x + step) + 1
            ]
            apart = ((lab[(slice(None), *box)] - np.reshape(colour, (3, 1, 1))) ** 2).sum(0)
            place = (grid_y[box] - y) ** 2 + (grid_x[box] - x) ** 2
            distance = apart + place * (compactness / step) ** 2
            closer = distance < best[box]
            best[box][closer] = distance[closer]
            labels[box][closer] = number
        counts = np.bincount(labels.ravel(), minlength=len(centres)).clip(1)
        for column, values in enumerate((grid_y, grid_x, *lab)):
            centres[:, column] = (
                np.bincount(labels.ravel(), values.ravel(), minlength=len(centres)) / counts
            )
    return torch.from_numpy(_connected(labels, int(step * step / 4)))


def _connected(labels: NDArray[np.int64], smallest: int) -> NDArray[np.int64]:
    """Split labels into connected pieces; pieces under `smallest` px join what they touch most."""
    pieces = np.zeros_like(labels)
    for label in np.unique(labels):
        found, _ = ndimage.label(labels == label)
        pieces[found > 0] = found[found > 0] + pieces.max()
    pieces -= 1
    sizes = np.bincount(pieces.ravel())
    for piece in np.argsort(sizes, kind="stable"):
        inside = pieces == piece
        if not 0 < inside.sum() < smallest:
            continue
        around = pieces[ndimage.binary_dilation(inside) & ~inside]
        if len(around):
            pieces[inside] = np.bincount(around).argmax()
    return np.unique(pieces, return_inverse=True)[1].reshape(labels.shape).astype(np.int64)


def _to_lab(image: NDArray[np.float64]) -> NDArray[np.float64]:
    """sRGB (3, H, W) in [0, 1] → CIELAB under D65."""
    linear = np.where(image <= 0.04045, image / 12.92, ((image + 0.055) / 1.055) ** 2.4)
    xyz = np.einsum("ij,jhw->ihw", _RGB_TO_XYZ, linear) / _D65[:, None, None]
    bent = np.where(xyz > (6 / 29) ** 3, np.cbrt(xyz), xyz * (29 / 6) ** 2 / 3 + 4 / 29)
    x, y, z = bent
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)])
