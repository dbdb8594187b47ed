"""``resume = "checkpoint"``: who comes back begins the present block anew.

Nothing that was answered changes. Each trial of the block that has an answer is put on the
schedule a further time, in the same order and before what is left of the block, numbered after the
session's last trial and with the next ``attempt``; trials without an answer are simply still to
come. Of several answers to a trial outside practice the first counts, see
:class:`experiments.design.Session`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from experiments.schedule import ScheduledTrial
from webapp.models import Scheduled, TaskSession

from . import sessions
from .blocks import block_left


def begin_anew(db: Session, session: TaskSession) -> None:
    """Show the answered trials of the present block again. Nothing happens in practice, whose
    attempts are limited, nor where the block has no answer since it was last begun.

    Parameters
    ----------
    session : held until the transaction ends.
    """
    if session.next_index is None:
        return
    left = block_left(db.connection(), session.id, session.next_index)
    if left[0].phase == "practice":
        return
    ahead = {row.id for row in left}
    block = db.scalars(
        select(Scheduled)
        .where(Scheduled.session_id == session.id, Scheduled.block == left[0].block)
        .order_by(Scheduled.attempt)
    )
    newest = {row.body["trial"]: row for row in block}
    done = [row for _, row in sorted(newest.items()) if row.id not in ahead]
    _show_again(db, session.id, done, left[0].position)
    session.next_index = sessions.next_index(db, session.id)


def was_next(db: Session, session_id: int, next_index: int | None, index: int) -> bool:
    """Whether a trial would come next, had its block not begun anew.

    Its answer may have been on the way when the page was closed; the next page sends it first.
    """
    left = () if next_index is None else block_left(db.connection(), session_id, next_index)
    earlier = [row.index for row in left if row.attempt < left[0].attempt]
    return earlier[:1] == [index]


def show_again(db: Session, session_id: int, index: int) -> None:
    """Put one trial on the schedule a further time, right after itself."""
    row = db.scalars(
        select(Scheduled).where(Scheduled.session_id == session_id, Scheduled.index == index)
    ).one()
    _show_again(db, session_id, [row], row.position + 1)


def _show_again(db: Session, session_id: int, rows: Sequence[Scheduled], position: int) -> None:
    _, n_trials = sessions.counts(db, session_id)
    further = [
        replace(ScheduledTrial.from_dict(row.body), index=n_trials + place, attempt=row.attempt + 1)
        for place, row in enumerate(rows)
    ]
    db.execute(
        update(Scheduled)
        .where(Scheduled.session_id == session_id, Scheduled.position >= position)
        .values(position=Scheduled.position + len(further))
    )
    sessions.append(db, session_id, further, first_position=position)
