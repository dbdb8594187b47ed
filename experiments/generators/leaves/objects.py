"""What lies beside the leaf: the herbarium label and the pebble."""

from __future__ import annotations

import numpy as np

from experiments.generators.leaves.noise import Field, Rng, ramp
from experiments.generators.leaves.outline import Array
from experiments.generators.leaves.raster import ribbon
from experiments.generators.leaves.spec import Label, Pebble


def _turned(points: Array, center: tuple[float, float], rotation_deg: float) -> Array:
    a = np.radians(rotation_deg)
    turn = np.array([[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]])
    out: Array = points @ turn.T + np.array(center)
    return out


def label_paper(label: Label) -> Array:
    """Outline of the label: a rectangle with one clipped corner."""
    w, h = label.size_px[0] / 2, label.size_px[1] / 2
    clip = 0.22 * h
    corners = [(-w, -h), (w - clip, -h), (w, -h + clip), (w, h), (-w, h)]
    return _turned(np.array(corners), label.center_px, label.rotation_deg)


def label_writing(label: Label, rng: Rng) -> list[Array]:
    """A frame, a printed heading, lines of script and a barcode, as polygons."""
    w, h = label.size_px[0] / 2, label.size_px[1] / 2
    strokes: list[Array] = []

    def stroke(points: list[tuple[float, float]] | Array, width: float) -> None:
        placed = _turned(np.asarray(points, dtype=float), label.center_px, label.rotation_deg)
        strokes.append(ribbon(placed, np.full(len(placed), width)))

    for x0, y0, x1, y1 in ((-w, -h, w, -h), (-w, h, w, h), (-w, -h, -w, h), (w, -h, w, h)):
        stroke([(0.91 * x0, 0.87 * y0), (0.91 * x1, 0.87 * y1)], 2.0)
    stroke([(-0.6 * w, -0.58 * h), (0.6 * w, -0.58 * h)], 6.0)
    for k in range(label.lines):
        y = -0.2 * h + k * 0.5 * h / max(label.lines - 1, 1)
        strokes += _script(label, -0.74 * w, 0.74 * w * float(rng.uniform(0.55, 1.0)), y, rng)
    x = -0.72 * w
    while x < 0.66 * w:
        bar = float(rng.choice([2.6, 3.8, 5.0]))
        stroke([(x + bar / 2, 0.44 * h), (x + bar / 2, 0.76 * h)], bar)
        x += bar + float(rng.choice([2.6, 3.4]))
    return strokes


def _script(label: Label, start: float, end: float, y: float, rng: Rng) -> list[Array]:
    """One line of handwriting: words of waves with an ascender now and then."""
    words: list[Array] = []
    while start < end - 4:
        stop = min(end, start + float(rng.uniform(9, 18)))
        t = np.linspace(0, 1, max(6, int(stop - start) * 2)) * (stop - start)
        wave = np.sin(t * 1.45 + rng.uniform(0, 6)) * rng.uniform(1.8, 2.6)
        rise = np.clip(np.sin(t * 0.6 + rng.uniform(0, 6)) - 0.5, 0, 1) * 3.0
        line = np.stack([start + t, y + wave - rise], axis=1)
        placed = _turned(line, label.center_px, label.rotation_deg)
        words.append(ribbon(placed, np.full(len(placed), 2.0)))
        start = stop + float(rng.uniform(2.5, 4.5))
    return words


def pebble_outline(pebble: Pebble, rng: Rng) -> Array:
    """A rounded, slightly irregular stone."""
    turn = np.linspace(0, 2 * np.pi, 72, endpoint=False)
    wobble = np.ones_like(turn)
    for k in (2, 3, 4):
        wobble += rng.normal(0, 0.035 / k) * np.cos(k * turn + rng.uniform(0, 6))
    oval = np.stack([np.cos(turn) * pebble.size_px[0], np.sin(turn) * pebble.size_px[1]], axis=1)
    return _turned(oval / 2 * wobble[:, None], pebble.center_px, pebble.rotation_deg)


def _pebble_axes(pebble: Pebble, rows: Field, columns: Field) -> tuple[Field, Field]:
    """Coordinates along both axes of the stone, -1 … 1 inside."""
    a = np.radians(pebble.rotation_deg)
    x, y = columns - pebble.center_px[0], rows - pebble.center_px[1]
    u = (x * np.cos(a) + y * np.sin(a)) / (pebble.size_px[0] / 2)
    v = (y * np.cos(a) - x * np.sin(a)) / (pebble.size_px[1] / 2)
    return u.astype(np.float32), v.astype(np.float32)


def pebble_bands(pebble: Pebble, rows: Field, columns: Field, wander: Field) -> Field:
    """Weight of the dark mineral: two soft bands across the stone."""
    u, _ = _pebble_axes(pebble, rows, columns)
    u = u + 0.05 * wander
    first, second = 1 - ramp(np.abs(u + 0.35), 0.10, 0.18), 1 - ramp(np.abs(u - 0.2), 0.05, 0.12)
    out: Field = np.maximum(first, second)
    return out


def pebble_height(pebble: Pebble, rows: Field, columns: Field) -> Field:
    """Height (px) of the stone over its ground, an ellipsoid; 0 outside."""
    u, v = _pebble_axes(pebble, rows, columns)
    out: Field = (14 * np.sqrt(np.clip(1.06 - u**2 - v**2, 0, None))).astype(np.float32)
    return out
