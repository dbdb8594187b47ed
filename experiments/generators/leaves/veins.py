"""Course of the veins in leaf coordinates.

Lengths follow the bare shape, never margin or apex, so that exchanging one of those leaves the
veins where they were; the blade clips what goes beyond.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from experiments.generators.leaves.outline import Array, bare_outline
from experiments.generators.leaves.spec import Shape, Venation

Inside = npt.NDArray[np.bool_]

_CELLS = 150  # cells per leaf unit of the grid that says whether a point lies inside


@dataclass(frozen=True)
class Vein:
    """A tapering curve: points (k, 2), full widths (k,), order 1 (primary) or 2 (secondary)."""

    points: Array
    widths: Array
    order: int


class _Field:
    """Inside test and half-width of a bare shape."""

    def __init__(self, shape: Shape) -> None:
        polygon = bare_outline(shape).polygon
        self._origin = polygon.min(axis=0) - 0.02
        cells = np.ceil((polygon.max(axis=0) - self._origin + 0.04) * _CELLS).astype(int)
        canvas = Image.new("L", (int(cells[0]), int(cells[1])))
        corners = ((polygon - self._origin) * _CELLS).astype(np.float32)
        ImageDraw.Draw(canvas).polygon(corners.ravel().tolist(), fill=1)
        self._grid = np.asarray(canvas).astype(bool)
        self.top = float(polygon[:, 1].max())

    def inside(self, points: Array) -> Inside:
        column, row = ((points - self._origin) * _CELLS).astype(int).T
        height, width = self._grid.shape
        ok = (column >= 0) & (row >= 0) & (column < width) & (row < height)
        found: Inside = ok & self._grid[row * ok, column * ok]
        return found

    def half_width(self, y: Array) -> Array:
        """Greatest |x| inside the blade at each height (0 outside)."""
        row = ((y - self._origin[1]) * _CELLS).astype(int)
        x = np.abs((np.arange(self._grid.shape[1]) + 0.5) / _CELLS + self._origin[0])
        widest = np.where(self._grid, x, 0.0).max(axis=1)
        ok = (row >= 0) & (row < len(widest))
        return np.where(ok, widest[np.where(ok, row, 0)], 0.0)

    def cut(self, path: Array) -> Array:
        """The path up to where it first leaves the blade (its first points are always kept)."""
        outside = np.flatnonzero(~self.inside(path[3:]))
        return path if len(outside) == 0 else path[: outside[0] + 4]


def veins(shape: Shape, venation: Venation) -> list[Vein]:
    """All veins of a leaf, primaries first."""
    field = _Field(shape)
    return _KINDS[venation.kind](field, venation)


def _arc(start: Array, angle: float, turn: float, length: float, n: int = 26) -> Array:
    """Curve from `start`, heading `angle` rad right of the axis and turning by `turn`."""
    heading = angle + turn * _bending(n)
    step = np.empty((n - 1, 2))
    np.sin(heading, out=step[:, 0])
    np.cos(heading, out=step[:, 1])
    step *= length / (n - 1)
    out = np.empty((n, 2))
    out[0] = start
    np.cumsum(step, axis=0, out=out[1:])
    out[1:] += start
    return out


@cache
def _bending(n: int) -> Array:
    """How much of its turn an arc has made at each but the last of its points, read-only."""
    out: Array = np.linspace(0, 1, n)[:-1] ** 1.5
    out.setflags(write=False)
    return out


def _taper(path: Array, width: float, end: float = 0.25) -> Array:
    out: Array = width * np.linspace(1.0, end, len(path))
    return out


def _midrib(field: _Field, venation: Venation, width: float = 1.0) -> Vein:
    path = np.stack([np.zeros(40), np.linspace(-0.01, field.top + 0.12, 40)], axis=1)
    return Vein(path, _taper(path, venation.width * width, 0.2), 1)


def _pinnate(field: _Field, venation: Venation) -> list[Vein]:
    out = [_midrib(field, venation)]
    angle = np.radians(venation.angle_deg)
    for i in range(venation.count):
        for side in (-1.0, 1.0):
            share = (i + 0.55 + side * 0.25 * venation.stagger) / venation.count
            y = field.top * (0.04 + 0.88 * share**0.95)
            heading = angle * (1.08 - 0.28 * share)
            start = np.array([0.0, y])
            path = field.cut(
                _arc(start, side * heading, -side * venation.curve * heading, 0.95, 60)
            )
            widths = _taper(path, venation.width * (0.52 - 0.2 * share))
            out.append(Vein(path, widths, 2))
    return out


def _palmate(field: _Field, venation: Venation) -> list[Vein]:
    out: list[Vein] = []
    pairs = (venation.count - 1) // 2
    step = np.radians(venation.angle_deg)
    side_veins: list[Vein] = []
    for k in range(-pairs, pairs + 1):
        turn = -np.sign(k) * venation.curve * 0.35
        path = field.cut(_arc(np.zeros(2), k * step, turn, 1.15, 90))
        scale = 1.0 - 0.12 * abs(k)
        out.append(Vein(path, _taper(path, venation.width * scale, 0.22), 1))
        for i in range(4):
            at = int(len(path) * (0.26 + 0.17 * i))
            if at >= len(path) - 2:
                continue
            ahead = path[at + 1] - path[at]
            heading = float(np.arctan2(ahead[0], ahead[1]))
            for side in (-1.0, 1.0):
                length = 0.34 * (1 - 0.16 * i) * scale
                branch = field.cut(_arc(path[at], heading + side * 0.78, -side * 0.3, length, 20))
                side_veins.append(Vein(branch, _taper(branch, venation.width * 0.36), 2))
    return out + side_veins


def _parallel(field: _Field, venation: Venation) -> list[Vein]:
    """Arcs that keep their share of the local half-width from base to apex."""
    out = [_midrib(field, venation, 0.8)]
    y = np.linspace(0.0, field.top * 0.985, 46)
    width = np.convolve(np.pad(field.half_width(y), 4, mode="edge"), np.ones(9) / 9, "valid")
    width[0] *= 0.25
    for i in range(1, venation.count + 1):
        share = 0.96 * i / (venation.count + 0.6)
        for side in (-1.0, 1.0):
            path = np.stack([side * share * width, y], axis=1)
            out.append(Vein(path, np.full(len(path), venation.width * 0.34), 2))
    return out


def _fan(field: _Field, venation: Venation) -> list[Vein]:
    """Rays from the base that fork twice."""
    out: list[Vein] = []
    spread = np.radians(venation.angle_deg)
    rays = np.linspace(-spread, spread, venation.count)
    gap = rays[1] - rays[0]
    for angle in rays:
        stem = field.cut(_arc(np.zeros(2), angle * 0.42, angle * 0.62, 0.42, 20))
        out.append(Vein(stem, _taper(stem, venation.width * 0.62, 0.7), 1))
        for side in (-1.0, 1.0):
            heading = angle * 1.04 + side * gap * 0.62
            fork = _arc(stem[-1], heading, -side * gap * 0.35, 0.75, 30)
            path = field.cut(fork)
            out.append(Vein(path, _taper(path, venation.width * 0.42, 0.6), 2))
    return out


_KINDS = {"pinnate": _pinnate, "palmate": _palmate, "parallel": _parallel, "fan": _fan}
