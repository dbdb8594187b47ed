"""The pages that set two classes side by side, and the one where two are chosen."""

from __future__ import annotations

import re
from dataclasses import dataclass

from lens_core.atlas import ClassEntry

from .alike import N_SUGGESTED, alike_pairs, compared_pairs, has_every_pair
from .book import AtlasBook, title, unit_word
from .compare_links import ANY_PAIR, like_address, pair_address, pair_table_path
from .concept_views import concept_view
from .links import Links, class_path
from .pages import ConceptView, DictionaryTab, Picture
from .pairs import ClassPair, PairConcept, compare_classes
from .search import search_classes

_VERSUS = re.compile(r"\s+(?:vs\.?|versus|against|or)\s+", re.IGNORECASE)
N_BARS = 12


@dataclass(frozen=True)
class SideView:
    """A concept of one of the two classes.

    The bar is in percent of half the figure's width, above 0 where it speaks for the first class.
    """

    class_title: str
    concept: ConceptView
    like: str
    found: PairConcept
    bar: float


@dataclass(frozen=True)
class SharedView:
    """A concept that both have."""

    first: SideView
    second: SideView
    cosine: float


@dataclass(frozen=True)
class EndView:
    """One of the two classes."""

    id: int
    title: str
    link: str
    cover: Picture | None
    n_images: int


@dataclass(frozen=True)
class PairPage:
    """Two classes side by side."""

    ends: tuple[EndView, EndView]
    unit_word: str
    layer: str
    shared_dictionary: bool
    likeness: float | None
    separated: bool
    exact: bool
    bars: tuple[SideView, ...]
    both: tuple[SharedView, ...]
    first_alone: tuple[SideView, ...]
    second_alone: tuple[SideView, ...]
    tabs: tuple[DictionaryTab, ...]
    turned: str | None
    table: str


@dataclass(frozen=True)
class PairTile:
    """Two classes that one may want to compare."""

    first: str
    second: str
    link: str
    pictures: tuple[Picture | None, Picture | None]


@dataclass(frozen=True)
class ChoosePage:
    """Where two classes are chosen; `message` says what could not be found.

    `any_pair` is the page of a static site that puts together what has no page of its own.
    """

    first: str
    second: str
    message: str
    pairs: tuple[PairTile, ...]
    n_pairs: int
    n_classes: int
    any_pair: str | None
    against: str
    like: str


def pair_page(
    book: AtlasBook, class_id: int, other_id: int, links: Links, dictionary: str | None = None
) -> PairPage:
    """Everything on the page; raises as `compare_classes` does."""
    pair = compare_classes(book, class_id, other_id, dictionary)
    entries = book.atlas.entry(class_id), book.atlas.entry(other_id)
    other = None if pair.dictionary.id == book.main.id else pair.dictionary.id
    ends = (pair.first, 1.0), (pair.second, -1.0)
    largest = max((abs(_tells(one, sign)) for end, sign in ends for one in end), default=0.0)
    first = [_side(book, entries[0], one, 1.0, largest, links) for one in pair.first]
    second = [_side(book, entries[1], one, -1.0, largest, links) for one in pair.second]
    return PairPage(
        ends=(end_view(book, entries[0], links), end_view(book, entries[1], links)),
        unit_word=unit_word(pair.dictionary),
        layer=pair.dictionary.layer,
        shared_dictionary=pair.dictionary.scope == "shared",
        likeness=pair.likeness,
        separated=pair.separated,
        exact=any(one.found.margin is not None for one in first + second),
        bars=_bars(pair, first, second),
        both=tuple(
            SharedView(first[found.left], second[found.right], found.likeness)
            for found in pair.matching.pairs
        ),
        first_alone=tuple(first[row] for row in pair.matching.left_alone),
        second_alone=tuple(second[row] for row in pair.matching.right_alone),
        tabs=_tabs(book, class_id, other_id, pair.dictionary.id, links),
        turned=None if links.is_static else pair_address(links, other_id, class_id, other),
        table=links.data(pair_table_path(class_id, other_id, pair.dictionary.id)),
    )


