"""The pages that set two dictionaries side by side: over all classes, and on one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from lens_core.atlas import DictionaryFit, DictionaryInfo

from .against import Against, Side, common_classes, compare_on_class, same_space
from .book import AtlasBook, method_name, title, unit_word
from .compare_links import ELSEWHERE, against_path, against_table_path
from .concept_views import concept_view
from .links import Links, class_path
from .pages import ConceptView, Picture
from .texts import decimals, percent

A_PAGE = 40
"""Classes on one page of an overview."""
STATIC_CLASSES = 200
"""Classes that a static site compares dictionaries on; a server does on all."""


@dataclass(frozen=True)
class SideView:
    """A concept of one of the two dictionaries."""

    class_title: str
    concept: ConceptView


@dataclass(frozen=True)
class MatchView:
    """Two concepts that belong together."""

    first: SideView
    second: SideView
    likeness: float


@dataclass(frozen=True)
class NumberRow:
    """One measure of either dictionary as text, and what it means."""

    name: str
    first: str
    second: str
    meaning: str


@dataclass(frozen=True)
class ClassRow:
    """Two dictionaries on one class, in a line."""

    title: str
    link: str
    picture: Picture | None
    n_matched: int
    n_first: int
    n_second: int
    mean: float | None
    how: str | None
    errors: tuple[str, str]
    stability: tuple[str, str]
    deletion: tuple[str, str]


@dataclass(frozen=True)
class EndView:
    """One of the two dictionaries."""

    name: str
    atlas: str
    about: str
    link: str


@dataclass(frozen=True)
class AgainstPage:
    """Two dictionaries over the classes that both have."""

    ends: tuple[EndView, EndView]
    same_space: bool
    same_atlas: bool
    rows: tuple[ClassRow, ...]
    n_classes: int
    first_row: int
    before: str | None
    after: str | None
    table: str


@dataclass(frozen=True)
class AgainstClassPage:
    """Two dictionaries on one class."""

    ends: tuple[EndView, EndView]
    title: str
    overview: str
    how: str | None
    n_common: int
    crops: bool
    mean: float | None
    numbers: tuple[NumberRow, ...]
    matches: tuple[MatchView, ...]
    first_alone: tuple[SideView, ...]
    second_alone: tuple[SideView, ...]
    links: tuple[str, str]


@dataclass(frozen=True)
class Choice:
    """A dictionary that can be chosen; `value` names it in an address."""

    value: str
    name: str


@dataclass(frozen=True)
class ChooseAgainst:
    """Where two dictionaries are chosen."""

    here: tuple[Choice, ...]
    there: tuple[Choice, ...]
    pairs: tuple[tuple[str, str], ...]
    n_atlases: int


def choose_against(book: AtlasBook, others: Sequence[AtlasBook], links: Links) -> ChooseAgainst:
    """The dictionaries of this atlas, and all that they can be compared with."""
    here = tuple(Choice(d.id, dictionary_name(Side(book, d))) for d in _shown(book))
    there = here + tuple(
        Choice(
            f"{other.slug}{ELSEWHERE}{d.id}",
            f"{other.header.title}: {dictionary_name(Side(other, d))}",
        )
        for other in others
        if other is not book
        for d in _shown(other)
    )
    pairs = tuple(
        (f"{one.name} and {other.name}", links.page(against_path(one.value, other.value)))
        for place, one in enumerate(here)
        for other in here[place + 1 :]
    )
    return ChooseAgainst(here, there, pairs, len(others))


def against_page(
    here: Side, there: Side, links: Links, other_links: Links, first_row: int = 0
) -> AgainstPage:
    """The overview; `other_links` are for pages of the second atlas."""
    entries = common_classes(here.book, there.book)
    size = STATIC_CLASSES if links.is_static else A_PAGE
    shown = entries[first_row : first_row + size]
    name = _there(here, there)
    path = against_path(here.dictionary.id, name)
    rows = []
    for pair in shown:
        one = compare_on_class(here, there, pair)
        address = links.page(against_path(here.dictionary.id, name, pair[0].id))
        rows.append(_row(here, one, address, links))
    after = first_row + size
    more = after < len(entries) and not links.is_static
    return AgainstPage(
        ends=_ends(here, there, links, other_links),
        same_space=same_space(here, there),
        same_atlas=here.book is there.book,
        rows=tuple(rows),
        n_classes=len(entries),
        first_row=first_row,
        before=links.page(path, **{"from": str(max(first_row - size, 0))}) if first_row else None,
        after=links.page(path, **{"from": str(after)}) if more else None,
        table=links.data(against_table_path(here.dictionary.id, name)),
    )


def against_class_page(
    here: Side, there: Side, class_id: int, links: Links, other_links: Links
) -> AgainstClassPage:
    """Two dictionaries on one class of the first atlas.

    Raises
    ------
    LensError
        If the first atlas has no such class.
    KeyError
        If the second has none of that name.
    """
    mine = here.book.atlas.entry(class_id)
    pair = next(
        (pair for pair in common_classes(here.book, there.book) if pair[0].id == mine.id), None
    )
    if pair is None:
        raise KeyError(class_id)
    one = compare_on_class(here, there, pair)
    names = short_names(here, there)
    sides = [
        [SideView(name, concept_view(side.book, entry, concept, place)) for concept in concepts]
        for side, entry, concepts, name, place in zip(
            (here, there), pair, one.concepts, names, (links, other_links), strict=True
        )
    ]
    return AgainstClassPage(
        ends=_ends(here, there, links, other_links),
        title=title(mine.name),
        overview=links.page(against_path(here.dictionary.id, _there(here, there))),
        how=one.how,
        n_common=one.n_common,
        crops=one.crops,
        mean=one.matching.mean,
        numbers=_numbers(one.fits),
        matches=tuple(
            MatchView(sides[0][found.left], sides[1][found.right], found.likeness)
            for found in one.matching.pairs
        ),
        first_alone=tuple(sides[0][row] for row in one.matching.left_alone),
        second_alone=tuple(sides[1][row] for row in one.matching.right_alone),
        links=(_class_link(here, pair[0].id, links), _class_link(there, pair[1].id, other_links)),
    )


def dictionary_name(side: Side) -> str:
    """What tells a dictionary from the others of its atlas."""
    info = side.dictionary
    scope = ", shared by all classes" if info.scope == "shared" else ""
    method = "" if info.basis == "units" else f" by {method_name(info.method)}"
    return f"{unit_word(info)}s of {info.layer}{method}{scope}"


def short_names(here: Side, there: Side) -> tuple[str, str]:
    """What tells two dictionaries apart, in a word or two where that is possible."""
    one, other = here.dictionary, there.dictionary
    if here.book is not there.book:
        if here.book.header.model != there.book.header.model:
            return here.book.header.model, there.book.header.model
        if one.layer == other.layer and one.method == other.method:
            return here.book.header.title, there.book.header.title
    for mine, theirs in (
        (one.layer, other.layer),
        (unit_word(one) + "s", unit_word(other) + "s"),
        (one.method, other.method),
        ("shared", "of each class") if one.scope == "shared" else ("of each class", "shared"),
    ):
        if mine != theirs and not (one.scope == other.scope and "shared" in (mine, theirs)):
            return mine, theirs
    return one.id, other.id


def _shown(book: AtlasBook) -> list[DictionaryInfo]:
    return [dictionary for dictionary in book.atlas.dictionaries if not dictionary.depth]


def _there(here: Side, there: Side) -> str:
    elsewhere = "" if here.book is there.book else f"{there.book.slug}{ELSEWHERE}"
    return f"{elsewhere}{there.dictionary.id}"


def _ends(here: Side, there: Side, links: Links, other_links: Links) -> tuple[EndView, EndView]:
    first, second = (
        EndView(
            name=name,
            atlas=side.book.header.title,
            about=f"{dictionary_name(side)} of {side.book.header.model}",
            link=place.page(),
        )
        for side, name, place in zip(
            (here, there), short_names(here, there), (links, other_links), strict=True
        )
    )
    return first, second


def _class_link(side: Side, class_id: int, links: Links) -> str:
    main = side.dictionary.id == side.book.main.id
    return links.page(class_path(class_id, None if main else side.dictionary.id))


def _row(here: Side, one: Against, link: str, links: Links) -> ClassRow:
    entry = one.entries[0]
    first = f"{entry.dir}/images/0000.webp"
    return ClassRow(
        title=title(entry.name),
        link=link,
        picture=Picture(links.file(first), "") if here.book.atlas.exists(first) else None,
        n_matched=len(one.matching.pairs),
        n_first=len(one.concepts[0]),
        n_second=len(one.concepts[1]),
        mean=one.matching.mean,
        how=one.how,
        errors=_both(one.fits, _error),
        stability=_both(one.fits, _stability),
        deletion=_both(one.fits, _deletion),
    )


def _numbers(fits: tuple[DictionaryFit | None, DictionaryFit | None]) -> tuple[NumberRow, ...]:
    rows = (
        ("Error on crops", _error, "what is lost when crops are rebuilt; small is good"),
        ("Error on crops never seen", _held_out, "the same on photographs that were kept aside"),
        ("R²", _r_squared, "differences between crops that are kept; 1 is all"),
        ("Stability", _stability, "cosine with what other photographs give; 1 is the same"),
        ("Residual", _residual, "share of the logit that no concept explains"),
        ("C-Deletion", _deletion, "logit left as concepts go, important ones first; small is good"),
        ("C-Insertion", _insertion, "logit reached as they come back; large is good"),
    )
    return tuple(NumberRow(name, *_both(fits, read), meaning) for name, read, meaning in rows)


def _both(
    fits: tuple[DictionaryFit | None, DictionaryFit | None],
    read: Callable[[DictionaryFit], str],
) -> tuple[str, str]:
    first, second = ("–" if fit is None else read(fit) for fit in fits)
    return first, second


def _error(fit: DictionaryFit) -> str:
    return percent(fit.error_crops)


def _held_out(fit: DictionaryFit) -> str:
    return "–" if fit.error_held_out is None else percent(fit.error_held_out)


def _residual(fit: DictionaryFit) -> str:
    return percent(fit.residual, 1)


def _r_squared(fit: DictionaryFit) -> str:
    return decimals(fit.quality.r_squared if fit.quality else None)


def _stability(fit: DictionaryFit) -> str:
    return decimals(fit.quality.stability if fit.quality else None)


def _deletion(fit: DictionaryFit) -> str:
    return decimals(fit.fidelity[0].deletion if fit.fidelity else None)


def _insertion(fit: DictionaryFit) -> str:
    return decimals(fit.fidelity[0].insertion if fit.fidelity else None)
