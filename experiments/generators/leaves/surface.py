"""The blade's surface: where the second pigment lies, and how high each point is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from experiments.generators.leaves.noise import Field, Rng, octaves, ramp, smooth
from experiments.generators.leaves.spec import Pose, Texture, Venation


@dataclass(frozen=True)
class Ground:
    """What surface functions need to know: leaf coordinates of each pixel, scale, bare shape.

    All of the box that holds the blade alone; `part` cuts it out of a whole picture's field.
    """

    box: tuple[slice, slice]
    x: Field
    y: Field
    scale_px: float
    bare: Field

    def part(self, field: Field) -> Field:
        """The box of a field (256, 256)."""
        return field[self.box]

    @property
    def edge_px(self) -> Field:
        """Distance to the bare shape's edge inside it, 0 outside."""
        return np.asarray(ndimage.distance_transform_edt(self.bare > 0.5), np.float32)


def pigment(texture: Texture, ground: Ground, rng: Rng) -> Field:
    """Weight of the second pigment: `share` of the bare shape has more than ½."""
    wander = ground.part(octaves(rng, 34, 3))
    field = _PATTERNS[texture.kind](texture, ground, wander, rng)
    inside = field[ground.bare > 0.5]
    level = float(np.quantile(inside, 1 - texture.share))
    width = texture.softness * float(inside.std() + 1e-6)
    return ramp(field, level - width, level + width)


def _cloud(texture: Texture, ground: Ground, wander: Field, rng: Rng) -> Field:
    return ground.part(octaves(rng, 46 * texture.scale, 4))


def _rim(texture: Texture, ground: Ground, wander: Field, rng: Rng) -> Field:
    out: Field = -ground.edge_px / ground.scale_px + 0.014 * wander
    return out


def _outer(texture: Texture, ground: Ground, wander: Field, rng: Rng) -> Field:
    out: Field = np.hypot(ground.x, ground.y) + 0.05 * wander
    return out


def _rays(texture: Texture, ground: Ground, wander: Field, rng: Rng) -> Field:
    angle = np.arctan2(ground.x, ground.y + 0.02)
    count = 9.0 * texture.scale
    out: Field = np.sin(angle * count + rng.uniform(0, 6)).astype(np.float32) + 0.3 * wander
    return out


def _midrib(texture: Texture, ground: Ground, wander: Field, rng: Rng) -> Field:
    out: Field = -np.abs(ground.x) * (1 + 0.12 * wander)
    return out


def _stripes(texture: Texture, ground: Ground, wander: Field, rng: Rng) -> Field:
    """Bands along the blade that follow its width."""
    width = np.hypot(ground.edge_px / ground.scale_px + np.abs(ground.x), 0.02)
    across = np.clip(ground.x / width, -1, 1)
    phase = float(rng.uniform(0, 6))
    out: Field = np.sin(across * 9.0 * texture.scale + phase).astype(np.float32) + 0.22 * wander
    return out


def _spots(texture: Texture, ground: Ground, wander: Field, rng: Rng) -> Field:
    """Round spots: the nearest of one jittered centre a cell, some larger than others."""
    cell = 0.13 * texture.scale
    jitter = rng.uniform(0.2, 0.8, (64, 64, 2)).astype(np.float32)
    radius = rng.uniform(0.6, 1.15, (64, 64)).astype(np.float32)
    u, v = ground.x / cell + 32, ground.y / cell + 32
    column, row = np.floor(u).astype(int), np.floor(v).astype(int)
    places = np.arange(64)
    at_u = (jitter[..., 0] + places.astype(float)).ravel()
    at_v = (jitter[..., 1] + places[:, None].astype(float)).ravel()
    best = np.full(u.shape, -9.0, np.float32)
    for dv in (-1, 0, 1):
        line = np.clip(row + dv, 0, 63) * 64
        for du in (-1, 0, 1):
            cells = line + np.clip(column + du, 0, 63)
            away = np.hypot(u - at_u.take(cells), v - at_v.take(cells))
            np.maximum(best, -away / radius.take(cells), out=best)
    return best


_PATTERNS: dict[str, Callable[[Texture, Ground, Field, Rng], Field]] = {
    "cloud": _cloud,
    "rim": _rim,
    "outer": _outer,
    "rays": _rays,
    "midrib": _midrib,
    "stripes": _stripes,
    "spots": _spots,
}


def vein_height(primary: Field, secondary: Field) -> Field:
    """Height (px) of the blade between its veins: they lie in grooves, the tissue bulges."""
    both = np.maximum(primary, 0.85 * secondary)
    groove = ndimage.gaussian_filter(both, 0.8, truncate=3)
    valley = ndimage.gaussian_filter(both, 3.2, truncate=2.5)
    out: Field = -0.9 * groove - 3.4 * valley
    return out


def net(venation: Venation, ground: Ground, rng: Rng) -> Field:
    """Finest veins as weight 0 … 1: a net for pinnate and palmate leaves, nothing for the rest."""
    if venation.kind not in ("pinnate", "palmate"):
        return np.zeros_like(ground.x)
    lines = 1 - ramp(np.abs(ground.part(smooth(rng, 8.5))), 0.0, 0.28)
    fine = 1 - ramp(np.abs(ground.part(smooth(rng, 5.5))), 0.0, 0.25)
    out: Field = np.maximum(lines, fine)
    return out


def bulk_height(pose: Pose, ground: Ground, rng: Rng) -> Field:
    """Height (px) of the leaf as a whole: folded at the midrib, curled, slightly wavy."""
    across = np.abs(ground.x) * ground.scale_px
    fold = 0.22 * pose.fold * np.sqrt(across**2 + 9)
    curl = 0.10 * pose.curl * across**2 / (0.3 * ground.scale_px)
    along = 0.08 * pose.curl * (ground.y - 0.5) ** 2 * ground.scale_px
    waves = 1.6 * ground.part(octaves(rng, 60, 2))
    out: Field = (fold + curl + along + waves).astype(np.float32)
    return out
