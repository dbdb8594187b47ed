"""The console's pages."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from flask import Blueprint, Response, abort, redirect, render_template, request, url_for
from sqlalchemy import select
from sqlalchemy.orm import Session

from lens_core.atlas import LensError
from webapp.clock import utc_now
from webapp.models import Participant, StudyRecord
from webapp.recruiters import Arrival, settings_of
from webapp.recruiters.base import LONGEST
from webapp.server import give_access, the_server, the_study
from webapp.services import accounts, arrivals, monitor, studies
from webapp.services.audit import note
from webapp.services.errors import Missing, Refused
from webapp.services.flow import checked
from webapp.services.states import last_reason, present_state
from webapp.services.subjects import subject
from webapp.services.timeline import timeline

from . import account_pages, downloads, drafts, flow_pages, persons, settings_page, timing_page
from .access import (
    guard,
    log_in,
    log_out,
    needs,
    open_to_anybody,
    present_account,
    the_account,
)
from .pages import StudyPage, cells_of, check_name, field, rows_of, source_name, study_page

if TYPE_CHECKING:
    from werkzeug.wrappers import Response as BaseResponse

    Page = str | BaseResponse | tuple[str, int]

researcher = Blueprint("researcher", __name__, url_prefix="/console", template_folder="templates")
guard(researcher)
account_pages.register(researcher)
downloads.register(researcher)
drafts.register(researcher)
flow_pages.register(researcher)
persons.register(researcher)
settings_page.register(researcher)
timing_page.register(researcher)


@researcher.context_processor
def role_helpers() -> dict[str, object]:
    """``may('researcher')`` in templates: buttons are shown to whom they work for."""

    def may(role: accounts.Role) -> bool:
        account = present_account()
        return account is not None and accounts.allows(account.role, role)

    words = {"check_name": check_name, "field": field, "source_name": source_name}
    return {"may": may, **words}


@researcher.route("/login", methods=["GET", "POST"])
@open_to_anybody
def login() -> Page:
    """Log in. Wrong name and wrong password look and last the same."""
    target = _console_path(request.values.get("next"))
    if request.method == "GET":
        if present_account() is not None:
            return redirect(target, code=303)
        return render_template("researcher/login.html", next=target, problem=None, name="")
    server = the_server()
    name = request.form.get("name", "").strip().lower()[:64]
    password = request.form.get("password", "")
    subjects = (
        subject(server.key, "login/name", name),
        subject(server.key, "login/address", request.remote_addr or ""),
    )
    window = timedelta(minutes=server.config.login_window_minutes)
    try:
        with server.database.write() as db:
            accounts.require_patience(
                db, subjects, attempts=server.config.login_attempts, window=window
            )
            # Counted before the password is looked at, so that guesses in parallel count too.
            accounts.count_failure(db, subjects)
            account = accounts.by_name(db, name)
    except Refused:
        minutes = round(server.config.login_window_minutes)
        problem = f"Too many failed log-ins. Try again in {minutes} minutes."
        page = render_template("researcher/login.html", next=target, problem=problem, name=name)
        return page, 429
    if not accounts.check_password(account, password) or account is None:
        problem = "This name and password do not belong together."
        page = render_template("researcher/login.html", next=target, problem=problem, name=name)
        return page, 401
    with server.database.write() as db:
        accounts.logged_in(db, account.id, password, subjects)
    log_in(account)
    return redirect(target, code=303)


def _console_path(path: str | None) -> str:
    """Where to go after the log-in: a page of the console and nowhere else."""
    home = url_for("researcher.home")
    if path is None or not path.startswith(home) or "\\" in path or "//" in path:
        return home
    return path


@researcher.post("/logout")
@open_to_anybody
def logout() -> Page:
    """Log out."""
    log_out()
    return redirect(url_for("researcher.login"), code=303)


@researcher.get("/")
@needs("viewer")
def home() -> Page:
    """All studies."""
    with the_server().database.read() as db:
        rows = [_row(db, record) for record in studies.all_studies(db)]
    return render_template(
        "researcher/studies.html",
        rows=rows,
        drafts=drafts.the_drafts().all(),
        account=the_account(),
    )


def _row(db: Session, record: StudyRecord) -> dict[str, object]:
    """A study in the list; one whose folder is not in order says so and hides no other."""
    try:
        study = the_server().studies.take(record)
    except LensError as error:
        return {"record": record, "counts": monitor.count(db, record, ()), "problem": str(error)}
    return {
        "record": record,
        "counts": monitor.count(db, record, cells_of(study)),
        "wanted": study.config.analysis.n_participants,
    }


def _page(name: str) -> StudyPage:
    record, study = the_study(name)
    with the_server().database.read() as db:
        return study_page(db, record, study)


@researcher.get("/studies/<name>")
@needs("viewer")
def study(name: str) -> Page:
    """One study, from design to data."""
    link = url_for("participant.arrive", name=name, _external=True)
    page = _page(name)
    config = page.study.config
    return render_template(
        "researcher/study.html",
        page=page,
        link=link,
        design_rows=rows_of(config.design),
        session_rows=rows_of(config.session),
        analysis_rows=rows_of(config.analysis),
        criteria=[
            (check_name(rule.check), field(rule.check, rule.min)[1], field(rule.check, rule.max)[1])
            for rule in config.exclusions
        ],
        account=the_account(),
    )


@researcher.get("/studies/<name>/counts.json")
@needs("viewer")
def counts(name: str) -> Response:
    """The numbers of a study's page, for its own refreshing."""
    return Response(_page(name).counts_json(), mimetype="application/json")


