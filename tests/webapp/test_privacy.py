"""What is promised to people: withdrawn is gone, anonymous is untraceable, nothing is kept on."""

from __future__ import annotations

import csv
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from experiments.dataset import table_stem
from experiments.study import Study
from tests.webapp.person import Person, knows
from tests.webapp.test_console import STUDY, Console
from webapp.clock import utc_now
from webapp.models import (
    AuditEntry,
    Base,
    Event,
    Known,
    Participant,
    RecentArrival,
    Response,
    Scheduled,
    StudyRecord,
    TaskSession,
)
from webapp.recruiters import StudySettings, settings_of
from webapp.server import Server
from webapp.services.exports import Variant, export
from webapp.services.upkeep import tidy

BOTH_DATABASES = True
LINK = "?PROLIFIC_PID=5f1c&STUDY_ID=s1&SESSION_ID=x9"


@pytest.fixture
def done(person: Person, server: Server) -> Person:
    """Somebody who has finished."""
    person.begin(LINK)
    person.send("/events", {"events": [{"at_ms": 1, "kind": "blur", "detail": {"ua": "Firefox"}}]})
    person.answer(0, knows(server, person)({"index": 0}), environment={"os": "Plan 9"})
    person.answer_all(knows(server, person))
    person.finish()
    return person


@pytest.fixture
def researcher(app: Flask, with_accounts: None) -> Console:
    console = Console(app.test_client())
    console.log_in("rea")
    return console


def change(server: Server, **changes: object) -> None:
    with server.database.write() as db:
        db.scalars(select(StudyRecord)).one().settings = StudySettings(**changes).stored()  # type: ignore[arg-type]


def count(db: Session, table: type) -> int:
    return int(db.scalars(select(func.count()).select_from(table)).one())


def withdraw(person: Person) -> str:
    page = person.get(f"{person.home}/debrief").text
    token = re.search(r'/withdraw">\s*<input type="hidden" name="csrf_token" value="([^"]+)"', page)
    assert token is not None
    form = {"csrf_token": token[1], "sure": "yes"}
    return person.client.post(f"{person.home}/withdraw", data=form).text


def test_who_withdraws_is_erased(done: Person, app: Flask, study: Study, db: Session) -> None:
    secret = db.scalars(select(Participant.access)).one()
    page = withdraw(done)
    assert "You have withdrawn" in page
    assert "Withdraw now" not in page
    db.rollback()
    assert [count(db, table) for table in (Response, Event, Scheduled)] == [0, 0, 0]
    gone = db.scalars(select(Participant)).one()
    assert (gone.state, gone.external_id, gone.source_details) == ("withdrawn", None, {})
    assert (gone.completion_code, gone.credit) == (None, None)
    assert gone.access != secret
    assert db.scalars(select(TaskSession.environment)).one() is None
    # The same person does not come back under the same name, which is stored nowhere.
    assert "You have been here before" in Person(app.test_client(), study).arrive(LINK).text
    assert "5f1c" not in "".join(db.scalars(select(Known.subject)))
    entry = db.scalars(select(AuditEntry).where(AuditEntry.action == "withdraw")).one()
    assert "5f1c" not in str(entry.detail)


def test_what_was_erased_is_in_no_file_of_the_server(
    done: Person, server: Server, app: Flask, study: Study, db: Session
) -> None:
    """A row that is only unlinked can be read in the database's file for months."""
    if server.database.backend != "sqlite":
        pytest.skip("PostgreSQL overwrites when it vacuums")
    secrets = ("5f1c", "Plan 9", *db.scalars(select(Response.trial_uuid)))
    db.rollback()

    def found() -> list[str]:
        files = [file.read_bytes() for file in server.config.directory.glob("lens.db*")]
        return [each for each in secrets if any(each.encode() in content for content in files)]

    assert found() == list(secrets)
    withdraw(done)
    tidy(server.database, server.config)
    assert found() == []
    assert Person(app.test_client(), study).arrive().status_code == 200


