"""Nothing that the browser receives tells the condition or the key."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from experiments.study import Study
from tests.webapp.person import Person, knows
from webapp.models import Participant, Scheduled
from webapp.server import Server

FORBIDDEN_FIELDS = re.compile(
    r"correct_response|condition|strength|concept_id|atlas|source_image|\bitem\b|\bkey\b|template"
)


@pytest.fixture
def walked(person: Person, server: Server) -> Person:
    """Somebody who has been through all pages, one wrong quiz included."""
    person.arrive("?source=poster")
    person.agree()
    person.read()
    person.quiz(right=False)
    person.quiz()
    person.open_task()
    person.answer_all(knows(server, person))
    person.finish()
    person.get(f"{person.home}/", follow_redirects=True)
    return person


def texts(person: Person) -> Iterator[str]:
    """Everything that was received, headers included, without the signed cookie's own bytes."""
    for reply in person.seen:
        yield reply.text
        for name, value in reply.headers:
            if name.lower() != "set-cookie":
                yield f"{name}: {value}"


def test_no_page_names_condition_stimulus_or_strength(
    walked: Person, server: Server, study: Study
) -> None:
    with server.database.read() as db:
        bodies = list(db.scalars(select(Scheduled.body)))
    secrets = {
        *study.conditions,
        *study.stimulus_ids,
        study.hash,
        study.hash.removeprefix("sha256:"),
        *(str(body["item"]) for body in bodies),
        *(str(body["source_image"]) for body in bodies),
        *(
            str(value)
            for body in bodies
            for value in body["columns"].values()
            if isinstance(value, str) or (isinstance(value, float) and value % 1 != 0)
        ),
    }
    secrets = {secret for secret in secrets if len(secret) > 3}
    everything = "\n".join(texts(walked))
    assert len(walked.seen) > 15
    assert len(secrets) > 30
    assert set(study.conditions) <= secrets
    for secret in secrets:
        assert secret not in everything, f"{secret!r} reached the browser"


def test_no_reply_has_a_field_of_the_key(walked: Person) -> None:
    for reply in walked.seen:
        if reply.is_json:
            names = " ".join(field_names(reply.get_json()))
            assert not FORBIDDEN_FIELDS.search(names), names
            assert "catch" not in reply.text


def field_names(content: Any) -> Iterator[str]:
    if isinstance(content, dict):
        for name, value in content.items():
            yield name
            yield from field_names(value)
    elif isinstance(content, list):
        for value in content:
            yield from field_names(value)


def test_the_quiz_does_not_tell_its_answers(walked: Person, study: Study) -> None:
    quiz_pages = [reply.text for reply in walked.seen if 'name="q0"' in reply.text]
    assert quiz_pages
    for question in study.config.quiz:
        if question.explanation:
            assert all(question.explanation not in page for page in quiz_pages)
    assert all("checked" not in page for page in quiz_pages)


def test_the_condition_is_drawn_after_the_quiz_and_not_before(
    person: Person, server: Server
) -> None:
    def condition() -> str | None:
        with server.database.read() as db:
            return db.scalars(select(Participant.condition)).one()

    for step in (person.arrive, person.agree, person.read, lambda: person.quiz(right=False)):
        step()
        assert condition() is None
    person.quiz()
    assert condition() is not None


def test_stimuli_have_other_names_for_everybody(person: Person, app: Flask, study: Study) -> None:
    person.begin()
    other = Person(app.test_client(), study)
    other.begin()
    mine, theirs = stimulus_urls(person), stimulus_urls(other)
    assert mine
    assert not mine & theirs
    url = sorted(mine)[0]
    assert person.get(url).status_code == 200
    assert other.get(url).status_code == 404
    assert app.test_client().get(url).status_code == 404


def stimulus_urls(person: Person) -> set[str]:
    return set(re.findall(r"/study/[a-z-]+/stimuli/\w+\.webp", json.dumps(person.session())))


def test_a_stimulus_reply_depends_on_its_bytes_alone(person: Person, study: Study) -> None:
    person.begin()
    replies = [person.get(url) for url in sorted(stimulus_urls(person))]
    headers = {
        # The clock may tick between two requests; it says nothing of the picture.
        tuple(sorted((name, value) for name, value in reply.headers.items() if name != "Date"))
        for reply in replies
    }
    assert len(headers) == 1, "sizes, times, names and tags are the same for every picture"
    names = {name.lower() for name, _ in headers.pop()}
    assert not names & {"etag", "last-modified", "content-disposition"}
    assert "immutable" in replies[0].headers["Cache-Control"]
    shown = {hashlib.sha256(reply.data).hexdigest() for reply in replies}
    known = {
        hashlib.sha256(study.stimulus_path(name).read_bytes()).hexdigest()
        for name in study.stimulus_ids
    }
    assert shown <= known


@pytest.mark.parametrize(
    "name", ["../study.toml", "..%2f..%2fkey.parquet", "0" * 32, "%00", "key.parquet"]
)
def test_guessed_names_lead_nowhere(person: Person, name: str) -> None:
    person.begin()
    assert person.get(f"{person.home}/stimuli/{name}.webp").status_code == 404
    assert person.get(f"{person.home}/stimuli/{name}").status_code == 404


def test_even_real_names_lead_nowhere(person: Person, study: Study) -> None:
    person.begin()
    for stimulus in study.stimulus_ids[:5]:
        assert person.get(f"{person.home}/stimuli/{stimulus}.webp").status_code == 404
