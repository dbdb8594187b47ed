"""From a `LeafSpec` to a picture and exact masks of its parts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter
from scipy import ndimage

from experiments.generators.leaves import backgrounds, objects, surface
from experiments.generators.leaves.noise import (
    Field,
    mix,
    octaves,
    plain,
    ramp,
    relief,
    smooth,
    white,
)
from experiments.generators.leaves.outline import Array, bare_outline, full_outline
from experiments.generators.leaves.placement import Placement, place
from experiments.generators.leaves.raster import box_of, coverage, disc, ribbon
from experiments.generators.leaves.spec import SIZE_PX, LeafSpec
from experiments.generators.leaves.veins import veins

Mask = npt.NDArray[np.bool_]

MASKS: tuple[str, ...] = (
    "background",
    "blade",
    "petiole",
    "label",
    "pebble",
    "margin",
    "primary_veins",
    "secondary_veins",
    "apex",
    "texture",
    "shadow",
)
"""Names of the masks. The first five share out the picture: every pixel belongs to exactly one.
`margin`, veins, `apex`, `texture` lie inside the blade; `shadow` is all a cast shadow reaches."""

MARGIN_PX = 9.0
APEX_REACH = 0.18
_VEIN_SHARE = 0.35
_SMOOTHED_PX = 9
"""No filter of the blade's surface reaches farther."""

# One independent stream of noise per layer: a change in one never touches another.
_BACKGROUND, _PIGMENT, _NET, _BULK, _SCRIPT, _STONE, _SENSOR, _EDGE = range(8)


@dataclass(frozen=True)
class Rendered:
    """Picture (256 × 256 RGB) and masks {name: (256, 256) bool} by the names in `MASKS`."""

    image: Image.Image
    masks: dict[str, Mask]


@dataclass(frozen=True)
class _Blade:
    """Everything geometric about the leaf, rasterised once."""

    placement: Placement
    x: Field  # leaf coordinates
    y: Field
    ground: surface.Ground
    whole: Field  # coverage before holes
    visible: Field  # coverage with holes
    petiole: Field
    primary: Field
    secondary: Field
    top: float


def draw(spec: LeafSpec) -> Rendered:
    """Render a leaf.

    Parameters
    ----------
    spec : LeafSpec
        The same spec gives the same bytes.

    Returns
    -------
    Rendered
        The picture and a mask for each name in `MASKS`. A pixel belongs to the layer that shows
        in most of it; a vein's mask holds the pixels of which it covers 35 % or more.
    """
    blade = _rasterise(spec)
    stone = _stone(spec)
    paper = coverage([objects.label_paper(spec.label)]) if spec.label.present else _nothing()
    picture = backgrounds.paint(spec.background, spec.light.azimuth_deg, _rng(spec, _BACKGROUND))
    picture, stone_shadow = _lay_stone(picture, spec, stone)
    leaf = np.maximum(blade.visible, blade.petiole)
    picture, leaf_shadow = _cast(picture, spec, leaf, spec.pose.lift_px)
    picture = _lay_petiole(picture, spec, blade)
    colours, pigment = _blade_colours(spec, blade)
    part = (slice(None), *blade.ground.box)
    picture[part] = mix(picture[part], colours, blade.ground.part(blade.visible))
    picture, label_shadow = _lay_label(picture, spec, paper)
    shadow = np.maximum(np.maximum(stone_shadow, leaf_shadow * (1 - leaf)), label_shadow)
    picture = _expose(picture, spec)
    masks = _masks(blade, stone, paper, pigment, shadow * (1 - paper), spec)
    pixels = (picture.transpose(1, 2, 0) * 255 + 0.5).astype(np.uint8)
    return Rendered(Image.fromarray(pixels), masks)


def _rng(spec: LeafSpec, layer: int) -> np.random.Generator:
    return np.random.default_rng([spec.seed, 0, layer])


def _nothing() -> Field:
    return np.zeros((SIZE_PX, SIZE_PX), np.float32)


# --- geometry ------------------------------------------------------------------------------------


