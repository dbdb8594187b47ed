"""Withdrawing, erasing, and identifiers that are kept no longer than was promised.

*Erased* means that a person's answers, events, schedule and machine are gone; that somebody was
here stays in the counts. *Anonymised* means that nothing is left that leads to the person: neither
the recruiter's identifier nor the cookie's secret, the code, or the machine. Copies in backups live
as long as the backups do.
"""

from __future__ import annotations

import secrets
from datetime import timedelta

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from webapp.clock import utc_now
from webapp.models import (
    Event,
    Known,
    Participant,
    Response,
    Scheduled,
    StudyRecord,
    TaskSession,
)
from webapp.recruiters import settings_of

from .audit import note
from .states import FOLLOWS, locked, move, present_state_column
from .subjects import person_subject


def withdraw(
    db: Session, record: StudyRecord, participant_id: int, *, key: bytes, actor: str, reason: str
) -> Participant:
    """End a visit as the consent promised, erasing or anonymising. Withdrawing twice is once."""
    participant = locked(db, participant_id)
    if "withdrawn" not in FOLLOWS[participant.state]:
        return participant
    move(db, participant, "withdrawn", actor=actor, reason=reason)
    if settings_of(record.settings).withdrawal == "erase":
        erase(db, participant, key=key)
    else:
        anonymise(db, participant, key=key)
    note(db, actor, "withdraw", record.id, {"participant": participant.public_id})
    return participant


def erase(db: Session, participant: Participant, *, key: bytes) -> None:
    """Delete everything that a person did, and who it was."""
    sittings = select(TaskSession.id).where(TaskSession.participant_id == participant.id)
    for table in (Event, Response, Scheduled):
        db.execute(
            delete(table)
            .where(table.session_id.in_(sittings))
            .execution_options(synchronize_session=False)
        )
    anonymise(db, participant, key=key)


def anonymise(db: Session, participant: Participant, *, key: bytes) -> None:
    """Delete what leads from the data to the person; a hash that admits nobody twice stays."""
    if participant.external_id is not None:
        subject = person_subject(key, participant.source, participant.external_id)
        known = select(Known.id).where(
            Known.study_id == participant.study_id, Known.subject == subject
        )
        if db.scalars(known).first() is None:
            db.add(Known(study_id=participant.study_id, subject=subject))
    participant.external_id = None
    participant.source_details = {}
    participant.access = secrets.token_urlsafe(32)
    participant.completion_code = None
    participant.credit = None
    participant.identity_removed_at = utc_now()
    for session in db.scalars(
        select(TaskSession).where(TaskSession.participant_id == participant.id)
    ):
        session.environment = None
        session.public_id = secrets.token_urlsafe(16)


def due_for_anonymising(db: Session, record: StudyRecord) -> list[int]:
    """People of a study whose identifiers have been kept for as long as the study keeps them.

    Who is still owed credit keeps the identifier that the credit needs, and who is in the middle of
    the study keeps the way back, but not for longer than the place.
    """
    days = settings_of(record.settings).retention_days
    if days is None:
        return []
    now = utc_now()
    return list(
        db.scalars(
            select(Participant.id)
            .where(
                Participant.study_id == record.id,
                Participant.last_seen_at < now - timedelta(days=days),
                Participant.identity_removed_at.is_(None),
                present_state_column(now) != "active",
                Participant.credit.is_distinct_from("pending"),
            )
            .order_by(Participant.id)
        )
    )
