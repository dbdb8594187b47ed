"""Which condition a person gets: the least filled, drawn in one short locked transaction.

A cell is filled by those who finished and by those who hold a lease: they started and were heard
of recently. Whoever stops gives the place back when the lease ends. Previews never count.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import numpy as np
from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.orm import Session

from webapp.clock import utc_now
from webapp.models import Participant, StudyRecord, TaskSession

from .errors import Refused
from .states import locked, move


def filled(db: Session, study_id: int, now: datetime) -> dict[str, int]:
    """People a condition counts: complete, or active with a lease that still runs."""
    rows = db.execute(
        select(Participant.condition, func.count())
        .where(
            Participant.study_id == study_id,
            Participant.is_test.is_(False),
            Participant.condition.is_not(None),
            or_(
                Participant.state == "complete",
                and_(Participant.state == "active", Participant.lease_until > now),
            ),
        )
        .group_by(Participant.condition)
    )
    return {str(condition): int(count) for condition, count in rows}


def open_cells(
    cells: Sequence[str], counts: Mapping[str, int], quotas: Mapping[str, int]
) -> list[str]:
    """The least filled of the cells that still want people, in the study's order."""
    wanting = [cell for cell in cells if cell not in quotas or counts.get(cell, 0) < quotas[cell]]
    if not wanting:
        return []
    fewest = min(counts.get(cell, 0) for cell in wanting)
    return [cell for cell in wanting if counts.get(cell, 0) == fewest]


def assign(
    db: Session,
    record: StudyRecord,
    participant_id: int,
    *,
    cells: Sequence[str],
    quotas: Mapping[str, int],
    lease: timedelta,
) -> TaskSession:
    """Draw the condition and open the session; a person who has one keeps it.

    Everybody who is assigned in this study waits for the study's row, so the counts that decide
    are the counts that hold when the decision is written.

    Raises
    ------
    Refused
        ``full`` if no cell wants anybody; the person is screened out then, and the caller's
        transaction must be kept.
    """
    db.execute(select(StudyRecord.id).where(StudyRecord.id == record.id).with_for_update())
    participant = locked(db, participant_id)
    known = db.scalars(
        select(TaskSession).where(
            TaskSession.participant_id == participant.id, TaskSession.number == 1
        )
    ).first()
    if known is not None:
        return known
    if participant.state != "consented":
        raise Refused(participant.state)
    now = utc_now()
    release_expired(db, record.id, now)
    candidates = open_cells(cells, filled(db, record.id, now), quotas)
    if not candidates and participant.is_test:
        candidates = list(cells)
    if not candidates:
        raise Refused("full")
    rng = np.random.default_rng([record.draw_seed, participant.id])
    participant.condition = candidates[int(rng.integers(len(candidates)))]
    participant.assigned_at = participant.last_seen_at = now
    move(db, participant, "active", actor="server", reason="assigned")
    participant.lease_until = now + lease
    session = TaskSession(
        public_id=secrets.token_urlsafe(16),
        participant_id=participant.id,
        number=1,
        seed=_seed(participant),
        page_token=secrets.token_urlsafe(16),
        created_at=now,
    )
    db.add(session)
    db.flush()
    return session


def _seed(participant: Participant) -> int:
    """What the schedule is drawn from: chance, or what a simulated person came with."""
    rehearsed = participant.source_details.get("rehearsal_seed") if participant.is_test else None
    return secrets.randbits(62) if rehearsed is None else int(rehearsed)


def n_expired(db: Session, study_id: int, now: datetime) -> int:
    """How many :func:`release_expired` would time out."""
    return db.scalars(select(func.count()).where(_expired(study_id, now))).one()


def _expired(study_id: int, now: datetime) -> ColumnElement[bool]:
    return and_(
        Participant.study_id == study_id,
        Participant.state == "active",
        Participant.lease_until <= now,
    )


def release_expired(db: Session, study_id: int, now: datetime) -> int:
    """Time out everybody whose lease has ended; returns how many."""
    expired = db.scalars(
        select(Participant)
        .where(_expired(study_id, now))
        .order_by(Participant.id)
        # Somebody who is saving an answer this moment is not gone.
        .with_for_update(skip_locked=True)
    ).all()
    for participant in expired:
        move(db, participant, "timed_out", actor="server", reason="lease ended")
    return len(expired)
