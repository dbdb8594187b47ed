"""What a concept is made of: its parts at an earlier layer, and theirs."""

from __future__ import annotations

import pandas as pd

from lens_core.atlas import ClassEntry, ConceptInfo, DictionaryInfo

from .book import AtlasBook
from .concept_crops import crop_views
from .links import Links, maps_path
from .pages import PartsView, PartView

N_CROPS = 5


def parts_view(
    book: AtlasBook, entry: ClassEntry, concept: ConceptInfo, links: Links, crops: pd.DataFrame
) -> PartsView | None:
    """The parts of a concept; None if it was not divided."""
    level = division_of(book, concept)
    parts = book.info(entry.id).children(concept.id) if level is not None else ()
    if level is None or not parts:
        return None
    return PartsView(
        layer=level.layer,
        rest=1.0 - sum(part.share_of_parent or 0.0 for part in parts),
        items=tuple(
            PartView(
                id=part.id,
                label=book.label(part, entry.id),
                share=part.share_of_parent or 0.0,
                row=part.index,
                picture=book.visualization(entry, part, links),
                crops=crop_views(book, entry, part, links, crops)[:N_CROPS],
                parts=parts_view(book, entry, part, links, crops),
            )
            for part in parts
        ),
        maps=links.data(maps_path(entry.id, level.id)),
    )


def division_of(book: AtlasBook, concept: ConceptInfo) -> DictionaryInfo | None:
    """The dictionary that divides the concepts of this one's; None if none does."""
    for dictionary in book.atlas.dictionaries:
        if dictionary.parent == concept.dictionary:
            return dictionary
    return None
