"""What leaves lie on: eight surfaces, each a colour field with its own relief."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import ndimage

from experiments.generators.leaves.noise import (
    Field,
    Rng,
    mix,
    octaves,
    plain,
    ramp,
    relief,
    smooth,
    turned_grid,
    white,
)
from experiments.generators.leaves.spec import SIZE_PX, Background


def paint(background: Background, azimuth_deg: float, rng: Rng) -> Field:
    """Picture (3, 256, 256), sRGB, of a background under light from one side."""
    base = plain(background.colour)
    return _SURFACES[background.kind](base, background, azimuth_deg, rng)


def _lit(picture: Field, height: Field, azimuth_deg: float, strength: float) -> Field:
    shade = np.clip(1 + strength * relief(height, azimuth_deg), 0.35, 1.7)
    out: Field = picture * shade
    return out


def _drawn_out(noise: Field, along: Field, across: Field) -> Field:
    """Noise looked up at other coordinates (centred), mirrored where they leave the field."""
    at = np.stack([across, along]) + SIZE_PX / 2
    out: Field = ndimage.map_coordinates(noise, at, order=1, mode="mirror")
    return out


def _paper(base: Field, bg: Background, azimuth: float, rng: Rng) -> Field:
    fibres = smooth(rng, 1.6, 5.0) + smooth(rng, 5.0, 0.3)
    cloud = octaves(rng, 90, 2)
    base = mix(base, bg.second, 0.12 * ramp(cloud, -1, 1.5))
    return _lit(base, fibres * 0.35 + 0.25 * white(rng), azimuth, 0.05 + 0.05 * bg.grain)


def _cloth(base: Field, bg: Background, azimuth: float, rng: Rng) -> Field:
    along, across = turned_grid(bg.angle_deg)
    pitch = np.float32(5.0 + 2.5 * bg.grain)
    wobble = 0.5 * smooth(rng, 24)
    u, v = (along + wobble) / pitch * np.pi, (across + wobble) / pitch * np.pi
    over = (np.floor(u / np.pi) + np.floor(v / np.pi)) % 2 == 0
    weave = np.where(over, np.abs(np.sin(u)), np.abs(np.sin(v))).astype(np.float32)
    folds = 2.2 * octaves(rng, 130, 2)
    tone = mix(base, bg.second, 0.28 * weave)
    return _lit(tone, weave * 1.1 + folds + 0.15 * white(rng), azimuth, 0.28)


def _soil(base: Field, bg: Background, azimuth: float, rng: Rng) -> Field:
    clods = octaves(rng, 30 + 20 * bg.grain, 5, 0.62)
    stones = ramp(smooth(rng, 9), 1.5, 1.9)
    base = mix(base, bg.second, 0.45 * ramp(octaves(rng, 12, 3), -0.5, 1.6))
    base = mix(base, tuple(1.5 * c + 0.05 for c in bg.second), 0.6 * stones)  # type: ignore[arg-type]
    return _lit(base, clods * 1.6 + stones * 1.4 + 0.3 * white(rng), azimuth, 0.42)


def _lichen(base: Field, bg: Background, azimuth: float, rng: Rng) -> Field:
    rock = octaves(rng, 40, 4, 0.6)
    field = octaves(rng, 44 - 16 * bg.grain, 5, 0.62)
    crust = ramp(field, 0.4, 0.75)
    rim = crust * (1 - ramp(field, 0.7, 1.2))
    picture = base * (1 + 0.10 * rock)
    picture = mix(picture, bg.second, 0.62 * crust)
    picture = mix(picture, tuple(min(1.0, 1.35 * c) for c in bg.second), 0.3 * rim)  # type: ignore[arg-type]
    return _lit(picture, rock * 0.8 + crust * 1.2 + 0.4 * white(rng) * crust, azimuth, 0.32)


def _wood(base: Field, bg: Background, azimuth: float, rng: Rng) -> Field:
    along, across = turned_grid(bg.angle_deg)
    drift = 6 * smooth(rng, 150)
    rings = np.sin((across + 2.2 * drift + 0.04 * along) * np.float32(0.16 + 0.12 * bg.grain))
    # Grain runs along the board: look noise up at squeezed coordinates.
    fine = smooth(rng, 2.0)
    grain = _drawn_out(fine, along * 0.06, across + drift * 0.3)
    picture = mix(base, bg.second, 0.34 * ramp(rings.astype(np.float32), -0.2, 1.0) ** 2)
    return _lit(picture * (1 + 0.07 * grain), grain * 0.6, azimuth, 0.10)


def _sand(base: Field, bg: Background, azimuth: float, rng: Rng) -> Field:
    along, across = turned_grid(bg.angle_deg)
    ripple = np.sin((across + 7 * octaves(rng, 70, 2)) * np.float32(0.10 + 0.08 * bg.grain))
    grains = white(rng)
    picture = mix(base, bg.second, 0.5 * ramp(grains, 0.4, 1.8))
    height: Field = 2.2 * ripple.astype(np.float32) + 0.7 * smooth(rng, 2.2) + 0.02 * along
    return _lit(picture, height, azimuth, 0.26)


def _moss(base: Field, bg: Background, azimuth: float, rng: Rng) -> Field:
    tufts = octaves(rng, 26 + 12 * bg.grain, 3, 0.7)
    blades: Field = smooth(rng, 2.6) + 0.7 * smooth(rng, 4.2)
    picture = mix(base, bg.second, 0.55 * ramp(tufts + 0.5 * blades, -0.4, 1.8))
    picture = picture * (1 - 0.4 * ramp(-tufts, 0.4, 2.0))
    return _lit(picture, tufts * 1.8 + blades * 0.9, azimuth, 0.36)


def _slate(base: Field, bg: Background, azimuth: float, rng: Rng) -> Field:
    along, across = turned_grid(bg.angle_deg)
    streaks = octaves(rng, 16, 3)
    layered = _drawn_out(streaks, along * np.float32(0.2), across)
    steps: Field = np.floor(octaves(rng, 80, 3) * 2.2).astype(np.float32)
    picture = mix(base, bg.second, 0.35 * ramp(layered, -0.5, 1.6))
    return _lit(picture, layered * 0.9 + steps * 0.4 + 0.15 * white(rng), azimuth, 0.22)


_SURFACES: dict[str, Callable[[Field, Background, float, Rng], Field]] = {
    "paper": _paper,
    "cloth": _cloth,
    "soil": _soil,
    "lichen": _lichen,
    "wood": _wood,
    "sand": _sand,
    "moss": _moss,
    "slate": _slate,
}
