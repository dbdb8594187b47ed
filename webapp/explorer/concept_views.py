"""Concepts as cards and panels."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from lens_core.atlas import ClassEntry, ClassShare, ConceptInfo
from lens_core.atlas.schema import ConceptSummary

from .book import AtlasBook, dictionary_of, number, title
from .concept_crops import crop_views
from .links import Links, class_path, concept_path
from .pages import (
    AlignmentBar,
    ClassShareView,
    ConceptView,
    Picture,
    SimilarView,
)
from .parts import division_of, parts_view

N_COLORS = 10
N_SIMILAR = 9
N_ELSEWHERE = 5


def css_color(concept: ConceptInfo | ConceptSummary) -> str:
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
        label=book.label(concept, entry.id),
        numbered=book.numbered(concept),
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
        crops=crop_views(book, entry, concept, links, crops) if crops is not None else (),
        alignment=_alignment(book, entry, concept, links) if full else (),
        similar=_similar(book, entry, concept, links) if full else (),
        page=links.page(concept_path(concept.id)) if book.shared_concept(concept) else None,
        elsewhere=_elsewhere(book, entry, concept, links) if full else (),
        parts=parts_view(book, entry, concept, links, crops) if crops is not None else None,
        undivided=full and division_of(book, concept) is not None,
        ablation=concept.ablation,
        people=book.people.score(entry.id, concept.id),
        called=book.name(concept, entry.id),
    )


def _elsewhere(
    book: AtlasBook, entry: ClassEntry, concept: ConceptInfo, links: Links
) -> tuple[ClassShareView, ...]:
    shared = book.shared_concept(concept)
    if shared is None:
        return ()
    others = tuple(share for share in shared.classes if share.class_id != entry.id)
    return class_shares(book, shared.id, others[:N_ELSEWHERE], links)


def class_shares(
    book: AtlasBook, concept_id: str, shares: Sequence[ClassShare], links: Links
) -> tuple[ClassShareView, ...]:
    """Classes in which a shared concept matters, with links to it there where they show it."""
    dictionary = dictionary_of(concept_id)
    other = None if dictionary == book.main.id else dictionary
    views = []
    for share in shares:
        entry = book.atlas.entry(share.class_id)
        shown = any(concept.id == concept_id for concept in entry.concepts)
        link = (
            links.concept(entry.id, concept_id, other)
            if shown
            else links.page(class_path(entry.id, other))
        )
        views.append(ClassShareView(title(entry.name), share.importance, share.prevalence, link))
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
        other = book.brief(class_id, concept_id)
        if other is None:
            continue
        dictionary = None if other.dictionary == book.main.id else other.dictionary
        file = f"{other_entry.dir}/{other.picture}" if other.picture else None
        views.append(
            SimilarView(
                concept_label=book.label(other, class_id),
                class_name=title(other_entry.name),
                cosine=cosine,
                link=links.concept(class_id, concept_id, dictionary),
                # Its link says what it is.
                picture=Picture(links.file(file), "") if file else None,
            )
        )
    return tuple(views)
