"""One participant's session: what comes next, answers, events, the end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Response, jsonify, request, url_for
from flask_wtf.csrf import validate_csrf
from pydantic import BaseModel, ConfigDict, Field
from werkzeug.exceptions import BadRequest

from experiments.schedule import ScheduledTrial
from experiments.study import Study
from webapp.models import Scheduled, StudyRecord
from webapp.server import access_of, the_server
from webapp.services import credit, responses, sessions
from webapp.services import events as event_service
from webapp.services.arrivals import by_access
from webapp.services.errors import Conflict, Missing, Refused, Unusable

from .errors import Ended

api = Blueprint("api", __name__, url_prefix="/api/v1")

BROWSER_SETTINGS = (
    "feedback",
    "feedback_ms",
    "start_delay_ms",
    "confidence_steps",
    "running_score",
    "full_screen",
    "min_viewport_px",
    "allow_phones",
)


class Finish(BaseModel):
    """The browser's count of trials, compared before anybody is sent on."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    n_trials: int = Field(ge=0)
    page_token: str | None = None


@dataclass(frozen=True)
class Visit:
    """Who asks, for which session."""

    study_name: str
    study: Study
    participant_id: int
    session_id: int
    state: str


def the_visit(sid: str) -> Visit:
    """The session that the address names, if this browser's cookie may use it.

    Raises
    ------
    Missing
        ``session`` otherwise.
    """
    server = the_server()
    with server.database.read() as db:
        found = sessions.with_study(db, sid)
        if found is None:
            raise Missing("session")
        session, record = found
        access = access_of(record.name)
        person = by_access(db, record.id, access) if access else None
        if person is None or person.id != session.participant_id:
            raise Missing("session")
    return Visit(record.name, server.studies.take(record), person.id, session.id, person.state)


def body() -> dict[str, Any]:
    """The request's JSON object.

    Raises
    ------
    BadRequest
        If it is none.
    """
    content = request.get_json(force=True, silent=True)
    if not isinstance(content, dict):
        raise BadRequest("not a JSON object")
    return content


@api.get("/session/<sid>")
def show(sid: str) -> Response:
    """Where the session is: the trials of the present block that are still to come."""
    visit = the_visit(sid)
    server = the_server()
    with server.database.read() as db:
        session = sessions.find(db, sid, visit.participant_id)
        given = request.args.get("page_token")
        if given is not None and given != session.page_token:
            raise Conflict("stale_page")
        left = sessions.unanswered(db, visit.session_id)
        answered, total = sessions.counts(db, visit.session_id)
        n_blocks = sessions.n_blocks(db, visit.session_id)
        n_correct, n_scored = responses.score(db, visit.session_id)
    running = visit.state == "active"
    block = [row for row in left if row.block == left[0].block] if running and left else []
    reply: dict[str, Any] = {
        "state": visit.state,
        "next": block[0].index if block else None,
        "answered": answered,
        "total": total,
        "n_blocks": n_blocks,
        "page_token": session.page_token,
        "trials": [public_trial(visit, row) for row in block],
        "settings": visit.study.config.session.model_dump(
            mode="json", include=set(BROWSER_SETTINGS)
        ),
    }
    if visit.study.config.session.feedback and visit.study.config.session.running_score:
        reply["score"] = {"correct": n_correct, "answered": n_scored}
    return jsonify(reply)


def public_trial(visit: Visit, row: Scheduled) -> dict[str, Any]:
    """A trial as the browser may see it."""
    names = the_server().names

    def url_of(stimulus: str) -> str:
        name = names.name(visit.participant_id, stimulus)
        return url_for("participant.stimulus", name=visit.study_name, token=name)

    trial = ScheduledTrial.from_dict(row.body)
    shown = visit.study.task.public(trial, url_of)
    # A catch trial that says that it is one catches nobody.
    phase = "test" if row.phase == "catch" else row.phase
    return {**shown, "index": row.index, "phase": phase, "block": row.block, "attempt": row.attempt}


@api.post("/session/<sid>/trials/<int:index>")
def answer(sid: str, index: int) -> Response:
    """Keep an answer."""
    visit = the_visit(sid)
    server = the_server()
    given = responses.Answer.model_validate(body())
    try:
        with server.database.write() as db:
            saved = responses.save(
                db, visit.study, visit.session_id, index, given, lease=server.lease(visit.study)
            )
    except (Conflict, Missing, Unusable):
        raise
    except Refused as refused:
        raise Ended(refused.reason, visit.study_name) from refused
    reply: dict[str, Any] = {"saved": True, "index": saved.index, "next": saved.next}
    if saved.feedback:
        reply["correct"] = saved.correct
        if saved.message:
            reply["message"] = saved.message
        if saved.score is not None:
            reply["score"] = {"correct": saved.score[0], "answered": saved.score[1]}
    return jsonify(reply)


@api.post("/session/<sid>/events")
def keep_events(sid: str) -> Response:
    """Keep events. A beacon cannot send headers, so its CSRF token may be in the body."""
    content = body()
    token = request.headers.get("X-CSRFToken") or content.get("csrf_token")
    try:
        validate_csrf(token if isinstance(token, str) else "")
    except ValueError:
        raise BadRequest("csrf") from None
    batch = event_service.Batch.model_validate(content)
    visit = the_visit(sid)
    with the_server().database.write() as db:
        kept = event_service.keep(db, visit.session_id, batch)
    return jsonify({"saved": kept})


@api.post("/session/<sid>/finish")
def finish(sid: str) -> Response:
    """End the session, if every answer is here."""
    given = Finish.model_validate(body())
    visit = the_visit(sid)
    try:
        with the_server().database.write() as db:
            person = sessions.finish(db, visit.session_id, given.n_trials)
            record = db.get_one(StudyRecord, person.study_id)
            credit.owe(db, person, record, the_server().recruiters)
    except Conflict:
        raise
    except Refused as refused:
        raise Ended(refused.reason, visit.study_name) from refused
    return jsonify({"redirect": url_for("participant.debrief", name=visit.study_name)})
