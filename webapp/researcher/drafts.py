"""From the explorer to a study: a draft is made, looked at, changed, and published."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from flask import Blueprint, Response, abort, redirect, render_template, request, url_for
from werkzeug.datastructures import MultiDict

from experiments.study import Study, freeze_study
from lens_core.atlas import LensError
from webapp.drafts import worker
from webapp.drafts.store import AT_ONCE, Asked, Draft, Drafts
from webapp.explorer.book import AtlasBook
from webapp.server import the_server
from webapp.services import studies
from webapp.services.audit import note
from webapp.services.errors import Missing
from webapp.services.publishing import publish as publish_study

from .access import needs, the_account
from .draft_forms import asked_from, changed_from, number_fields
from .draft_pages import STIMULI_SHOWN, new_page, status_json, words_of

if TYPE_CHECKING:
    from werkzeug.wrappers import Response as BaseResponse

    Page = str | BaseResponse | tuple[str, int]


def register(console: Blueprint) -> None:
    """Add the pages to the console."""
    for rule, view, methods in (
        ("/drafts/new", new_draft, ["GET", "POST"]),
        ("/drafts/<name>", draft, ["GET", "POST"]),
        ("/drafts/<name>/status.json", draft_status, ["GET"]),
        ("/drafts/<name>/study.toml", draft_file, ["GET"]),
        ("/drafts/<name>/stimuli/<stimulus>.webp", draft_stimulus, ["GET"]),
        ("/drafts/<name>/publish", publish_draft, ["POST"]),
        ("/drafts/<name>/delete", delete_draft, ["POST"]),
    ):
        console.add_url_rule(rule, view_func=view, methods=methods)


def the_drafts() -> Drafts:
    """The drafts of this server."""
    return Drafts(the_server().config.drafts_dir)


def _draft(name: str) -> Draft:
    try:
        return the_drafts().open(name)
    except LensError:
        abort(404)


@needs("researcher")
def new_draft() -> Page:
    """Say what a new study shall be made of."""
    books = the_server().library.books()
    slug = request.values.get("atlas", "") or next(iter(books), "")
    book = books.get(slug)
    if book is None and books:
        abort(404)
    problem = None
    if request.method == "POST" and book is not None:
        try:
            made = _begin(request.form, book)
        except LensError as error:
            problem = str(error)
        else:
            return redirect(url_for("researcher.draft", name=made.name), code=303)
    page = render_template(
        "researcher/draft_new.html",
        page=new_page(books, book, request.form if problem else None, request.args),
        problem=problem,
        account=the_account(),
    )
    return (page, 422) if problem else page


def _begin(form: MultiDict[str, str], book: AtlasBook) -> Draft:
    asked = asked_from(form, book, by=the_account().name)
    drafts = the_drafts()
    _require_free(asked.name)
    if drafts.n_busy() >= AT_ONCE:
        raise LensError(f"{AT_ONCE} drafts are being built already: wait until one is done")
    made = drafts.create(asked)
    with the_server().database.write() as db:
        detail = {"draft": asked.name, "atlas": asked.atlas, "paradigm": asked.paradigm}
        note(db, the_account().name, "make draft", None, detail)
    worker.start(made.folder)
    return made


def _require_free(name: str) -> None:
    with the_server().database.read() as db:
        try:
            studies.by_name(db, name)
        except Missing:
            return
    raise LensError(f"a study named {name} is published already: choose another name")


@needs("researcher")
def draft(name: str) -> Page:
    """Look at a draft, or change its numbers."""
    found = _draft(name)
    problem = None
    if request.method == "POST":
        try:
            _change(found)
        except LensError as error:
            problem = str(error)
        else:
            return redirect(url_for("researcher.draft", name=name), code=303)
    page = _page(found, problem)
    return (page, 422) if problem else page


def _change(found: Draft) -> None:
    if found.status.busy:
        raise LensError("the draft is being built: wait until it is done")
    again = request.form.get("again") == "yes"
    asked: Asked = found.asked if again else changed_from(request.form, found.asked)
    changed = the_drafts().change(found.folder, asked)
    worker.start(changed.folder)


def _page(found: Draft, problem: str | None) -> str:
    study = None
    if found.status.state == "ready":
        try:
            study = Study.open(found.study_dir)
        except LensError as error:
            problem = problem or str(error)
    return render_template(
        "researcher/draft.html",
        draft=found,
        study=study,
        words=words_of(found),
        pictures=study.stimulus_ids[:STIMULI_SHOWN] if study else (),
        fields=number_fields(found.asked),
        book=the_server().library.book(found.asked.atlas),
        form=request.form if problem and request.method == "POST" else None,
        problem=problem,
        account=the_account(),
    )


@needs("researcher")
def draft_status(name: str) -> Response:
    """How far a draft is, for the page's own refreshing."""
    return Response(status_json(_draft(name).status), mimetype="application/json")


@needs("researcher")
def draft_file(name: str) -> Response:
    """The study file as it stands."""
    content = _read(_draft(name).study_dir / "study.toml")
    reply = Response(content, mimetype="text/plain")
    reply.headers["Content-Disposition"] = f'inline; filename="{name}-study.toml"'
    return reply


@needs("researcher")
def draft_stimulus(name: str, stimulus: str) -> Response:
    """A stimulus of a draft."""
    found = _draft(name)
    if not stimulus.isalnum():
        abort(404)
    return Response(_read(found.study_dir / "stimuli" / f"{stimulus}.webp"), mimetype="image/webp")


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError:
        abort(404)


@needs("researcher")
def publish_draft(name: str) -> Page:
    """Freeze a draft and open it for participants."""
    found = _draft(name)
    server = the_server()
    try:
        if found.status.state != "ready":
            raise LensError("the draft is not ready: only what was checked can be published")
        if found.status.errors:
            raise LensError(
                f"the audit found {len(found.status.errors)} errors: change the design first"
            )
        _require_free(name)
        freeze_study(found.study_dir)
        publish_study(server.database, server.config, found.study_dir, actor=the_account().name)
    except LensError as error:
        return _page(found, str(error)), 422
    the_drafts().delete(found)
    return redirect(url_for("researcher.study", name=name), code=303)


@needs("researcher")
def delete_draft(name: str) -> Page:
    """Throw a draft away."""
    found = _draft(name)
    if found.status.busy:
        return _page(found, "the draft is being built: wait until it is done"), 422
    with the_server().database.write() as db:
        note(db, the_account().name, "delete draft", None, {"draft": name})
    the_drafts().delete(found)
    return redirect(url_for("researcher.home"), code=303)
