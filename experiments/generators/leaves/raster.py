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
    side = SIZE_PX * OVERSAMPLING
    canvas = Image.new("L", (side, side))
    draw = ImageDraw.Draw(canvas)
    for polygon in polygons:
        if len(polygon) >= 3:
            # Pillow's pixel centres lie at whole numbers.
            corners = np.asarray(polygon) * OVERSAMPLING - 0.5
            draw.polygon(corners.ravel().tolist(), fill=255)
    return np.asarray(canvas.reduce(OVERSAMPLING), dtype=np.float32) / np.float32(255)


def ribbon(points: Array, widths: Array) -> Array:
    """Polygon of a curve with the given full widths, both in pixels."""
    tangent = np.gradient(points, axis=0)
    tangent /= np.linalg.norm(tangent, axis=1, keepdims=True) + 1e-9
    side = np.stack([-tangent[:, 1], tangent[:, 0]], axis=1) * (widths[:, None] / 2)
    out: Array = np.concatenate([points + side, (points - side)[::-1]])
    return out


def disc(center: tuple[float, float], radius: float, n: int = 20) -> Array:
    """Polygon of a disc."""
    turn = np.linspace(0, 2 * np.pi, n, endpoint=False)
    out: Array = np.array(center) + radius * np.stack([np.cos(turn), np.sin(turn)], axis=1)
    return out
