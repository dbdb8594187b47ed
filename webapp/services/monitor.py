"""What the console shows of a study's people: counts, never a person's answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import median
from typing import Any

from sqlalchemy import and_, case, func, or_, select
from sqlalchemy.orm import Session

from experiments.records import STATUSES
from webapp.clock import iso, utc_now
from webapp.models import Participant, Response, StudyRecord, TaskSession

from .states import present_state, present_state_column


@dataclass(frozen=True)
class Cell:
    """One condition's people.

    Attributes
    ----------
    lost : who began and did not finish; who finished and was excluded by a researcher is not.
    """

    condition: str
    label: str
    active: int
    complete: int
    lost: int
    quota: int | None


@dataclass(frozen=True)
class Counts:
    """A study's people right now; previews apart."""

    states: dict[str, int]
    cells: tuple[Cell, ...]
    trials: int
    previews: int
    median_minutes: float | None
    last_seen_at: datetime | None
    at: datetime

    def to_json(self) -> dict[str, Any]:
        """For the page's own refreshing."""
        return {
            "states": self.states,
            "cells": [vars(cell) for cell in self.cells],
            "trials": self.trials,
            "previews": self.previews,
            "median_minutes": self.median_minutes,
            "last_seen_at": iso(self.last_seen_at),
            "at": iso(self.at),
        }


def count(
    db: Session,
    record: StudyRecord,
    cells: Sequence[tuple[str, str, int | None]],
) -> Counts:
    """Count a study's people.

    Parameters
    ----------
    cells : condition, label and quota of each cell, in the study's order.
    """
    now = utc_now()
    real = and_(Participant.study_id == record.id, Participant.is_test.is_(False))
    state = present_state_column(now)
    state_rows = db.execute(select(state, func.count()).where(real).group_by(state))
    present = {str(state): int(number) for state, number in state_rows}
    by_cell: dict[str, dict[str, int]] = {}
    for condition, active, complete, excluded, everybody in db.execute(
        select(
            Participant.condition,
            *(
                func.sum(case((state == each, 1), else_=0))
                for each in ("active", "complete", "excluded")
            ),
            func.count(),
        )
        .where(real, Participant.condition.is_not(None))
        .group_by(Participant.condition)
    ):
        lost = everybody - active - complete - excluded
        by_cell[str(condition)] = {
            "active": int(active),
            "complete": int(complete),
            "lost": int(lost),
        }
    none = {"active": 0, "complete": 0, "lost": 0}
    trials = db.scalars(
        select(func.count())
        .select_from(Response)
        .join(TaskSession, TaskSession.id == Response.session_id)
        .join(Participant, Participant.id == TaskSession.participant_id)
        .where(real)
    ).one()
    return Counts(
        states={state: present.get(state, 0) for state in STATUSES},
        cells=tuple(
            Cell(condition, label, quota=quota, **by_cell.get(condition, none))
            for condition, label, quota in cells
        ),
        trials=trials,
        previews=db.scalars(
            select(func.count()).where(
                Participant.study_id == record.id, Participant.is_test.is_(True)
            )
        ).one(),
        median_minutes=_median_minutes(db, record.id),
        last_seen_at=db.scalars(select(func.max(Participant.last_seen_at)).where(real)).one(),
        at=now,
    )


def _median_minutes(db: Session, study_id: int) -> float | None:
    rows = db.execute(
        select(Participant.started_at, Participant.finished_at).where(
            Participant.study_id == study_id,
            Participant.is_test.is_(False),
            Participant.state == "complete",
        )
    )
    minutes = [
        (finished - started).total_seconds() / 60
        for started, finished in rows
        if started is not None and finished is not None
    ]
    return round(median(minutes), 1) if minutes else None


def people(db: Session, study_id: int, find: str = "", limit: int = 200) -> list[dict[str, Any]]:
    """The latest participants with how many trials they answered, the newest first.

    Parameters
    ----------
    find : only who has this identifier: ours, the recruiter's, or the completion code. Erased
        people have none of the latter two any more.
    """
    wanted = Participant.study_id == study_id
    if find:
        named = (Participant.public_id, Participant.external_id, Participant.completion_code)
        wanted &= or_(*(column == find for column in named))
    answered = (
        select(TaskSession.participant_id, func.count(Response.id).label("n"))
        .join(Response, Response.session_id == TaskSession.id)
        .group_by(TaskSession.participant_id)
        .subquery()
    )
    rows = db.execute(
        select(Participant, answered.c.n)
        .outerjoin(answered, answered.c.participant_id == Participant.id)
        .where(wanted)
        .order_by(Participant.id.desc())
        .limit(limit)
    )
    now = utc_now()
    return [
        {"person": person, "state": present_state(person, now), "answered": number or 0}
        for person, number in rows
    ]
