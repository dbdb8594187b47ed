"""The pages that compare, as files of a static site."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import combinations

from lens_core.atlas import Track, no_track

from . import compare_links, render
from .against import Side, against_table, common_classes, compare_on_class
from .against_page import STATIC_CLASSES, against_class_page, against_page, choose_against
from .alike import compared_pairs, has_every_pair
from .any_pair import any_pair_page
from .book import AtlasBook
from .crop_search import like_home
from .frames import csv_text
from .like_page import like_data, shared_like_data
from .links import Links
from .pair_page import choose_page, pair_page
from .pairs import compare_classes, pair_table

Place = Callable[[str], Links]


def comparison_files(
    book: AtlasBook, place: Place, track: Track = no_track
) -> Iterator[tuple[str, bytes]]:
    """Path and content of every file, one after another.

    Parameters
    ----------
    place : makes the links of the page at a path.
    """
    yield _page(compare_links.COMPARE), _choose(book, place)
    yield from _pairs(book, place, track)
    if not has_every_pair(book):
        yield (
            _page(compare_links.ANY_PAIR),
            any_pair_page(book, place(compare_links.ANY_PAIR)).encode(),
        )
    yield from _dictionaries(book, place, track)
    yield from _like(book, place)


def _page(path: str) -> str:
    return f"{path}.html"


def _choose(book: AtlasBook, place: Place) -> bytes:
    at = place(compare_links.COMPARE)
    return render.page("compare.html", book, at, page=choose_page(book, at)).encode()


def _pairs(book: AtlasBook, place: Place, track: Track) -> Iterator[tuple[str, bytes]]:
    pairs = compared_pairs(book)
    for a, b in track(pairs, "pairs of classes", len(pairs)):
        for dictionary in book.atlas.dictionaries:
            if dictionary.depth:
                continue
            other = None if dictionary.id == book.main.id else dictionary.id
            path = compare_links.pair_path(a, b, other)
            at = place(path)
            shown = pair_page(book, a, b, at, other)
            yield _page(path), render.page("pair.html", book, at, page=shown).encode()
            table = csv_text(pair_table(compare_classes(book, a, b, other)))
            yield compare_links.pair_table_path(a, b, dictionary.id), table.encode()


def _dictionaries(book: AtlasBook, place: Place, track: Track) -> Iterator[tuple[str, bytes]]:
    at = place(compare_links.AGAINST)
    choose = render.page("against.html", book, at, page=choose_against(book, [book], at))
    yield _page(compare_links.AGAINST), choose.encode()
    shown = [dictionary for dictionary in book.atlas.dictionaries if not dictionary.depth]
    for here, there in combinations((Side(book, dictionary) for dictionary in shown), 2):
        names = here.dictionary.id, there.dictionary.id
        path = compare_links.against_path(*names)
        at = place(path)
        overview = against_page(here, there, at, at)
        yield _page(path), render.page("against_all.html", book, at, page=overview).encode()
        found = []
        pairs = common_classes(book, book)[:STATIC_CLASSES]
        for pair in track(pairs, f"{names[0]} against {names[1]}", len(pairs)):
            found.append(compare_on_class(here, there, pair))
            path = compare_links.against_path(*names, pair[0].id)
            at = place(path)
            page = against_class_page(here, there, pair[0].id, at, at)
            yield _page(path), render.page("against_class.html", book, at, page=page).encode()
        yield compare_links.against_table_path(*names), csv_text(against_table(found)).encode()


def _like(book: AtlasBook, place: Place) -> Iterator[tuple[str, bytes]]:
    at = place(compare_links.LIKE)
    shown = like_home(book, at)
    yield _page(compare_links.LIKE), render.page("like.html", book, at, page=shown).encode()
    for class_id, content in like_data(book, at):
        yield compare_links.like_data_path(class_id), content
    for concept_id, content in shared_like_data(book, at):
        yield compare_links.shared_like_data_path(concept_id), content
