"""The numbers of the console, on both databases."""

from __future__ import annotations

from datetime import timedelta

from flask import Flask
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from tests.webapp.person import Person, knows
from webapp.clock import utc_now
from webapp.models import Participant, Response, StudyRecord, Transition
from webapp.researcher.pages import cells_of
from webapp.server import Server
from webapp.services import monitor, privacy
from webapp.services.flow import flow
from webapp.services.timeline import timeline

BOTH_DATABASES = True
LATER = utc_now() + timedelta(days=30)


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
    assert counts.states["active"] == 0, "nobody is active who holds no place any more"
    assert counts.states["timed_out"] == 1
    with server.database.read() as db:
        assert [row["state"] for row in monitor.people(db, record.id)] == ["timed_out"]
        (arm,) = (each for each in flow(db, record, person.study.config, ()).arms.values())
    assert (arm.active, arm.lost) == (0, {"stopped answering": 1})


def test_people_and_their_answers(person: Person, server: Server, record: StudyRecord) -> None:
    person.begin()
    person.answer(0)
    with server.database.read() as db:
        (row,) = monitor.people(db, record.id)
        assert row["answered"] == 1


def test_a_visit_in_order(person: Person, server: Server, db: Session) -> None:
    person.begin()
    right = knows(server, person)
    person.answer(0, right({"index": 0}), environment={"os": "Linux"}, dropped_frames=3)
    events = [{"at_ms": 5.0, "kind": "blur"}, {"at_ms": 9e9, "kind": "resize", "detail": {"w": 9}}]
    person.send("/events", {"events": events})
    person.answer(1, right({"index": 1}))
    person.post_to_leave()
    found = timeline(db, db.scalars(select(Participant)).one())
    assert [(each.kind, each.what) for each in found.moments if each.what != "blur"] == [
        ("step", "arrived"),
        ("step", "consented"),
        ("step", "active"),
        ("answer", "trial 1 (practice, block 1)"),
        ("event", "resize"),  # by a clock that runs wrong; not after it was received
        ("answer", "trial 2 (practice, block 1)"),
        ("step", "returned"),
    ]
    details = {each.what: each.detail for each in found.moments}
    assert details["trial 1 (practice, block 1)"] == "after 0.8 s, 3 frames dropped"
    assert details["returned"] == "by participant: left"
    assert details["resize"] == "w 9"
    assert (found.n_answers, found.n_events, found.machine) == (2, 2, {"os": "Linux"})
    assert found.n_scheduled == person.boot["n_trials"]
    places = [place for place, _ in found.strip()]
    assert (places[0], places[-1]) == (0.0, 1.0)
    assert places == sorted(places)
    before = {m.at: place for place, m in found.strip()}
    with server.database.write() as writing:
        who = writing.scalars(select(Participant)).one()
        record = writing.get(StudyRecord, who.study_id)
        assert record is not None
        settings = {"withdrawal": "anonymise"}
        record.settings = settings
        privacy.withdraw(writing, record, who.id, key=server.key, actor="ada", reason="letter")
        writing.execute(
            update(Transition).where(Transition.to_state == "withdrawn").values(at=LATER)
        )
    db.rollback()
    later = timeline(db, db.scalars(select(Participant)).one()).strip()
    assert later[-1][1].what == "withdrawn"
    assert {m.at: place for place, m in later[:-1]} == before, "a letter leaves the visit its room"
    choices = {row.raw["choice"] for row in db.scalars(select(Response))}
    assert choices, "which are nowhere in it"
    assert not any("choice" in each.detail for each in found.moments)