def _rasterise(spec: LeafSpec) -> _Blade:
    placement = place(spec.pose, spec.shape)
    bare = bare_outline(spec.shape)
    whole = coverage([placement.to_px(full_outline(spec.shape, spec.margin, spec.apex).polygon)])
    bare_cover = coverage([placement.to_px(bare.polygon)])
    x, y = placement.to_leaf()
    box = box_of(np.maximum(whole, bare_cover), _SMOOTHED_PX)
    holes = [
        disc(_point(placement, hx, hy), r * placement.scale_px) for hx, hy, r in spec.damage.holes
    ]
    visible = whole * (1 - coverage(holes)) if holes else whole
    ribbons: dict[int, list[Array]] = {1: [], 2: []}
    for vein in veins(spec.shape, spec.venation):
        widths = np.maximum(vein.widths * placement.scale_px, 0.7)
        ribbons[vein.order].append(ribbon(placement.to_px(vein.points), widths))
    return _Blade(
        placement=placement,
        x=x,
        y=y,
        ground=surface.Ground(box, x[box], y[box], placement.scale_px, bare_cover[box]),
        whole=whole,
        visible=visible,
        petiole=coverage([_petiole(spec, placement)]),
        primary=coverage(ribbons[1]) * whole,
        secondary=coverage(ribbons[2]) * whole,
        top=bare.top,
    )


def _point(placement: Placement, x: float, y: float) -> tuple[float, float]:
    px = placement.to_px(np.array([[x, y]]))[0]
    return float(px[0]), float(px[1])


def _petiole(spec: LeafSpec, placement: Placement) -> Array:
    """Ribbon from just inside the blade down to the foot, thickened at its very end."""
    petiole = spec.petiole
    t = np.linspace(0, 1, 40)
    y = 0.03 - t * (petiole.length + 0.03)
    x = petiole.bend * petiole.length * 0.5 * t**2
    widths = petiole.width + (petiole.foot_width - petiole.width) * t**2
    widths = widths * (1 + 0.5 * np.clip((t - 0.92) / 0.08, 0, 1))
    points = placement.to_px(np.stack([x, y], axis=1))
    return ribbon(points, np.maximum(widths * placement.scale_px, 2.2))


# --- layers --------------------------------------------------------------------------------------


def _cast(picture: Field, spec: LeafSpec, cover: Field, lift_px: float) -> tuple[Field, Field]:
    """Darken where an object keeps the light away; returns the shadow's strength, too."""
    azimuth = np.radians(spec.light.azimuth_deg)
    right, down = round(-np.cos(azimuth) * lift_px), round(np.sin(azimuth) * lift_px)
    moved = np.zeros_like(cover)
    h, w = cover.shape
    moved[max(down, 0) : h + min(down, 0), max(right, 0) : w + min(right, 0)] = cover[
        max(-down, 0) : h + min(-down, 0), max(-right, 0) : w + min(-right, 0)
    ]
    soft = _blur(moved, 0.8 + 0.45 * lift_px)
    contact = _blur(cover, 2.0)
    depth = np.clip(0.46 * spec.light.strength * soft + 0.16 * contact, 0, 0.8)
    tint = np.array([1.0, 0.97, 0.90], np.float32)[:, None, None]  # shadows are a little blue
    out: Field = picture * (1 - depth * tint)
    return out, np.asarray(depth, np.float32)


def _blur(cover: Field, radius: float) -> Field:
    picture = Image.fromarray((cover * 255).astype(np.uint8))
    soft = picture.filter(ImageFilter.GaussianBlur(radius))
    return np.asarray(soft, dtype=np.float32) / np.float32(255)


def _stone(spec: LeafSpec) -> Field:
    if not spec.pebble.present:
        return _nothing()
    return coverage([objects.pebble_outline(spec.pebble, _rng(spec, _STONE))])


