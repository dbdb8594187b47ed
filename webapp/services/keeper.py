"""Saving the answer to the trial that comes next, as nearly every post is, in one statement.

Nothing is held while an answer is judged. The statement that keeps it also counts it, under the
condition that the session still stands where it was found (the same page, the same trial next, the
visit going on), and brings the trial after it, so that usually nothing has to be asked before. If
that is not so, nothing was written and :func:`responses.save` decides with everything held. Why
the condition is enough: a schedule changes in practice, at a repeated trial and with a new page
alone; the first two are not saved here, and a new page has another token.
"""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from sqlalchemy import bindparam, exists, insert, select, update
from sqlalchemy.exc import IntegrityError

from experiments.schedule import ScheduledTrial
from webapp.clock import utc_now
from webapp.database import Database, Taken
from webapp.models import Participant, Response, Scheduled, TaskSession

from . import responses
from .answers import Answer
from .errors import Missing
from .scoring import Saved, Tally, row, score, told
from .sittings import OF_SITTING, SITTINGS, Sitting, require_access, table_of
from .studies import Shelf

PEOPLE_REMEMBERED = 4096
_NO_TRIAL = (None, None, None, None)


@dataclass(frozen=True, slots=True)
class _Coming:
    """A session, and a trial of it: what kind it is, and the index of the trial after it."""

    sitting: Sitting
    phase: str
    attempt: int
    body: dict[str, Any]
    following: int | None


class Keeper:
    """Keeps answers.

    Parameters
    ----------
    database : where they are kept.
    shelf : the studies whose trials are answered.
    """

    def __init__(self, database: Database, shelf: Shelf) -> None:
        self._database = database
        self._shelf = shelf
        self._keep = _keep_at_once if database.backend == "postgresql" else _keep_in_steps
        self._coming: OrderedDict[str, _Coming] = OrderedDict()
        self._lock = threading.Lock()

    def save(self, public_id: str, access: Mapping[str, str], index: int, answer: Answer) -> Saved:
        """Judge an answer and keep it; see :func:`responses.save` for all that may be raised."""
        saved = self._save_next(public_id, access, index, answer)
        if saved is not None:
            return saved
        with self._database.write() as db:
            return responses.save(db, self._shelf, public_id, access, index, answer)

    def _save_next(
        self, public_id: str, access: Mapping[str, str], index: int, answer: Answer
    ) -> Saved | None:
        """Save what is the usual case; nothing is done and returned if it is not."""
        with self._lock:
            coming = self._coming.pop(public_id, None)
        if coming is None or coming.sitting.next_index != index:
            coming = self._look(public_id, index)
        sitting = coming.sitting
        require_access(sitting, access)
        if not _is_usual(coming, index, answer):
            return None
        study = self._shelf.open(sitting.study_hash, sitting.folder, sitting.study_name)
        trial = ScheduledTrial.from_dict(coming.body)
        scored = score(study, trial, answer)
        tally = Tally(index, sitting.n_right, sitting.n_scored).after(scored, coming.following)
        lease = timedelta(minutes=study.config.session.lease_min)
        now = utc_now()
        step = row(sitting.id, index, answer, scored) | {
            "person": sitting.participant_id,
            "token": sitting.page_token,
            "now": now,
            "until": now + lease,
            "following": tally.next,
            "right": tally.n_right,
            "scored": tally.n_scored,
        }
        try:
            after = self._keep(self._database, step)
        except Taken:  # the identifier is used already
            return None
        if after is None:
            return None
        self._remember(public_id, sitting, tally, after)
        correct = None if scored.correct is None else int(scored.correct)
        return told(study, trial, correct, tally)

    def _look(self, public_id: str, index: int) -> _Coming:
        with self._database.look() as connection:
            found = connection.execute(_LOOK, {"public_id": public_id, "index": index}).first()
        if found is None:
            raise Missing("session")
        return _Coming(Sitting(*found[: len(OF_SITTING)]), *found[len(OF_SITTING) :])

    def _remember(
        self, public_id: str, sitting: Sitting, tally: Tally, after: Sequence[Any]
    ) -> None:
        if tally.next is None:
            return
        sitting = replace(
            sitting, next_index=tally.next, n_right=tally.n_right, n_scored=tally.n_scored
        )
        with self._lock:
            self._coming[public_id] = _Coming(sitting, *after)
            while len(self._coming) > PEOPLE_REMEMBERED:
                self._coming.popitem(last=False)


