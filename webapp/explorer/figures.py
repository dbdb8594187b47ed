"""Geometry of the figures, computed once on the server so that they show without JavaScript."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd
from markupsafe import Markup
from numpy.typing import NDArray

from .pages import PointView

Floats = NDArray[np.float64]


def fit_to_box(xy: Floats, width: float, height: float, pad: float) -> Floats:
    """Scale points into a box, keeping their aspect ratio; y grows upwards in `xy`.

    Parameters
    ----------
    xy : (n, 2) positions in any unit.
    width, height, pad : of the figure, in its own units.

    Returns
    -------
    (n, 2) positions within ``[pad, width - pad] × [pad, height - pad]``; y grows downwards.
    """
    if len(xy) == 0:
        return np.zeros((0, 2))
    low, high = xy.min(axis=0), xy.max(axis=0)
    span = np.where(high - low > 0, high - low, 1.0)
    room = np.array([width - 2 * pad, height - 2 * pad])
    scale = float(np.min(room / span))
    centred = (xy - (low + high) / 2) * scale
    return np.column_stack([width / 2 + centred[:, 0], height / 2 - centred[:, 1]])


def fill_box(xy: Floats, width: float, height: float, pad: float) -> Floats:
    """Like :func:`fit_to_box`, but each axis is stretched to fill the box.

    For embeddings such as t-SNE, whose axes have no unit and no common scale.
    """
    if len(xy) == 0:
        return np.zeros((0, 2))
    low, high = xy.min(axis=0), xy.max(axis=0)
    span = np.where(high - low > 0, high - low, 1.0)
    share = np.where(high - low > 0, (xy - low) / span, 0.5)
    return np.column_stack(
        [pad + share[:, 0] * (width - 2 * pad), height - pad - share[:, 1] * (height - 2 * pad)]
    )


def columns(table: pd.DataFrame, *names: str) -> Floats:
    """Some columns (n, k) of numbers; a tenth of the time that a table of them would take."""
    return np.column_stack([table[name].to_numpy(dtype=np.float64) for name in names])


def umap_columns(images: pd.DataFrame) -> Floats | None:
    """Places (n, 2) by UMAP; None where the atlas holds none."""
    if "umap_x" not in images or images.empty:
        return None
    return columns(images, "umap_x", "umap_y")


def written(xy: Floats) -> str:
    """Places as an attribute of a figure: ``x y x y …``, in its units."""
    return " ".join(f"{value:.1f}".removesuffix(".0") for value in xy.ravel().tolist())


def dots(points: Iterable[PointView]) -> Markup:
    """The circles of a cluster graph: hundreds, so that a template would take its time."""
    return Markup("".join(f'<circle class="{p.css}" cx="{p.x}" cy="{p.y}"/>' for p in points))


def densest(xy: Floats, radius: float = 60.0) -> Floats:
    """The middle of the densest group of points, where a label stands best.

    The middle of all of them would fall between two islands.
    """
    near = np.hypot(*(xy[:, None] - xy[None]).transpose(2, 0, 1)) <= radius
    middle: Floats = xy[near[int(near.sum(axis=1).argmax())]].mean(axis=0)
    return middle


def push_apart(
    xy: Floats, radii: Floats, width: float, height: float, rounds: int = 80, gap: float = 4.0
) -> Floats:
    """Move overlapping discs apart a little, so that no picture hides another.

    Neighbours stay neighbours: each round moves a pair by half of what it overlaps.
    """
    moved = xy.astype(float).copy()
    for _ in range(rounds):
        calm = True
        for i in range(len(moved)):
            for j in range(i + 1, len(moved)):
                between = moved[j] - moved[i]
                distance = float(np.hypot(*between))
                overlap = radii[i] + radii[j] + gap - distance
                if overlap > 0.5:
                    calm = False
                    angle = 2.4 * (i + j)  # coincident discs need some direction
                    unit = (
                        between / distance
                        if distance > 1e-9
                        else np.array([np.cos(angle), np.sin(angle)])
                    )
                    moved[i] -= unit * overlap / 2
                    moved[j] += unit * overlap / 2
        moved[:, 0] = np.clip(moved[:, 0], radii + 2, width - radii - 2)
        moved[:, 1] = np.clip(moved[:, 1], radii + 2, height - radii - 2)
        if calm:
            break
    return moved
