"""Draw leaves at random, and intervene on them."""

from __future__ import annotations

import colorsys
from dataclasses import replace
from typing import Any

import numpy as np

from experiments.generators.leaves.families import FAMILIES, label_rate, sample_parts
from experiments.generators.leaves.outline import bare_outline, full_outline
from experiments.generators.leaves.placement import place
from experiments.generators.leaves.spec import (
    PARTS,
    SIZE_PX,
    Background,
    BackgroundKind,
    Colour,
    Damage,
    Label,
    LeafSpec,
    Light,
    Palette,
    Pebble,
    Point,
    Pose,
)
from lens_core.atlas import LensError

Rng = np.random.Generator

PEBBLE_RATE = 0.75
"""Share of pictures with a pebble among those without a label."""

BACKGROUNDS: tuple[BackgroundKind, ...] = (
    "paper",
    "cloth",
    "soil",
    "lichen",
    "wood",
    "sand",
    "moss",
    "slate",
)

# Hue, saturation and value ranges (two colours each); some variety within every kind.
_BACKGROUND_HSV: dict[BackgroundKind, tuple[tuple[float, ...], tuple[float, ...]]] = {
    "paper": ((0.08, 0.16, 0.04, 0.20, 0.74, 0.93), (0.08, 0.14, 0.15, 0.35, 0.60, 0.80)),
    "cloth": ((0.00, 1.00, 0.10, 0.38, 0.34, 0.80), (0.00, 1.00, 0.05, 0.25, 0.55, 0.90)),
    "soil": ((0.04, 0.10, 0.25, 0.50, 0.20, 0.38), (0.05, 0.11, 0.18, 0.40, 0.35, 0.55)),
    "lichen": ((0.05, 0.70, 0.02, 0.12, 0.38, 0.58), (0.11, 0.36, 0.15, 0.42, 0.55, 0.80)),
    "wood": ((0.05, 0.10, 0.25, 0.50, 0.48, 0.75), (0.04, 0.09, 0.35, 0.58, 0.32, 0.50)),
    "sand": ((0.08, 0.13, 0.15, 0.32, 0.62, 0.84), (0.04, 0.13, 0.15, 0.45, 0.38, 0.60)),
    "moss": ((0.20, 0.34, 0.25, 0.55, 0.22, 0.42), (0.16, 0.30, 0.30, 0.55, 0.45, 0.66)),
    "slate": ((0.52, 0.68, 0.05, 0.22, 0.30, 0.55), (0.06, 0.66, 0.04, 0.20, 0.45, 0.66)),
}


def sample(family: str, rng: Rng) -> LeafSpec:
    """Draw one leaf of a family; everything but its parts and label has one distribution for all.

    Raises
    ------
    LensError
        Where there is no such family.
    """
    shape, margin, venation, apex, petiole, texture = sample_parts(family, rng)
    # The bare shape's area is chosen so that the finished blade's is independent of the family.
    loss = full_outline(shape, margin, apex).area / bare_outline(shape).area
    pose = _pose(rng, area_px=float(rng.uniform(0.15, 0.21)) * SIZE_PX**2 / loss)
    backdrop = _background(rng)
    spec = LeafSpec(
        family=family,
        seed=int(rng.integers(2**31)),
        shape=shape,
        margin=margin,
        venation=venation,
        apex=apex,
        petiole=petiole,
        texture=texture,
        pose=pose,
        palette=_palette(rng, backdrop.colour),
        light=_light(rng),
        background=backdrop,
        damage=_damage(rng),
        label=_label(rng),
        pebble=_pebble(rng),
    )
    corners = _free_corners(spec, rng)
    has_label = bool(rng.random() < label_rate(family))
    has_pebble = bool(rng.random() < PEBBLE_RATE) and not has_label
    label = replace(spec.label, present=has_label, center_px=corners[0])
    pebble = replace(spec.pebble, present=has_pebble, center_px=corners[1])
    return replace(spec, label=label, pebble=pebble)


