"""The explorer's addresses. No database, no session: an atlas alone decides what a page shows."""

from __future__ import annotations

import random as chance
from functools import lru_cache
from typing import TYPE_CHECKING

from flask import Blueprint, Response, abort, redirect, request, send_file, url_for
from werkzeug.exceptions import NotFound
from werkzeug.security import safe_join

from lens_core.atlas.spool import Spool

from . import answers, attributions, bias, links, maps, render, shared_pages, tables
from .answers import FOR_EVER, book_of, links_of, static_address
from .book import AtlasBook
from .bookshelf import Library
from .comparing import add_comparisons, searched_pair
from .front_pages import search_index
from .links import Links

if TYPE_CHECKING:
    from werkzeug.wrappers import Response as BaseResponse

KEPT_PAGES = 128


def blueprint(library: Library, crops: Spool | None = None) -> Blueprint:
    """The explorer over some atlases, to be registered at the root of an application.

    `crops` is where pictures are put for a worker to look at, if there may be one.
    """
    pages = Blueprint("explorer", __name__)

    @lru_cache(maxsize=KEPT_PAGES)
    def class_html(book: AtlasBook, place: Links, class_id: int, dictionary: str | None) -> str:
        return render.class_(book, place, class_id, dictionary)

    @pages.get("/")
    def index() -> str | BaseResponse:
        books = library.books()
        if len(books) == 1:
            return redirect(url_for("explorer.home", slug=next(iter(books))))
        addresses = [url_for("explorer.home", slug=slug) for slug in books]
        place = Links(static=static_address(), static_version=render.static_version())
        return render.atlas_list(list(books.values()), place, addresses)

    @pages.get("/atlas/<slug>/")
    def home(slug: str) -> Response:
        book = book_of(library, slug)
        return answers.page(render.home(book, links_of(library, book, links.HOME)))

    @pages.get(f"/atlas/<slug>/{links.CLASSES}")
    def classes(slug: str) -> BaseResponse:
        book = book_of(library, slug)
        query = request.args.get("q", "")[:200]
        pair = searched_pair(book, query)
        if pair is not None:
            return redirect(links_of(library, book, links.CLASSES).page(pair))
        return answers.page(render.classes(book, links_of(library, book, links.CLASSES), query))

    @pages.get(f"/atlas/<slug>/{links.METHOD}")
    def method(slug: str) -> Response:
        book = book_of(library, slug)
        return answers.page(render.method(book, links_of(library, book, links.METHOD)))

    @pages.get(f"/atlas/<slug>/{links.EXAMPLE}")
    def example(slug: str) -> Response:
        book = book_of(library, slug)
        with answers.missing():
            return answers.page(render.example(book, links_of(library, book, links.EXAMPLE)))

    @pages.get(f"/atlas/<slug>/{links.BIAS}")
    def bias_(slug: str) -> Response:
        book = book_of(library, slug)
        return answers.page(render.bias(book, links_of(library, book, links.BIAS)))

    @pages.get(f"/atlas/<slug>/{links.BIAS}.<name>.csv")
    def bias_list(slug: str, name: str) -> Response:
        book = book_of(library, slug)
        with answers.missing():
            text = bias.bias_table(book, name)
        return answers.csv(text, f"{book.slug}-bias-{name}.csv")

    @pages.get(f"/atlas/<slug>/{links.RANDOM}")
    def random(slug: str) -> BaseResponse:
        entry = chance.choice(book_of(library, slug).atlas.classes)
        answer = redirect(url_for("explorer.class_", slug=slug, class_id=entry.id))
        answer.headers["Cache-Control"] = "no-store"
        return answer

    @pages.get("/atlas/<slug>/class/<int:class_id>")
    @pages.get("/atlas/<slug>/class/<int:class_id>/<dictionary>")
    def class_(slug: str, class_id: int, dictionary: str | None = None) -> BaseResponse:
        book = book_of(library, slug)
        place = links_of(library, book, links.class_path(class_id, dictionary))
        with answers.missing():
            if dictionary is not None and book.atlas.dictionary(dictionary).depth:
                root = book.root_of(dictionary)  # sub-concepts have no page of their own
                shown = None if root.id == book.main.id else root.id
                return redirect(place.page(links.class_path(class_id, shown)))
            return answers.page(class_html(book, place, class_id, dictionary))

    @pages.get("/atlas/<slug>/class/<int:class_id>/<dictionary>/image/<int:number>")
    def image(slug: str, class_id: int, dictionary: str, number: int) -> Response:
        book = book_of(library, slug)
        place = links_of(library, book, links.image_path(class_id, dictionary, number))
        with answers.missing():
            return answers.page(render.image(book, place, class_id, dictionary, number))

    @pages.get("/atlas/<slug>/map/<dictionary>")
    def map_(slug: str, dictionary: str) -> Response:
        book = book_of(library, slug)
        place = links_of(library, book, links.map_path(dictionary))
        with answers.missing():
            return answers.page(render.map_(book, place, dictionary))

    @pages.get("/atlas/<slug>/concept/<concept_id>")
    def concept(slug: str, concept_id: str) -> Response:
        book = book_of(library, slug)
        place = links_of(library, book, links.concept_path(concept_id))
        with answers.missing():
            return answers.page(render.concept(book, place, concept_id))

    @pages.get("/atlas/<slug>/concept/<concept_id>.maps.bin")
    def shared_maps(slug: str, concept_id: str) -> Response:
        with answers.missing():
            content = shared_pages.concept_maps(book_of(library, slug), concept_id)
        return answers.data(content, "application/octet-stream")

    @pages.get(f"/atlas/<slug>/{links.SEARCH_INDEX}")
    def index_json(slug: str) -> Response:
        return answers.data(search_index(book_of(library, slug)), "application/json")

    @pages.get("/atlas/<slug>/class/<int:class_id>/<dictionary>.maps.bin")
    def concept_maps(slug: str, class_id: int, dictionary: str) -> Response:
        book = book_of(library, slug)
        with answers.missing():
            book.atlas.dictionary(dictionary)
            content = maps.pack_maps(book.load(class_id), dictionary)
        return answers.data(content, "application/octet-stream")

    @pages.get("/atlas/<slug>/class/<int:class_id>/attributions/<method>/<int:number>.webp")
    def attribution(slug: str, class_id: int, method: str, number: int) -> Response:
        book = book_of(library, slug)
        with answers.missing():
            content = attributions.attribution_overlay(book.load(class_id), method, number)
        return answers.data(content, "image/webp")

    @pages.get("/atlas/<slug>/class/<int:class_id>/attributions.csv")
    def attribution_curves(slug: str, class_id: int) -> Response:
        book = book_of(library, slug)
        with answers.missing():
            text = tables.attributions_csv(book, class_id)
        return answers.csv(text, f"{book.slug}-{class_id}-attributions.csv")

    @pages.get("/atlas/<slug>/class/<int:class_id>/<dictionary>.<table>.csv")
    def table(slug: str, class_id: int, dictionary: str, table: str) -> Response:
        book = book_of(library, slug)
        with answers.missing():
            text = tables.class_table(book, class_id, dictionary, table)
        return answers.csv(text, f"{book.slug}-{class_id}-{dictionary}-{table}.csv")

    @pages.get("/atlas/<slug>/files/<path:path>")
    def file(slug: str, path: str) -> Response:
        book = book_of(library, slug)
        if not (path.startswith(("classes/", "shared/")) and path.endswith(".webp")):
            abort(404)
        if safe_join("", path) is None or not book.atlas.exists(path):
            abort(404)
        # An atlas need not lie on this machine; then this is a copy that is kept here.
        answer = send_file(book.atlas.path(path).resolve(), mimetype="image/webp")
        answer.headers["Cache-Control"] = _caching(book)
        return answer

    @pages.errorhandler(404)
    def missing(error: NotFound) -> tuple[str, int]:
        return not_found_page(library, error.description), 404

    add_comparisons(pages, library, crops)
    return pages


def not_found_page(library: Library, message: str | None = None) -> str:
    """The explorer's page for an address where nothing is; also for the application around it."""
    books = library.books()
    slug = (request.view_args or {}).get("slug")
    book = books.get(str(slug)) if slug else next(iter(books.values()), None)
    if book is None:
        addresses = [url_for("explorer.home", slug=name) for name in books]
        place = Links(static=static_address(), static_version=render.static_version())
        return render.atlas_list(list(books.values()), place, addresses)
    shown = message if message and message != NotFound.description else "Nothing is at this address"
    return render.not_found(book, links_of(library, book, links.HOME, absolute=True), shown)


def _caching(book: AtlasBook) -> str:
    return FOR_EVER if request.args.get("v") == book.version else "no-cache"
