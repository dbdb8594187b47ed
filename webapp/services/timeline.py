"""What happened in one participant's visit, in order: steps, answers, what the browser noticed.

When somebody answered and how long it took is told, what was answered is not: the console shows no
person's answers.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from webapp.models import Event, Participant, Response, Scheduled, TaskSession, Transition

Kind = Literal["step", "answer", "event"]
MOST_EVENTS = 1_000
DETAIL_CHARACTERS = 160


@dataclass(frozen=True)
class Moment:
    """One thing that happened.

    Attributes
    ----------
    what : the state, the trial, or the event's name.
    detail : who did it and why, how long it took, or what the event says.
    """

    at: datetime
    kind: Kind
    what: str
    detail: str


@dataclass(frozen=True)
class Timeline:
    """A visit.

    Attributes
    ----------
    moments : the oldest first; events beyond a limit are left out, see ``n_events``.
    ended_at : when the person finished, or was last seen; researchers' steps may come later.
    machine : what the browser said of itself; empty if it did not.
    """

    moments: tuple[Moment, ...]
    ended_at: datetime
    machine: Mapping[str, Any]
    n_answers: int
    n_scheduled: int
    n_events: int

    def strip(self) -> tuple[tuple[float, Moment], ...]:
        """Every moment with its place between the first (0) and the visit's end (1).

        What came after the visit stands at its end: a withdrawal by letter, weeks later, would else
        leave no room for the visit.
        """
        if not self.moments:
            return ()
        begin = self.moments[0].at
        length = max((self.ended_at - begin).total_seconds(), 1e-3)
        return tuple(
            (min(round((m.at - begin).total_seconds() / length, 4), 1.0), m) for m in self.moments
        )


def timeline(db: Session, person: Participant) -> Timeline:
    """Gather a visit."""
    sitting = select(TaskSession).where(TaskSession.participant_id == person.id)
    sessions = db.scalars(sitting.order_by(TaskSession.number)).all()
    ids = [session.id for session in sessions]
    answers = list(_answers(db, ids))
    moments = [*_steps(db, person), *answers, *_events(db, sessions)]
    return Timeline(
        moments=tuple(sorted(moments, key=lambda moment: moment.at)),
        ended_at=person.finished_at or person.last_seen_at,
        machine=next((s.environment for s in reversed(sessions) if s.environment), {}),
        n_answers=len(answers),
        n_scheduled=_count(db, Scheduled, ids),
        n_events=_count(db, Event, ids),
    )


def _count(db: Session, table: type[Scheduled] | type[Event], sessions: list[int]) -> int:
    return db.scalars(
        select(func.count()).select_from(table).where(table.session_id.in_(sessions))
    ).one()


def _steps(db: Session, person: Participant) -> Iterator[Moment]:
    rows = select(Transition).where(Transition.participant_id == person.id)
    for step in db.scalars(rows.order_by(Transition.id)):
        why = f"by {step.actor}" + (f": {step.reason}" if step.reason else "")
        yield Moment(step.at, "step", step.to_state, why)


def _answers(db: Session, sessions: list[int]) -> Iterator[Moment]:
    rows = db.execute(
        select(Response, Scheduled.phase, Scheduled.block, Scheduled.attempt)
        .join(
            Scheduled,
            (Scheduled.session_id == Response.session_id) & (Scheduled.index == Response.index),
        )
        .where(Response.session_id.in_(sessions))
        .order_by(Response.id)
    )
    for answer, phase, block, attempt in rows:
        detail = "" if answer.rt_ms is None else f"after {answer.rt_ms / 1000:.1f} s"
        if answer.dropped_frames:
            detail += f", {answer.dropped_frames} frames dropped"
        again = f", attempt {attempt}" if attempt > 1 else ""
        what = f"trial {answer.index + 1} ({phase}, block {block + 1}{again})"
        yield Moment(answer.saved_at, "answer", what, detail)


def _events(db: Session, sessions: Any) -> Iterator[Moment]:
    """The browser counts from the first opening of the task; its clock need not be right."""
    opened = {s.id: s.opened_at for s in sessions}
    rows = select(Event).where(Event.session_id.in_(opened)).order_by(Event.id).limit(MOST_EVENTS)
    for event in db.scalars(rows):
        begun = opened[event.session_id]
        at = event.received_at
        if begun is not None:
            at = min(at, begun + timedelta(milliseconds=event.at_ms))
        yield Moment(at, "event", event.kind.replace("_", " "), _words(event.detail))


def _words(detail: Any) -> str:
    if isinstance(detail, dict):
        parts = (f"{name.replace('_', ' ')} {_plain(value)}" for name, value in detail.items())
        return ", ".join(parts)[:DETAIL_CHARACTERS]
    return "" if detail is None else _plain(detail)[:DETAIL_CHARACTERS]


def _plain(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    return value if isinstance(value, str) else json.dumps(value)
