"""From the link to the completion code. Each page shows itself only to whom it is due, and sends
everybody else to theirs, so that the back button and a kept address do no harm."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from flask import (
    Blueprint,
    current_app,
    redirect,
    render_template,
    request,
    url_for,
)
from flask_wtf.csrf import generate_csrf

from experiments.study import Study
from webapp.models import Participant, StudyRecord
from webapp.recruiters import Arrival, BadLaunch, settings_of
from webapp.server import Server, access_of, give_access, the_server, the_study
from webapp.services import (
    admission,
    arrivals,
    assignment,
    checkpoints,
    credit,
    privacy,
    sessions,
    states,
    studies,
)
from webapp.services.errors import Missing, Refused

from .leaving import ending_of, frame_page, with_form_to
from .view import view_of

if TYPE_CHECKING:
    from werkzeug.wrappers import Response as BaseResponse

    Page = str | BaseResponse

participant = Blueprint(
    "participant", __name__, url_prefix="/study/<name>", template_folder="templates"
)


@participant.context_processor
def promises() -> dict[str, object]:
    """What happens to answers on withdrawal, for the pages that say so."""
    try:
        with the_server().database.read() as db:
            record = studies.by_name(db, str((request.view_args or {}).get("name")))
    except Missing:
        return {}  # the page says that there is no such study
    return {"withdrawal": settings_of(record.settings).withdrawal}


def visitor(record: StudyRecord) -> Participant | None:
    """Whom this browser's cookie names in the study, if anybody."""
    access = access_of(record.name)
    if access is None:
        return None
    with the_server().database.read() as db:
        return arrivals.by_access(db, record.id, access)


def _due(person: Participant, study: Study) -> str:
    """The page at which somebody is."""
    if person.state == "arrived":
        return "consent"
    if person.state == "consented":
        return "instructions" if person.instructed_at is None else "quiz"
    if person.state in ("active", "timed_out"):
        return "task"
    return "debrief" if person.state == "complete" else "stopped"


def _go(name: str, page: str) -> BaseResponse:
    return redirect(url_for(f"participant.{page}", name=name), code=303)


def _render(page: str, study: Study, person: Participant | None = None, **facts: object) -> str:
    session = {
        "status": person.state if person else None,
        "may_withdraw": person is not None and "withdrawn" in states.FOLLOWS[person.state],
        "is_test": bool(person and person.is_test),
    }
    return render_template(
        f"participant/{page}.html",
        study=view_of(study),
        session=session,
        form_errors=facts.pop("form_errors", []),
        **facts,
    )


def _stopped(study: Study, reason: str, person: Participant | None = None, **facts: object) -> str:
    return _render("stopped", study, person, reason=reason, **facts)


@participant.get("/")
def arrive(name: str) -> Page:
    """The address that recruiters give out. Whoever comes again goes on where they were."""
    record, study = the_study(name)
    # Link previews and uptime checks ask for the head only; they are nobody.
    if request.method == "HEAD":
        return ""
    person = visitor(record)
    try:
        arrival = the_server().recruiters.recognise(request.args, settings_of(record.settings))
    except BadLaunch as bad:
        if person is None:
            current_app.logger.warning("a link to %s was refused: %s", name, bad)
            return _stopped(study, "bad_link")
        return _go(name, _due(person, study))
    if arrival.frame is not None:
        return frame_page(name, study, arrival)
    if person is None or _is_another(person, arrival):
        try:
            person = _take(record, arrival)
        except Refused as refused:
            return _stopped(study, refused.reason)
        give_access(name, person.access)
        # The mark tells the next page that a cookie was given, see _require.
        return redirect(url_for("participant.consent", name=name, arrived=1), code=303)
    return _go(name, _due(person, study))


def _is_another(person: Participant, arrival: Arrival) -> bool:
    """Whether the link names somebody else than the cookie: the next one at a shared machine."""
    return (
        not person.is_test
        and arrival.external_id is not None
        and arrival.external_id != person.external_id
        and person.identity_removed_at is None
    )


