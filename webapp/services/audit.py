"""What people did in the console or on the command line, written down."""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session

from webapp.clock import utc_now
from webapp.models import AuditEntry


def note(
    db: Session, actor: str, action: str, study_id: int | None, detail: dict[str, Any] | None = None
) -> None:
    """Add one entry to the audit log."""
    db.add(
        AuditEntry(at=utc_now(), actor=actor, action=action, study_id=study_id, detail=detail or {})
    )