def choose_page(
    book: AtlasBook, links: Links, first: str = "", second: str = "", message: str = ""
) -> ChoosePage:
    """Two empty boxes, and pairs that are worth looking at."""
    ranked = list(alike_pairs(book))
    pairs = compared_pairs(book) if links.is_static else tuple(ranked[:N_SUGGESTED])
    return ChoosePage(
        first=_named(book, first),
        second=_named(book, second),
        message=message,
        pairs=tuple(_tile(book, a, b, links) for a, b in pairs),
        n_pairs=len(pairs),
        n_classes=len(book.atlas.classes),
        any_pair=ANY_PAIR if links.is_static and not has_every_pair(book) else None,
        against=links.page("against"),
        like=links.page("like"),
    )


def find_pair(book: AtlasBook, first: str, second: str) -> tuple[int, int] | str:
    """The classes that two queries mean, or what is wrong with them."""
    found = []
    for query in (first, second):
        if not query.strip():
            return "Name two classes."
        answers = search_classes(book.atlas.classes, query)
        if not answers:
            return f"No class is called anything like “{query.strip()}”."
        found.append(answers[0])
    if found[0].id == found[1].id:
        return f"Both names mean {title(found[0].name)}: choose another class to compare it with."
    return found[0].id, found[1].id


def asked_pair(book: AtlasBook, query: str) -> tuple[int, int] | None:
    """The classes of a search like ``husky vs wolf``; None if it is no such search."""
    parts = _VERSUS.split(query.strip())
    if len(parts) != 2:
        return None
    found = find_pair(book, parts[0], parts[1])
    return None if isinstance(found, str) else found


def _named(book: AtlasBook, query: str) -> str:
    """A class's number, as links give it, by its name."""
    if query.isdigit() and book.has_class(int(query)):
        return title(book.atlas.entry(int(query)).name)
    return query


def _tells(one: PairConcept, sign: float) -> float:
    """How much a concept tells the classes apart, above 0 for the first of them.

    What it adds to the lead of one logit over the other; where that is not known, where it points.
    """
    if one.margin is not None:
        return sign * one.margin
    return one.separation or 0.0


def _side(
    book: AtlasBook, entry: ClassEntry, one: PairConcept, sign: float, largest: float, links: Links
) -> SideView:
    share = _tells(one, sign) / largest if largest else 0.0
    return SideView(
        class_title=title(entry.name),
        concept=concept_view(book, entry, one.concept, links),
        like=like_address(links, entry.id, one.concept.id),
        found=one,
        bar=round(50 * share, 2),
    )


def _bars(pair: ClassPair, first: list[SideView], second: list[SideView]) -> tuple[SideView, ...]:
    """What tells them apart, from what speaks most for the first class to the second."""
    if not pair.separated:
        return ()
    both = first + second
    if pair.dictionary.scope == "shared":  # one direction, however many classes show it
        both = list({side.concept.id: side for side in reversed(both)}.values())
    strongest = sorted(both, key=lambda side: abs(side.bar), reverse=True)[:N_BARS]
    return tuple(sorted(strongest, key=lambda side: -side.bar))


def end_view(book: AtlasBook, entry: ClassEntry, links: Links) -> EndView:
    """One of two classes."""
    return EndView(
        id=entry.id,
        title=title(entry.name),
        link=links.page(class_path(entry.id)),
        cover=book.cover(entry, links),
        n_images=entry.n_images,
    )


def _tile(book: AtlasBook, a: int, b: int, links: Links) -> PairTile:
    entries = book.atlas.entry(a), book.atlas.entry(b)
    return PairTile(
        first=title(entries[0].name),
        second=title(entries[1].name),
        link=pair_address(links, a, b),
        pictures=(_face(book, entries[0], links), _face(book, entries[1], links)),
    )


def _face(book: AtlasBook, entry: ClassEntry, links: Links) -> Picture | None:
    first = f"{entry.dir}/images/0000.webp"
    return Picture(links.file(first), "") if book.atlas.exists(first) else None


def _tabs(
    book: AtlasBook, class_id: int, other_id: int, current: str, links: Links
) -> tuple[DictionaryTab, ...]:
    shown = [d for d in book.atlas.dictionaries if not d.depth]
    if len(shown) < 2:
        return ()
    layers = len({d.layer for d in shown}) > 1
    scopes = len({d.scope for d in shown}) > 1
    return tuple(
        DictionaryTab(
            label=f"{'Shared ' if d.scope == 'shared' and scopes else ''}{unit_word(d)}s"
            + (f" of {d.layer}" if layers else ""),
            hint=f"{d.n_concepts} rows, layer {d.layer}",
            link=pair_address(links, class_id, other_id, None if d.id == book.main.id else d.id),
            current=d.id == current,
        )
        for d in shown
    )
