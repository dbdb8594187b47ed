"""Seeded noise fields, and a few scalar helpers on arrays."""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt
from PIL import Image

from experiments.generators.leaves.spec import SIZE_PX

Field = npt.NDArray[np.float32]
Rng = np.random.Generator


def smooth(rng: Rng, cell_px: float, stretch: float = 1.0) -> Field:
    """Smooth noise (256, 256) of mean 0 and about unit spread; blobs of `cell_px`."""
    rows = max(3, int(SIZE_PX / cell_px) + 2)
    columns = max(3, int(SIZE_PX / (cell_px * stretch)) + 2)
    coarse = rng.standard_normal((rows, columns)).astype(np.float32)
    picture = Image.fromarray(coarse).resize((SIZE_PX, SIZE_PX), Image.Resampling.BICUBIC)
    return np.asarray(picture, dtype=np.float32) * 1.4


def octaves(rng: Rng, cell_px: float, n: int, decay: float = 0.55) -> Field:
    """Sum of `n` octaves that starts at `cell_px` and halves each time, unit spread."""
    total = np.zeros((SIZE_PX, SIZE_PX), np.float32)
    power = 0.0
    for k in range(n):
        total += decay**k * smooth(rng, cell_px / 2**k)
        power += decay ** (2 * k)
    return total / np.float32(np.sqrt(power))


def white(rng: Rng) -> Field:
    """Independent noise per pixel, unit spread."""
    return rng.standard_normal((SIZE_PX, SIZE_PX), dtype=np.float32)


@cache
def pixel_grid() -> tuple[Field, Field]:
    """Row and column of each pixel, read-only."""
    rows, columns = np.mgrid[0:SIZE_PX, 0:SIZE_PX].astype(np.float32)
    rows.setflags(write=False)
    columns.setflags(write=False)
    return rows, columns


def turned_grid(angle_deg: float) -> tuple[Field, Field]:
    """Pixel coordinates (along, across) turned by an angle around the centre."""
    rows, columns = pixel_grid()
    y, x = rows - SIZE_PX / 2, columns - SIZE_PX / 2
    c, s = np.float32(np.cos(np.radians(angle_deg))), np.float32(np.sin(np.radians(angle_deg)))
    return x * c + y * s, y * c - x * s


def ramp(x: Field, low: float, high: float) -> Field:
    """Smooth step from 0 at `low` to 1 at `high`."""
    t: Field = x - np.float32(low)
    t /= np.float32(high - low)
    np.maximum(t, 0, out=t)
    np.minimum(t, 1, out=t)
    bend = 3 - 2 * t
    t *= t
    t *= bend
    return t


def plain(colour: tuple[float, float, float]) -> Field:
    """A picture (3, 256, 256) of one colour. Channels first: arithmetic with (256, 256) is fast."""
    out = np.empty((3, SIZE_PX, SIZE_PX), np.float32)
    out[:] = np.asarray(colour, np.float32)[:, None, None]
    return out


def mix(a: Field, b: Field | tuple[float, float, float], weight: Field) -> Field:
    """a·(1 − w) + b·w for pictures (3, h, w), or one colour, and a weight (h, w)."""
    other = b if isinstance(b, np.ndarray) else np.asarray(b, np.float32)[:, None, None]
    out: Field = np.subtract(other, a, dtype=np.float32)
    out *= weight
    out += a
    return out


def relief(height: Field, azimuth_deg: float) -> Field:
    """Lambert-like shading of a height field: about 0 where flat, positive towards the light."""
    a = np.radians(azimuth_deg)
    down = _slope(height)
    right = _slope(height.T).T
    # Image rows run down: light from azimuth a comes from (cos a, -sin a) in (right, down).
    down *= np.float32(np.sin(a))
    right *= np.float32(np.cos(a))
    out: Field = np.subtract(down, right, dtype=np.float32)
    return out


def _slope(height: Field) -> Field:
    """Central differences along the first axis, one-sided at both ends."""
    out = np.empty_like(height)
    np.subtract(height[2:], height[:-2], out=out[1:-1])
    out[1:-1] /= 2
    np.subtract(height[1], height[0], out=out[0])
    np.subtract(height[-1], height[-2], out=out[-1])
    return out
