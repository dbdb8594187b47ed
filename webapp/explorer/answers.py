"""How the explorer answers: pages and data that are cached, and what is not there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from flask import Response, abort, current_app, request, url_for

from lens_core.atlas import AtlasDamaged, LensError

from . import render
from .book import AtlasBook
from .bookshelf import Library
from .links import Links

FOR_EVER = "public, max-age=31536000, immutable"


@contextmanager
def missing() -> Iterator[None]:
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


def page(html: str) -> Response:
    """A page, asked for again each time and sent again only where it has changed."""
    answer = Response(html, mimetype="text/html")
    answer.headers["Cache-Control"] = "no-cache"
    answer.add_etag()
    answer.make_conditional(request)
    return answer


def data(content: bytes, mimetype: str) -> Response:
    """A file made from the atlas, kept for ever where its address names the atlas's version."""
    answer = Response(content, mimetype=mimetype)
    answer.headers["Cache-Control"] = FOR_EVER if request.args.get("v") else "no-cache"
    answer.add_etag()
    answer.make_conditional(request)
    return answer


def csv(text: str, name: str) -> Response:
    """A table to save under a name."""
    answer = data(text.encode(), "text/csv")
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


def book_of(library: Library, slug: str) -> AtlasBook:
    """The atlas of that name, or the page that says that there is none."""
    book = library.book(slug)
    if book is None:
        abort(404, description=f"There is no atlas named {slug}")
    return book


def links_of(library: Library, book: AtlasBook, here: str, absolute: bool = False) -> Links:
    """Makes the addresses of the page at `here`."""
    return Links(
        here=here,
        static=static_address(),
        version=book.version,
        static_version=render.static_version(),
        base=url_for("explorer.home", slug=book.slug) if absolute else "",
        up=url_for("explorer.index") if len(library.books()) > 1 else "",
        study=study_address(book),
    )


def study_address(book: AtlasBook) -> str:
    """Where a study is made of the atlas; empty where no console stands beside the explorer."""
    if "researcher.new_draft" not in current_app.view_functions:
        return ""
    return url_for("researcher.new_draft", atlas=book.slug)


def static_address() -> str:
    """Where style sheets and scripts lie."""
    return url_for("static", filename="")
