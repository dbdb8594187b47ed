"""What people may try at a server, each refused.

What is proved elsewhere: another person's session (test_session_api), guessed and real names of
stimuli and bundles (test_leaks), cookies, forms and API without a token, hosts and large bodies
(test_security), forged and replayed launches (test_recruiters), log-in guessing (test_console),
formulas in cells (test_dataset), lists that disagree (test_flow), HTML in texts of a study
(test_pages). Here: the same through every door.
"""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from experiments.study import Study, read_config
from lens_core.atlas import LensError
from tests.webapp.conftest import PASSWORDS
from tests.webapp.person import Person, knows
from tests.webapp.test_console import Console
from webapp.config import ServerConfig
from webapp.models import Participant, StudyRecord
from webapp.server import Server
from webapp.services.exports import export
from webapp.services.reconciliation import reconcile

ANSWER = {
    "trial_uuid": "00000000-0000-4000-8000-000000000000",
    "page_token": "x",
    "response": {"choice": 0, "confidence": 1},
    "rt_ms": 1.0,
}
SCRIPT = "<script>alert(1)</script><b onmouseover=x>"
FORMULA = '=HYPERLINK("http://x","y")'


def finished(app: Flask, study: Study, server: Server, link: str) -> Person:
    person = Person(app.test_client(), study)
    person.begin(link)
    person.answer_all(knows(server, person))
    assert person.finish().status_code == 200
    return person


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("{api}", None),
        ("{api}?page_token={token}", None),
        ("{api}/trials/0", ANSWER),
        ("{api}/events", {"events": []}),
        ("{api}/finish", {"n_trials": 9}),
        ("{home}/bundles/0-3-{token}", None),
    ],
)
def test_somebody_elses_session_is_not_there(
    person: Person, app: Flask, study: Study, path: str, body: dict[str, Any] | None
) -> None:
    """With a cookie and a CSRF token of one's own, and with none at all."""
    person.begin()
    other = Person(app.test_client(), study)
    other.begin()
    known = {"api": person.api, "home": person.home, "token": person.boot["page_token"]}
    for client in (other.client, app.test_client()):
        reply = client.open(
            path.format(**known),
            method="GET" if body is None else "POST",
            json=body,
            headers={"X-CSRFToken": other.boot["csrf"]},
        )
        assert reply.status_code == (404 if client is other.client or body is None else 400)
        assert person.boot["page_token"] not in reply.text
    assert person.answer(0).status_code == 200


def test_a_code_is_for_who_finished_and_for_nobody_else(
    app: Flask, study: Study, server: Server, record: StudyRecord, db: Session
) -> None:
    done = [finished(app, study, server, f"?id=s{number}") for number in range(2)]
    codes = list(db.scalars(select(Participant.completion_code).order_by(Participant.id)))
    assert len(set(codes)) == 2
    for person, code, other in zip(done, codes, reversed(codes), strict=True):
        page = person.get(f"{person.home}/debrief").text
        assert str(code) in page
        assert str(other) not in page
        person.finish()
    db.rollback()
    again = list(db.scalars(select(Participant.completion_code).order_by(Participant.id)))
    assert again == codes, "finishing again gives no further code"
    begun = Person(app.test_client(), study)
    begun.begin("?id=s9")
    for page in ("debrief", "stopped"):
        assert begun.get(f"{begun.home}/{page}").headers["Location"].endswith("/task")
    assert begun.send("/finish", {"n_trials": 0}).status_code == 409
    db.rollback()
    recruiter = server.recruiters.by_name("lab")
    assert recruiter is not None
    listed = f"id,code\ns0,{codes[1]}\ns1,{codes[1]}\ns9,{codes[0]}\n"
    found = {
        line.person: line.finding
        for line in reconcile(db, record, recruiter, listed.encode(), key=server.key)
    }
    replayed = "the code is not the one that was given"
    assert found == {"s0": replayed, "s1": "", "s9": replayed}


