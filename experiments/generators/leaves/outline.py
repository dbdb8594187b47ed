"""Outline of a blade: shape, then apex, then margin, as two half curves from base to tip."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from experiments.generators.leaves.spec import Apex, Margin, Shape

Array = npt.NDArray[np.float64]

HALF_POINTS = 420


@dataclass(frozen=True)
class Outline:
    """Right and left half, each (n, 2) from the base to the tip, in leaf coordinates."""

    right: Array
    left: Array

    @property
    def polygon(self) -> Array:
        """Closed curve (2n, 2): up the right side, down the left one."""
        return np.concatenate([self.right, self.left[::-1]])

    @property
    def area(self) -> float:
        """Area in leaf units squared (shoelace formula)."""
        x, y = self.polygon.T
        return float(abs(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2)

    @property
    def top(self) -> float:
        """Height of the tip, or of the cleft's floor where there is one."""
        return float(self.right[-1, 1])


@lru_cache(maxsize=32)
def bare_outline(shape: Shape) -> Outline:
    """The blade's shape with an entire margin and an unworked apex; its arrays are read-only."""
    right = _HALVES[shape.kind](shape)
    left = right * np.array([-1.0, 1.0])
    if shape.oblique:
        # One half starts higher on the midrib; the shift dies out towards the tip.
        left = left.copy()
        left[:, 1] += shape.oblique * np.clip(1 - left[:, 1], 0, 1) ** 2
        left = np.concatenate([[[0.0, 0.0]], left])
    out = Outline(_resample(right), _resample(left))
    for half in (out.right, out.left):
        half.setflags(write=False)
    return out


def full_outline(shape: Shape, margin: Margin, apex: Apex) -> Outline:
    """The blade as drawn: apex worked into the shape, then the margin into both."""
    bare = bare_outline(shape)
    halves = []
    for half, side in ((bare.right, 1.0), (bare.left, -1.0)):
        # Not resampled in between: teeth keep their places whatever the apex.
        halves.append(_with_margin(_with_apex(half, apex), side, margin))
    return Outline(*halves)


# --- shapes: the right half from base (0, 0) to tip (0, about 1) ---------------------------------


def _simple(shape: Shape) -> Array:
    """x = c · t^a (1 − t)^b with its maximum `half_width` at t = `widest`, a + b = `fullness`."""
    t = (1 - np.cos(np.linspace(0, np.pi, 300))) / 2
    a, b = shape.fullness * shape.widest, shape.fullness * (1 - shape.widest)
    peak = shape.widest**a * (1 - shape.widest) ** b
    x = shape.half_width * t**a * (1 - t) ** b / peak
    y = t - shape.basal * (x / shape.half_width) ** 2 * np.clip(1 - t / 0.45, 0, 1) ** 2
    return np.stack([x, y], axis=1)


def _arrow(shape: Shape) -> Array:
    """Heart or arrowhead: two basal lobes beside the insertion, drawn through seven points."""
    w, d = shape.half_width, shape.basal
    points = [
        (0.0, 0.0),
        (0.10 * w, -0.45 * d),
        (0.48 * w, -1.0 * d),
        (0.90 * w, -0.62 * d),
        (1.00 * w, 0.10),
        (0.78 * w, 0.42),
        (0.36 * w, 0.76),
        (0.0, 1.0),
    ]
    return _spline(np.array(points))


def _palmate(shape: Shape) -> Array:
    """Radial outline: lobes at 0, ±spread, ±2·spread …; bays of relative depth `sinus`."""
    pairs = (shape.lobes - 1) // 2
    centres = np.radians(shape.spread_deg) * np.arange(pairs + 1)
    reach = 1.0 - 0.10 * np.arange(pairs + 1) ** 1.45
    last = centres[-1] + 0.55 * np.radians(shape.spread_deg)
    theta = np.linspace(0, min(last + 0.25, np.pi * 0.97), 700)
    nearest = np.clip(np.rint(theta / np.radians(shape.spread_deg)).astype(int), 0, pairs)
    u = np.clip(np.abs(theta - centres[nearest]) / (np.radians(shape.spread_deg) / 2), 0, 1)
    bay = reach[nearest] * (1 - shape.sinus)
    # Neighbouring lobes meet at the same depth, else the bay would have a step.
    bay_next = reach[np.clip(nearest + np.where(theta > centres[nearest], 1, -1), 0, pairs)]
    bay = np.minimum(bay, bay_next * (1 - shape.sinus))
    r = bay + (reach[nearest] - bay) * (1 - u) ** 1.25 * (1 + 0.9 * u * (1 - u))
    r = r * np.where(theta > last, np.clip(1 - (theta - last) / 0.25, 0, 1) ** 0.7, 1)
    width = shape.half_width
    points = np.stack([r * np.sin(theta) * width, r * np.cos(theta)], axis=1)
    return np.concatenate([[[0.0, 0.0]], points[::-1]])


def _fan(shape: Shape) -> Array:
    """Sector of a disc with flanks that bend outwards, its corner rounded."""
    angle = np.radians(shape.spread_deg)
    corner = 0.93 * np.array([np.sin(angle), np.cos(angle)])
    pull = np.array([0.22 * np.sin(angle * 0.5), 0.36])
    t = np.linspace(0, 1, 120)[:, None]
    flank = 2 * t * (1 - t) * pull + t**2 * corner
    theta = np.linspace(angle * 0.965, 0, 200)
    rise = 0.95 + 0.05 * np.clip(1 - theta / angle, 0, 1) ** 0.6
    rim = np.stack([rise * np.sin(theta), rise * np.cos(theta)], axis=1)
    half = _smooth(_resample(np.concatenate([flank, rim])), 9)
    out: Array = half * np.array([shape.half_width, 1.0])
    return out


