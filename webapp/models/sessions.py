"""A participant's sitting: its schedule, the answers, and what happened meanwhile."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base


class TaskSession(Base):
    """One sitting. ``seed`` redraws its schedule; ``page_token`` belongs to the newest page.

    ``next_index`` is the trial that comes next, none before the schedule is written and at the end;
    ``n_right`` of ``n_scored`` answers were right; practice does not count, nor what has no right
    answer, nor a further answer to a trial that is shown again. They are written with every
    answer, in its transaction.
    """

    __tablename__ = "task_sessions"
    __table_args__ = (UniqueConstraint("participant_id", "number"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    public_id: Mapped[str] = mapped_column(String(32), unique=True)
    participant_id: Mapped[int] = mapped_column(ForeignKey("participants.id"))
    number: Mapped[int]
    seed: Mapped[int] = mapped_column(BigInteger)
    page_token: Mapped[str] = mapped_column(String(32))
    created_at: Mapped[datetime]
    opened_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    environment: Mapped[dict[str, Any] | None]
    next_index: Mapped[int | None]
    n_right: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    n_scored: Mapped[int] = mapped_column(default=0, server_default=text("0"))


class Scheduled(Base):
    """A trial that is to be shown. ``index`` is its name for the browser and in the data,
    ``position`` its place in the order: what is repeated gets further indices, but comes before
    the trials that follow."""

    __tablename__ = "scheduled"
    __table_args__ = (
        UniqueConstraint("session_id", "index"),
        Index(None, "session_id", "position"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    session_id: Mapped[int] = mapped_column(ForeignKey("task_sessions.id"))
    index: Mapped[int]
    position: Mapped[int]
    attempt: Mapped[int]
    phase: Mapped[str] = mapped_column(String(16))
    block: Mapped[int]
    body: Mapped[dict[str, Any]]


class Response(Base):
    """An answer: written once, never changed. ``digest`` recognises the same post again."""

    __tablename__ = "responses"
    __table_args__ = (UniqueConstraint("session_id", "index"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    session_id: Mapped[int] = mapped_column(ForeignKey("task_sessions.id"))
    index: Mapped[int]
    trial_uuid: Mapped[str] = mapped_column(String(36), unique=True)
    digest: Mapped[str] = mapped_column(String(64))
    saved_at: Mapped[datetime]
    raw: Mapped[dict[str, Any]]
    response: Mapped[str | None] = mapped_column(String(500))
    correct: Mapped[int | None]
    confidence: Mapped[float | None]
    rt_ms: Mapped[float | None]
    onset_error_ms: Mapped[float | None]
    dropped_frames: Mapped[int | None]
    presented_at: Mapped[str | None] = mapped_column(String(32))
    answered_at: Mapped[str | None] = mapped_column(String(32))
    columns: Mapped[dict[str, Any]]


class Event(Base):
    """Something that happened in the participant's browser."""

    __tablename__ = "events"
    __table_args__ = (Index(None, "session_id", "id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    session_id: Mapped[int] = mapped_column(ForeignKey("task_sessions.id"))
    received_at: Mapped[datetime]
    at_ms: Mapped[float]
    kind: Mapped[str] = mapped_column(String(40))
    detail: Mapped[Any] = mapped_column(JSON)
