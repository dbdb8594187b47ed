"""The usual save, which holds nothing while it judges: what has changed meanwhile is noticed."""

from __future__ import annotations

import pytest
from flask import Flask
from sqlalchemy import func, select, text, update
from sqlalchemy.orm import Session

from experiments.study import Study
from tests.webapp.person import Person, key_of
from webapp.models import Participant, Response, TaskSession, Transition
from webapp.server import Server
from webapp.services import responses
from webapp.services.keeper import Keeper

BOTH_DATABASES = True
N_PRACTICE = 2


@pytest.fixture
def beyond_practice(person: Person, server: Server) -> Person:
    """Somebody before the first trial that is not practice."""
    person.begin()
    key = key_of(server, person.boot["session"])
    for index in range(N_PRACTICE):
        assert person.answer(index, key[index]).status_code == 200
    return person


def answers(db: Session) -> list[int]:
    return list(db.scalars(select(Response.index).order_by(Response.index)))


def test_the_trial_that_comes_next_is_saved_with_nothing_held(
    beyond_practice: Person, monkeypatch: pytest.MonkeyPatch, db: Session
) -> None:
    def save(*_: object) -> None:
        raise AssertionError("held")

    monkeypatch.setattr(responses, "save", save)
    for index in (2, 3):
        assert beyond_practice.answer(index).status_code == 200
    assert answers(db) == [0, 1, 2, 3]


def test_a_page_token_that_was_found_out_opens_nobody_elses_session(
    beyond_practice: Person, app: Flask, study: Study, db: Session
) -> None:
    """Neither when the session is looked up, nor while it is remembered from the last answer."""
    person = beyond_practice
    other = Person(app.test_client(), study)
    other.begin()
    other.boot = {**person.boot, "csrf": other.boot["csrf"]}
    assert other.answer(2).status_code == 404
    assert person.answer(2).status_code == 200
    assert other.answer(3).status_code == 404
    assert answers(db) == [0, 1, 2]
    assert person.answer(3).status_code == 200


def test_a_newer_page_is_noticed_by_who_remembers_the_older(
    beyond_practice: Person, db: Session
) -> None:
    person = beyond_practice
    assert person.answer(2).status_code == 200  # the next trial is known by now
    old = person.boot["page_token"]
    person.open_task()
    stale = person.answer(3, page_token=old)
    assert (stale.status_code, stale.get_json()) == (409, {"error": "stale_page"})
    assert answers(db) == [0, 1, 2]
    db.rollback()
    assert person.answer(3).status_code == 200
    # Nor does the older page profit from what the newer one has done.
    assert person.answer(4, page_token=old).get_json() == {"error": "stale_page"}
    assert answers(db) == [0, 1, 2, 3]


def test_counters_are_those_of_the_answers(
    beyond_practice: Person, server: Server, db: Session
) -> None:
    person = beyond_practice
    key = key_of(server, person.boot["session"])
    person.answer(2, key[2])
    person.answer(3, 1 - key[3])
    sitting = db.scalars(select(TaskSession)).one()
    assert (sitting.next_index, sitting.n_right, sitting.n_scored) == (4, 1, 2)
    stored = db.scalars(select(Response).order_by(Response.index)).all()
    assert [row.correct for row in stored] == [1, 1, 1, 0]
    assert stored[2].raw == {"choice": key[2], "confidence": 2}


def test_an_identifier_of_another_person_is_refused_and_nothing_counted(
    beyond_practice: Person, app: Flask, study: Study, server: Server, db: Session
) -> None:
    person = beyond_practice
    other = Person(app.test_client(), study)
    other.begin()
    body = other.body(choice=key_of(server, other.boot["session"])[0])
    assert other.send("/trials/0", body).status_code == 200
    reply = person.answer(2, trial_uuid=body["trial_uuid"])
    assert (reply.status_code, reply.get_json()["error"]) == (409, "uuid_taken")
    sitting = db.scalars(select(TaskSession).order_by(TaskSession.id)).first()
    assert sitting is not None
    assert (sitting.next_index, sitting.n_scored) == (2, 0)
    assert person.answer(2).status_code == 200


@pytest.mark.parametrize("state", ["withdrawn", "excluded", "returned"])
def test_who_is_no_longer_at_the_task_saves_nothing(
    beyond_practice: Person, server: Server, db: Session, state: str
) -> None:
    assert beyond_practice.answer(2).status_code == 200  # the next trial is known by now
    with server.database.write() as writing:
        writing.execute(update(Participant).values(state=state))
    assert beyond_practice.answer(3).status_code == 403
    assert answers(db) == [0, 1, 2]


def test_a_lease_that_ran_out_meanwhile_is_given_anew(
    beyond_practice: Person, server: Server, db: Session
) -> None:
    assert beyond_practice.answer(2).status_code == 200
    with server.database.write() as writing:
        writing.execute(update(Participant).values(state="timed_out", lease_until=None))
    assert beyond_practice.answer(3).status_code == 200
    someone = db.scalars(select(Participant)).one()
    assert someone.state == "active"
    assert someone.lease_until is not None
    trail = db.scalars(select(Transition.reason).order_by(Transition.id.desc())).first()
    assert trail == "answered again"


def test_processes_take_turns(beyond_practice: Person, server: Server, db: Session) -> None:
    """What one process remembers of a session is of no use once another has saved."""
    person = beyond_practice
    keepers = [server.keeper, Keeper(server.database, server.studies)]
    n_trials = person.boot["n_trials"]
    for number, index in enumerate(range(N_PRACTICE, n_trials)):
        object.__setattr__(server, "keeper", keepers[(number // 2) % 2])
        assert person.answer(index).status_code == 200
    assert answers(db) == list(range(n_trials))
    sitting = db.scalars(select(TaskSession)).one()
    assert sitting.next_index is None
    assert person.finish().status_code == 200


def test_many_posts_at_the_same_moment_are_saved_once(
    beyond_practice: Person, app: Flask, server: Server
) -> None:
    person = beyond_practice
    body = person.body(choice=1)
    bodies = [body] * 4 + [person.body(choice=0) for _ in range(2)]
    codes = person.post_together(app, 2, bodies)
    with server.database.read() as db:
        stored = db.scalars(select(Response).where(Response.index == 2)).one()
        counted = db.scalars(select(TaskSession.n_scored)).one()
    assert counted == 1
    for content, code in codes:
        assert code == (200 if content["trial_uuid"] == stored.trial_uuid else 409)


def test_an_answer_is_given_a_time_and_renews_the_lease(
    beyond_practice: Person, db: Session
) -> None:
    before = db.scalars(select(Participant.lease_until)).one()
    db.rollback()
    beyond_practice.answer(2)
    assert before is not None
    after = db.scalars(select(Participant.lease_until)).one()
    assert after is not None
    assert after > before
    assert db.scalars(select(func.count(Response.saved_at))).one() == 3


def test_a_database_that_went_away_costs_one_try(beyond_practice: Person, server: Server) -> None:
    if server.database.backend != "postgresql":
        pytest.skip("SQLite is no server")
    person = beyond_practice
    assert person.answer(2).status_code == 200
    with server.database.write() as db:
        db.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        )
    body = person.body()
    assert person.send("/trials/3", body).status_code in (200, 503)
    assert person.send("/trials/3", body).status_code == 200
    assert person.answer(4).status_code == 200
