"""The explorer's addresses. No database, no session: an atlas alone decides what a page shows."""

from __future__ import annotations

import random as chance
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING

from flask import Blueprint, Response, abort, redirect, request, send_file, url_for
from werkzeug.exceptions import NotFound
from werkzeug.security import safe_join

from lens_core.atlas import AtlasDamaged, LensError

from . import attributions, bias, links, maps, render, shared_pages, tables
from .book import AtlasBook
from .bookshelf import Library
from .front_pages import search_index
from .links import Links

if TYPE_CHECKING:
    from werkzeug.wrappers import Response as BaseResponse

FOR_EVER = "public, max-age=31536000, immutable"
KEPT_PAGES = 128


def blueprint(library: Library) -> Blueprint:
    """The explorer over some atlases, to be registered at the root of an application."""
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
        place = Links(static=_static(), static_version=render.static_version())
        return render.atlas_list(list(books.values()), place, addresses)

    @pages.get("/atlas/<slug>/")
    def home(slug: str) -> Response:
        book = _book(library, slug)
        return _page(render.home(book, _links(library, book, links.HOME)))

    @pages.get(f"/atlas/<slug>/{links.CLASSES}")
    def classes(slug: str) -> Response:
        book = _book(library, slug)
        query = request.args.get("q", "")[:200]
        return _page(render.classes(book, _links(library, book, links.CLASSES), query))

    @pages.get(f"/atlas/<slug>/{links.METHOD}")
    def method(slug: str) -> Response:
        book = _book(library, slug)
        return _page(render.method(book, _links(library, book, links.METHOD)))

    @pages.get(f"/atlas/<slug>/{links.BIAS}")
    def bias_(slug: str) -> Response:
        book = _book(library, slug)
        return _page(render.bias(book, _links(library, book, links.BIAS)))

    @pages.get(f"/atlas/<slug>/{links.BIAS}.<name>.csv")
    def bias_list(slug: str, name: str) -> Response:
        book = _book(library, slug)
        with _missing():
            text = bias.bias_table(book, name)
        return _csv(text, f"{book.slug}-bias-{name}.csv")

    @pages.get(f"/atlas/<slug>/{links.RANDOM}")
    def random(slug: str) -> BaseResponse:
        entry = chance.choice(_book(library, slug).atlas.classes)
        answer = redirect(url_for("explorer.class_", slug=slug, class_id=entry.id))
        answer.headers["Cache-Control"] = "no-store"
        return answer

    @pages.get("/atlas/<slug>/class/<int:class_id>")
    @pages.get("/atlas/<slug>/class/<int:class_id>/<dictionary>")
    def class_(slug: str, class_id: int, dictionary: str | None = None) -> BaseResponse:
        book = _book(library, slug)
        place = _links(library, book, links.class_path(class_id, dictionary))
        with _missing():
            if dictionary is not None and book.atlas.dictionary(dictionary).depth:
                root = book.root_of(dictionary)  # sub-concepts have no page of their own
                shown = None if root.id == book.main.id else root.id
                return redirect(place.page(links.class_path(class_id, shown)))
            return _page(class_html(book, place, class_id, dictionary))

    @pages.get("/atlas/<slug>/class/<int:class_id>/<dictionary>/image/<int:number>")
    def image(slug: str, class_id: int, dictionary: str, number: int) -> Response:
        book = _book(library, slug)
        place = _links(library, book, links.image_path(class_id, dictionary, number))
        with _missing():
            return _page(render.image(book, place, class_id, dictionary, number))

    @pages.get("/atlas/<slug>/concept/<concept_id>")
    def concept(slug: str, concept_id: str) -> Response:
        book = _book(library, slug)
        place = _links(library, book, links.concept_path(concept_id))
        with _missing():
            return _page(render.concept(book, place, concept_id))

    @pages.get("/atlas/<slug>/concept/<concept_id>.maps.bin")
    def shared_maps(slug: str, concept_id: str) -> Response:
        with _missing():
            content = shared_pages.concept_maps(_book(library, slug), concept_id)
        return _data(content, "application/octet-stream")

    @pages.get(f"/atlas/<slug>/{links.SEARCH_INDEX}")
    def index_json(slug: str) -> Response:
        return _data(search_index(_book(library, slug)), "application/json")

    @pages.get("/atlas/<slug>/class/<int:class_id>/<dictionary>.maps.bin")
    def concept_maps(slug: str, class_id: int, dictionary: str) -> Response:
        book = _book(library, slug)
        with _missing():
            book.atlas.dictionary(dictionary)
            content = maps.pack_maps(book.load(class_id), dictionary)
        return _data(content, "application/octet-stream")

    @pages.get("/atlas/<slug>/class/<int:class_id>/attributions/<method>/<int:number>.webp")
    def attribution(slug: str, class_id: int, method: str, number: int) -> Response:
        book = _book(library, slug)
        with _missing():
            content = attributions.attribution_overlay(book.load(class_id), method, number)
        return _data(content, "image/webp")

    @pages.get("/atlas/<slug>/class/<int:class_id>/attributions.csv")
    def attribution_curves(slug: str, class_id: int) -> Response:
        book = _book(library, slug)
        with _missing():
            text = tables.attributions_csv(book, class_id)
        return _csv(text, f"{book.slug}-{class_id}-attributions.csv")

    @pages.get("/atlas/<slug>/class/<int:class_id>/<dictionary>.<table>.csv")
    def table(slug: str, class_id: int, dictionary: str, table: str) -> Response:
        book = _book(library, slug)
        with _missing():
            text = tables.class_table(book, class_id, dictionary, table)
        return _csv(text, f"{book.slug}-{class_id}-{dictionary}-{table}.csv")

    @pages.get("/atlas/<slug>/files/<path:path>")
    def file(slug: str, path: str) -> Response:
        book = _book(library, slug)
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

    return pages


