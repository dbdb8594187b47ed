"""People who take part, and every step of theirs."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base


class Participant(Base):
    """One person in one study.

    ``public_id`` is the identifier in exports; ``access`` is the secret that the person's cookie
    holds. ``external_id`` is what a recruiter calls the person and stays out of all exports but the
    identified one. ``credit`` is where a recruiter is told by the server: pending or granted.
    """

    __tablename__ = "participants"
    __table_args__ = (
        CheckConstraint(
            "state IN ('arrived', 'consented', 'active', 'complete', 'screened_out', 'returned',"
            " 'timed_out', 'withdrawn', 'excluded')",
            name="state",
        ),
        UniqueConstraint("study_id", "source", "external_id"),
        Index(None, "study_id", "state"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    public_id: Mapped[str] = mapped_column(String(32), unique=True)
    access: Mapped[str] = mapped_column(String(64), unique=True)
    study_id: Mapped[int] = mapped_column(ForeignKey("studies.id"))
    state: Mapped[str] = mapped_column(String(16))
    is_test: Mapped[bool] = mapped_column(default=False)
    condition: Mapped[str | None] = mapped_column(String(64))
    source: Mapped[str] = mapped_column(String(32))
    external_id: Mapped[str | None] = mapped_column(String(128))
    source_details: Mapped[dict[str, Any]]
    consent_version: Mapped[str | None] = mapped_column(String(64))
    arrived_at: Mapped[datetime]
    consented_at: Mapped[datetime | None]
    instructed_at: Mapped[datetime | None]
    quiz_attempts: Mapped[int] = mapped_column(default=0)
    assigned_at: Mapped[datetime | None]
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    last_seen_at: Mapped[datetime]
    lease_until: Mapped[datetime | None]
    completion_code: Mapped[str | None] = mapped_column(String(32), unique=True)
    credit: Mapped[str | None] = mapped_column(String(16))
    identity_removed_at: Mapped[datetime | None]


class Transition(Base):
    """One change of a participant's state: the audit trail, only ever added to."""

    __tablename__ = "transitions"

    id: Mapped[int] = mapped_column(primary_key=True)
    participant_id: Mapped[int] = mapped_column(ForeignKey("participants.id"), index=True)
    at: Mapped[datetime]
    from_state: Mapped[str | None] = mapped_column(String(16))
    to_state: Mapped[str] = mapped_column(String(16))
    actor: Mapped[str] = mapped_column(String(80))
    reason: Mapped[str] = mapped_column(String(200))


class Known(Base):
    """Somebody who took part in a study and whose identifier is gone: admits one person once.

    ``subject`` is a keyed hash of recruiter and identifier, which cannot be turned back.
    """

    __tablename__ = "known_people"
    __table_args__ = (UniqueConstraint("study_id", "subject"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    study_id: Mapped[int] = mapped_column(ForeignKey("studies.id"))
    subject: Mapped[str] = mapped_column(String(64))


class RecentArrival(Base):
    """Somebody followed a link lately. ``subject`` is a keyed hash of the address, deleted by the
    first arrival after it no longer counts."""

    __tablename__ = "recent_arrivals"
    __table_args__ = (Index(None, "subject", "at"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    subject: Mapped[str] = mapped_column(String(64))
    at: Mapped[datetime]
