"""Photographs for quick runs: of `lens data leaves` only those that are looked at."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from experiments.generators.leaves import FAMILIES, draw, sample
from experiments.generators.leaves.storage import encode_picture


def few_leaves(folder: Path, families: Sequence[str], per_class: int) -> None:
    """Write the first pictures to learn from of some families, the same bytes as the command's."""
    for family in families:
        (folder / family).mkdir(parents=True)
        for number in range(1, per_class + 1):
            spec = sample(family, np.random.default_rng([0, 0, FAMILIES.index(family), number]))
            (folder / family / f"{number:04d}.webp").write_bytes(encode_picture(draw(spec)))
