"""One participant's session: what comes next, answers, events, the end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Response, jsonify, request, url_for
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Connection
from werkzeug.exceptions import BadRequest

from experiments.study import Study
from webapp import stimulus_bundles
from webapp.models import StudyRecord
from webapp.server import accesses, the_server
from webapp.services import credit, sessions
from webapp.services import events as event_service
from webapp.services.answers import Answer
from webapp.services.blocks import Due, block_left, extent
from webapp.services.errors import Conflict, Missing, Refused, Unusable
from webapp.services.sittings import Sitting, sitting_of
from webapp.stimulus_names import NAME_LENGTH

from .errors import Ended
from .forgery import require_own_page

api = Blueprint("api", __name__, url_prefix="/api/v1")

TOKEN = "0" * NAME_LENGTH
"""Stands for a picture's name in its address."""

BROWSER_SETTINGS = (
    "feedback",
    "feedback_ms",
    "start_delay_ms",
    "confidence_steps",
    "running_score",
    "full_screen",
    "min_viewport_px",
    "allow_phones",
    "calibrate",
    "viewing_cm",
    "resume",
)


class Finish(BaseModel):
    """The browser's count of trials, compared before anybody is sent on."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    n_trials: int = Field(ge=0)
    page_token: str | None = None


@dataclass(frozen=True)
class Visit:
    """Who asks, for which session."""

    sitting: Sitting
    study: Study


def the_visit(connection: Connection, sid: str) -> Visit:
    """The session that the address names, if this browser's cookie may use it.

    Raises
    ------
    Missing
        ``session`` otherwise.
    """
    sitting = sitting_of(connection, sid, accesses(), hold=False)
    study = the_server().studies.open(sitting.study_hash, sitting.folder, sitting.study_name)
    return Visit(sitting, study)


def study_name_of(sid: str) -> str:
    """The study of a session of this browser, for replies that lead back to it."""
    with the_server().database.look() as connection:
        return the_visit(connection, sid).sitting.study_name


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


@api.before_request
def refuse_forgery() -> None:
    """Hold what writes to its page's token; a beacon, having no headers, has it in its body."""
    if request.method in ("GET", "HEAD", "OPTIONS"):
        return
    token = request.headers.get("X-CSRFToken")
    if token is None and request.endpoint == f"{api.name}.{keep_events.__name__}":
        inside = body().get("csrf_token")
        token = inside if isinstance(inside, str) else None
    require_own_page(token)


@api.get("/session/<sid>")
def show(sid: str) -> Response:
    """Where the session is: the trials of the present block that are still to come."""
    with the_server().database.look() as connection:
        visit = the_visit(connection, sid)
        sitting = visit.sitting
        given = request.args.get("page_token")
        if given is not None and given != sitting.page_token:
            raise Conflict("stale_page")
        block: Sequence[Due] = ()
        if sitting.state == "active" and sitting.next_index is not None:
            block = block_left(connection, sitting.id, sitting.next_index)
        answered, total, n_blocks = extent(connection, sitting.id)
    rules = visit.study.config.session
    reply: dict[str, Any] = {
        "state": sitting.state,
        "next": sitting.next_index if block else None,
        "answered": answered,
        "total": total,
        "n_blocks": n_blocks,
        "page_token": sitting.page_token,
        "trials": public_trials(visit, block),
        "bundles": [
            url_for("participant.bundle", name=visit.study.name, token=token)
            for token in stimulus_bundles.plan(visit.study, the_server().names, block)
        ],
        "settings": {
            **rules.model_dump(mode="json", include=set(BROWSER_SETTINGS)),
            "break_s": visit.study.config.design.break_s,
        },
    }
    if rules.feedback and rules.running_score:
        reply["score"] = {"correct": sitting.n_right, "answered": sitting.n_scored}
    return jsonify(reply)


def public_trials(visit: Visit, rows: Sequence[Due]) -> list[dict[str, Any]]:
    """Trials as the browser may see them."""
    # The router takes longer for an address than all else for its picture, and differs in nothing.
    address = url_for("participant.stimulus", name=visit.study.name, token=TOKEN)
    names = the_server().names

    def public(row: Due) -> dict[str, Any]:
        name = names.of_trial(row.session_id, row.index)
        shown = visit.study.asking(row.trial).public(
            row.trial,
            lambda stimulus: address.replace(TOKEN, name(stimulus)),
        )
        # A catch trial that says that it is one catches nobody.
        phase = "test" if row.phase == "catch" else row.phase
        own = {"index": row.index, "phase": phase, "block": row.block, "attempt": row.attempt}
        return {**shown, **own}

    return [public(row) for row in rows]


@api.post("/session/<sid>/trials/<int:index>")
def answer(sid: str, index: int) -> Response:
    """Keep an answer."""
    server = the_server()
    given = Answer.model_validate(body())
    try:
        saved = server.keeper.save(sid, accesses(), index, given)
    except (Conflict, Missing, Unusable):
        raise
    except Refused as refused:
        raise Ended(refused.reason, study_name_of(sid)) from refused
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
    batch = event_service.Batch.model_validate(body())
    with the_server().database.write() as db:
        kept = event_service.keep(db, the_visit(db.connection(), sid).sitting.id, batch)
    return jsonify({"saved": kept})


@api.post("/session/<sid>/finish")
def finish(sid: str) -> Response:
    """End the session, if every answer is here."""
    given = Finish.model_validate(body())
    try:
        with the_server().database.write() as db:
            visit = the_visit(db.connection(), sid)
            person = sessions.finish(db, visit.sitting.id, given.n_trials)
            record = db.get_one(StudyRecord, person.study_id)
            credit.owe(db, person, record, the_server().recruiters)
    except (Conflict, Missing):
        raise
    except Refused as refused:
        raise Ended(refused.reason, study_name_of(sid)) from refused
    return jsonify({"redirect": url_for("participant.debrief", name=visit.study.name)})