@pytest.mark.parametrize(
    "path",
    [
        "/static/../config.py",
        "/static/..%2f..%2fpyproject.toml",
        "/static/%2e%2e/%2e%2e/secret_key",
        "/study/..%2fsecret_key/",
        "/study/strong-weak/stimuli/..%2f..%2f..%2fsecret_key.webp",
        "/study/strong-weak/bundles/..%2f..%2fkey.parquet",
        "/study/strong-weak/..%2fkey.parquet",
        "/atlas/..%2f..%2fsecret_key/",
        "/atlas/../lens.db",
        "//etc/passwd",
        "/study/strong-weak/frozen.json",
        "/study/strong-weak/key.parquet",
    ],
)
def test_no_path_leads_out_of_its_folder(person: Person, config: ServerConfig, path: str) -> None:
    person.begin()
    reply = person.client.get(path, follow_redirects=True)
    assert reply.status_code == 404
    assert config.secret_key() not in reply.data


def test_forms_have_a_size(person: Person, config: ServerConfig, db: Session) -> None:
    person.arrive()
    large = {"agree": "yes", "age": "yes", "more": "y" * config.body_kib * 1024}
    assert person.post(f"{person.home}/consent", large).status_code == 413
    many = {"agree": "yes", "age": "yes"} | {f"field{number}": "x" for number in range(300)}
    reply = person.post(f"{person.home}/consent", many, content_type="multipart/form-data")
    assert reply.status_code == 413
    assert db.scalars(select(Participant.state)).one() == "arrived"


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 100_000,
        b'{"a":' * 40_000,
        b'{"response": ' + b'{"a":' * 900 + b"1" + b"}" * 901,
        b'{"trial_uuid": 1e999}',
        b"\xff\xfe\x00",
        b'{"n_trials": ' + b"9" * 5000 + b"}",
    ],
)
@pytest.mark.parametrize("path", ["/trials/0", "/events", "/finish"])
def test_bodies_that_are_made_to_break_something(person: Person, path: str, body: bytes) -> None:
    person.begin()
    headers = {"X-CSRFToken": person.boot["csrf"], "Content-Type": "application/json"}
    reply = person.client.post(f"{person.api}{path}", data=body, headers=headers)
    assert reply.status_code in (400, 413, 422)
    assert reply.is_json
    assert person.answer(0).status_code == 200


@pytest.fixture
def written(person: Person, server: Server) -> Person:
    """Somebody who sends markup and formulas wherever text is taken, and finishes."""
    person.begin(f"?source={SCRIPT}&id={FORMULA}{SCRIPT}")
    person.answer(0, environment={"browser": SCRIPT, FORMULA: FORMULA})
    event = {"at_ms": 1.0, "kind": "error", "detail": {SCRIPT: FORMULA}}
    assert person.send("/events", {"events": [event]}).status_code == 200
    person.answer_all(knows(server, person))
    assert person.finish().status_code == 200
    return person


@pytest.mark.usefixtures("with_accounts")
def test_markup_is_text_on_every_page(
    written: Person, app: Flask, study: Study, db: Session, config: ServerConfig
) -> None:
    console = Console(app.test_client())
    console.log_in("ona")
    public_id = db.scalars(select(Participant.public_id)).one()
    home = f"/console/studies/{study.name}"
    console.ask("POST", f"{home}/people/{public_id}/exclude", reason=SCRIPT)
    console.ask("POST", "/console/accounts", name=SCRIPT, role="viewer")
    console.ask("POST", f"{home}/settings", prolific_study_id=SCRIPT, not_from=SCRIPT)
    listed = f"id,code\n{SCRIPT},x\n".encode()
    upload = {
        "csrf_token": console.token(),
        "recruiter": "lab",
        "list": (io.BytesIO(listed), "list.csv"),
    }
    pages = [console.client.post(f"{home}/reconciliation", data=upload)]
    pages += [
        console.client.get(path)
        for path in (
            "/console/",
            home,
            f"{home}/people",
            f"{home}/people/{public_id}",
            f"{home}/flow",
            f"{home}/flow?min_test_accuracy={SCRIPT}",
            f"{home}/settings",
            f"{home}/reconciliation",
            "/console/accounts",
            f"/console/login?next={SCRIPT}",
        )
    ]
    pages += [written.get(f"{written.home}/{page}") for page in ("", "task", "debrief", "stopped")]
    shown = 0
    for page in pages:
        assert page.status_code < 500
        assert SCRIPT not in page.text
        assert "<b onmouseover" not in page.text
        shown += "&lt;script&gt;" in page.text
    assert shown >= 2, "the text itself is shown"


