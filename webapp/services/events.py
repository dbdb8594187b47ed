"""What the participant's browser noticed: focus lost, tab hidden, reloads, images that failed."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, JsonValue, field_validator
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from lens_core.atlas.files import canonical_json
from webapp.clock import utc_now
from webapp.models import Event

DETAIL_BYTES = 2_048
MOST_PER_SESSION = 20_000


class Noticed(BaseModel):
    """One event."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    at_ms: Annotated[float, Field(ge=0, le=1e10, allow_inf_nan=False)]
    kind: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_.:-]{0,39}$")]
    detail: JsonValue = None

    @field_validator("detail")
    @classmethod
    def _is_small(cls, value: Any) -> Any:
        if len(canonical_json(value)) > DETAIL_BYTES:
            raise ValueError("too large")
        return value


class Batch(BaseModel):
    """Events as they are sent; a beacon cannot set headers, so its token is in the body."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    events: Annotated[list[Noticed], Field(max_length=500)]
    csrf_token: str | None = None


def keep(db: Session, session_id: int, batch: Batch) -> int:
    """Add events to a session; beyond a limit they are dropped. Returns how many were kept."""
    present = db.scalars(select(func.count()).where(Event.session_id == session_id)).one()
    kept = batch.events[: max(0, MOST_PER_SESSION - present)]
    now = utc_now()
    db.add_all(
        Event(
            session_id=session_id,
            received_at=now,
            at_ms=event.at_ms,
            kind=event.kind,
            detail=event.detail,
        )
        for event in kept
    )
    return len(kept)
