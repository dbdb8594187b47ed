"""From the link to the door of the task, and every way out."""

from __future__ import annotations

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from experiments.study import Study
from tests.webapp.person import Person, knows
from webapp import markdown
from webapp.models import Participant, StudyRecord, Transition
from webapp.server import Server
from webapp.services import studies


def trail(db: Session) -> list[str]:
    db.rollback()
    return list(db.scalars(select(Transition.to_state).order_by(Transition.id)))


def test_every_step_is_in_the_audit_trail(person: Person, server: Server, db: Session) -> None:
    person.begin()
    person.answer_all(knows(server, person))
    person.finish()
    assert trail(db) == ["arrived", "consented", "active", "complete"]
    someone = db.scalars(select(Participant)).one()
    moments = [
        someone.arrived_at,
        someone.consented_at,
        someone.instructed_at,
        someone.assigned_at,
        someone.started_at,
        someone.finished_at,
    ]
    assert moments == sorted(moment for moment in moments if moment is not None)
    assert someone.consent_version == person.study.config.consent.version


def test_consent_needs_both_ticks(person: Person, db: Session) -> None:
    person.arrive()
    for form in ({}, {"agree": "yes"}, {"age": "yes"}):
        page = person.post(f"{person.home}/consent", form)
        assert page.status_code == 200
        assert 'role="alert"' in page.text
    assert trail(db) == ["arrived"]


def test_declining_is_the_end(person: Person, db: Session) -> None:
    person.arrive()
    person.post(f"{person.home}/consent", {"decline": "yes"})
    assert trail(db) == ["arrived", "returned"]
    assert person.arrive().request.path == f"{person.home}/stopped"


def test_the_quiz_may_be_tried_again_but_not_for_ever(
    person: Person, study: Study, db: Session
) -> None:
    person.arrive()
    person.agree()
    person.read()
    attempts = study.config.session.quiz_attempts
    for _ in range(attempts - 1):
        assert person.quiz(right=False).status_code == 200
    assert person.quiz(right=False).headers["Location"].endswith("/stopped")
    assert trail(db)[-1] == "screened_out"
    assert person.get(f"{person.home}/quiz").status_code == 303


def test_an_unanswered_quiz_is_no_attempt(person: Person, db: Session) -> None:
    person.arrive()
    person.agree()
    person.read()
    assert "Answer every question" in person.post(f"{person.home}/quiz", {"q0": "0"}).text
    assert db.scalars(select(Participant.quiz_attempts)).one() == 0


def test_no_step_can_be_skipped_and_none_done_twice(person: Person, db: Session) -> None:
    person.arrive()
    for page in ("instructions", "quiz", "task", "debrief"):
        assert person.get(f"{person.home}/{page}").headers["Location"].endswith("/consent")
    person.agree()
    assert person.get(f"{person.home}/task").headers["Location"].endswith("/instructions")
    person.read()
    assert person.get(f"{person.home}/instructions").status_code == 200, "may be read again"
    person.quiz()
    for page in ("consent", "instructions", "quiz", "debrief"):
        assert person.get(f"{person.home}/{page}").headers["Location"].endswith("/task")
    assert trail(db) == ["arrived", "consented", "active"]


def test_leaving_gives_the_place_back(person: Person, db: Session) -> None:
    person.begin()
    person.post_to_leave()
    assert trail(db)[-1] == "returned"
    assert person.answer(0).status_code == 403


@pytest.mark.parametrize("state", ["paused", "closed"])
def test_a_study_that_takes_nobody(
    person: Person, app: Flask, server: Server, study: Study, state: studies.StudyState
) -> None:
    person.begin()
    with server.database.write() as db:
        studies.set_state(db, study.name, state, actor="test")
    newcomer = Person(app.test_client(), study)
    newcomer.arrive()
    assert person.answer(0).status_code == 200, "who has started goes on"
    with server.database.read() as db:
        assert len(db.scalars(select(Participant)).all()) == 1


def test_one_person_of_a_recruiter_once(
    person: Person, app: Flask, study: Study, db: Session
) -> None:
    query = "?PROLIFIC_PID=5f1c&STUDY_ID=s1&SESSION_ID=x9"
    person.arrive(query)
    assert person.arrive(query).status_code == 200, "the same browser goes on"
    second = Person(app.test_client(), study)
    second.arrive(query)
    someone = db.scalars(select(Participant)).one()
    assert (someone.source, someone.external_id) == ("prolific", "5f1c")
    assert someone.source_details == {"STUDY_ID": "s1", "SESSION_ID": "x9"}


def test_a_link_preview_is_nobody(person: Person, db: Session) -> None:
    person.client.head(f"{person.home}/")
    assert db.scalars(select(Participant)).all() == []


def test_a_browser_without_cookies_is_told_so(app: Flask, study: Study) -> None:
    client = app.test_client(use_cookies=False)
    page = client.get(f"/study/{study.name}/", follow_redirects=True)
    assert page.status_code == 200
    assert "cookies" in page.text


def test_an_unknown_study_is_not_found(person: Person) -> None:
    assert person.get("/study/no-such/").status_code == 404


def test_a_study_whose_folder_changed_is_not_shown(
    person: Person, server: Server, record: StudyRecord
) -> None:
    folder = server.config.study_dir(record.name)
    folder.unlink()
    folder.mkdir()
    assert person.get(f"{person.home}/").status_code == 503


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "[a](javascript:alert(1))",
        "[a](data:text/html;base64,PHNjcmlwdD4=)",
        "![x](http://elsewhere.example/pixel.png)",
        '<a href="x" style="position:fixed">a</a>',
    ],
)
def test_consent_text_cannot_do_anything(text: str) -> None:
    html = markdown.render(text)
    for tag in ("<script", "<img", "<a style"):
        assert tag not in html
    assert 'href="javascript' not in html
    assert 'href="data' not in html


def test_consent_text_keeps_what_a_text_needs() -> None:
    html = markdown.render("# Title\n\n**bold** and [link](https://example.org)\n\n- one\n")
    for piece in ("<h1>", "<strong>", 'href="https://example.org"', "<li>"):
        assert piece in html
