"""A synthetic atlas whose classes have known directions and hyperplanes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

from lens_core.atlas import Atlas
from tests.support.atlases import make_atlas

Rows = NDArray[np.floating]


def make_directed(
    path: Path,
    directions: Mapping[int, Rows],
    hyperplanes: Mapping[int, Rows] | None = None,
    dictionary: str = "concepts",
    **options: int | bool,
) -> Atlas:
    """An atlas in which class i has the directions (r, d), and if given the hyperplane (d,).

    Checksums are left as they were: such an atlas can be read, and is not whole.
    """
    n_concepts = len(next(iter(directions.values())))
    atlas = make_atlas(path, n_classes=len(directions), n_concepts=n_concepts, **options)  # type: ignore[arg-type]
    for class_id, rows in directions.items():
        file = atlas.load_class(class_id).path("arrays.safetensors")
        arrays = dict(load_file(file))
        arrays[f"{dictionary}/dictionary"] = np.asarray(rows, np.float32)
        if hyperplanes is not None:
            arrays[f"{dictionary}/hyperplane"] = np.asarray(hyperplanes[class_id], np.float32)
        save_file(arrays, file)
    return Atlas.open(path)