def _take(record: StudyRecord, arrival: Arrival) -> Participant:
    """Write down somebody new."""
    server = the_server()
    settings = settings_of(record.settings)
    window = timedelta(minutes=server.config.arrivals_window_minutes)
    with server.database.write() as db:
        admission.count_arrival(
            db,
            request.remote_addr or "",
            key=server.key,
            limit=server.config.arrivals,
            window=window,
        )
        admission.admit(db, record, arrival, key=server.key, settings=settings)
        return arrivals.arrive(db, record, arrival)


def _require(name: str, page: str) -> tuple[StudyRecord, Study, Participant] | BaseResponse | str:
    """The person, if this page is due; else where to go."""
    record, study = the_study(name)
    person = visitor(record)
    if person is None:
        if "arrived" in request.args:
            # A browser that keeps no cookies would be sent round in circles.
            return _stopped(study, "no_cookies")
        return _go(name, "arrive")
    due = _due(person, study)
    # Instructions may be read again from the quiz.
    if due != page and not (page == "instructions" and due == "quiz"):
        return _go(name, due)
    return record, study, person


@participant.route("/consent", methods=["GET", "POST"])
def consent(name: str) -> Page:
    """What the study is, and whether the person agrees."""
    found = _require(name, "consent")
    if not isinstance(found, tuple):
        return found
    _, study, person = found
    if request.method == "GET":
        return _render("consent", study, person)
    if "decline" in request.form:
        with the_server().database.write() as db:
            arrivals.leave(db, person.id, "declined")
        return _go(name, "stopped")
    errors = []
    if request.form.get("agree") != "yes":
        errors.append("Tick that you agree, or choose not to take part.")
    if study.config.consent.min_age and request.form.get("age") != "yes":
        errors.append(f"Confirm that you are at least {study.config.consent.min_age} years old.")
    if errors:
        return _render("consent", study, person, form_errors=errors)
    with the_server().database.write() as db:
        arrivals.agree(db, person.id, study.config.consent.version)
    return _go(name, "instructions")


@participant.route("/instructions", methods=["GET", "POST"])
def instructions(name: str) -> Page:
    """How the task works, the same for everybody: no condition is drawn yet."""
    found = _require(name, "instructions")
    if not isinstance(found, tuple):
        return found
    _, study, person = found
    if request.method == "GET" and study.config.instructions:
        return _render("instructions", study, person)
    with the_server().database.write() as db:
        arrivals.read_instructions(db, person.id)
    return _go(name, "quiz")


@participant.route("/quiz", methods=["GET", "POST"])
def quiz(name: str) -> Page:
    """Whether the task was understood. Only who passes is given a condition."""
    found = _require(name, "quiz")
    if not isinstance(found, tuple):
        return found
    record, study, person = found
    questions = study.config.quiz
    attempts = study.config.session.quiz_attempts
    if not questions:
        return _begin(the_server(), record, study, person)
    if request.method == "GET":
        return _render("quiz", study, person, attempts_left=attempts - person.quiz_attempts)
    given = [request.form.get(question.field) for question in view_of(study).quiz]
    if any(answer is None for answer in given):
        return _render(
            "quiz",
            study,
            person,
            attempts_left=attempts - person.quiz_attempts,
            form_errors=["Answer every question."],
        )
    right = given == [str(question.answer) for question in questions]
    with the_server().database.write() as db:
        person, outcome = arrivals.answer_quiz(db, person.id, right=right, max_attempts=attempts)
    if outcome == "passed":
        return _begin(the_server(), record, study, person)
    if outcome == "screened_out":
        return _go(name, "stopped")
    # Which answer was wrong is not told: it could be found by trying.
    return _render(
        "quiz",
        study,
        person,
        attempts_left=attempts - person.quiz_attempts,
        form_errors=["Not every answer is right. Read the instructions again and try once more."],
    )


