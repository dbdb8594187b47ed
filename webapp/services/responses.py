"""Saving an answer: once, whatever the network does.

An answer is written in one transaction that holds the session's row, so that of two posts that
arrive together the second finds the first. Feedback is read from what is stored, after it is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, field_validator
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from experiments.schedule import ScheduledTrial, after_practice, draw_practice
from experiments.study import Study
from lens_core.atlas import LensError
from lens_core.atlas.files import canonical_json, sha256_bytes
from webapp.clock import utc_now
from webapp.models import Participant, Response, Scheduled, TaskSession

from . import sessions
from .errors import Conflict, Missing, Refused, Unusable
from .states import locked, move

UUID_PATTERN = r"^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$"
ISO_TIME = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:\d\d)$")
ENVIRONMENT_BYTES = 16_384
RESPONSE_BYTES = 16_384
Finite = Annotated[float, Field(allow_inf_nan=False, ge=-1e9, le=1e9)]


class Answer(BaseModel):
    """What the browser sends for a trial."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    trial_uuid: Annotated[str, Field(pattern=UUID_PATTERN)]
    page_token: Annotated[str, Field(max_length=64)]
    response: dict[str, Any]
    rt_ms: Annotated[float, Field(ge=0, le=1e9, allow_inf_nan=False)]
    onset_error_ms: Finite | None = None
    dropped_frames: Annotated[int, Field(ge=0, le=10**6)] | None = None
    presented_at: Annotated[str, Field(max_length=32)] | None = None
    answered_at: Annotated[str, Field(max_length=32)] | None = None
    environment: dict[str, Any] | None = None

    @field_validator("presented_at", "answered_at")
    @classmethod
    def _is_time(cls, value: str | None) -> str | None:
        if value is not None and not ISO_TIME.match(value):
            raise ValueError("not an ISO-8601 time with a zone")
        return value

    @field_validator("environment", "response")
    @classmethod
    def _is_small(cls, value: dict[str, Any] | None) -> dict[str, Any] | None:
        if value is not None and len(canonical_json(value)) > ENVIRONMENT_BYTES:
            raise ValueError("too large")
        return value

    def digest(self) -> str:
        """Equal for equal answers, whichever page sends them."""
        content = self.model_dump(exclude={"page_token", "environment"})
        content["trial_uuid"] = content["trial_uuid"].lower()
        return sha256_bytes(canonical_json(content))


class Saved(BaseModel):
    """What is stored for a trial, and what comes next."""

    model_config = ConfigDict(frozen=True)

    index: int
    next: int | None
    correct: bool | None
    feedback: bool
    score: tuple[int, int] | None


def save(
    db: Session, study: Study, session_id: int, index: int, answer: Answer, *, lease: timedelta
) -> Saved:
    """Score an answer and keep it.

    Raises
    ------
    Conflict
        ``answered`` if another answer is stored, ``stale_page`` if a newer page has taken over,
        ``out_of_order`` if another trial comes next, ``uuid_taken`` if the identifier is used.
    Missing
        ``trial`` if the session has no such trial.
    Unusable
        If the trial does not allow the response.
    Refused
        If the visit has ended.
    """
    session = sessions.held(db, session_id)
    row = db.scalars(
        select(Scheduled).where(Scheduled.session_id == session_id, Scheduled.index == index)
    ).first()
    if row is None:
        raise Missing("trial")
    known = db.scalars(
        select(Response).where(Response.session_id == session_id, Response.index == index)
    ).first()
    if known is not None:
        if known.digest != answer.digest():
            raise Conflict("answered", saved_uuid=known.trial_uuid)
        return _told(db, study, session, row, known)
    if answer.page_token != session.page_token:
        raise Conflict("stale_page")
    participant = locked(db, session.participant_id)
    if participant.state == "timed_out":
        # The lease ran out while the page stayed open; what is answered is never refused for it.
        move(db, participant, "active", actor="participant", reason="answered again")
    if participant.state != "active":
        raise Refused(participant.state)
    due = sessions.next_index(db, session_id)
    if index != due:
        raise Conflict("out_of_order", next=due)
    stored = _write(db, session, row, study, answer)
    sessions.seen(participant, utc_now(), lease)
    _after_practice(db, study, session, participant, row)
    return _told(db, study, session, row, stored)


