"""The page that ranks where a model may lean on the wrong thing."""

from __future__ import annotations

from dataclasses import dataclass

from lens_core.atlas import ConceptInfo

from . import bias
from .book import AtlasBook, title
from .concept_views import concept_view
from .links import Links, bias_table_path
from .pages import ConceptView


@dataclass(frozen=True)
class UnreliableView:
    """A concept that leads astray, and the class that it does so for."""

    class_title: str
    concept: ConceptView
    found: bias.Unreliable


@dataclass(frozen=True)
class StrangersView:
    """A concept in two classes that share little else."""

    class_title: str
    concept: ConceptView
    other_title: str
    other: ConceptView
    found: bias.SharedByStrangers


@dataclass(frozen=True)
class BiasPage:
    """Both lists, cut to what one looks through, with how many there are."""

    unreliable: tuple[UnreliableView, ...]
    n_unreliable: int
    shared: tuple[StrangersView, ...]
    n_shared: int
    one_dictionary: bool
    unit_word: str
    tables: dict[str, str]


def bias_page(book: AtlasBook, links: Links) -> BiasPage:
    """The worst of both lists, with pictures."""
    unreliable, shared = bias.unreliable(book), bias.shared_by_strangers(book)

    def view(class_id: int, concept_id: str) -> ConceptView:
        return concept_view(
            book, book.atlas.entry(class_id), _concept(book, class_id, concept_id), links
        )

    def name(class_id: int) -> str:
        return title(book.atlas.entry(class_id).name)

    shown = [
        one
        for one in shared
        if _shows(book, one.class_id, one.concept_id)
        and _shows(book, one.other_class_id, one.other_concept_id)
    ]
    return BiasPage(
        unreliable=tuple(
            UnreliableView(name(one.class_id), view(one.class_id, one.concept_id), one)
            for one in unreliable[: bias.N_LISTED]
        ),
        n_unreliable=len(unreliable),
        shared=tuple(
            StrangersView(
                class_title=name(one.class_id),
                concept=view(one.class_id, one.concept_id),
                other_title=name(one.other_class_id),
                other=view(one.other_class_id, one.other_concept_id),
                found=one,
            )
            for one in shown[: bias.N_LISTED]
        ),
        n_shared=len(shown),
        one_dictionary=book.main.scope == "shared",
        unit_word=book.header.unit_word,
        tables={name: links.data(bias_table_path(name)) for name in bias.LISTS},
    )


def _concept(book: AtlasBook, class_id: int, concept_id: str) -> ConceptInfo:
    return book.info(class_id).concept(concept_id)


def _shows(book: AtlasBook, class_id: int, concept_id: str) -> bool:
    """A class shows but the most important rows of a dictionary that it shares."""
    return any(concept.id == concept_id for concept in book.atlas.entry(class_id).concepts)