def _is_usual(coming: _Coming, index: int, answer: Answer) -> bool:
    """Whether it is the first answer to the trial that comes next, by the page that may write."""
    return (
        coming.sitting.state == "active"
        and coming.sitting.next_index == index
        and coming.sitting.page_token == answer.page_token
        and coming.attempt == 1
        and coming.phase != "practice"
        and answer.environment is None
    )


_sessions, _people = table_of(TaskSession), table_of(Participant)
_scheduled, _responses = table_of(Scheduled), table_of(Response)
_later = _scheduled.alias("later")
_AFTER = (
    select(_later.c.index)
    .where(
        _later.c.session_id == _scheduled.c.session_id,
        _later.c.position > _scheduled.c.position,
    )
    .order_by(_later.c.position)
    .limit(1)
    .scalar_subquery()
)
_OF_TRIAL = (_scheduled.c.phase, _scheduled.c.attempt, _scheduled.c.body, _AFTER)

_LOOK = (
    select(*OF_SITTING, *_OF_TRIAL)
    .select_from(
        SITTINGS.outerjoin(
            _scheduled,
            (_scheduled.c.session_id == _sessions.c.id)
            & (_scheduled.c.index == bindparam("index")),
        )
    )
    .where(_sessions.c.public_id == bindparam("public_id"))
)
_STORED = [column for column in _responses.c if column.name != "id"]


_NAMES = [column.name for column in _STORED]
# PostgreSQL writes in common table expressions. Each refers to the one before, so the person's row
# is locked first, as everywhere.
_KEEP_AT_ONCE = f"""
    WITH person AS (
        UPDATE participants SET last_seen_at = %(now)s, lease_until = %(until)s
        WHERE id = %(person)s AND state = 'active'
        RETURNING id
    ), counted AS (
        UPDATE task_sessions
        SET next_index = %(following)s, n_right = %(right)s, n_scored = %(scored)s
        FROM person
        WHERE task_sessions.id = %(session_id)s AND participant_id = person.id
            AND page_token = %(token)s AND next_index = %(index)s
        RETURNING task_sessions.id
    ), kept AS (
        INSERT INTO responses ({", ".join(_NAMES)})
        SELECT {", ".join(f"%({name})s" for name in _NAMES)} FROM counted
        RETURNING session_id
    )
    SELECT phase, attempt, body, (
        SELECT later.index FROM scheduled AS later
        WHERE later.session_id = scheduled.session_id AND later.position > scheduled.position
        ORDER BY later.position LIMIT 1
    )
    FROM kept LEFT JOIN scheduled
        ON scheduled.session_id = kept.session_id AND scheduled.index = %(following)s
"""


def _keep_at_once(database: Database, step: Mapping[str, Any]) -> Sequence[Any] | None:
    """Keep an answer; what comes next, or none if nothing was written."""
    as_json = {name: json.dumps(step[name]) for name in ("raw", "columns")}
    return database.at_once(_KEEP_AT_ONCE, {**step, **as_json})


_GOES_ON = (_people.c.id == bindparam("person")) & (_people.c.state == "active")
_COUNT = (
    update(_sessions)
    .where(
        _sessions.c.id == bindparam("session_id"),
        _sessions.c.page_token == bindparam("token"),
        _sessions.c.next_index == bindparam("index"),
        exists().where(_GOES_ON),
    )
    .values(
        next_index=bindparam("following"),
        n_right=bindparam("right"),
        n_scored=bindparam("scored"),
    )
)
_COUNTED = ("person", "session_id", "token", "index", "following", "right", "scored")
_INSERT = insert(_responses)
_SEEN = (
    update(_people)
    .where(_GOES_ON)
    .values(last_seen_at=bindparam("now"), lease_until=bindparam("until"))
)
_COMING = select(*_OF_TRIAL).where(
    _scheduled.c.session_id == bindparam("session_id"),
    _scheduled.c.index == bindparam("following"),
)


def _keep_in_steps(database: Database, step: Mapping[str, Any]) -> Sequence[Any] | None:
    """The same in one transaction, for SQLite, which has one writer at a time."""

    def part(*names: str) -> dict[str, Any]:
        return {name: step[name] for name in names}

    with database.change() as connection:
        if connection.execute(_COUNT, part(*_COUNTED)).rowcount == 0:
            return None
        try:
            connection.execute(_INSERT, part(*_NAMES))
        except IntegrityError as error:
            raise Taken from error
        connection.execute(_SEEN, part("person", "now", "until"))
        coming = connection.execute(_COMING, part("session_id", "following")).first()
    return _NO_TRIAL if coming is None else coming
