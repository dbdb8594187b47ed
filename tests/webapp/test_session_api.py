"""Data is never lost and never doubled: the task's API, on both databases."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from experiments.study import Study
from tests.webapp.person import Person, key_of, knows
from webapp.models import Event, Participant, Response, TaskSession
from webapp.server import Server
from webapp.services import events

BOTH_DATABASES = True


def test_whole_visit(person: Person, server: Server, db: Session) -> None:
    boot = person.begin()
    answered = person.answer_all(knows(server, person))
    reply = person.finish()
    assert reply.status_code == 200
    assert answered == boot["n_trials"] == db.scalars(select(func.count(Response.id))).one()
    page = person.get(reply.get_json()["redirect"])
    someone = db.scalars(select(Participant)).one()
    assert someone.state == "complete"
    assert someone.completion_code is not None
    assert someone.completion_code in page.text
    assert all(response.correct == 1 for response in db.scalars(select(Response)))


def test_the_same_post_again_gets_the_first_answer(person: Person, db: Session) -> None:
    person.begin()
    body = person.body(choice=1)
    first = person.send("/trials/0", body)
    again = person.send("/trials/0", body)
    assert first.status_code == again.status_code == 200
    assert first.get_json() == again.get_json()
    assert db.scalars(select(func.count(Response.id))).one() == 1


def test_another_answer_to_the_same_trial_is_refused(person: Person, db: Session) -> None:
    person.begin()
    body = person.body(choice=1)
    person.send("/trials/0", body)
    other = person.answer(0, choice=0)
    assert other.status_code == 409
    assert other.get_json() == {"error": "answered", "saved_uuid": body["trial_uuid"]}
    changed = person.send("/trials/0", {**body, "rt_ms": 1.0})
    assert changed.status_code == 409
    assert db.scalars(select(Response.response)).one() == "1"


def test_double_posts_at_the_same_moment_are_saved_once(
    person: Person, app: Flask, server: Server
) -> None:
    person.begin()
    body = person.body(choice=1)
    bodies = [body] * 6 + [person.body(choice=0) for _ in range(2)]
    codes = person.post_together(app, 0, bodies)
    with server.database.read() as db:
        stored = db.scalars(select(Response)).one()
    for content, code in codes:
        assert code == (200 if content["trial_uuid"] == stored.trial_uuid else 409)


def test_a_stale_tab_is_refused_but_its_saved_answer_is_known(person: Person) -> None:
    person.begin()
    old = person.boot
    body = person.body()
    person.send("/trials/0", body)
    person.open_task()
    assert person.boot["page_token"] != old["page_token"]
    # The lost reply of the old page comes again: it is saved already.
    assert person.send("/trials/0", body).status_code == 200
    stale = person.send("/trials/1", person.body(page_token=old["page_token"]))
    assert (stale.status_code, stale.get_json()) == (409, {"error": "stale_page"})
    looked = person.get(person.api, query_string={"page_token": old["page_token"]})
    assert looked.status_code == 409
    # The very answer, sent again by the newest page, counts.
    assert person.answer(1).status_code == 200


def test_resume_goes_on_where_the_answers_end(person: Person) -> None:
    person.begin()
    person.answer(0)
    assert person.arrive().request.path == f"{person.home}/task"
    person.open_task()
    state = person.session()
    assert (state["next"], state["answered"]) == (1, 1)


@pytest.mark.parametrize(
    "changes",
    [
        {"response": {"choice": 7, "confidence": 2}},
        {"response": {"choice": 0}},
        {"response": "0"},
        {"rt_ms": -1},
        {"rt_ms": "fast"},
        {"trial_uuid": "1"},
        {"presented_at": "yesterday"},
        {"environment": {"long": "x" * 20_000}},
        {"unheard_of": 1},
    ],
    ids=lambda changes: str(changes)[:40],
)
def test_what_is_no_answer_is_not_saved(
    person: Person, db: Session, changes: dict[str, Any]
) -> None:
    person.begin()
    assert person.answer(0, **changes).status_code == 422
    assert db.scalars(select(func.count(Response.id))).one() == 0


def test_trials_come_in_order(person: Person) -> None:
    person.begin()
    ahead = person.answer(3)
    assert (ahead.status_code, ahead.get_json()) == (409, {"error": "out_of_order", "next": 0})
    assert person.answer(999).status_code == 404


def test_an_identifier_is_used_once_in_the_world(person: Person, app: Flask, study: Study) -> None:
    person.begin()
    body = person.body()
    person.send("/trials/0", body)
    other = Person(app.test_client(), study)
    other.begin()
    taken = other.answer(0, trial_uuid=body["trial_uuid"])
    assert (taken.status_code, taken.get_json()["error"]) == (409, "uuid_taken")
    assert other.answer(0).status_code == 200


def test_finish_waits_for_every_answer(person: Person, server: Server, db: Session) -> None:
    person.begin()
    person.answer(0, key_of(server, person.boot["session"])[0])
    early = person.send("/finish", {"n_trials": person.boot["n_trials"]})
    assert (early.status_code, early.get_json()["next"]) == (409, 1)
    person.answer_all(knows(server, person))
    wrong_count = person.send("/finish", {"n_trials": 1})
    assert wrong_count.status_code == 409
    assert person.finish().status_code == 200
    code = db.scalars(select(Participant.completion_code)).one()
    assert person.finish().status_code == 200
    assert db.scalars(select(Participant.completion_code)).one() == code


def test_nobody_writes_into_another_session(person: Person, app: Flask, study: Study) -> None:
    person.begin()
    other = Person(app.test_client(), study)
    other.begin()
    own = other.boot
    other.boot = {**person.boot, "csrf": own["csrf"]}
    assert other.get(other.api).status_code == 404
    assert other.answer(0).status_code == 404
    assert other.send("/events", {"events": []}).status_code == 404
    assert other.send("/finish", {"n_trials": 9}).status_code == 404
    stranger = app.test_client().get(person.api)
    assert (stranger.status_code, stranger.get_json()) == (404, {"error": "no_session"})


def test_failed_practice_is_shown_again(person: Person, server: Server, db: Session) -> None:
    person.begin()
    n_trials = person.boot["n_trials"]
    key = key_of(server, person.boot["session"])
    practice = [trial["index"] for trial in person.session()["trials"]]
    for index in practice[:-1]:
        person.answer(index, key[index])
    missed = person.answer(practice[-1], 1 - key[practice[-1]]).get_json()
    assert missed["next"] == n_trials, "the further attempt is numbered after the last trial"
    state = person.session()
    assert state["total"] == n_trials + len(practice)
    assert {trial["attempt"] for trial in state["trials"]} == {2}
    key = key_of(server, person.boot["session"])
    for trial in state["trials"]:
        reply = person.answer(trial["index"], key[trial["index"]])
    assert reply.get_json()["next"] == practice[-1] + 1
    person.answer_all(knows(server, person))
    assert person.finish().status_code == 200
    assert db.scalars(select(func.count(Response.id))).one() == n_trials + len(practice)


def test_who_never_passes_practice_is_screened_out(
    person: Person, server: Server, study: Study, db: Session
) -> None:
    person.begin()
    right = knows(server, person)
    given = person.answer_all(lambda trial: 1 - right(trial))
    n_practice = sum(
        trial.phase == "practice" for trial in study.task.schedule(study, study.cells[0], seed=0)
    )
    assert given == n_practice * study.config.practice.max_attempts
    assert db.scalars(select(Participant.state)).one() == "screened_out"
    refused = person.send("/finish", {"n_trials": given})
    assert refused.status_code == 403
    assert person.get(refused.get_json()["redirect"], follow_redirects=True).status_code == 200
    # What was answered stays.
    assert db.scalars(select(func.count(Response.id))).one() == given


def test_feedback_comes_with_the_saved_answer(person: Person, server: Server) -> None:
    person.begin()
    key = key_of(server, person.boot["session"])
    reply = person.answer(0, key[0]).get_json()
    assert reply["correct"] is True
    reply = person.answer(1, 1 - key[1]).get_json()
    assert reply["correct"] is False


def test_events_by_request_and_by_beacon(person: Person, app: Flask, db: Session) -> None:
    person.begin()
    events = [{"at_ms": 12.5, "kind": "blur", "detail": {"n": 1}}, {"at_ms": 13, "kind": "focus"}]
    assert person.send("/events", {"events": events}).get_json() == {"saved": 2}
    beacon = person.client.post(
        f"{person.api}/events",
        data=b'{"events": [{"at_ms": 99, "kind": "pagehide"}], "csrf_token": "%s"}'
        % person.boot["csrf"].encode(),
        content_type="text/plain",
    )
    assert beacon.get_json() == {"saved": 1}
    forged = person.client.post(f"{person.api}/events", json={"events": events})
    assert forged.status_code == 400
    for wrong in ({"at_ms": 1, "kind": "<b>"}, {"at_ms": float("inf"), "kind": "x"}, {"kind": "x"}):
        assert person.send("/events", {"events": [wrong]}).status_code == 422
    assert [event.kind for event in db.scalars(select(Event).order_by(Event.id))] == [
        "blur",
        "focus",
        "pagehide",
    ]


def test_events_have_a_size_and_a_number(
    person: Person, db: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    person.begin()
    large = {"at_ms": 1, "kind": "error", "detail": {"text": "x" * events.DETAIL_BYTES}}
    assert person.send("/events", {"events": [large]}).status_code == 422
    many = [{"at_ms": n, "kind": "blur"} for n in range(501)]
    assert person.send("/events", {"events": many}).status_code == 422
    monkeypatch.setattr(events, "MOST_PER_SESSION", 3)
    sent = [person.send("/events", {"events": many[:2]}).get_json() for _ in range(3)]
    assert sent == [{"saved": 2}, {"saved": 1}, {"saved": 0}]
    assert db.scalars(select(func.count(Event.id))).one() == 3


def test_the_environment_is_kept_with_the_session(person: Person, db: Session) -> None:
    person.begin()
    person.answer(0, environment={"refresh_hz": 60.0, "browser": "Firefox"})
    assert db.scalars(select(TaskSession.environment)).one() == {
        "refresh_hz": 60.0,
        "browser": "Firefox",
    }


def test_bodies_that_are_no_json_object(person: Person) -> None:
    person.begin()
    headers = {"X-CSRFToken": person.boot["csrf"]}
    for data in (b"", b"[]", b"{", b"null", b'"text"'):
        reply = person.client.post(f"{person.api}/trials/0", data=data, headers=headers)
        assert reply.status_code == 400, data
        assert reply.is_json