@researcher.post("/studies/<name>/state")
@needs("researcher")
def set_state(name: str) -> Page:
    """Open, pause or close a study."""
    state = request.form.get("state")
    if state not in studies.STATES:
        abort(400)
    with the_server().database.write() as db:
        try:
            studies.set_state(db, name, state, actor=the_account().name)
        except Missing:
            abort(404)
    return redirect(url_for("researcher.study", name=name), code=303)


@researcher.post("/studies/<name>/preview")
@needs("researcher")
def preview(name: str) -> Page:
    """Go through the study as a participant who never counts."""
    with the_server().database.write() as db:
        try:
            record = studies.by_name(db, name)
        except Missing:
            abort(404)
        person = arrivals.arrive(db, record, Arrival("preview"), is_test=True)
        note(db, the_account().name, "preview", record.id, {"participant": person.public_id})
    give_access(name, person.access)
    return redirect(url_for("participant.arrive", name=name), code=303)


@researcher.get("/studies/<name>/people")
@needs("researcher")
def people(name: str) -> Page:
    """The latest participants, or the one with an identifier: theirs at the recruiter, or ours."""
    page = _page(name)
    find = request.args.get("find", "").strip()[:LONGEST]
    with the_server().database.read() as db:
        rows = monitor.people(db, page.record.id, find)
    return render_template(
        "researcher/people.html", page=page, rows=rows, find=find, account=the_account()
    )


@researcher.get("/studies/<name>/people/<public_id>")
@needs("researcher")
def person(name: str, public_id: str) -> Page:
    """One participant's visit, step by step."""
    page = _page(name)
    with the_server().database.read() as db:
        found = db.scalars(
            select(Participant).where(
                Participant.study_id == page.record.id, Participant.public_id == public_id
            )
        ).first()
        if found is None:
            abort(404)
        visit = timeline(db, found)
        # Of somebody who was erased, only times are left, which judge nobody.
        checks = checked(db, page.study.config, found) if visit.n_answers else {}
        why = last_reason(db, found.id) if found.state in ("excluded", "screened_out") else ""
        state = present_state(found, utc_now())
    return render_template(
        "researcher/person.html",
        page=page,
        person=found,
        visit=visit,
        checks=checks,
        why=why,
        state_now=state,
        withdrawal=settings_of(page.record.settings).withdrawal,
        account=the_account(),
    )


@researcher.errorhandler(LensError)
def damaged(error: LensError) -> tuple[str, int]:
    """A study that is not what was published: its people's answers can still be had."""
    name = (request.view_args or {}).get("name")
    page = render_template(
        "researcher/damaged.html", problem=str(error), name=name, account=present_account()
    )
    return page, 503


@researcher.errorhandler(401)
@researcher.errorhandler(403)
@researcher.errorhandler(404)
def refused(error: object) -> tuple[str, int]:
    """A page that says so."""
    code = int(getattr(error, "code", 403))
    words = {
        401: "Log in first",
        403: "Your role does not allow this",
        404: "There is no such page",
    }
    page = render_template(
        "researcher/refused.html", title=words[code], account=present_account(), code=code
    )
    return page, code
