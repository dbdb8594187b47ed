"""The crops that excite a concept most."""

from __future__ import annotations

import pandas as pd

from lens_core.atlas import ClassEntry, ConceptInfo

from .book import AtlasBook, plain
from .links import Links
from .pages import CropView, Picture


def crop_views(
    book: AtlasBook, entry: ClassEntry, concept: ConceptInfo, links: Links, table: pd.DataFrame
) -> tuple[CropView, ...]:
    """Its crops, strongest first, with where each was cut from; `table` is that of all crops."""
    views = []
    label = book.label(concept, entry.id)
    for place, name in enumerate(concept.crops):
        image, box = -1, (0.0, 0.0, 1.0, 1.0)
        if place < len(concept.crop_rows) and concept.crop_rows[place] < len(table):
            row = table.iloc[concept.crop_rows[place]]
            image = int(row["image"])
            box = (float(row["x0"]), float(row["y0"]), float(row["x1"]), float(row["y1"]))
        alt = f"Crop {place + 1} that activates {label} of {plain(entry.name)}"
        views.append(CropView(Picture(links.file(f"{entry.dir}/{name}"), alt), image, box))
    return tuple(views)