def _begin(server: Server, record: StudyRecord, study: Study, person: Participant) -> BaseResponse:
    """Draw the condition, then the schedule."""
    try:
        with server.database.write() as db:
            session = assignment.assign(
                db,
                record,
                person.id,
                cells=study.cells,
                quotas=studies.quotas(study),
                lease=server.lease(study),
            )
    except Refused as refused:
        if refused.reason != "full":
            return _go(record.name, "arrive")
        with server.database.write() as db:
            present = states.locked(db, person.id)
            if present.state == "consented":
                states.move(db, present, "screened_out", actor="server", reason="full")
        return _go(record.name, "stopped")
    sessions.write_schedule(server.database, study, session.id)
    return _go(record.name, "task")


@participant.get("/task")
def task(name: str) -> Page:
    """The task itself: a page for the browser's code, which alone may write from here on."""
    found = _require(name, "task")
    if not isinstance(found, tuple):
        return found
    _, study, person = found
    server = the_server()
    rules = study.config.session
    with server.database.read() as db:
        session = sessions.of_participant(db, person.id)
    if session is None:
        return _go(name, "arrive")
    sessions.write_schedule(server.database, study, session.id)
    try:
        with server.database.write() as db:
            session = sessions.open_page(
                db,
                session.id,
                lease=server.lease(study),
                resume=rules.resume,
                max_age=timedelta(minutes=rules.resume_max_age_min),
            )
            ended = states.locked(db, person.id).state != "active"
            if rules.resume == "checkpoint" and not ended:
                checkpoints.begin_anew(db, session)
            _, n_trials = sessions.counts(db, session.id)
    except Refused:
        ended = True
    if ended:
        return _stopped(study, "timed_out", person)
    boot = {
        "api": "/api/v1",
        "study": name,
        "csrf": generate_csrf(),
        "session": session.public_id,
        "page_token": session.page_token,
        "n_trials": n_trials,
        "home": url_for("participant.arrive", name=name),
        "resume": rules.resume,
    }
    return _render("task", study, person, boot=boot)


@participant.get("/debrief")
def debrief(name: str) -> Page:
    """Thanks, the code, and the way back to the recruiter."""
    found = _require(name, "debrief")
    if not isinstance(found, tuple):
        return found
    record, study, person = found
    server = the_server()
    credited = credit.give(server.database, server.recruiters, person.id)
    ending = ending_of(record, person)
    page = _render("debrief", study, person, ending=ending, credit_pending=not credited)
    return with_form_to(page, ending)


@participant.get("/stopped")
def stopped(name: str) -> Page:
    """A visit that ended before its end, and what that means."""
    found = _require(name, "stopped")
    if not isinstance(found, tuple):
        return found
    record, study, person = found
    with the_server().database.read() as db:
        why = states.last_reason(db, person.id)
    # Who found all places taken has done nothing wrong in the quiz.
    reason = "full" if why == "full" else person.state
    return _stopped(study, reason, person, ending=ending_of(record, person))


@participant.post("/withdraw")
def withdraw(name: str) -> Page:
    """Take part no longer, and have the answers treated as the consent text promised."""
    record, study = the_study(name)
    person = visitor(record)
    if person is None or request.form.get("sure") != "yes":
        return _go(name, "arrive")
    server = the_server()
    with server.database.write() as db:
        person = privacy.withdraw(
            db, record, person.id, key=server.key, actor=arrivals.PERSON, reason="withdrew"
        )
    # The cookie leads nowhere any more, so the page is shown at once.
    return _stopped(study, "withdrawn", person)


@participant.post("/leave")
def leave(name: str) -> Page:
    """Give the place back before the end."""
    record, _ = the_study(name)
    person = visitor(record)
    if person is not None:
        with the_server().database.write() as db:
            arrivals.leave(db, person.id, "left")
    return _go(name, "arrive")
