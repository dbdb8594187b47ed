"""Run by Alembic: it is handed an open connection, so there are no URLs here."""

from __future__ import annotations

from typing import Any, Literal

from alembic import context

from webapp.models import Base
from webapp.models.base import UtcDateTime


def short_name(kind: str, item: Any, _: Any) -> str | Literal[False]:
    """Write our column type by its name in new revisions."""
    return "UtcDateTime()" if kind == "type" and isinstance(item, UtcDateTime) else False


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    render_as_batch=True,
    transactional_ddl=True,
    render_item=short_name,
)
context.run_migrations()
