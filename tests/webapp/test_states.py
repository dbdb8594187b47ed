"""The state machine: what may follow what, and a trail of every change."""

from __future__ import annotations

from itertools import pairwise, product
from typing import get_args

import pytest
from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError

from experiments.records import STATUSES, Status
from webapp.models import Participant, StudyRecord, Transition
from webapp.recruiters import Arrival
from webapp.server import Server
from webapp.services import arrivals
from webapp.services.errors import Refused
from webapp.services.states import FOLLOWS, locked, move

BOTH_DATABASES = True


def test_every_state_is_known_to_everybody() -> None:
    assert set(FOLLOWS) == set(STATUSES) == set(get_args(Status))
    reached = set().union(*FOLLOWS.values())
    assert reached == set(STATUSES) - {"arrived"}, "nobody becomes somebody who only arrived"
    assert not FOLLOWS["withdrawn"], "who withdrew is gone for good"
    assert all("withdrawn" in after for state, after in FOLLOWS.items() if state != "withdrawn")


def test_nothing_but_what_may_follow(server: Server, record: StudyRecord) -> None:
    """Of all pairs of states, those that may not follow change nothing and leave no trail."""
    with server.database.write() as db:
        person_id = arrivals.arrive(db, record, Arrival("lab")).id
    for before, after in product(STATUSES, STATUSES):
        with server.database.write() as db:
            db.execute(update(Participant).values(state=before))
            person = locked(db, person_id)
            if after in FOLLOWS[before]:
                move(db, person, after, actor="ona", reason=f"{before} {after}")
            else:
                with pytest.raises(Refused, match=f"not_from_{before}"):
                    move(db, person, after, actor="ona")
    with server.database.read() as db:
        trail = db.scalars(select(Transition).order_by(Transition.id)).all()[1:]
    allowed = [(a, b) for a, b in product(STATUSES, STATUSES) if b in FOLLOWS[a]]
    assert [(each.from_state, each.to_state) for each in trail] == allowed
    assert all(each.reason == f"{each.from_state} {each.to_state}" for each in trail)
    assert all(earlier.at <= later.at for earlier, later in pairwise(trail))
    assert {each.actor for each in trail} == {"ona"}


def test_the_database_holds_no_other_state(server: Server, record: StudyRecord) -> None:
    with server.database.write() as db:
        arrivals.arrive(db, record, Arrival("lab"))
    with pytest.raises(IntegrityError), server.database.write() as db:
        db.execute(update(Participant).values(state="lost"))