_HALVES = {"simple": _simple, "arrow": _arrow, "palmate": _palmate, "fan": _fan}


# --- apex and margin -----------------------------------------------------------------------------


def _with_apex(half: Array, apex: Apex) -> Array:
    """Work the apex into a half; nothing changes farther than `reach` from the axis."""
    x, y = half[:, 0], half[:, 1]
    top = y.max()
    near = np.clip(1 - np.abs(x) / apex.reach, 0, 1)
    upper = np.clip((y - (top - 0.45)) / 0.15, 0, 1)
    if apex.kind == "acuminate":
        y = y + apex.size * near**3 * upper
    elif apex.kind == "cleft":
        y = y - apex.size * (1 - np.clip(np.abs(x) / apex.reach, 0, 1) ** 0.8) ** 1.2 * upper
    elif apex.kind == "rounded":
        y = _soft_min(y, top - apex.size - 0.35 * x**2 / apex.reach, 0.09)
    return np.stack([x, y], axis=1)


def _with_margin(half: Array, side: float, margin: Margin) -> Array:
    """Displace the half: teeth along the normal, lobes towards the midrib."""
    if margin.kind == "entire":
        return half
    s = np.linspace(0, 1, len(half))
    tangent = np.gradient(half, axis=0)
    tangent /= np.linalg.norm(tangent, axis=1, keepdims=True) + 1e-12
    normal = side * np.stack([tangent[:, 1], -tangent[:, 0]], axis=1)
    envelope = np.clip(s / 0.07, 0, 1) * np.clip((1 - s) / 0.05, 0, 1)
    wander = 0.18 * np.sin(2 * np.pi * (2.3 * s + margin.phase + 0.2 * side))
    turn = margin.count * s + wander
    if margin.kind == "lobed":
        bay = (0.5 - 0.5 * np.cos(2 * np.pi * (turn + 0.12))) ** 1.7
        # Bays run towards the midrib, obliquely near base and tip, as secondary veins do.
        inward = np.stack([-half[:, 0], (0.06 + 0.78 * s) - half[:, 1]], axis=1)
        length = np.linalg.norm(inward, axis=1) + 1e-9
        cut = margin.depth * bay * envelope * np.minimum(length, 0.34) / length
        return _smooth(half + cut[:, None] * inward, 21)
    if margin.kind == "undulate":
        height = margin.depth * np.sin(2 * np.pi * turn)
    else:
        height = margin.depth * _tooth(turn)
        if margin.kind == "double":
            height = 0.75 * height + 0.45 * margin.depth * _tooth(3 * turn)
    forward = 0.6 * np.clip(height, 0, None) if margin.kind != "undulate" else 0 * height
    out: Array = half + (envelope * height)[:, None] * normal
    out += (envelope * forward)[:, None] * tangent
    return out


def _tooth(turn: Array) -> Array:
    """Teeth that point to the apex: a long rise, a short drop; mean about 0."""
    f = turn % 1.0
    return np.where(f < 0.78, f / 0.78, (1 - f) / 0.22) - 0.5


# --- curves --------------------------------------------------------------------------------------


def _resample(points: Array, n: int = HALF_POINTS) -> Array:
    """The same curve with n points at equal distances."""
    step = np.linalg.norm(np.diff(points, axis=0), axis=1)
    at = np.concatenate([[0.0], np.cumsum(step)])
    want = np.linspace(0, at[-1], n)
    return np.stack([np.interp(want, at, points[:, k]) for k in range(2)], axis=1)


def _smooth(points: Array, window: int) -> Array:
    """Moving average over `window` points that keeps both ends."""
    pad = window // 2
    padded = np.pad(points, ((pad, pad), (0, 0)), mode="edge")
    sums = np.cumsum(np.concatenate([np.zeros((1, 2)), padded]), axis=0)
    out: Array = (sums[window:] - sums[:-window]) / window
    out[0], out[-1] = points[0], points[-1]
    return out


def _spline(points: Array, n: int = 40) -> Array:
    """Catmull–Rom curve through the points (centripetal enough for these few)."""
    p = np.concatenate([[2 * points[0] - points[1]], points, [2 * points[-1] - points[-2]]])
    t = np.linspace(0, 1, n, endpoint=False)[:, None]
    pieces = [
        0.5
        * (
            2 * b
            + (c - a) * t
            + (2 * a - 5 * b + 4 * c - d) * t**2
            + (3 * b - a - 3 * c + d) * t**3
        )
        for a, b, c, d in zip(p[:-3], p[1:-2], p[2:-1], p[3:], strict=True)
    ]
    return np.concatenate([*pieces, points[-1:]])


def _soft_min(a: Array, b: Array, width: float) -> Array:
    """Smooth minimum that equals min(a, b) exactly where they differ by more than `width`."""
    h = np.clip(1 - np.abs(a - b) / width, 0, None)
    out: Array = np.minimum(a, b) - h**2 * width / 4
    return out