def not_found_page(library: Library, message: str | None = None) -> str:
    """The explorer's page for an address where nothing is; also for the application around it."""
    books = library.books()
    slug = (request.view_args or {}).get("slug")
    book = books.get(str(slug)) if slug else next(iter(books.values()), None)
    if book is None:
        addresses = [url_for("explorer.home", slug=name) for name in books]
        place = Links(static=_static(), static_version=render.static_version())
        return render.atlas_list(list(books.values()), place, addresses)
    shown = message if message and message != NotFound.description else "Nothing is at this address"
    return render.not_found(book, _links(library, book, links.HOME, absolute=True), shown)


@contextmanager
def _missing() -> Iterator[None]:
    """Within it, an atlas's 'there is no such thing' becomes a 404 with the same words."""
    try:
        yield
    except AtlasDamaged:
        raise
    except LensError as error:
        what = str(error).rpartition(" has no ")[2].partition(";")[0]
        abort(404, description=f"This atlas has no {what}")
    except KeyError:
        abort(404, description="This atlas does not hold that")


def _book(library: Library, slug: str) -> AtlasBook:
    book = library.book(slug)
    if book is None:
        abort(404, description=f"There is no atlas named {slug}")
    return book


def _links(library: Library, book: AtlasBook, here: str, absolute: bool = False) -> Links:
    return Links(
        here=here,
        static=_static(),
        version=book.version,
        static_version=render.static_version(),
        base=url_for("explorer.home", slug=book.slug) if absolute else "",
        up=url_for("explorer.index") if len(library.books()) > 1 else "",
    )


def _static() -> str:
    return url_for("static", filename="")


def _caching(book: AtlasBook) -> str:
    return FOR_EVER if request.args.get("v") == book.version else "no-cache"


def _page(html: str) -> Response:
    answer = Response(html, mimetype="text/html")
    answer.headers["Cache-Control"] = "no-cache"
    answer.add_etag()
    answer.make_conditional(request)
    return answer


def _data(content: bytes, mimetype: str) -> Response:
    answer = Response(content, mimetype=mimetype)
    answer.headers["Cache-Control"] = FOR_EVER if request.args.get("v") else "no-cache"
    answer.add_etag()
    answer.make_conditional(request)
    return answer


def _csv(text: str, name: str) -> Response:
    answer = _data(text.encode(), "text/csv")
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer
