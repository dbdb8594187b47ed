"""Findings of ``lens study check``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

Level = Literal["error", "warning", "note"]


@dataclass(frozen=True)
class Finding:
    """What an audit found: errors refuse a study, warnings and notes inform."""

    level: Level
    check: str
    text: str
