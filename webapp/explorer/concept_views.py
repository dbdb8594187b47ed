"""Concepts as cards and panels."""

from __future__ import annotations

import pandas as pd

from lens_core.atlas import ClassEntry, ClassInfo, ConceptInfo

from .book import AtlasBook, number, plain, title
from .links import Links, class_path
from .pages import AlignmentBar, ConceptView, CropView, Picture, SimilarView

N_COLORS = 10
N_SIMILAR = 9


def css_color(concept: ConceptInfo) -> str:
    """CSS class with the concept's colour; grey for the unimportant."""
    if concept.color is None or concept.color >= N_COLORS:
        return "c-none"
    return f"c{concept.color}"


def concept_view(
    book: AtlasBook,
    entry: ClassEntry,
    concept: ConceptInfo,
    links: Links,
    crops: pd.DataFrame | None = None,
) -> ConceptView:
    """A concept as a card; with the table of crops also what its panel shows."""
    other_dictionary = None if concept.dictionary == book.main.id else concept.dictionary
    full = crops is not None
    return ConceptView(
        id=concept.id,
        label=book.label(concept),
        number=number(concept),
        css=css_color(concept),
        link=links.concept(entry.id, concept.id, other_dictionary),
        importance=concept.importance,
        prevalence=concept.prevalence,
        reliability=concept.reliability,
        sobol=concept.sobol_total,
        sobol_se=concept.sobol_total_se,
        important=concept.important,
        n_crops=concept.n_crops,
        picture=book.visualization(entry, concept, links),
        crops=_crops(book, entry, concept, links, crops) if crops is not None else (),
        alignment=_alignment(book, entry, concept, links) if full else (),
        similar=_similar(book, entry, concept, links) if full else (),
    )


def _crops(
    book: AtlasBook, entry: ClassEntry, concept: ConceptInfo, links: Links, table: pd.DataFrame
) -> tuple[CropView, ...]:
    views = []
    for place, name in enumerate(concept.crops):
        image, box = -1, (0.0, 0.0, 1.0, 1.0)
        if place < len(concept.crop_rows) and concept.crop_rows[place] < len(table):
            row = table.iloc[concept.crop_rows[place]]
            image = int(row["image"])
            box = (float(row["x0"]), float(row["y0"]), float(row["x1"]), float(row["y1"]))
        alt = f"Crop {place + 1} that activates {book.label(concept)} of {plain(entry.name)}"
        views.append(CropView(Picture(links.file(f"{entry.dir}/{name}"), alt), image, box))
    return tuple(views)


def _alignment(
    book: AtlasBook, entry: ClassEntry, concept: ConceptInfo, links: Links
) -> tuple[AlignmentBar, ...]:
    return tuple(
        AlignmentBar(
            name=title(item.name.partition(",")[0]),
            cosine=item.cosine,
            link=links.page(class_path(item.class_id)) if book.has_class(item.class_id) else None,
            is_own=item.class_id == entry.id,
        )
        for item in concept.alignment
    )


def _similar(
    book: AtlasBook, entry: ClassEntry, concept: ConceptInfo, links: Links
) -> tuple[SimilarView, ...]:
    views: list[SimilarView] = []
    for class_id, concept_id, cosine in book.similar_rows.get((entry.id, concept.id), []):
        if len(views) == N_SIMILAR:
            break
        other_entry = book.atlas.entry(class_id)
        other = _find(book.info(class_id), concept_id)
        if other is None:
            continue
        view = concept_view(book, other_entry, other, links)
        views.append(
            SimilarView(view.label, title(other_entry.name), cosine, view.link, view.picture)
        )
    return tuple(views)


def _find(info: ClassInfo, concept_id: str) -> ConceptInfo | None:
    try:
        return info.concept(concept_id)
    except KeyError:
        return None