def test_withdrawing_in_the_middle_ends_the_task(person: Person, db: Session) -> None:
    person.begin(LINK)
    person.answer(0)
    form = {"csrf_token": person.boot["csrf"], "sure": "yes"}
    assert "withdrawn" in person.client.post(f"{person.home}/withdraw", data=form).text
    assert person.answer(1).status_code in (404, 409, 410)
    assert count(db, Response) == 0


def test_addresses_are_not_stored(app: Flask, study: Study, server: Server, db: Session) -> None:
    """A whole visit, a log-in that fails and one that does not leave no trace of where from."""
    app.test_client_class = client_at("203.0.113.77")
    person = Person(app.test_client(), study)
    person.begin(LINK)
    person.answer_all(knows(server, person))
    assert person.finish().status_code == 200
    console = Console(app.test_client())
    console.log_in("rea", "wrong")
    rows = [
        str(row) for table in Base.metadata.sorted_tables for row in db.execute(select(table)).all()
    ]
    assert len(rows) > 20
    assert not [row for row in rows if "203.0.113" in row]


def client_at(address: str) -> type[FlaskClient]:
    """A browser at that address."""

    class Client(FlaskClient):
        def open(self, *args: Any, **options: Any) -> Any:
            return super().open(*args, environ_overrides={"REMOTE_ADDR": address}, **options)

    return Client


def test_the_hash_of_an_address_lasts_as_long_as_it_counts(
    app: Flask, study: Study, server: Server, db: Session
) -> None:
    Person(app.test_client(), study).arrive()
    before = db.scalars(select(RecentArrival.subject)).one()
    db.rollback()
    window = timedelta(minutes=server.config.arrivals_window_minutes, seconds=1)
    with server.database.write() as later:
        later.execute(update(RecentArrival).values(at=utc_now() - window))
    app.test_client_class = client_at("203.0.113.78")
    Person(app.test_client(), study).arrive()
    assert db.scalars(select(RecentArrival.subject)).one() != before


def test_withdrawing_asks_and_needs_the_token(done: Person, db: Session) -> None:
    assert done.client.post(f"{done.home}/withdraw", data={"sure": "yes"}).status_code == 400
    done.client.post(f"{done.home}/withdraw", data={"csrf_token": done.boot["csrf"]})
    assert db.scalars(select(Participant.state)).one() == "complete"


def test_anonymised_answers_stay_and_lead_nowhere(
    done: Person, server: Server, db: Session
) -> None:
    change(server, withdrawal="anonymise")
    n_answers = count(db, Response)
    db.rollback()
    assert "answers that you gave stay" in done.get(f"{done.home}/debrief").text
    withdraw(done)
    db.rollback()
    assert count(db, Response) == n_answers > 0
    gone = db.scalars(select(Participant)).one()
    assert (gone.external_id, gone.source_details, gone.completion_code) == (None, {}, None)
    assert done.get(done.api).status_code == 404


def test_identifiers_are_kept_as_long_as_was_said(
    done: Person, app: Flask, server: Server, study: Study, db: Session
) -> None:
    Person(app.test_client(), study).arrive("?PROLIFIC_PID=recent")
    with server.database.write() as later:
        later.execute(
            update(Participant)
            .where(Participant.external_id == "5f1c")
            .values(last_seen_at=utc_now() - timedelta(days=31))
        )
    assert tidy(server.database, server.config).anonymised == 0, "no study says how long"
    change(server, retention_days=30)
    assert tidy(server.database, server.config, dry_run=True).anonymised == 1
    assert db.scalars(select(Participant.external_id).order_by(Participant.id)).all() == [
        "5f1c",
        "recent",
    ]
    gone = Person(app.test_client(), study)
    gone.begin()
    with server.database.write() as later:
        later.execute(
            update(Participant)
            .where(Participant.state == "active")
            .values(lease_until=utc_now() - timedelta(seconds=1))
        )
    assert tidy(server.database, server.config, dry_run=True).timed_out == 1
    found = tidy(server.database, server.config)
    assert (found.anonymised, found.timed_out) == (1, 1)
    assert tidy(server.database, server.config).anonymised == 0
    db.rollback()
    assert db.scalars(select(Participant.external_id).order_by(Participant.id)).all() == [
        None,
        "recent",
        None,
    ]
    assert count(db, Response) > 0, "the answers are kept"


