"""Addresses of the pages that compare. Each is a view of an atlas alone, as all of the explorer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, Response, redirect, request

from lens_core.atlas.spool import Spool

from . import answers, compare_links, render
from .against import Side, against_table, common_classes, compare_on_class
from .against_page import against_class_page, against_page, choose_against
from .answers import book_of, links_of
from .book import AtlasBook
from .bookshelf import Library
from .crop_search import add_crop_search
from .frames import csv_text
from .like_page import like_page, like_table
from .links import HOME, Links
from .pair_page import asked_pair, choose_page, find_pair, pair_page
from .pairs import compare_classes, pair_table

if TYPE_CHECKING:
    from werkzeug.wrappers import Response as BaseResponse


def searched_pair(book: AtlasBook, query: str) -> str | None:
    """Path of the page that answers a search like ``husky vs wolf``; None if it is none."""
    pair = asked_pair(book, query)
    return compare_links.pair_path(*pair) if pair else None


def add_comparisons(pages: Blueprint, library: Library, crops: Spool | None) -> None:
    """Add them to the explorer's blueprint; `crops` is where pictures are put, if anywhere."""
    _add_classes(pages, library)
    _add_dictionaries(pages, library)
    _add_like(pages, library)
    add_crop_search(pages, library, crops)


def _add_classes(pages: Blueprint, library: Library) -> None:
    @pages.get(f"/atlas/<slug>/{compare_links.COMPARE}")
    def choose(slug: str) -> BaseResponse:
        book = book_of(library, slug)
        place = links_of(library, book, compare_links.COMPARE)
        first, second = (request.args.get(name, "")[:200] for name in "ab")
        found = find_pair(book, first, second) if first and second else ""
        if isinstance(found, tuple):
            return redirect(place.page(compare_links.pair_path(*found)))
        shown = choose_page(book, place, first, second, found)
        return answers.page(render.page("compare.html", book, place, page=shown))

    @pages.get(f"/atlas/<slug>/{compare_links.COMPARE}/<int:class_id>/<int:other_id>")
    @pages.get(f"/atlas/<slug>/{compare_links.COMPARE}/<int:class_id>/<int:other_id>/<dictionary>")
    def pair(slug: str, class_id: int, other_id: int, dictionary: str | None = None) -> Response:
        book = book_of(library, slug)
        place = links_of(library, book, compare_links.pair_path(class_id, other_id, dictionary))
        with answers.missing():
            shown = pair_page(book, class_id, other_id, place, dictionary)
            return answers.page(render.page("pair.html", book, place, page=shown))

    @pages.get(
        f"/atlas/<slug>/{compare_links.COMPARE}/<int:class_id>/<int:other_id>/<dictionary>.csv"
    )
    def pair_csv(slug: str, class_id: int, other_id: int, dictionary: str) -> Response:
        book = book_of(library, slug)
        with answers.missing():
            text = csv_text(pair_table(compare_classes(book, class_id, other_id, dictionary)))
        return answers.csv(text, f"{book.slug}-{class_id}-{other_id}-{dictionary}.csv")


def _add_dictionaries(pages: Blueprint, library: Library) -> None:
    root = f"/atlas/<slug>/{compare_links.AGAINST}"

    @pages.get(root)
    def against_choose(slug: str) -> BaseResponse:
        book = book_of(library, slug)
        place = links_of(library, book, compare_links.AGAINST)
        here, there = request.args.get("d", ""), request.args.get("e", "")
        if here and there:
            _sides(library, book, here, there)
            return redirect(place.page(compare_links.against_path(here, there)))
        shown = choose_against(book, list(library.books().values()), place)
        return answers.page(render.page("against.html", book, place, page=shown))

    @pages.get(f"{root}/<here>/<there>")
    def against(slug: str, here: str, there: str) -> Response:
        book = book_of(library, slug)
        sides = _sides(library, book, here, there)
        place = links_of(library, book, compare_links.against_path(here, there))
        first = request.args.get("from", 0, type=int)
        shown = against_page(*sides, place, _beside(library, sides, place), max(first, 0))
        return answers.page(render.page("against_all.html", book, place, page=shown))

    @pages.get(f"{root}/<here>/<there>.csv")
    def against_csv(slug: str, here: str, there: str) -> Response:
        book = book_of(library, slug)
        one, other = _sides(library, book, here, there)
        pairs = common_classes(one.book, other.book)
        text = csv_text(against_table([compare_on_class(one, other, pair) for pair in pairs]))
        name = f"{book.slug}-{here}-{there.replace(compare_links.ELSEWHERE, '-')}.csv"
        return answers.csv(text, name)

    @pages.get(f"{root}/<here>/<there>/<int:class_id>")
    def against_class(slug: str, here: str, there: str, class_id: int) -> Response:
        book = book_of(library, slug)
        sides = _sides(library, book, here, there)
        place = links_of(library, book, compare_links.against_path(here, there, class_id))
        with answers.missing():
            beside = _beside(library, sides, place)
            shown = against_class_page(*sides, class_id, place, beside)
            return answers.page(render.page("against_class.html", book, place, page=shown))


def _sides(library: Library, book: AtlasBook, here: str, there: str) -> tuple[Side, Side]:
    """The two dictionaries that an address names, or the page that says what is not there."""
    slug, elsewhere, name = there.rpartition(compare_links.ELSEWHERE)
    other = book_of(library, slug) if elsewhere else book
    with answers.missing():
        sides = (
            Side(book, book.atlas.dictionary(here)),
            Side(other, other.atlas.dictionary(name)),
        )
        if (other is book and here == name) or any(side.dictionary.depth for side in sides):
            raise KeyError(there)
    return sides


def _beside(library: Library, sides: tuple[Side, Side], place: Links) -> Links:
    """Links to the pages of the second atlas."""
    if sides[0].book is sides[1].book:
        return place
    return links_of(library, sides[1].book, HOME, absolute=True)


def _add_like(pages: Blueprint, library: Library) -> None:
    root = f"/atlas/<slug>/{compare_links.LIKE}"
    of_all = f"{root}/{compare_links.ALL}/<concept_id>"

    @pages.get(f"{root}/<int:class_id>/<concept_id>")
    @pages.get(of_all)
    def like(slug: str, concept_id: str, class_id: int | None = None) -> Response:
        book = book_of(library, slug)
        place = links_of(library, book, compare_links.like_path(class_id, concept_id))
        with answers.missing():
            shown = like_page(book, class_id, concept_id, place)
            return answers.page(render.page("like_concept.html", book, place, page=shown))

    @pages.get(f"{root}/<int:class_id>/<concept_id>.csv")
    @pages.get(f"{of_all}.csv")
    def like_csv(slug: str, concept_id: str, class_id: int | None = None) -> Response:
        book = book_of(library, slug)
        with answers.missing():
            text = csv_text(like_table(book, class_id, concept_id))
        of = compare_links.ALL if class_id is None else class_id
        return answers.csv(text, f"{book.slug}-{of}-{concept_id}-like.csv")
