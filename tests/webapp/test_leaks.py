"""Nothing that the browser receives tells the condition or the key."""

from __future__ import annotations

import hashlib
import json
import re
import struct
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from experiments.study import Study
from tests.webapp.person import Person, knows
from webapp import stimulus_bundles
from webapp.models import Participant, Scheduled
from webapp.server import Server
from webapp.stimulus_names import StimulusNames

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


def test_names_cannot_be_worked_out_without_the_servers_key(server: Server) -> None:
    keys = (server.key, server.key[::-1])
    names = [StimulusNames(key, server.database).of_trial(1, 0)("picture") for key in keys]
    again = StimulusNames(server.key, server.database).of_trial(1, 0)("picture")
    assert names[0] == again != names[1]
    bundles = {StimulusNames(key, server.database).of_bundle(1, 0, 3) for key in keys}
    assert len(bundles) == 2


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


def test_a_picture_that_comes_again_has_another_name(person: Person, server: Server) -> None:
    person.begin()
    trials = list(all_trials(person, server))
    names = [url for trial in trials for url in (*trial["options"], *references(trial))]
    assert len(set(names)) == len(names)
    shown = Counter(hashlib.sha256(person.get(url).data).hexdigest() for url in names)
    assert max(shown.values()) > 1, "some pictures do come again"
    # Asking again for a trial gives the same names, or nothing could be kept by the browser.
    assert person.session()["trials"] == person.session()["trials"]


def references(trial: dict[str, Any]) -> list[str]:
    return [*trial["references"]["strong"], *trial["references"]["weak"]]


def all_trials(person: Person, server: Server) -> Iterator[dict[str, Any]]:
    """Every trial as it is shown, answered right on the way."""
    right = knows(server, person)
    while (state := person.session())["next"] is not None:
        yield from state["trials"]
        for trial in state["trials"]:
            person.answer(trial["index"], right(trial))


def test_a_bundle_holds_the_pictures_of_a_block(person: Person, study: Study) -> None:
    person.begin()
    state = person.session()
    urls = re.findall(r"/study/[a-z-]+/stimuli/\w+\.webp", json.dumps(state["trials"]))
    found: dict[str, bytes] = {}
    for address in state["bundles"]:
        reply = person.get(address)
        assert reply.status_code == 200
        assert "immutable" in reply.headers["Cache-Control"]
        assert "no-transform" in reply.headers["Cache-Control"]
        n, size = struct.unpack_from("<II", reply.data)
        assert len(reply.data) == 8 + n * (32 + size)
        for at in range(8, len(reply.data), 32 + size):
            found[reply.data[at : at + 32].decode()] = reply.data[at + 32 : at + 32 + size]
    assert {url[-37:-5] for url in urls} == set(found)
    assert len({len(picture) for picture in found.values()}) == 1
    for url in urls[:4]:
        picture = person.get(url).data
        assert found[url[-37:-5]].startswith(picture)
    assert len(state["bundles"]) == 1, "a block of small pictures is one request"


def test_bundles_are_for_who_was_given_their_names(
    person: Person, app: Flask, study: Study
) -> None:
    person.begin()
    other = Person(app.test_client(), study)
    other.begin()
    address = person.session()["bundles"][0]
    assert person.get(address).status_code == 200
    assert other.get(address).status_code == 404
    assert app.test_client().get(address).status_code == 404
    folder, name = address.rsplit("/", 1)
    first, n_trials, mark = name.split("-")
    for guess in (f"{first}-9-{mark}", f"9-{n_trials}-{mark}", mark, "--", f"²-1-{mark}", "0-1-"):
        assert person.get(f"{folder}/{guess}").status_code == 404, guess


def test_large_blocks_come_in_several_bundles(
    person: Person, study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    person.begin()
    whole = person.session()["bundles"]
    monkeypatch.setattr(stimulus_bundles, "BUNDLE_BYTES", 1)
    state = person.session()
    assert len(whole) == 1
    assert len(state["bundles"]) == len(state["trials"])
    parts = b"".join(person.get(address).data[8:] for address in state["bundles"])
    assert parts == person.get(whole[0]).data[8:]


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
