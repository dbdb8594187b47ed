"""Trials that are handed out together: plain rows, read for every block of everybody."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

from sqlalchemy import Connection, and_, bindparam, case, func, select

from experiments.schedule import ScheduledTrial
from webapp.models import Response, Scheduled

from .sittings import table_of


@dataclass(frozen=True)
class Due:
    """A trial of a schedule; see :class:`webapp.models.Scheduled`."""

    id: int
    session_id: int
    index: int
    position: int
    phase: str
    block: int
    attempt: int
    body: dict[str, Any]

    @cached_property
    def trial(self) -> ScheduledTrial:
        """The trial itself."""
        return ScheduledTrial.from_dict(self.body)


_scheduled, _responses = table_of(Scheduled), table_of(Response)
_of_block = _scheduled.alias("of_block")
_DUE = select(*(_scheduled.c[field.name] for field in fields(Due)))
_IN_BLOCK = _scheduled.join(
    _of_block,
    and_(
        _of_block.c.session_id == _scheduled.c.session_id,
        _of_block.c.block == _scheduled.c.block,
        _of_block.c.index == bindparam("first"),
    ),
)
_IS_ANSWER = and_(
    _responses.c.session_id == _scheduled.c.session_id,
    _responses.c.index == _scheduled.c.index,
)
_LEFT = (
    _DUE.select_from(_IN_BLOCK.outerjoin(_responses, _IS_ANSWER))
    .where(
        _scheduled.c.session_id == bindparam("session_id"),
        _responses.c.id.is_(None),
    )
    .order_by(_scheduled.c.position)
)
_block = case((_scheduled.c.phase != "practice", _scheduled.c.block))
_EXTENT = (
    select(
        func.count(_responses.c.id),
        func.count(_scheduled.c.id),
        func.count(_block.distinct()),
    )
    .select_from(_scheduled.outerjoin(_responses, _IS_ANSWER))
    .where(_scheduled.c.session_id == bindparam("session_id"))
)
_FROM = (
    _DUE.select_from(_IN_BLOCK)
    .where(
        _scheduled.c.session_id == bindparam("session_id"),
        _scheduled.c.attempt == _of_block.c.attempt,
        _scheduled.c.position >= _of_block.c.position,
    )
    .order_by(_scheduled.c.position)
    .limit(bindparam("n_trials"))
)


def block_left(connection: Connection, session_id: int, index: int) -> Sequence[Due]:
    """Trials still to come of the block that a trial is in, in the order in which they come."""
    found = connection.execute(_LEFT, {"session_id": session_id, "first": index})
    return [Due(*row) for row in found]


def trials_from(
    connection: Connection, session_id: int, first: int, n_trials: int
) -> Sequence[Due]:
    """A trial, and those after it in its block and attempt: so many at most."""
    given = {"session_id": session_id, "first": first, "n_trials": n_trials}
    return [Due(*row) for row in connection.execute(_FROM, given)]


def extent(connection: Connection, session_id: int) -> tuple[int, int, int]:
    """Trials answered, trials in all, and blocks, practice apart."""
    row = connection.execute(_EXTENT, {"session_id": session_id}).one()
    return row[0], row[1], row[2]
