"""Accounts of the console, and what was done with them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base


class Account(Base):
    """A person who may log in to the console.

    ``password_changed_at`` is part of every log-in, so that a new password ends the old ones.
    """

    __tablename__ = "accounts"
    __table_args__ = (CheckConstraint("role IN ('owner', 'researcher', 'viewer')", name="role"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(64), unique=True)
    role: Mapped[str] = mapped_column(String(16))
    password_hash: Mapped[str] = mapped_column(String(255))
    password_changed_at: Mapped[datetime]
    created_at: Mapped[datetime]
    last_login_at: Mapped[datetime | None]
    disabled: Mapped[bool] = mapped_column(default=False)


class FailedLogin(Base):
    """A log-in that failed: kept for as long as it counts against the next one.

    ``subject`` is a keyed hash of the name or of the address, never either itself.
    """

    __tablename__ = "failed_logins"
    __table_args__ = (Index(None, "subject", "at"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    subject: Mapped[str] = mapped_column(String(64))
    at: Mapped[datetime]


class AuditEntry(Base):
    """One thing that somebody did in the console or on the command line."""

    __tablename__ = "audit_entries"

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(index=True)
    actor: Mapped[str] = mapped_column(String(80))
    action: Mapped[str] = mapped_column(String(40))
    study_id: Mapped[int | None] = mapped_column(ForeignKey("studies.id"))
    detail: Mapped[dict[str, Any]]
