"""Searching by a picture: it is put into the spool, a worker answers, the answer is a page.

There is no model here. What comes in is drawn anew (`uploads`) before anybody else sees it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, Response, abort, jsonify, redirect, request

from lens_core.atlas import LensError
from lens_core.atlas.spool import Spool, SpoolFull

from . import compare_links, render
from .answers import book_of, links_of
from .book import AtlasBook, title
from .bookshelf import Library
from .compare_links import like_address
from .crop_page import LikeHome, command_of, crop_page
from .front_pages import curated_class
from .links import Links
from .uploads import Region, redraw
from .visitors import Pace

if TYPE_CHECKING:
    from werkzeug.wrappers import Response as BaseResponse

TIMES, WITHIN_S = 12, 60.0
"""Pictures that one address may send to one process of the server."""
N_EXAMPLES = 4


def like_home(
    book: AtlasBook,
    links: Links,
    *,
    enabled: bool = False,
    has_worker: bool = False,
    token: str = "",
    message: str = "",
) -> LikeHome:
    """Where a search begins; `token` guards the form."""
    entry = curated_class(book)
    concepts = book.info(entry.id).of_dictionary(book.main.id)[:N_EXAMPLES]
    return LikeHome(
        enabled=enabled,
        has_worker=has_worker,
        command=command_of(book),
        token=token,
        message=message,
        examples=tuple(
            (
                f"{book.label(concept, entry.id)} of {title(entry.name)}",
                like_address(links, entry.id, concept.id),
                book.visualization(entry, concept, links),
            )
            for concept in concepts
        ),
    )


def add_crop_search(pages: Blueprint, library: Library, spool: Spool | None) -> None:
    """Add the pages; without a spool the first of them says what is missing."""
    pace = Pace(TIMES, WITHIN_S)

    def begin(slug: str, message: str = "", status: int = 200, here: str = "") -> Response:
        book = book_of(library, slug)
        place = links_of(library, book, here or compare_links.LIKE)
        shown = like_home(
            book,
            place,
            enabled=spool is not None,
            has_worker=spool is not None and bool(spool.workers(book.atlas.hash)),
            token=_form_token() if spool is not None else "",
            message=message,
        )
        html = render.page("like.html", book, place, page=shown)
        answer = Response(html, status=status, mimetype="text/html")
        answer.headers["Cache-Control"] = "no-store"
        return answer

    @pages.get(f"/atlas/<slug>/{compare_links.LIKE}")
    def like_begin(slug: str) -> Response:
        return begin(slug)

    @pages.post(f"/atlas/<slug>/{compare_links.LIKE}/crop")
    def like_ask(slug: str) -> BaseResponse:
        book = book_of(library, slug)
        here = f"{compare_links.LIKE}/crop"
        if spool is None:
            abort(404)
        if not spool.workers(book.atlas.hash):
            return begin(slug, "Nothing was sent: no worker is running.", 503, here)
        if not pace.allows(request.remote_addr or ""):
            return begin(slug, "Many pictures came from here: try again in a minute.", 429, here)
        file = request.files.get("picture")
        if file is None or not file.filename:
            return begin(slug, "Choose a picture first.", 400, here)
        try:
            token = spool.ask(redraw(file.read(), _region()), book.atlas.hash)
        except SpoolFull as error:
            return begin(slug, _sentence(error), 503, here)
        except LensError as error:
            return begin(slug, _sentence(error), 400, here)
        place = links_of(library, book, here)
        return redirect(place.page(compare_links.crop_path(token)), code=303)

    @pages.get(f"/atlas/<slug>/{compare_links.LIKE}/crop/<token>")
    def like_found(slug: str, token: str) -> Response:
        book = book_of(library, slug)
        state = spool.state(token) if spool is not None else "gone"
        if spool is None or state == "gone":
            abort(
                404,
                description="This search is over: a picture waits two minutes for a worker, and "
                "an answer is kept for a week",
            )
        place = links_of(library, book, compare_links.crop_path(token))
        has_worker = bool(spool.workers(book.atlas.hash))
        shown = crop_page(book, token, state, spool.answer(token), has_worker, place)
        html = render.page("like_crop.html", book, place, page=shown)
        answer = Response(html, mimetype="text/html")
        answer.headers["Cache-Control"] = "no-store"
        return answer

    @pages.get(f"/atlas/<slug>/{compare_links.LIKE}/crop/<token>.json")
    def like_state(slug: str, token: str) -> Response:
        book = book_of(library, slug)
        if spool is None:
            abort(404)
        has_worker = bool(spool.workers(book.atlas.hash))
        answer = jsonify({"state": spool.state(token), "worker": has_worker})
        answer.headers["Cache-Control"] = "no-store"
        return answer


def _form_token() -> str:
    from flask_wtf.csrf import generate_csrf

    token: str = generate_csrf()
    return token


def _region() -> Region:
    """The framed piece; what is no number is the whole picture."""
    values: dict[str, float] = {}
    for name in ("x", "y", "size"):
        try:
            value = float(request.form.get(name, ""))
        except ValueError:
            continue
        if 0.0 <= value <= 1.0:  # nothing else, no infinities
            values[name] = value
    return Region(**values)


def _sentence(error: LensError) -> str:
    text = str(error)
    return text[:1].upper() + text[1:].rstrip(".") + "."
