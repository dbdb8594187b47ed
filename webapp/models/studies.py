"""Published studies."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, String, text
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base


class StudyRecord(Base):
    """A frozen study that participants can be sent to.

    ``hash`` is what it was published with and never changes; ``draw_seed`` decides ties between
    equally filled cells. ``settings`` is what may change while people take part: see
    :class:`webapp.recruiters.settings.StudySettings`.
    """

    __tablename__ = "studies"
    __table_args__ = (CheckConstraint("state IN ('open', 'paused', 'closed')", name="state"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(64), unique=True)
    hash: Mapped[str] = mapped_column(String(80))
    title: Mapped[str] = mapped_column(String(300))
    paradigm: Mapped[str] = mapped_column(String(64))
    folder: Mapped[str] = mapped_column(String(300))
    state: Mapped[str] = mapped_column(String(16))
    draw_seed: Mapped[int] = mapped_column(BigInteger)
    published_at: Mapped[datetime]
    settings: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default=text("'{}'"))
