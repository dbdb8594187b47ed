"""Cells stay balanced, whoever comes when and whoever leaves."""

from __future__ import annotations

import threading
from collections import Counter
from datetime import timedelta

import pytest
from flask import Flask
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select, update

from experiments.study import Study
from tests.webapp.person import Person, knows
from webapp.clock import utc_now
from webapp.models import Participant, StudyRecord, TaskSession
from webapp.recruiters import Arrival
from webapp.server import Server
from webapp.services import arrivals
from webapp.services.assignment import assign, filled, open_cells
from webapp.services.errors import Refused

BOTH_DATABASES = True
LEASE = timedelta(minutes=60)


def consented(server: Server, record: StudyRecord, *, is_test: bool = False) -> int:
    """Somebody at the end of the quiz."""
    with server.database.write() as db:
        person = arrivals.arrive(db, record, Arrival("lab"), is_test=is_test)
        arrivals.agree(db, person.id, "1")
        return person.id


def draw(
    server: Server,
    record: StudyRecord,
    cells: tuple[str, ...],
    quotas: dict[str, int] | None = None,
    *,
    is_test: bool = False,
) -> str:
    """One arrival; the condition that was drawn."""
    person_id = consented(server, record, is_test=is_test)
    with server.database.write() as db:
        assign(db, record, person_id, cells=cells, quotas=quotas or {}, lease=LEASE)
        condition = db.get_one(Participant, person_id).condition
    assert condition is not None
    return condition


def test_forty_arrivals_at_once_are_balanced(server: Server, record: StudyRecord) -> None:
    people = [consented(server, record) for _ in range(40)]
    gate = threading.Barrier(len(people))
    problems: list[BaseException] = []

    def start(person_id: int) -> None:
        try:
            gate.wait()
            with server.database.write() as db:
                assign(db, record, person_id, cells=("a", "b", "c"), quotas={}, lease=LEASE)
        except BaseException as problem:
            problems.append(problem)

    threads = [threading.Thread(target=start, args=(person_id,)) for person_id in people]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    with server.database.read() as db:
        counts = filled(db, record.id, utc_now())
        sessions = db.scalars(select(TaskSession.participant_id)).all()
    assert sum(counts.values()) == 40
    assert max(counts.values()) - min(counts.values()) <= 1
    assert sorted(sessions) == sorted(people)


def test_one_person_pressing_twice_gets_one_condition(server: Server, record: StudyRecord) -> None:
    person_id = consented(server, record)
    with server.database.write() as db:
        first = assign(db, record, person_id, cells=("a", "b"), quotas={}, lease=LEASE).id
    with server.database.write() as db:
        assert assign(db, record, person_id, cells=("a", "b"), quotas={}, lease=LEASE).id == first


def test_a_lease_that_ends_gives_the_place_back(server: Server, record: StudyRecord) -> None:
    first = draw(server, record, ("a", "b"))
    with server.database.write() as db:
        db.execute(update(Participant).values(lease_until=utc_now() - timedelta(seconds=1)))
        assert filled(db, record.id, utc_now()) == {}, "also before it is written down"
    drawn = [draw(server, record, ("a", "b")) for _ in range(2)]
    assert sorted(drawn) == ["a", "b"], "the one who is gone counts no more"
    with server.database.read() as db:
        gone = db.scalars(select(Participant).order_by(Participant.id)).first()
    assert gone is not None
    assert (gone.state, gone.condition, gone.lease_until) == ("timed_out", first, None)


def test_who_leaves_gives_the_place_back(server: Server, record: StudyRecord) -> None:
    first = draw(server, record, ("a", "b"))
    with server.database.write() as db:
        gone = db.scalars(select(Participant)).one()
        arrivals.leave(db, gone.id, "left")
    with server.database.read() as db:
        assert filled(db, record.id, utc_now()) == {}
        left = db.get_one(Participant, gone.id)
    assert (left.state, left.condition, left.lease_until) == ("returned", first, None)


def test_previews_never_count(server: Server, record: StudyRecord) -> None:
    for _ in range(4):
        draw(server, record, ("a", "b"), is_test=True)
    with server.database.read() as db:
        assert filled(db, record.id, utc_now()) == {}


def test_quotas_fill_and_then_nobody_is_taken(server: Server, record: StudyRecord) -> None:
    drawn = Counter(draw(server, record, ("a", "b"), {"a": 1, "b": 3}) for _ in range(4))
    assert drawn == {"a": 1, "b": 3}
    with pytest.raises(Refused, match="full"):
        draw(server, record, ("a", "b"), {"a": 1, "b": 3})


def test_ties_are_broken_both_ways_and_reproducibly(server: Server, record: StudyRecord) -> None:
    # With nobody counted, every preview is a tie between all cells.
    drawn = [draw(server, record, ("a", "b"), is_test=True) for _ in range(24)]
    assert set(drawn) == {"a", "b"}
    with server.database.write() as db:
        ids = [row.id for row in db.scalars(select(Participant).order_by(Participant.id))]
        db.execute(update(Participant).values(condition=None, state="consented"))
        for session in db.scalars(select(TaskSession)):
            db.delete(session)
    again = []
    for person_id in ids:
        with server.database.write() as db:
            assign(db, record, person_id, cells=("a", "b"), quotas={}, lease=LEASE)
            again.append(db.get_one(Participant, person_id).condition)
    assert again == drawn


@settings(deadline=None)
@given(
    counts=st.dictionaries(st.sampled_from("abcd"), st.integers(0, 20)),
    quotas=st.dictionaries(st.sampled_from("abcd"), st.integers(1, 20)),
)
def test_open_cells_are_the_least_filled_that_want_people(
    counts: dict[str, int], quotas: dict[str, int]
) -> None:
    found = open_cells("abcd", counts, quotas)
    wanting = [c for c in "abcd" if counts.get(c, 0) < quotas.get(c, 10**9)]
    assert bool(found) == bool(wanting)
    for cell in found:
        assert cell in wanting
        assert all(counts.get(cell, 0) <= counts.get(other, 0) for other in wanting)


def test_who_comes_back_after_the_lease_goes_on(
    person: Person, server: Server, app: Flask, study: Study
) -> None:
    person.begin()
    person.answer(0)
    with server.database.write() as db:
        db.execute(update(Participant).values(lease_until=utc_now() - timedelta(seconds=1)))
    Person(app.test_client(), study).begin()
    with server.database.read() as db:
        states = db.scalars(select(Participant.state).order_by(Participant.id)).all()
    assert list(states) == ["timed_out", "active"]
    # The page that stayed open saves its answer, and the visit goes on.
    assert person.answer(1).status_code == 200
    person.answer_all(knows(server, person))
    assert person.finish().status_code == 200


def test_who_comes_back_too_late_is_told_so(person: Person, server: Server) -> None:
    person.begin()
    person.answer(0)
    with server.database.write() as db:
        db.execute(update(TaskSession).values(opened_at=utc_now() - timedelta(days=30)))
    page = person.arrive()
    assert page.status_code == 200
    assert "boot" not in page.text
    with server.database.read() as db:
        assert db.scalars(select(Participant.state)).one() == "timed_out"
