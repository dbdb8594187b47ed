"""A synthetic atlas of two classes whose model is wrong about half of the photographs."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from lens_core.atlas import Atlas
from tests.support.atlases import make_atlas


def make_mistaken(folder: Path, n_images: int = 48) -> Atlas:
    """Like :func:`make_atlas`, but every other photograph comes from the other class's folder."""
    atlas = make_atlas(folder, n_classes=2, n_images=n_images, units=False, attributed=True)
    names = [entry.folder for entry in atlas.classes]
    for entry, other in zip(atlas.classes, reversed(names), strict=True):
        table = folder / entry.dir / "images.parquet"
        images = pd.read_parquet(table)
        odd = images["image"] % 2 == 1
        images.loc[odd, "file"] = [f"{other}/from-{entry.id}-{i}.png" for i in images["image"][odd]]
        images.to_parquet(table)
    return atlas