def _lay_stone(picture: Field, spec: LeafSpec, stone: Field) -> tuple[Field, Field]:
    if not spec.pebble.present:
        return picture, _nothing()
    picture, shadow = _cast(picture, spec, stone, 4.0)
    rows, columns = np.mgrid[0:SIZE_PX, 0:SIZE_PX].astype(np.float32)
    rng = _rng(spec, _STONE)
    rng.random(64)  # the outline used the beginning of this stream
    height = objects.pebble_height(spec.pebble, rows, columns) + 0.25 * white(rng)
    bands = objects.pebble_bands(spec.pebble, rows, columns, smooth(rng, 30))
    body = mix(plain(spec.pebble.colour), spec.pebble.band, 0.85 * bands)
    shade = 0.95 + 0.22 * np.clip(relief(height, spec.light.azimuth_deg), -1.6, 1.0)
    body = body * (shade + 0.03 * octaves(rng, 20, 3))
    return mix(picture, body, stone), shadow * (1 - stone)


def _lay_petiole(picture: Field, spec: LeafSpec, blade: _Blade) -> Field:
    """A round stalk: lit as a cylinder through the blurred coverage."""
    height = 3.0 * ndimage.gaussian_filter(blade.petiole, 1.3, truncate=3)
    shade = 1 + 0.5 * spec.light.strength * np.clip(relief(height, spec.light.azimuth_deg), -1, 1)
    body = plain(spec.palette.petiole)
    return mix(picture, np.asarray(body * shade, np.float32), blade.petiole)


def _blade_colours(spec: LeafSpec, blade: _Blade) -> tuple[Field, Field]:
    """Colours (3, h, w) and second pigment (h, w), both of the box that holds the blade."""
    palette, ground = spec.palette, blade.ground
    primary, secondary = ground.part(blade.primary), ground.part(blade.secondary)
    pigment = surface.pigment(spec.texture, ground, _rng(spec, _PIGMENT))
    bulk_rng, net_rng = _rng(spec, _BULK), _rng(spec, _NET)
    bulk = 1 + 0.07 * ground.part(octaves(bulk_rng, 50, 4))
    colours = np.asarray(palette.blade, np.float32)[:, None, None] * bulk
    colours = mix(colours, palette.second, 0.92 * pigment)
    fine = surface.net(spec.venation, ground, net_rng)
    colours = mix(colours, palette.vein, 0.16 * fine)
    colours = mix(colours, palette.vein, 0.75 * secondary)
    colours = mix(colours, palette.vein, 0.92 * primary)
    colours = _with_specks(colours, spec, ground)
    height = palette.relief * surface.vein_height(primary, secondary)
    height = height - 0.28 * palette.relief * fine + 0.10 * ground.part(smooth(bulk_rng, 2.4))
    height = height + surface.bulk_height(spec.pose, ground, bulk_rng)
    slope = relief(height, spec.light.azimuth_deg)
    visible = ground.part(blade.visible)
    edge = relief(ndimage.gaussian_filter(visible, 0.8, truncate=3), spec.light.azimuth_deg)
    shade = 1 + spec.light.strength * (0.42 * np.clip(slope, -1.1, 1.1) + 0.35 * edge)
    gloss = palette.gloss * ramp(slope + 0.15 * ground.part(smooth(bulk_rng, 60)), 0.25, 1.0)
    lit = colours * np.clip(shade, 0.3, 1.8)
    return mix(np.asarray(lit, np.float32), (1.0, 1.0, 0.96), 0.5 * gloss), pigment


def _with_specks(colours: Field, spec: LeafSpec, ground: surface.Ground) -> Field:
    """Brown specks, and brown rims around the holes."""
    weight = np.zeros_like(ground.x)
    for x, y, r in spec.damage.specks:
        away = np.hypot(ground.x - x, ground.y - y)
        weight = np.maximum(weight, 1 - ramp(away, 0.6 * r, 1.2 * r))
    for x, y, r in spec.damage.holes:
        away = np.hypot(ground.x - x, ground.y - y)
        weight = np.maximum(weight, 0.8 * (1 - ramp(away, r, 1.7 * r)))
    return mix(colours, (0.30, 0.19, 0.10), 0.75 * weight)


