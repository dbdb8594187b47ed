"""A participant's sitting: the schedule, the page that may write, what comes next, the end."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import and_, func, select
from sqlalchemy.orm import Session

from experiments.schedule import ScheduledTrial, draw_schedule
from experiments.study import Study
from webapp.clock import utc_now
from webapp.database import Database
from webapp.models import Participant, Response, Scheduled, TaskSession

from .arrivals import ALPHABET
from .blocks import extent
from .errors import Conflict, Refused
from .states import locked, move

_ANSWERS = and_(Response.session_id == Scheduled.session_id, Response.index == Scheduled.index)


def of_participant(db: Session, participant_id: int) -> TaskSession | None:
    """The newest session of a person."""
    return db.scalars(
        select(TaskSession)
        .where(TaskSession.participant_id == participant_id)
        .order_by(TaskSession.number.desc())
    ).first()


def held(db: Session, session_id: int) -> TaskSession:
    """The session as it is now, locked until the transaction ends."""
    return db.scalars(
        select(TaskSession)
        .where(TaskSession.id == session_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one()


def held_with_person(db: Session, session_id: int) -> tuple[Participant, TaskSession]:
    """A participant and the session, both locked until the transaction ends, the person first."""
    participant = locked(db, db.get_one(TaskSession, session_id).participant_id)
    return participant, held(db, session_id)


def write_schedule(database: Database, study: Study, session_id: int) -> None:
    """Draw the schedule from the stored seed and keep it, unless that is done.

    Drawing takes a while, so it happens outside of any lock; a server that is killed before it
    is written draws the very same schedule again.
    """
    with database.read() as db:
        session = db.get_one(TaskSession, session_id)
        if _scheduled(db, session_id):
            return
        condition = db.get_one(Participant, session.participant_id).condition
    assert condition is not None, "a session is opened with the condition"
    trials = draw_schedule(study, condition, session.seed)
    with database.write() as db:
        session = held(db, session_id)
        if not _scheduled(db, session_id):
            append(db, session_id, trials, first_position=0)
            session.next_index = trials[0].index if trials else None


def append(
    db: Session, session_id: int, trials: Sequence[ScheduledTrial], first_position: int
) -> None:
    """Add trials to a session's schedule."""
    db.add_all(
        Scheduled(
            session_id=session_id,
            index=trial.index,
            position=first_position + place,
            attempt=trial.attempt,
            phase=trial.phase,
            block=trial.block,
            body=trial.to_dict(),
        )
        for place, trial in enumerate(trials)
    )
    db.flush()


def _scheduled(db: Session, session_id: int) -> int:
    return db.scalars(select(func.count()).where(Scheduled.session_id == session_id)).one()


def next_index(db: Session, session_id: int) -> int | None:
    """The index of the trial that comes next; none at the end. Sessions keep it: ``next_index``."""
    return db.scalars(
        select(Scheduled.index)
        .outerjoin(Response, _ANSWERS)
        .where(Scheduled.session_id == session_id, Response.id.is_(None))
        .order_by(Scheduled.position)
        .limit(1)
    ).first()


def counts(db: Session, session_id: int) -> tuple[int, int]:
    """Trials answered, and trials in all."""
    answered, total, _ = extent(db.connection(), session_id)
    return answered, total


def open_page(
    db: Session, session_id: int, *, lease: timedelta, resume: str, max_age: timedelta
) -> TaskSession:
    """Give the page that is being opened the right to write; earlier pages lose it.

    Raises
    ------
    Refused
        ``timed_out`` if the study takes nobody back, or not after so long; otherwise the state in
        which the visit ended.
    """
    participant, session = held_with_person(db, session_id)
    now = utc_now()
    if session.opened_at is not None and not participant.is_test:
        late = now - session.opened_at > max_age
        if participant.state == "active" and (late or resume == "refuse"):
            move(db, participant, "timed_out", actor="server", reason="came back too late")
            return session
        if participant.state == "timed_out" and (late or resume == "refuse"):
            raise Refused("timed_out")
    if participant.state == "timed_out":
        move(db, participant, "active", actor="participant", reason="came back")
    if participant.state != "active":
        raise Refused(participant.state)
    session.page_token = secrets.token_urlsafe(16)
    session.opened_at = session.opened_at or now
    participant.started_at = participant.started_at or now
    seen(participant, now, lease)
    return session


def seen(participant: Participant, now: datetime, lease: timedelta) -> None:
    """Somebody is there: the lease runs anew."""
    participant.last_seen_at = now
    participant.lease_until = now + lease


def finish(db: Session, session_id: int, n_trials: int) -> Participant:
    """End a session whose answers are all here, and make the completion code. Twice is once.

    Raises
    ------
    Conflict
        ``incomplete``, with the trial that comes next, if answers are missing or the browser
        counts otherwise.
    Refused
        If the visit ended in another way.
    """
    participant, session = held_with_person(db, session_id)
    if participant.state == "complete":
        return participant
    if participant.state != "active":
        raise Refused(participant.state)
    answered, total = counts(db, session_id)
    if answered < total or n_trials != total:
        raise Conflict("incomplete", next=session.next_index, answered=answered)
    now = utc_now()
    session.finished_at = participant.finished_at = participant.last_seen_at = now
    participant.completion_code = new_code()
    move(db, participant, "complete", actor="server", reason="all answers saved")
    return participant


def new_code() -> str:
    """A completion code: 12 letters and digits, about 59 bits, by the system's random source."""
    return "".join(secrets.choice(ALPHABET.upper()) for _ in range(12))
