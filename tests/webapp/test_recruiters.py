"""Recruiters against local fakes: who is let in, and how people go back."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jwt
import pytest
from flask import Flask
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from experiments.study import Study
from lens_core.atlas import LensError
from tests.webapp.person import Person, knows
from tests.webapp.providers import (
    AUDIENCE,
    STUDY_ID,
    Provider,
    Signer,
    mturk_parameters,
    providers,
)
from webapp.config import ServerConfig
from webapp.models import Participant, StudyRecord
from webapp.recruiters import BadLaunch, Recruiters, Sona, StudySettings
from webapp.recruiters.settings import new_codes
from webapp.server import Server
from webapp.services import credit

BOTH_DATABASES = True

SIGNED = StudySettings(
    prolific_signed=True,
    prolific_audience=AUDIENCE,
    prolific_study_id=STUDY_ID,
    prolific_codes=new_codes(),
    lab_link=False,
)
WORK = mturk_parameters() | {"assignmentId": "A1", "workerId": "W1"}


@pytest.fixture(scope="module")
def signer() -> Signer:
    return Signer()


@pytest.fixture
def provider(signer: Signer) -> Iterator[Provider]:
    with providers(signer) as running:
        yield running


def told_of(provider: Provider, config: ServerConfig) -> ServerConfig:
    changes = {
        "prolific_keys_url": f"{provider.url}/jwks.json",
        "sona_hosts": ("127.0.0.1",),
    }
    return config.model_copy(update=changes)


@pytest.fixture
def config(config: ServerConfig, provider: Provider) -> ServerConfig:
    return told_of(provider, config)


@pytest.fixture
def recruiters(provider: Provider, tmp_path: Path) -> Recruiters:
    """Recruiters alone, without a database."""
    return Recruiters(told_of(provider, ServerConfig(directory=tmp_path)))


def set_settings(server: Server, settings: StudySettings) -> None:
    with server.database.write() as db:
        db.scalars(select(StudyRecord)).one().settings = settings.stored()


def query(values: dict[str, str]) -> str:
    return "?" + "&".join(f"{name}={value}" for name, value in values.items())


def people(db: Session) -> int:
    return db.scalars(select(func.count(Participant.id))).one()


def through(person: Person, server: Server, link: str) -> str:
    """The whole study, and the text of its last page."""
    person.begin(link)
    person.answer_all(knows(server, person))
    assert person.finish().status_code == 200
    return person.get(f"{person.home}/debrief").text


def test_links_are_known(recruiters: Recruiters) -> None:
    def source(parameters: dict[str, str]) -> str:
        return recruiters.recognise(parameters, StudySettings()).source

    assert source({}) == source({"PROLIFIC_PID": " \n"}) == "lab"
    assert source({"PROLIFIC_PID": "x"}) == "prolific"
    assert source({"survey_code": "77"}) == source({"sona_id": "77"}) == "sona"
    sandbox = {"turkSubmitTo": "https://workersandbox.mturk.com"}
    assert source(WORK) == source(WORK | sandbox) == "mturk"
    lab = recruiters.recognise({"id": "s01", "source": "poster"}, StudySettings())
    assert (lab.external_id, lab.details) == ("s01", {"source": "poster"})
    cut = recruiters.recognise({"PROLIFIC_PID": "x" * 999}, StudySettings())
    assert cut.external_id == "x" * 128
    with pytest.raises(BadLaunch):
        recruiters.recognise({}, StudySettings(lab_link=False))


def test_a_signed_launch(recruiters: Recruiters, provider: Provider) -> None:
    for person in ("p1", "p2"):
        token = provider.signer.token(person)
        arrival = recruiters.recognise({"prolific_token": token}, SIGNED)
        assert arrival.external_id == person
        assert arrival.details == {"STUDY_ID": STUDY_ID, "SESSION_ID": f"s-{person}"}
    assert provider.keys_fetched == 1, "keys are kept"


def _without_signature(signer: Signer) -> str:
    return jwt.encode(signer.claims("p1"), None, algorithm="none", headers={"kid": signer.kid})


def _with_the_public_key_as_secret(signer: Signer) -> str:
    secret = str(signer.jwks()["keys"][0]["n"])
    return jwt.encode(signer.claims("p1"), secret, algorithm="HS256", headers={"kid": signer.kid})


def _changed(signer: Signer) -> str:
    head, _, signature = signer.token("p1").split(".")
    _, body, _ = signer.token("p2").split(".")
    return f"{head}.{body}.{signature}"


FORGED: dict[str, Any] = {
    "alg none": _without_signature,
    "HS256": _with_the_public_key_as_secret,
    "another's claims": _changed,
    "another key, same kid": lambda signer: Signer(signer.kid).token("p1"),
    "unknown kid": lambda signer: Signer("k9").token("p1"),
    "expired": lambda signer: signer.token("p1", exp=int(time.time()) - 60),
    "never ends": lambda signer: signer.token("p1", exp=None),
    "wrong audience": lambda signer: signer.token("p1", aud="evil.example"),
    "no audience": lambda signer: signer.token("p1", aud=None),
    "audience that begins alike": lambda signer: signer.token("p1", aud=AUDIENCE + ".evil.example"),
    "another study": lambda signer: signer.token(
        "p1", prolific={"PROLIFIC_PID": "p1", "STUDY_ID": "other"}
    ),
    "nobody": lambda signer: signer.token("p1", prolific={"STUDY_ID": STUDY_ID}),
    "no claim": lambda signer: signer.token("p1", prolific="p1"),
    "nonsense": lambda signer: "a.b.c",
    "very long": lambda signer: signer.token("p" * 9000),
}


@pytest.mark.parametrize("what", FORGED)
def test_forged_launches_are_refused(recruiters: Recruiters, signer: Signer, what: str) -> None:
    with pytest.raises(BadLaunch):
        recruiters.recognise({"prolific_token": FORGED[what](signer)}, SIGNED)


def test_plain_parameters_are_refused_where_links_are_signed(recruiters: Recruiters) -> None:
    with pytest.raises(BadLaunch, match="not signed"):
        recruiters.recognise({"PROLIFIC_PID": "p1", "STUDY_ID": STUDY_ID}, SIGNED)
    with pytest.raises(BadLaunch):
        recruiters.recognise({"prolific_token": "x"}, SIGNED.model_copy(update={"lab_link": True}))


def test_keys_that_cannot_be_had_admit_nobody(recruiters: Recruiters, provider: Provider) -> None:
    token = provider.signer.token("p1")
    provider.broken = True
    with pytest.raises(BadLaunch):
        recruiters.recognise({"prolific_token": token}, SIGNED)
    provider.broken = False
    assert recruiters.recognise({"prolific_token": token}, SIGNED).external_id == "p1"


def test_a_replayed_launch_is_nobody_new(
    app: Flask, server: Server, study: Study, provider: Provider, db: Session
) -> None:
    set_settings(server, SIGNED)
    link = f"?prolific_token={provider.signer.token('p1')}"
    first, second = (Person(app.test_client(), study) for _ in range(2))
    first.arrive(link)
    assert "You have been here before" in second.arrive(link).text, "also before anything is agreed"
    first.begin(link)
    assert "You have been here before" in second.arrive(link).text
    assert "This link does not work" in Person(app.test_client(), study).arrive().text
    assert people(db) == 1


def test_neither_of_two_launches_is_good_again(
    app: Flask, server: Server, study: Study, provider: Provider, db: Session
) -> None:
    """Who opened the study on a telephone, then on a computer, has used both links."""
    set_settings(server, SIGNED)
    ends = (int(time.time()) + more for more in (600, 700))
    links = [f"?prolific_token={provider.signer.token('p1', exp=end)}" for end in ends]
    for link in links:
        assert "agree to take part" in Person(app.test_client(), study).arrive(link).text
    for link in links:
        assert "You have been here before" in Person(app.test_client(), study).arrive(link).text
    assert people(db) == 1


def test_who_has_agreed_to_nothing_may_come_from_another_machine(
    app: Flask, study: Study, db: Session
) -> None:
    """A telephone that is too small tells people to open their link on a computer."""
    link = "?PROLIFIC_PID=p7&STUDY_ID=s&SESSION_ID=t"
    phone, computer, third = (Person(app.test_client(), study) for _ in range(3))
    phone.arrive(link)
    assert "agree to take part" in computer.arrive(link).text
    assert phone.get(f"{phone.home}/consent").status_code == 303, "there is one way in"
    computer.begin(link)
    assert "You have been here before" in third.arrive(link).text
    assert "You have been here before" in phone.arrive(link).text
    assert people(db) == 1


def test_prolific_ends_with_the_code_of_the_outcome(
    app: Flask, server: Server, study: Study, provider: Provider
) -> None:
    set_settings(server, SIGNED)
    done = Person(app.test_client(), study)
    page = through(done, server, f"?prolific_token={provider.signer.token('p1')}")
    assert SIGNED.prolific_codes["complete"] in page
    before = "".join(reply.text for reply in done.seen[:-1])
    assert not [code for code in SIGNED.prolific_codes.values() if code in before]
    failed = Person(app.test_client(), study)
    failed.arrive(f"?prolific_token={provider.signer.token('p2')}")
    failed.agree()
    failed.read()
    for _ in range(study.config.session.quiz_attempts):
        failed.quiz(right=False)
    page = failed.get(f"{failed.home}/stopped").text
    assert SIGNED.prolific_codes["screened_out"] in page
    assert SIGNED.prolific_codes["complete"] not in "".join(reply.text for reply in failed.seen)
    assert len(set(new_codes().values()) | set(SIGNED.prolific_codes.values())) == 6


def test_mturk_from_preview_to_submit(app: Flask, server: Server, study: Study) -> None:
    client = app.test_client()
    preview = client.get(
        f"/study/{study.name}/", query_string=WORK | {"assignmentId": "ASSIGNMENT_ID_NOT_AVAILABLE"}
    )
    assert "Accept the work first" in preview.text
    assert "Set-Cookie" not in preview.headers or "participants" not in preview.text
    framed = client.get(f"/study/{study.name}/", query_string=WORK)
    for page in (preview, framed):
        policy = page.headers["Content-Security-Policy"]
        assert "frame-ancestors https://worker.mturk.com" in policy
        assert "X-Frame-Options" not in page.headers
    link = re.search(r'class="primary" href="([^"]+)"', framed.text)
    assert link is not None
    with server.database.read() as db:
        assert people(db) == 0, "a frame is nobody"
    person = Person(app.test_client(), study)
    last = through(person, server, "?" + link[1].replace("&amp;", "&").partition("?")[2])
    assert 'action="https://www.mturk.com/mturk/externalSubmit"' in last
    assert 'name="assignmentId" value="A1"' in last
    policy = person.seen[-1].headers["Content-Security-Policy"]
    assert "form-action 'self' https://www.mturk.com/mturk/externalSubmit;" in policy
    assert "frame-ancestors 'none'" in policy


@pytest.mark.parametrize(
    "change",
    [
        {"turkSubmitTo": "https://evil.example"},
        {"turkSubmitTo": "https://www.mturk.com.evil.example"},
        {"turkSubmitTo": ""},
        {"workerId": ""},
    ],
)
def test_mturk_links_that_lead_elsewhere(recruiters: Recruiters, change: dict[str, str]) -> None:
    with pytest.raises(BadLaunch):
        recruiters.recognise(WORK | change, StudySettings())


def test_sona_is_told_by_the_server(
    person: Person, server: Server, provider: Provider, db: Session
) -> None:
    service = f"{provider.url}/services/SonaAPI.svc/WebstudyCredit"
    url = f"{service}?experiment_id=12&credit_token=ab&survey_code=XXXX"
    set_settings(server, StudySettings(sona_url=url))
    provider.known.add("4711")
    page = through(person, server, "?survey_code=4711")
    assert provider.asked == [{"experiment_id": "12", "credit_token": "ab", "survey_code": "4711"}]
    assert "noted" not in page
    assert "credit_token" not in "".join(reply.text for reply in person.seen)
    assert db.scalars(select(Participant.credit)).one() == "granted"
    person.get(f"{person.home}/debrief")
    assert len(provider.asked) == 1, "credit is given once"


@pytest.mark.parametrize("fault", ["down", "unknown", "moved"])
def test_credit_that_fails_is_tried_again(
    person: Person, server: Server, provider: Provider, fault: str
) -> None:
    url = f"{provider.url}/WebstudyCredit?experiment_id=12&credit_token=ab"
    set_settings(server, StudySettings(sona_url=url))
    provider.broken, provider.moved = fault == "down", fault == "moved"
    if fault == "moved":
        provider.known.add("4711")
    assert "Your credit could not be given" in through(person, server, "?survey_code=4711")
    with server.database.read() as db:
        (owed,) = credit.owed(db)
    assert len(provider.asked) == (fault == "unknown"), "nobody is asked but who was named"
    provider.broken = False
    provider.known.add("4711")
    assert credit.give(server.database, server.recruiters, owed)
    with server.database.read() as db:
        assert credit.owed(db) == []


@pytest.mark.parametrize(
    "url",
    [
        "http://school.sona-systems.com/x?experiment_id=1&credit_token=2",
        "https://school.sona-systems.com.evil.example/x?experiment_id=1&credit_token=2",
        "https://sona-systems.com@evil.example/x?experiment_id=1&credit_token=2",
        "https://school.sona-systems.com:8443/x?experiment_id=1&credit_token=2",
        "https://169.254.169.254/x?experiment_id=1&credit_token=2",
        "file:///etc/passwd",
        "https://school.sona-systems.com/x",
        "https://[x",
    ],
)
def test_the_server_asks_nobody_but_sona(url: str) -> None:
    with pytest.raises(LensError, match="SONA"):
        Sona().require_address(url)


def test_the_next_one_at_a_shared_machine(
    person: Person, server: Server, study: Study, db: Session
) -> None:
    through(person, server, "?id=s014")
    assert "I have read the text above" in person.arrive("?id=s015").text
    assert people(db) == 2
    person.arrive()
    assert people(db) == 2, "without an id the visit goes on"


def test_people_of_another_study_are_not_taken(
    person: Person, server: Server, study: Study, db: Session
) -> None:
    with server.database.write() as other:
        here = other.scalars(select(StudyRecord)).one()
        here.settings = StudySettings(not_from=("pilot",)).stored()
        pilot = StudyRecord(
            name="pilot", hash="h", title="t", paradigm="two_afc", folder="f", state="closed",
            draw_seed=1, published_at=here.published_at, settings={},
        )  # fmt: skip
        other.add(pilot)
        other.flush()
        other.add(
            Participant(
                public_id="p", access="a", study_id=pilot.id, state="complete", source="prolific",
                external_id="p1", source_details={}, arrived_at=here.published_at,
                last_seen_at=here.published_at,
            )
        )  # fmt: skip
    assert "not been in an earlier one" in person.arrive("?PROLIFIC_PID=p1").text
    assert "I have read the text above" in person.arrive("?PROLIFIC_PID=p2").text


def test_arrivals_from_one_address_have_a_limit(app: Flask, server: Server, study: Study) -> None:
    limit = 5
    object.__setattr__(server, "config", server.config.model_copy(update={"arrivals": limit}))
    pages = [Person(app.test_client(), study).arrive().text for _ in range(limit + 1)]
    assert ["Too many people" in page for page in pages] == [False] * limit + [True]
    with server.database.read() as db:
        assert people(db) == limit
