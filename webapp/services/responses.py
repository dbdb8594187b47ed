"""Saving an answer with everything held: what may happen to a post, and what is said to it.

The usual case is saved by :mod:`.keeper`; this decides in all others, and could decide in each. An
answer is written in one transaction that holds participant and session, so that of two posts that
arrive together the second finds the first. Feedback is read from what is stored, after it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, and_, bindparam, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from experiments.schedule import ScheduledTrial, after_practice, draw_practice
from experiments.study import Study
from webapp.clock import utc_now
from webapp.models import Participant, Response, Scheduled, TaskSession

from . import checkpoints, sessions
from .answers import Answer
from .errors import Conflict, Missing, Refused
from .scoring import Saved, Tally, row, score, told
from .sittings import Sitting, sitting_of, table_of
from .states import locked, move
from .studies import Shelf

SEEN_EVERY = timedelta(seconds=10)
"""How exactly it is kept when somebody was last seen."""


def save(
    db: Session,
    shelf: Shelf,
    public_id: str,
    access: Mapping[str, str],
    index: int,
    answer: Answer,
) -> Saved:
    """Score an answer and keep it.

    What happens for every answer is a handful of plain statements; objects are only made where a
    visit takes a turn (practice ends, somebody comes back).

    Parameters
    ----------
    public_id : names the session.
    access : the secrets that the browser's cookie holds, by name of study.

    Raises
    ------
    Conflict
        ``answered`` if another answer is stored, ``stale_page`` if a newer page has taken over,
        ``out_of_order`` if another trial comes next, ``uuid_taken`` if the identifier is used.
    Missing
        ``session`` if there is none or it is somebody else's; ``trial`` if it has no such trial.
    Unusable
        If the trial does not allow the response.
    Refused
        If the visit has ended.
    """
    connection = db.connection()
    sitting = sitting_of(connection, public_id, access)
    # A second statement, since it sees what was committed while the first waited for the lock.
    given = {"session_id": sitting.id, "index": index}
    found = connection.execute(_PLACE, given).first()
    if found is None:
        raise Missing("trial")
    place = _Place(*tuple(found))
    study = shelf.open(sitting.study_hash, sitting.folder, sitting.study_name)
    trial = ScheduledTrial.from_dict(place.body)
    tally = Tally(sitting.next_index, sitting.n_right, sitting.n_scored)
    if place.digest is not None:
        if place.digest != answer.digest():
            raise Conflict("answered", saved_uuid=place.trial_uuid)
        return told(study, trial, place.correct, tally, active=sitting.state == "active")
    if answer.page_token != sitting.page_token:
        raise Conflict("stale_page")
    state = sitting.state
    if state == "timed_out":
        # The lease ran out while the page stayed open; what is answered is never refused for it.
        participant = locked(db, sitting.participant_id)
        move(db, participant, "active", actor="participant", reason="answered again")
        state = participant.state
        db.flush()
    if state != "active":
        raise Refused(state)
    late = index != sitting.next_index
    if late and not checkpoints.was_next(db, sitting.id, sitting.next_index, index):
        raise Conflict("out_of_order", next=sitting.next_index)
    scored = score(study, trial, answer)
    written = _INSERT[connection.dialect.name]
    if connection.execute(written, row(sitting.id, index, answer, scored)).first() is None:
        raise Conflict("uuid_taken")
    if place.phase != "practice" and place.attempt == 1:
        tally = tally.after(scored, place.following)
    if place.phase == "practice":
        state = _after_practice(db, study, sitting, place)
    if late:
        checkpoints.show_again(db, sitting.id, index)
    if late or place.phase == "practice" or place.attempt > 1:
        tally = Tally(sessions.next_index(db, sitting.id), tally.n_right, tally.n_scored)
    _count(connection, sitting, tally, answer.environment)
    if state == "active":
        _seen(connection, sitting, timedelta(minutes=study.config.session.lease_min))
    correct = None if scored.correct is None else int(scored.correct)
    return told(study, trial, correct, tally, active=state == "active")


@dataclass(frozen=True, slots=True)
class _Place:
    """A trial of the schedule, the answer to it if there is one, and the trial after it."""

    position: int
    phase: str
    attempt: int
    block: int
    body: dict[str, Any]
    digest: str | None
    trial_uuid: str | None
    correct: int | None
    following: int | None


_scheduled, _responses = table_of(Scheduled), table_of(Response)
_later = _scheduled.alias("later")

_PLACE = (
    select(
        _scheduled.c.position,
        _scheduled.c.phase,
        _scheduled.c.attempt,
        _scheduled.c.block,
        _scheduled.c.body,
        _responses.c.digest,
        _responses.c.trial_uuid,
        _responses.c.correct,
        select(_later.c.index)
        .where(
            _later.c.session_id == _scheduled.c.session_id,
            _later.c.position > _scheduled.c.position,
        )
        .order_by(_later.c.position)
        .limit(1)
        .scalar_subquery()
        .label("following"),
    )
    .select_from(
        _scheduled.outerjoin(
            _responses,
            and_(
                _responses.c.session_id == _scheduled.c.session_id,
                _responses.c.index == _scheduled.c.index,
            ),
        )
    )
    .where(
        _scheduled.c.session_id == bindparam("session_id"),
        _scheduled.c.index == bindparam("index"),
    )
)
_ONCE = ["trial_uuid"]
# The session's row is held, so only the identifier can be somebody else's.
_INSERT = {
    "postgresql": postgresql.insert(_responses)
    .on_conflict_do_nothing(index_elements=_ONCE)
    .returning(_responses.c.id),
    "sqlite": sqlite.insert(_responses)
    .on_conflict_do_nothing(index_elements=_ONCE)
    .returning(_responses.c.id),
}
_sessions = table_of(TaskSession)
_COUNT = (
    update(_sessions)
    .where(_sessions.c.id == bindparam("session_id"))
    .values(
        next_index=bindparam("following"),
        n_right=bindparam("right"),
        n_scored=bindparam("scored"),
    )
)
_MACHINE = (
    update(_sessions)
    .where(_sessions.c.id == bindparam("session_id"))
    .values(environment=bindparam("machine"))
)
_participants = table_of(Participant)
_SEEN = (
    update(_participants)
    .where(_participants.c.id == bindparam("participant_id"))
    .values(last_seen_at=bindparam("now"), lease_until=bindparam("until"))
)


def _count(
    connection: Connection, sitting: Sitting, tally: Tally, environment: dict[str, Any] | None
) -> None:
    counters = {"following": tally.next, "right": tally.n_right, "scored": tally.n_scored}
    connection.execute(_COUNT, {"session_id": sitting.id, **counters})
    if environment is not None:
        connection.execute(_MACHINE, {"session_id": sitting.id, "machine": environment})


def _seen(connection: Connection, sitting: Sitting, lease: timedelta) -> None:
    """Somebody is there: the lease runs anew. A few seconds more or less change nothing in it."""
    now = utc_now()
    if sitting.state == "active" and now - sitting.last_seen_at < SEEN_EVERY:
        return
    until = {"now": now, "until": now + lease}
    connection.execute(_SEEN, {"participant_id": sitting.participant_id, **until})


def _after_practice(db: Session, study: Study, sitting: Sitting, place: _Place) -> str:
    """When the last practice trial of an attempt is answered: go on, repeat, or end the visit.

    Returns the participant's state.
    """
    attempt = db.execute(
        select(Scheduled, Response)
        .outerjoin(
            Response,
            (Response.session_id == Scheduled.session_id) & (Response.index == Scheduled.index),
        )
        .where(
            Scheduled.session_id == sitting.id,
            Scheduled.phase == "practice",
            Scheduled.attempt == place.attempt,
            Scheduled.block == place.block,
        )
        .order_by(Scheduled.position)
    ).all()
    if any(response is None for _, response in attempt):
        return "active"
    # What has no right answer cannot be wrong.
    outcome = after_practice(study, place.attempt, [r.correct != 0 for _, r in attempt])
    if outcome == "go_on":
        return "active"
    participant = locked(db, sitting.participant_id)
    if outcome == "screen_out":
        move(db, participant, "screened_out", actor="server", reason="practice")
        return participant.state
    assert participant.condition is not None
    _, n_trials = sessions.counts(db, sitting.id)
    further = draw_practice(
        study, participant.condition, sitting.seed, place.attempt + 1, first_index=n_trials
    )
    last = max(scheduled.position for scheduled, _ in attempt)
    later = db.scalars(
        select(Scheduled).where(Scheduled.session_id == sitting.id, Scheduled.position > last)
    )
    for scheduled in later:
        scheduled.position += len(further)
    sessions.append(db, sitting.id, further, first_position=last + 1)
    return participant.state
