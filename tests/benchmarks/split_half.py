"""Time of the split-half reliability of click maps: 1,000 maps at 224², 100 splits.

``seconds`` is the whole analysis of 100 images with ten people each: reliability of every image,
stepped up, leave-one-out, and the null from other images.

    python tests/benchmarks/split_half.py [--quick]
"""

from __future__ import annotations

import argparse
import json
import time

import numpy as np
import pandas as pd

from analysis.click_maps import click_map_reliability


def click_maps(images: int, people: int, size: int) -> tuple[np.ndarray, pd.DataFrame]:
    """A spot of its own for every image, with people's noise; (images · people, size, size)."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:size, :size].astype(np.float32) / size
    spots = rng.uniform(0.25, 0.75, (images, 2))
    maps = np.empty((images * people, size, size), dtype=np.float32)
    for place in range(images * people):
        row, column = spots[place // people] + rng.normal(0, 0.03, 2)
        bump = np.exp(-((y - row) ** 2 + (x - column) ** 2) / 0.02)
        maps[place] = bump + rng.random((size, size), dtype=np.float32)
    image = np.repeat(np.arange(images), people)
    person = np.tile(np.arange(people), images)
    return maps, pd.DataFrame({"participant": person, "image": [f"i{i:03d}" for i in image]})


def main() -> None:
    """Measure and print one JSON object."""
    parser = argparse.ArgumentParser(description="Time split-half reliability.")
    parser.add_argument("--quick", action="store_true", help="fewer and smaller maps")
    quick = parser.parse_args().quick
    images, people, size, splits = (8, 6, 56, 20) if quick else (100, 10, 224, 100)
    maps, answers = click_maps(images, people, size)
    start = time.perf_counter()
    found = click_map_reliability(
        maps, answers, cluster="participant", image="image", rng=np.random.default_rng(1),
        n_splits=splits,
    )  # fmt: skip
    seconds = time.perf_counter() - start
    row = found.overall.iloc[0]
    result = {
        "seconds": round(seconds, 3),
        "maps": len(maps),
        "px": size,
        "splits": splits,
        "spearman_brown": round(float(row["spearman_brown"]), 4),
        "null": round(float(row["null"]), 4),
        "quick": quick,
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
