"""The numbers of the console, on both databases."""

from __future__ import annotations

from datetime import timedelta

from flask import Flask
from sqlalchemy import update

from tests.webapp.person import Person, knows
from webapp.clock import utc_now
from webapp.models import Participant, StudyRecord
from webapp.researcher.pages import cells_of
from webapp.server import Server
from webapp.services import monitor

BOTH_DATABASES = True


def count(server: Server, record: StudyRecord, person: Person) -> monitor.Counts:
    with server.database.read() as db:
        return monitor.count(db, record, cells_of(person.study))


def test_counts(person: Person, app: Flask, server: Server, record: StudyRecord) -> None:
    empty = count(server, record, person)
    assert set(empty.states.values()) == {0}
    assert (empty.trials, empty.median_minutes, empty.last_seen_at) == (0, None, None)
    person.begin()
    person.answer(0)
    done = Person(app.test_client(), person.study)
    done.begin()
    done.answer_all(knows(server, done))
    done.finish()
    Person(app.test_client(), person.study).arrive()
    counts = count(server, record, person)
    assert {state: n for state, n in counts.states.items() if n} == {
        "arrived": 1,
        "active": 1,
        "complete": 1,
    }
    assert sum(cell.active for cell in counts.cells) == 1
    assert sum(cell.complete for cell in counts.cells) == 1
    assert counts.trials == 1 + done.boot["n_trials"]
    assert counts.previews == 0
    assert counts.median_minutes is not None


def test_who_stopped_answering_has_left(
    person: Person, server: Server, record: StudyRecord
) -> None:
    person.begin()
    with server.database.write() as db:
        db.execute(update(Participant).values(lease_until=utc_now() - timedelta(seconds=1)))
    counts = count(server, record, person)
    assert sum(cell.active for cell in counts.cells) == 0
    assert sum(cell.lost for cell in counts.cells) == 1


def test_people_and_their_answers(person: Person, server: Server, record: StudyRecord) -> None:
    person.begin()
    person.answer(0)
    with server.database.read() as db:
        (row,) = monitor.people(db, record.id)
        assert row["answered"] == 1
        assert [step.to_state for step in monitor.trail(db, row["person"].id)] == [
            "arrived",
            "consented",
            "active",
        ]