@pytest.mark.parametrize("lapsed", [True, False])
def test_who_stopped_answering_long_ago_keeps_no_identifier(
    person: Person,
    server: Server,
    study: Study,
    record: StudyRecord,
    db: Session,
    tmp_path: Path,
    lapsed: bool,
) -> None:
    """One run gives the place back and deletes what leads to the person, and says so before."""
    person.begin(LINK)
    person.answer(0, environment={"os": "Plan 9"})
    change(server, retention_days=30)
    now = utc_now()
    with server.database.write() as later:
        until = now + timedelta(hours=-1 if lapsed else 1)
        old = {"last_seen_at": now - timedelta(days=31), "lease_until": until}
        later.execute(update(Participant).values(**old))
    due = tidy(server.database, server.config, dry_run=True)
    done = tidy(server.database, server.config)
    again = tidy(server.database, server.config)
    for found in (due, done):
        assert (found.anonymised, found.timed_out) == (lapsed, lapsed)
    assert (again.anonymised, again.timed_out) == (0, 0)
    export(server.database, record, study, tmp_path / "known", variant="identified")
    text = "".join(p.read_text("utf-8") for p in (tmp_path / "known").rglob("*.csv"))
    assert ("5f1c" in text, "Plan 9" in text) == (not lapsed, not lapsed)
    assert count(db, Response) == 1, "the answer is kept"


def table(out: Path, study: Study, what: str) -> list[dict[str, str]]:
    with (out / "data" / f"{table_stem(study.name, what)}.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_variants_of_the_export(
    done: Person, server: Server, study: Study, record: StudyRecord, db: Session, tmp_path: Path
) -> None:
    def write(name: str, variant: Variant) -> Path:
        export(server.database, record, study, tmp_path / name, variant=variant)
        return tmp_path / name

    person = db.scalars(select(Participant)).one()
    usual, known = write("usual", "pseudonymous"), write("known", "identified")
    hidden, again = write("hidden", "anonymous"), write("again", "anonymous")
    assert table(known, study, "participants")[0]["external_id"] == "5f1c"
    assert table(usual, study, "participants")[0]["os"] == "Plan 9"
    assert "Plan 9" not in "".join(p.read_text("utf-8") for p in hidden.rglob("*.csv"))
    assert "external_id" not in table(usual, study, "participants")[0]
    text = "".join(p.read_text("utf-8") for p in sorted(hidden.rglob("*.csv")))
    uuids = db.scalars(select(Response.trial_uuid)).all()
    day = utc_now().strftime("%Y-%m-%d")
    for secret in (person.public_id, "5f1c", str(person.completion_code), "Firefox", day, *uuids):
        assert secret not in text
    row, usual_row = (table(out, study, "participants")[0] for out in (hidden, usual))
    assert row["participant"] != table(again, study, "participants")[0]["participant"]
    kept = ("condition", "status", "excluded", *(n for n in row if n.startswith("check_")))
    assert [row[name] for name in kept] == [usual_row[name] for name in kept]
    trials, usual_trials = (table(out, study, "trials") for out in (hidden, usual))
    assert {trial["participant"] for trial in trials} == {row["participant"]}
    for name in ("correct", "rt_ms", "response", "item"):
        assert [each[name] for each in trials] == [each[name] for each in usual_trials]
    assert len({trial["trial_uuid"] for trial in trials}) == len(trials)


