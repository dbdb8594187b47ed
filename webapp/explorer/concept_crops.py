"""The crops that excite a concept most."""

from __future__ import annotations

import pandas as pd

from lens_core.atlas import ClassEntry, ConceptInfo

from .book import AtlasBook
from .links import Links
from .pages import CropView, Picture


def crop_views(
    book: AtlasBook, entry: ClassEntry, concept: ConceptInfo, links: Links, table: pd.DataFrame
) -> tuple[CropView, ...]:
    """Its crops, strongest first, with where each was cut from; `table` is that of all crops."""
    views = []
    label = book.label(concept, entry.id)
    places = book.crop_places(entry.id)
    for place, name in enumerate(concept.crops):
        image, box = -1, (0.0, 0.0, 1.0, 1.0)
        row = concept.crop_rows[place] if place < len(concept.crop_rows) else -1
        if 0 <= row < len(places):
            number, left, top, right, bottom = places[row].tolist()
            image, box = int(number), (left, top, right, bottom)
        alt = f"Crop {place + 1} of {label}"
        views.append(CropView(Picture(links.file(f"{entry.dir}/{name}"), alt), image, box))
    return tuple(views)