def test_formulas_are_text_in_the_export(
    written: Person, server: Server, record: StudyRecord, study: Study, tmp_path: Path
) -> None:
    export(server.database, record, study, tmp_path / "data", variant="identified")
    cells = 0
    for file in (tmp_path / "data" / "data").glob("*.csv"):
        with file.open(encoding="utf-8", newline="") as content:
            for row in csv.reader(content):
                assert not any(cell.startswith(("=", "+", "@", "\t", "\r")) for cell in row)
                cells += sum(cell.startswith("'=") for cell in row)
    assert cells >= 1, "and it is there, escaped"


@pytest.mark.usefixtures("with_accounts")
@pytest.mark.parametrize("spread", ["many names", "many addresses"])
def test_guessing_from_one_place_or_at_one_name(
    app: Flask, config: ServerConfig, spread: str
) -> None:
    """Neither another name nor another address starts the count anew."""
    console = Console(app.test_client())
    token = console.token()
    codes = []
    for number in range(config.login_attempts + 2):
        form = {"csrf_token": token, "password": f"guess {number}"}
        form["name"] = f"name{number}" if spread == "many names" else "ona"
        address = "10.0.0.1" if spread == "many names" else f"10.0.0.{number}"
        codes.append(
            console.client.post(
                "/console/login", data=form, environ_base={"REMOTE_ADDR": address}
            ).status_code
        )
    assert codes[-1] == 429
    assert 429 not in codes[: config.login_attempts]
    form = {"csrf_token": token, "name": "ona", "password": PASSWORDS["ona"][1]}
    reply = console.client.post(
        "/console/login", data=form, environ_base={"REMOTE_ADDR": "10.0.0.1"}
    )
    assert reply.status_code == 429, "the right password does not help either"


@pytest.mark.parametrize(
    "query",
    [
        "rehearsal=1",
        "rehearsal=x&person=" + "0" * 32,
        "rehearsal=-1&person=" + "0" * 32,
        "rehearsal=" + "9" * 40 + "&person=" + "0" * 32,
        "rehearsal=1&person=p001",
        "rehearsal=١&person=" + "0" * 32,
    ],
)
def test_links_of_rehearsals_that_are_none(person: Person, db: Session, query: str) -> None:
    page = person.arrive(f"?{query}")
    assert page.request.path.endswith(f"{person.home}/")
    assert db.scalars(select(func.count(Participant.id))).one() == 0


def test_a_real_person_becomes_no_rehearsal(person: Person, db: Session) -> None:
    """Who follows such a link is somebody new, and the answers before stay whose they were."""
    person.begin("?id=s1")
    person.arrive("?rehearsal=1&person=" + "0" * 32)
    people = db.scalars(select(Participant))
    tests = {each.external_id: (each.is_test, each.source) for each in people}
    assert tests == {"s1": (False, "lab"), "0" * 32: (True, "simulated")}


def test_studies_are_made_of_their_own_names(server: Server, tmp_path: Path) -> None:
    """A name that would lead out of the studies' folder cannot be published."""
    (tmp_path / "study.toml").write_text('paradigm = "two_afc"\nname = "../x"\n')
    with pytest.raises(LensError, match=r"study\.toml"):
        read_config(tmp_path)