def swap(spec: LeafSpec, part: str, other_family: str) -> LeafSpec:
    """The same picture with one part of another family; the part drawn depends on the seed alone.

    Parameters
    ----------
    spec : LeafSpec
        Any leaf. Pose, light, colours, background, damage and noise stay as they are.
    part : str
        One of `PARTS`.
    other_family : str
        Where the part comes from.

    Raises
    ------
    LensError
        Where there is no such part or family.
    """
    if part not in PARTS:
        raise LensError(f"no part {part!r}; there are {', '.join(PARTS)}")
    if other_family not in FAMILIES:
        raise LensError(f"no leaf family {other_family!r}; there are {', '.join(FAMILIES)}")
    rng = np.random.default_rng([spec.seed, 1, FAMILIES.index(other_family)])
    changed: dict[str, Any] = {part: sample_parts(other_family, rng)[PARTS.index(part)]}
    return replace(spec, **changed)


def without_label(spec: LeafSpec) -> LeafSpec:
    """The same picture without the herbarium label."""
    return replace(spec, label=replace(spec.label, present=False))


def with_label(spec: LeafSpec) -> LeafSpec:
    """The same picture with a herbarium label in the corner kept free for one."""
    return replace(spec, label=replace(spec.label, present=True))


# --- everything that is the same for all families ------------------------------------------------


def _u(rng: Rng, low: float, high: float) -> float:
    return round(float(rng.uniform(low, high)), 4)


def _hsv(rng: Rng, ranges: tuple[float, ...]) -> Colour:
    h, s, v = (_u(rng, ranges[2 * k], ranges[2 * k + 1]) for k in range(3))
    r, g, b = colorsys.hsv_to_rgb(h % 1.0, min(max(s, 0), 1), min(max(v, 0), 1))
    return (round(r, 4), round(g, 4), round(b, 4))


def _luma(colour: Colour) -> float:
    return 0.3 * colour[0] + 0.59 * colour[1] + 0.11 * colour[2]


def _blend(a: Colour, b: Colour, weight: float) -> Colour:
    r, g, b_ = (round(x * (1 - weight) + y * weight, 4) for x, y in zip(a, b, strict=True))
    return (r, g, b_)


def _pose(rng: Rng, area_px: float) -> Pose:
    return Pose(
        area_px=round(area_px, 1),
        rotation_deg=_u(rng, -38, 38),
        shift_x_px=_u(rng, -16, 16),
        shift_y_px=_u(rng, -16, 16),
        bend=_u(rng, -0.14, 0.14),
        squash=_u(rng, 0.88, 1.0),
        fold=_u(rng, -0.6, 0.6),
        curl=_u(rng, -1.0, 1.0),
        lift_px=_u(rng, 2.0, 7.0),
    )


def _background(rng: Rng) -> Background:
    kind = BACKGROUNDS[int(rng.integers(len(BACKGROUNDS)))]
    first, second = _BACKGROUND_HSV[kind]
    return Background(kind, _hsv(rng, first), _hsv(rng, second), _u(rng, 0, 180), _u(rng, 0, 1))


def _palette(rng: Rng, backdrop: Colour) -> Palette:
    """Greens mostly, autumn colours at times; told apart from the backdrop by lightness or hue."""
    blade = (0.3, 0.5, 0.2)
    for _ in range(20):
        if rng.random() < 0.72:
            blade = _hsv(rng, (0.17, 0.36, 0.30, 0.62, 0.34, 0.68))
        else:
            blade = _hsv(rng, (0.02, 0.15, 0.45, 0.75, 0.45, 0.78))
        if abs(_luma(blade) - _luma(backdrop)) + 0.4 * _distance(blade, backdrop) > 0.24:
            break
    hue, saturation, value = colorsys.rgb_to_hsv(*blade)
    paler = bool(rng.random() < 0.6)
    change = _u(rng, 0.14, 0.26)
    second = _hsv(
        rng,
        (
            *((hue - 0.05, hue + 0.02) if paler else (hue - 0.03, hue + 0.05)),
            *((saturation * 0.6, saturation * 0.85) if paler else (saturation, saturation * 1.2)),
            *((value + change,) * 2 if paler else (value * (1 - change * 1.5),) * 2),
        ),
    )
    pale_vein = _blend(blade, (0.93, 0.93, 0.72), _u(rng, 0.35, 0.6))
    dark_vein = _blend(blade, (0.22, 0.15, 0.08), _u(rng, 0.4, 0.6))
    return Palette(
        blade=blade,
        second=second,
        vein=pale_vein if rng.random() < 0.75 else dark_vein,
        petiole=_blend(blade, (0.55, 0.36, 0.2), _u(rng, 0.1, 0.75)),
        gloss=_u(rng, 0.0, 0.5),
        relief=_u(rng, 0.7, 1.25),
    )


