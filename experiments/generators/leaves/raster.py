"""Coverage of pixels by polygons, four by four samples a pixel."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from PIL import Image, ImageDraw

from experiments.generators.leaves.noise import Field
from experiments.generators.leaves.outline import Array
from experiments.generators.leaves.spec import SIZE_PX

OVERSAMPLING = 4


def coverage(polygons: Iterable[Array]) -> Field:
    """Share of each pixel (256, 256) that a union of polygons (pixel coordinates) covers."""
    out = np.zeros((SIZE_PX, SIZE_PX), np.float32)
    side = SIZE_PX * OVERSAMPLING
    canvas = Image.new("L", (side, side))
    draw = ImageDraw.Draw(canvas)
    for polygon in polygons:
        if len(polygon) >= 3:
            # Pillow's pixel centres lie at whole numbers.
            corners = np.asarray(polygon) * OVERSAMPLING - 0.5
            draw.polygon(corners.ravel().tolist(), fill=255)
    touched = canvas.getbbox()
    if touched is not None:
        left, top = (edge // OVERSAMPLING for edge in touched[:2])
        right, bottom = (-(-edge // OVERSAMPLING) for edge in touched[2:])
        k = OVERSAMPLING
        box = (left * k, top * k, right * k, bottom * k)
        small = np.asarray(canvas.reduce(OVERSAMPLING, box), dtype=np.float32)
        out[top:bottom, left:right] = small / np.float32(255)
    return out


def box_of(cover: Field, margin_px: int) -> tuple[slice, slice]:
    """Rows and columns that are touched, and some more on each side where the picture has them."""
    sides = []
    for axis in (1, 0):
        at = np.flatnonzero(cover.any(axis=axis))
        start, stop = (int(at[0]), int(at[-1]) + 1) if len(at) else (0, 0)
        sides.append(slice(max(start - margin_px, 0), stop + margin_px))
    return sides[0], sides[1]


def ribbon(points: Array, widths: Array) -> Array:
    """Polygon of a curve with the given full widths, both in pixels."""
    n = len(points)
    tangent = np.empty_like(points)
    tangent[0], tangent[-1] = points[1] - points[0], points[-1] - points[-2]
    tangent[1:-1] = (points[2:] - points[:-2]) / 2
    dx, dy = tangent[:, 0], tangent[:, 1]
    length = np.sqrt(dx * dx + dy * dy) + 1e-9
    half = widths / 2
    side = np.empty_like(points)
    side[:, 0], side[:, 1] = -(dy / length) * half, dx / length * half
    out = np.empty((2 * n, 2))
    out[:n] = points + side
    out[n:] = (points - side)[::-1]
    return out


def disc(center: tuple[float, float], radius: float, n: int = 20) -> Array:
    """Polygon of a disc."""
    turn = np.linspace(0, 2 * np.pi, n, endpoint=False)
    out: Array = np.array(center) + radius * np.stack([np.cos(turn), np.sin(turn)], axis=1)
    return out
