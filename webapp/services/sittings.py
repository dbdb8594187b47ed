"""Whose session it is and where it stands, in one statement.

The task's API asks this with every request, so it is a plain row, not an object of the mapper.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from sqlalchemy import Connection, Table, bindparam, select

from webapp.models import Base, Participant, StudyRecord, TaskSession

from .errors import Missing


@dataclass(frozen=True, slots=True)
class Sitting:
    """A session, its participant and its study.

    Attributes
    ----------
    id, page_token, seed, next_index, n_right, n_scored : of the session.
    participant_id, access, state, last_seen_at : of the participant.
    study_name, study_hash, folder : of the study.
    """

    id: int
    page_token: str
    seed: int
    next_index: int | None
    n_right: int
    n_scored: int
    participant_id: int
    access: str
    state: str
    last_seen_at: datetime
    study_name: str
    study_hash: str
    folder: str


def table_of(model: type[Base]) -> Table:
    """The table of a model, for statements that make no objects."""
    return cast(Table, model.__table__)


_sessions, _people, _studies = table_of(TaskSession), table_of(Participant), table_of(StudyRecord)
OF_SITTING = (
    _sessions.c.id,
    _sessions.c.page_token,
    _sessions.c.seed,
    _sessions.c.next_index,
    _sessions.c.n_right,
    _sessions.c.n_scored,
    _sessions.c.participant_id,
    _people.c.access,
    _people.c.state,
    _people.c.last_seen_at,
    _studies.c.name,
    _studies.c.hash,
    _studies.c.folder,
)
"""The columns of a :class:`Sitting`, in its order."""
SITTINGS = _sessions.join(_people, _people.c.id == _sessions.c.participant_id).join(
    _studies, _studies.c.id == _people.c.study_id
)
_LOOK = (
    select(*OF_SITTING).select_from(SITTINGS).where(_sessions.c.public_id == bindparam("public_id"))
)
_NEWEST = (
    select(*OF_SITTING)
    .select_from(SITTINGS)
    .where(_studies.c.name == bindparam("study_name"), _people.c.access == bindparam("access"))
    .order_by(_sessions.c.number.desc())
    .limit(1)
)
# Whoever holds both holds the person first, so that no two wait for one another.
_HOLD = _LOOK.with_for_update(of=[_people, _sessions])


def sitting_of(
    connection: Connection, public_id: str, access: Mapping[str, str], *, hold: bool = True
) -> Sitting:
    """The session of that name, if the browser's secrets allow it.

    Parameters
    ----------
    access : the secrets of the browser's cookie, by name of study.
    hold : keep session and participant as they are until the transaction ends.

    Raises
    ------
    Missing
        ``session`` otherwise; somebody else's is answered like one that does not exist.
    """
    row = connection.execute(_HOLD if hold else _LOOK, {"public_id": public_id}).first()
    if row is None:
        raise Missing("session")
    sitting = Sitting(*tuple(row))
    require_access(sitting, access)
    return sitting


def newest_of(connection: Connection, study_name: str, access: str) -> Sitting | None:
    """The newest session of the participant whose secret that is, if the study has one."""
    row = connection.execute(_NEWEST, {"study_name": study_name, "access": access}).first()
    return None if row is None else Sitting(*tuple(row))


def require_access(sitting: Sitting, access: Mapping[str, str]) -> None:
    """Hold a browser to the secrets of its cookie.

    Raises
    ------
    Missing
        ``session`` if the session is somebody else's.
    """
    secret = access.get(sitting.study_name)
    if secret is None or not hmac.compare_digest(secret.encode(), sitting.access.encode()):
        raise Missing("session")