def _distance(a: Colour, b: Colour) -> float:
    return float(np.linalg.norm(np.subtract(a, b)))


def _light(rng: Rng) -> Light:
    return Light(
        azimuth_deg=_u(rng, 0, 360),
        strength=_u(rng, 0.7, 1.2),
        exposure=_u(rng, 0.86, 1.14),
        warmth=_u(rng, -0.07, 0.09),
        falloff=_u(rng, 0.0, 0.22),
        shade_depth=_u(rng, 0.12, 0.38) if rng.random() < 0.35 else 0.0,
        shade_position=_u(rng, -110, 110),
        shade_angle_deg=_u(rng, 0, 360),
    )


def _damage(rng: Rng) -> Damage:
    def spots(count: int, low: float, high: float) -> tuple[tuple[float, float, float], ...]:
        return tuple(
            (_u(rng, -0.35, 0.35), _u(rng, 0.1, 0.85), _u(rng, low, high)) for _ in range(count)
        )

    n_holes = int(rng.integers(1, 4)) if rng.random() < 0.35 else 0
    n_specks = int(rng.integers(1, 6)) if rng.random() < 0.5 else 0
    return Damage(spots(n_holes, 0.01, 0.028), spots(n_specks, 0.006, 0.018))


def _paper_colour(rng: Rng) -> Colour:
    """One distribution for labels and pebbles, as that of ink and bands."""
    return _hsv(rng, (0.07, 0.17, 0.02, 0.22, 0.78, 0.95))


def _ink_colour(rng: Rng) -> Colour:
    return _hsv(rng, (0.0, 1.0, 0.05, 0.3, 0.12, 0.34))


def _label(rng: Rng) -> Label:
    return Label(
        present=False,
        center_px=(0.0, 0.0),
        size_px=(_u(rng, 82, 96), _u(rng, 58, 68)),
        rotation_deg=_u(rng, -12, 12),
        paper=_paper_colour(rng),
        ink=_ink_colour(rng),
        lines=2,
    )


def _pebble(rng: Rng) -> Pebble:
    return Pebble(
        present=False,
        center_px=(0.0, 0.0),
        size_px=(_u(rng, 76, 92), _u(rng, 66, 78)),
        rotation_deg=_u(rng, 0, 180),
        colour=_paper_colour(rng),
        band=_ink_colour(rng),
    )


def _free_corners(spec: LeafSpec, rng: Rng) -> tuple[Point, Point]:
    """Places for label and pebble: the two corners of the picture that the blade covers least."""
    px = place(spec.pose, spec.shape).to_px(
        full_outline(spec.shape, spec.margin, spec.apex).polygon
    )
    margin_x = spec.label.size_px[0] / 2 + 6
    margin_y = spec.label.size_px[1] / 2 + 6
    found: list[tuple[float, Point]] = []
    for right in (False, True):
        for low in (False, True):
            x = SIZE_PX - margin_x if right else margin_x
            y = SIZE_PX - margin_y if low else margin_y
            point = (round(x + _u(rng, -3, 3), 2), round(y + _u(rng, -3, 3), 2))
            gap = float(np.min(np.hypot((px[:, 0] - point[0]) / 1.3, px[:, 1] - point[1])))
            found.append((-gap, point))
    found.sort()
    return found[0][1], found[1][1]