def _lay_label(picture: Field, spec: LeafSpec, paper: Field) -> tuple[Field, Field]:
    label = spec.label
    if not label.present:
        return picture, _nothing()
    rng = _rng(spec, _SCRIPT)
    picture, shadow = _cast(picture, spec, paper, 1.6)
    ink = coverage(objects.label_writing(label, rng))
    sheet = plain(label.paper) * (1 + 0.012 * smooth(rng, 2.0) + 0.02 * octaves(rng, 60, 2))
    sheet = mix(np.asarray(sheet, np.float32), label.ink, 0.82 * ink)
    return mix(picture, sheet, paper), shadow


def _expose(picture: Field, spec: LeafSpec) -> Field:
    """Light over the whole picture: fall-off, a soft shadow across, warmth, sensor noise."""
    light = spec.light
    y, x = (np.mgrid[0:SIZE_PX, 0:SIZE_PX].astype(np.float32) + 0.5) / SIZE_PX - 0.5
    a = np.radians(light.azimuth_deg)
    towards = x * np.float32(np.cos(a)) - y * np.float32(np.sin(a))
    level = light.exposure * (1 + light.falloff * 1.2 * towards)
    if light.shade_depth:
        b = np.radians(light.shade_angle_deg)
        across = (x * np.float32(np.cos(b)) + y * np.float32(np.sin(b))) * SIZE_PX
        level = level * (1 - light.shade_depth * ramp(across - light.shade_position, -14, 14))
    tint = np.array([1 + light.warmth, 1.0, 1 - light.warmth], np.float32)[:, None, None]
    rng = _rng(spec, _SENSOR)
    out = picture * level * tint + 0.012 * white(rng)
    return np.asarray(np.clip(out, 0, 1), np.float32)


# --- ground truth --------------------------------------------------------------------------------


def _masks(
    blade: _Blade, stone: Field, paper: Field, pigment: Field, shadow: Field, spec: LeafSpec
) -> dict[str, Mask]:
    open_ = 1 - paper
    shares = {
        "label": paper,
        "blade": blade.visible * open_,
        "petiole": blade.petiole * (1 - blade.visible) * open_,
    }
    rest = open_ * (1 - blade.visible) * (1 - blade.petiole)
    shares["pebble"] = stone * rest
    shares["background"] = (1 - stone) * rest
    masks: dict[str, Mask] = {}
    most = np.full((SIZE_PX, SIZE_PX), -1, np.float32)
    for name, share in shares.items():
        # Of equal shares the first one counts.
        won = share > most
        np.maximum(most, share, out=most)
        for mask in masks.values():
            mask &= ~won
        masks[name] = won
    on_blade = masks["blade"]
    masks["margin"] = on_blade & _rim(blade.whole >= 0.5)
    masks["primary_veins"] = on_blade & (blade.primary >= _VEIN_SHARE)
    masks["secondary_veins"] = on_blade & (blade.secondary >= _VEIN_SHARE) & ~masks["primary_veins"]
    masks["apex"] = on_blade & _near_apex(blade, spec)
    masks["texture"] = np.zeros_like(on_blade)
    masks["texture"][blade.ground.box] = on_blade[blade.ground.box] & (pigment > 0.5)
    masks["shadow"] = shadow > 0
    return {name: masks[name] for name in MASKS}


def _rim(inside: Mask) -> Mask:
    """Pixels of a region that lie within `MARGIN_PX` of its edge."""
    rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
    box = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
    # A pixel of padding, for the picture's own edge cuts no leaf.
    framed = np.pad(inside[box], 1)
    near = ndimage.distance_transform_edt(framed) <= MARGIN_PX
    out = np.zeros_like(inside)
    out[box] = (near & framed)[1:-1, 1:-1]
    return out


def _near_apex(blade: _Blade, spec: LeafSpec) -> Mask:
    x, y = blade.x, blade.y
    near: Mask = np.hypot(x, y - blade.top) < APEX_REACH
    cut = (np.abs(x) < spec.apex.reach + 0.03) & (y > blade.top - spec.apex.size - 0.06)
    return near | (cut & (y > 0.3))
