"""From leaf coordinates to pixels and back."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from experiments.generators.leaves.noise import Field
from experiments.generators.leaves.outline import Array, bare_outline
from experiments.generators.leaves.spec import SIZE_PX, Pose, Shape

FRAME_PX = 224.0
"""Longest side of the blade's bounding box in the picture."""


@dataclass(frozen=True)
class Placement:
    """Bend, squash, scale, turn, shift: `to_px` and `to_leaf` undo each other."""

    bend: float
    squash: float
    scale_px: float
    matrix: Array
    shift: Array

    def to_px(self, points: Array) -> Array:
        """Leaf coordinates (n, 2) to pixels (x right, y down)."""
        bent = points.copy()
        bent[:, 0] = (bent[:, 0] + self.bend * points[:, 1] * np.abs(points[:, 1])) * self.squash
        out: Array = bent @ self.matrix.T + self.shift
        return out

    def to_leaf(self) -> tuple[Field, Field]:
        """Leaf coordinates x, y of every pixel's centre, each (256, 256)."""
        back = (_centres() - self.shift) @ np.linalg.inv(self.matrix).T
        y = back[:, 1]
        x = back[:, 0] / self.squash - self.bend * y * np.abs(y)
        shape = (SIZE_PX, SIZE_PX)
        return x.reshape(shape).astype(np.float32), y.reshape(shape).astype(np.float32)


@cache
def _centres() -> Array:
    """Centres (x, y) of all pixels, (256 · 256, 2), read-only."""
    rows, columns = np.mgrid[0:SIZE_PX, 0:SIZE_PX]
    out: Array = np.stack([columns.ravel() + 0.5, rows.ravel() + 0.5], axis=1)
    out.setflags(write=False)
    return out


def place(pose: Pose, shape: Shape) -> Placement:
    """Lay a blade down: its bare shape has the pose's area and its middle in the picture's.

    Only the bare shape counts, so that exchanging margin or apex moves nothing.
    """
    bare = bare_outline(shape)
    angle = np.radians(pose.rotation_deg)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    unit = Placement(pose.bend, pose.squash, 1.0, turn @ np.diag([1.0, -1.0]), np.zeros(2))
    outline = unit.to_px(bare.polygon)
    low, high = outline.min(axis=0), outline.max(axis=0)
    scale = np.sqrt(pose.area_px / (bare.area * pose.squash))
    scale = float(min(scale, FRAME_PX / (high - low).max()))
    slack = np.maximum(0.0, (SIZE_PX - 20 - scale * (high - low)) / 2)
    # Stay inside the frame, and leave a little more room for the petiole.
    towards_tip = turn @ np.array([0.0, -10.0])
    wanted = np.array([pose.shift_x_px, pose.shift_y_px]) + towards_tip
    shift = SIZE_PX / 2 - scale * (low + high) / 2 + np.clip(wanted, -slack, slack)
    return Placement(pose.bend, pose.squash, scale, scale * unit.matrix, shift)