def test_a_researcher_excludes_and_withdraws(
    done: Person, researcher: Console, app: Flask, db: Session
) -> None:
    public_id, code = db.execute(select(Participant.public_id, Participant.completion_code)).one()
    at = f"{STUDY}/people/{public_id}"
    # Who writes a letter knows the recruiter's identifier or the code, and nobody else's work.
    for known, found in (("5f1c", True), (code, True), (public_id, True), ("5f1", False)):
        page = researcher.client.get(f"{STUDY}/people?find=+{known}+").text
        assert (f'href="{at}"' in page) == found, known
    assert researcher.ask("POST", f"{at}/exclude").status_code == 400, "a reason is needed"
    assert researcher.ask("POST", f"{at}/include", reason="x").status_code == 400
    for action, state in (("exclude", "excluded"), ("include", "complete")):
        assert researcher.ask("POST", f"{at}/{action}", reason="<b>bot</b>").status_code == 303
        db.rollback()
        assert db.scalars(select(Participant.state)).one() == state
    assert "<b>bot" not in researcher.client.get(at).text
    assert researcher.ask("POST", f"{at}/withdraw").status_code == 303
    db.rollback()
    assert count(db, Response) == 0
    assert f'href="{at}"' not in researcher.client.get(f"{STUDY}/people?find=5f1c").text
    viewer = Console(app.test_client())
    viewer.log_in("vic")
    assert viewer.ask("POST", f"{at}/withdraw").status_code == 403


def test_only_who_finished_is_excluded_and_included_again(
    person: Person, researcher: Console, db: Session
) -> None:
    person.arrive()
    person.agree()
    person.read()
    for _ in range(person.study.config.session.quiz_attempts):
        person.quiz(right=False)
    at = f"{STUDY}/people/{db.scalars(select(Participant.public_id)).one()}"
    assert researcher.ask("POST", f"{at}/exclude", reason="bot").status_code == 400
    db.rollback()
    assert db.scalars(select(Participant.state)).one() == "screened_out"


def test_people_on_a_list_are_kept_out_and_not_kept(
    researcher: Console, app: Flask, study: Study, db: Session
) -> None:
    path = f"{STUDY}/settings"
    form = {"lab_link": "yes", "keep_out": "5f1c\n 77aa \r\n\n5f1c"}
    assert researcher.ask("POST", path, **form).status_code == 303
    assert "2 people are kept out" in researcher.client.get(path).text
    assert researcher.ask("POST", path, **form).status_code == 303
    for link in (LINK, "?survey_code=77aa", "?id=77aa"):
        assert "You know this kind of study" in Person(app.test_client(), study).arrive(link).text
    assert "I have read" in Person(app.test_client(), study).arrive("?id=78aa").text
    rows = [str(row) for table in Base.metadata.sorted_tables for row in db.execute(select(table))]
    assert not [row for row in rows if "5f1c" in row or "77aa" in row]
    notes = db.scalars(select(AuditEntry).where(AuditEntry.action == "keep people out")).all()
    assert [entry.detail for entry in notes] == [{"people": 2}]


FIELDS = {"lab_link": "yes", "make_codes": "yes", "withdrawal": "anonymise", "retention_days": "90"}


def test_settings_in_the_console(researcher: Console, server: Server, record: StudyRecord) -> None:
    path = f"{STUDY}/settings"

    def present() -> StudySettings:
        with server.database.read() as db:
            return settings_of(db.get_one(StudyRecord, record.id).settings)

    assert researcher.ask("POST", path, **FIELDS).status_code == 303
    first = present()
    assert (first.withdrawal, first.retention_days, first.lab_link) == ("anonymise", 90, True)
    assert len(set(first.prolific_codes.values())) == 3
    assert first.prolific_codes["complete"] in researcher.client.get(path).text
    assert researcher.ask("POST", path, **FIELDS | {"retention_days": ""}).status_code == 303
    assert present().prolific_codes == first.prolific_codes, "codes are made once"
    assert present().retention_days is None
    for wrong in (
        {"retention_days": "soon"},
        {"sona_url": "https://evil.example/?experiment_id=1&credit_token=2"},
        {"prolific_signed": "yes"},
        {"not_from": "no-such-study"},
        {"withdrawal": "sell"},
    ):
        reply = researcher.ask("POST", path, **FIELDS | wrong)
        assert reply.status_code == 422
        assert 'role="alert"' in reply.text
    with server.database.read() as db:
        entries = db.scalars(select(AuditEntry).where(AuditEntry.action == "study settings")).all()
    assert len(entries) == 2
    assert first.prolific_codes["complete"] not in str([entry.detail for entry in entries])