def _write(
    db: Session, session: TaskSession, row: Scheduled, study: Study, answer: Answer
) -> Response:
    trial = ScheduledTrial.from_dict(row.body)
    try:
        scored = study.task.score(trial, answer.response)
    except LensError as error:
        raise Unusable(str(error)) from error
    stored = Response(
        session_id=session.id,
        index=row.index,
        trial_uuid=answer.trial_uuid.lower(),
        digest=answer.digest(),
        saved_at=utc_now(),
        raw=answer.response,
        response=scored.response,
        correct=int(scored.correct),
        confidence=scored.confidence,
        rt_ms=answer.rt_ms,
        onset_error_ms=answer.onset_error_ms,
        dropped_frames=answer.dropped_frames,
        presented_at=answer.presented_at,
        answered_at=answer.answered_at,
        columns=dict(scored.columns),
    )
    if answer.environment is not None:
        session.environment = answer.environment
    try:
        with db.begin_nested():
            db.add(stored)
            db.flush()
    except IntegrityError as error:
        # The session's row is held, so only the identifier can be somebody else's.
        raise Conflict("uuid_taken") from error
    return stored


def _after_practice(
    db: Session, study: Study, session: TaskSession, participant: Participant, row: Scheduled
) -> None:
    """When the last practice trial of an attempt is answered: go on, repeat, or end the visit."""
    if row.phase != "practice":
        return
    attempt = db.execute(
        select(Scheduled, Response.correct)
        .outerjoin(
            Response,
            (Response.session_id == Scheduled.session_id) & (Response.index == Scheduled.index),
        )
        .where(
            Scheduled.session_id == session.id,
            Scheduled.phase == "practice",
            Scheduled.attempt == row.attempt,
            Scheduled.block == row.block,
        )
        .order_by(Scheduled.position)
    ).all()
    if any(correct is None for _, correct in attempt):
        return
    outcome = after_practice(study, row.attempt, [bool(correct) for _, correct in attempt])
    if outcome == "screen_out":
        move(db, participant, "screened_out", actor="server", reason="practice")
        return
    if outcome == "go_on":
        return
    assert participant.condition is not None
    _, n_trials = sessions.counts(db, session.id)
    further = draw_practice(
        study, participant.condition, session.seed, row.attempt + 1, first_index=n_trials
    )
    last = max(scheduled.position for scheduled, _ in attempt)
    later = db.scalars(
        select(Scheduled).where(Scheduled.session_id == session.id, Scheduled.position > last)
    )
    for scheduled in later:
        scheduled.position += len(further)
    sessions.append(db, session.id, further, first_position=last + 1)


def _told(
    db: Session, study: Study, session: TaskSession, row: Scheduled, stored: Response
) -> Saved:
    """What the browser may know once the answer is stored."""
    shows = feedback_of(study, row.body)
    running = shows and study.config.session.running_score
    participant = db.get_one(Participant, session.participant_id)
    return Saved(
        index=row.index,
        next=sessions.next_index(db, session.id) if participant.state == "active" else None,
        correct=bool(stored.correct) if shows else None,
        feedback=shows,
        score=score(db, session.id) if running else None,
    )


def score(db: Session, session_id: int) -> tuple[int, int]:
    """Right answers and answers so far, practice apart."""
    right, answered = db.execute(
        select(func.coalesce(func.sum(Response.correct), 0), func.count())
        .select_from(Response)
        .join(
            Scheduled,
            (Response.session_id == Scheduled.session_id) & (Response.index == Scheduled.index),
        )
        .where(Response.session_id == session_id, Scheduled.phase != "practice")
    ).one()
    return int(right or 0), answered


def feedback_of(study: Study, body: Mapping[str, Any]) -> bool:
    """Whether a trial says if the answer was right: the trial's own word, else the study's."""
    display = body.get("display") or {}
    return bool(display.get("feedback", study.config.session.feedback))
