"""The console: closed by default, opened by role, safe against guessing."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
import zipfile
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select, update
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from experiments.dataset import table_stem
from experiments.study import Study
from lens_core.atlas import LensError
from tests.webapp.conftest import PASSWORDS
from tests.webapp.person import Person, knows
from webapp.clock import utc_now
from webapp.models import Account, AuditEntry, FailedLogin, Participant, StudyRecord
from webapp.researcher.access import ANYBODY, what_it_needs
from webapp.researcher.views import _console_path
from webapp.server import Server
from webapp.services import accounts
from webapp.services.exports import export

STUDY = "/console/studies/strong-weak"
NEEDS = {
    ("GET", "/console/"): "viewer",
    ("GET", STUDY): "viewer",
    ("GET", f"{STUDY}/counts.json"): "viewer",
    ("GET", f"{STUDY}/frozen.json"): "viewer",
    ("GET", f"{STUDY}/people"): "researcher",
    ("POST", f"{STUDY}/state"): "researcher",
    ("POST", f"{STUDY}/preview"): "researcher",
    ("POST", f"{STUDY}/dataset.zip"): "researcher",
    ("GET", f"{STUDY}/settings"): "researcher",
    ("GET", f"{STUDY}/flow"): "researcher",
    ("GET", f"{STUDY}/reconciliation"): "researcher",
    ("GET", "/console/timing"): "viewer",
    ("GET", f"{STUDY}/codebook.csv"): "viewer",
    ("GET", "/console/account"): "viewer",
    ("GET", "/console/accounts"): "owner",
    ("POST", "/console/accounts"): "owner",
    ("POST", "/console/accounts/vic"): "owner",
}

pytestmark = pytest.mark.usefixtures("with_accounts")


class Console:
    """Somebody at the console."""

    def __init__(self, client: FlaskClient) -> None:
        self.client = client

    def token(self) -> str:
        page = self.client.get("/console/login", follow_redirects=True).text
        found = re.search(r'name="csrf_token" value="([^"]+)"', page)
        assert found is not None
        return found[1]

    def log_in(self, name: str, password: str | None = None) -> TestResponse:
        form = {
            "csrf_token": self.token(),
            "name": name,
            "password": PASSWORDS[name][1] if password is None else password,
        }
        return self.client.post("/console/login", data=form)

    def ask(self, method: str, path: str, **form: str) -> TestResponse:
        if method == "GET":
            return self.client.get(path)
        return self.client.post(path, data={"csrf_token": self.token(), **form})


@pytest.fixture
def console(app: Flask) -> Console:
    return Console(app.test_client())


def test_every_view_of_the_console_says_whom_it_is_for(app: Flask) -> None:
    views = {
        rule.endpoint: app.view_functions[rule.endpoint]
        for rule in app.url_map.iter_rules()
        if rule.rule.startswith("/console")
    }
    assert len(views) > 10
    said = {endpoint: what_it_needs(view) for endpoint, view in views.items()}
    assert None not in said.values()
    open_to_all = {endpoint for endpoint, needed in said.items() if needed == ANYBODY}
    assert open_to_all == {"researcher.login", "researcher.logout"}


@pytest.mark.parametrize(("method", "path"), NEEDS)
def test_strangers_see_nothing(console: Console, method: str, path: str) -> None:
    reply = console.ask(method, path)
    assert reply.status_code in (303, 401)
    if reply.status_code == 303:
        assert "/console/login" in reply.headers["Location"]


@pytest.mark.parametrize("name", PASSWORDS)
def test_roles(console: Console, name: str) -> None:
    role = PASSWORDS[name][0]
    assert console.log_in(name).status_code == 303
    for (method, path), needed in NEEDS.items():
        form = {"state": "open", "what": "enable", "name": "newcomer", "role": "viewer"}
        reply = console.ask(method, path, **form)
        allowed = accounts.RANK[role] >= accounts.RANK[needed]
        assert (reply.status_code != 403) == allowed, (name, path)
        assert reply.status_code in ((200, 303) if allowed else (403,))


def test_a_view_that_does_not_say_is_open_to_nobody(app: Flask, server: Server) -> None:
    from webapp.researcher import access

    def forgotten() -> str:
        return "secret"

    app.view_functions["researcher.home"] = forgotten
    console = Console(app.test_client())
    assert access.what_it_needs(forgotten) is None
    assert console.log_in("ona").status_code == 303
    assert console.client.get("/console/").status_code == 403


def test_forms_need_their_token(console: Console) -> None:
    console.log_in("ona")
    for path in ("/state", "/preview", "/dataset.zip"):
        reply = console.client.post(f"{STUDY}{path}", data={"state": "closed"})
        assert reply.status_code == 400
    assert console.client.post("/console/login", data={"name": "ona"}).status_code == 400


def test_wrong_name_and_wrong_password_look_the_same(console: Console) -> None:
    wrong = console.log_in("ona", "nonsense-nonsense")
    nobody = console.log_in("nobody", "nonsense-nonsense")
    assert wrong.status_code == nobody.status_code == 401
    words = re.compile(r'role="alert">([^<]+)<')
    assert words.findall(wrong.text) == words.findall(nobody.text)


def test_guessing_is_stopped(app: Flask, server: Server, db: Session) -> None:
    allowed = server.config.login_attempts
    console = Console(app.test_client())
    codes = [console.log_in("ona", f"guess-number-{n}").status_code for n in range(allowed + 2)]
    assert codes == [401] * allowed + [429] * 2
    # Another browser, another name: the address has spoken too often.
    assert Console(app.test_client()).log_in("rea").status_code == 429
    subjects = list(db.scalars(select(FailedLogin.subject)))
    assert all(re.fullmatch("[0-9a-f]{64}", subject) for subject in subjects)
    with server.database.write() as later:
        window = timedelta(minutes=server.config.login_window_minutes + 1)
        later.execute(update(FailedLogin).values(at=utc_now() - window))
    assert Console(app.test_client()).log_in("ona").status_code == 303


def test_a_right_password_forgets_the_failures(console: Console, db: Session) -> None:
    console.log_in("ona", "nonsense-nonsense")
    console.log_in("ona")
    assert db.scalars(select(FailedLogin)).all() == []


def test_a_new_password_or_a_disabled_account_ends_a_log_in(
    console: Console, server: Server
) -> None:
    console.log_in("ona")
    assert console.client.get("/console/").status_code == 200
    with server.database.write() as db:
        db.execute(
            update(Account)
            .where(Account.name == "ona")
            .values(password_changed_at=utc_now() + timedelta(seconds=5))
        )
    assert console.client.get("/console/").status_code == 303
    console.log_in("rea")
    with server.database.write() as db:
        db.execute(update(Account).where(Account.name == "rea").values(disabled=True))
    assert console.client.get("/console/").status_code == 303
    assert console.log_in("rea").status_code == 401


def test_logging_out(console: Console) -> None:
    console.log_in("ona")
    console.ask("POST", "/console/logout")
    assert console.client.get("/console/").status_code == 303


@settings(deadline=None)
@given(st.text(max_size=60))
def test_after_the_log_in_nobody_is_sent_elsewhere(target: str) -> None:
    from flask import Flask

    from webapp.researcher import researcher

    app = Flask("only-routes")
    app.register_blueprint(researcher)
    with app.test_request_context():
        for path in (target, f"/console/{target}", f"//{target}", f"https://{target}"):
            found = _console_path(path)
            assert found.startswith("/console/")
            assert "//" not in found
            assert "\\" not in found


def test_the_studys_page_reads_like_a_methods_section(console: Console, study: Study) -> None:
    console.log_in("vic")
    page = console.client.get(STUDY).text
    heads = re.findall(r"<h2[^>]*>([^<]+)</h2>", page)
    assert heads == ["Participant link", "Design", "Stimuli", "People", "Data", "Analysis"]
    assert f"http://localhost/study/{study.name}/" in page
    assert study.hash in page
    assert "dataset.zip" not in page, "a viewer is shown no button that refuses them"


def test_a_preview_runs_the_study_and_counts_nowhere(
    console: Console, study: Study, server: Server, db: Session
) -> None:
    console.log_in("rea")
    console.ask("POST", f"{STUDY}/state", state="closed")
    reply = console.ask("POST", f"{STUDY}/preview")
    assert reply.headers["Location"] == f"/study/{study.name}/"
    person = Person(console.client, study)
    person.begin()
    person.answer_all(knows(server, person))
    assert person.finish().status_code == 200
    assert db.scalars(select(Participant.is_test)).all() == [True]
    counts = console.client.get(f"{STUDY}/counts.json").get_json()
    assert set(counts["states"].values()) == {0}
    assert counts["previews"] == 1
    assert counts["trials"] == 0


def test_the_download_is_the_data_set(
    console: Console, person: Person, server: Server, study: Study, db: Session
) -> None:
    person.begin()
    person.answer_all(knows(server, person))
    person.finish()
    console.log_in("rea")
    reply = console.ask("POST", f"{STUDY}/dataset.zip")
    assert reply.mimetype == "application/zip"
    with zipfile.ZipFile(io.BytesIO(reply.data)) as archive:
        names = archive.namelist()
        assert archive.testzip() is None
    assert f"{study.name}/manifest.json" in names
    assert f"{study.name}/data/{table_stem(study.name, 'trials')}.csv" in names
    assert "download data" in db.scalars(select(AuditEntry.action)).all()


def test_what_was_frozen_and_what_will_be_measured_can_be_had_before_anybody_comes(
    console: Console, study: Study, server: Server, record: StudyRecord, tmp_path: Path
) -> None:
    console.log_in("vic")
    manifest = console.client.get(f"{STUDY}/frozen.json")
    assert manifest.data == (study.root / "frozen.json").read_bytes()
    assert "attachment" in manifest.headers["Content-Disposition"]
    parts = manifest.get_json()["parts"]
    assert {"design", "stimuli", "exclusions", "analysis"} <= set(parts)
    columns = console.client.get(f"{STUDY}/codebook.csv").text
    export(server.database, record, study, tmp_path / "data")
    assert columns.splitlines() == (tmp_path / "data" / "codebook.csv").read_text().splitlines()
    described = {(row["table"], row["column"]) for row in csv.DictReader(io.StringIO(columns))}
    for table in ("participants", "trials", "events"):
        file = tmp_path / "data" / "data" / f"{table_stem(study.name, table)}.csv"
        header = next(csv.reader(file.open(newline="", encoding="utf-8")))
        assert {(table, name) for name in header} <= described


def test_a_study_that_is_not_in_order_hides_nothing_else(
    console: Console, server: Server, study: Study, tmp_path: Path
) -> None:
    console.log_in("rea")
    published = server.config.study_dir(study.name)
    published.unlink()
    shutil.copytree(study.root, published)
    (published / "study.toml").open("a").write("\n# one more remark\n")
    listed = console.client.get("/console/")
    assert (listed.status_code, "damaged" in listed.text) == (200, True)
    page = console.client.get(STUDY)
    assert (page.status_code, "study.toml changed" in page.text) == (503, True)
    assert "study.toml" not in console.client.get(f"/study/{study.name}/").text
    download = console.ask("POST", f"{STUDY}/dataset.zip")
    with zipfile.ZipFile(io.BytesIO(download.data)) as archive:
        manifest = json.loads(archive.read(f"{study.name}/manifest.json"))
    assert manifest["study_changed"] == ["study.toml"]
    shutil.rmtree(published)
    published.symlink_to(study.root)
    assert console.client.get(STUDY).status_code == 200, "put right, it goes on"


def test_people_and_their_trail(console: Console, person: Person, db: Session) -> None:
    person.begin()
    console.log_in("rea")
    public_id = db.scalars(select(Participant.public_id)).one()
    assert public_id in console.client.get(f"{STUDY}/people").text
    page = console.client.get(f"{STUDY}/people/{public_id}").text
    assert page.count('class="state state-') >= 4
    assert console.client.get(f"{STUDY}/people/p000").status_code == 404


def test_html_in_what_people_send_is_shown_as_text(
    console: Console, app: Flask, study: Study
) -> None:
    Person(app.test_client(), study).arrive("?source=<script>alert(1)</script>&id=<b>x</b>")
    console.log_in("rea")
    assert "<b>x</b>" not in console.client.get(f"{STUDY}/people").text


def test_state_changes_are_kept(console: Console, record: StudyRecord, db: Session) -> None:
    console.log_in("rea")
    console.ask("POST", f"{STUDY}/state", state="paused")
    assert console.ask("POST", f"{STUDY}/state", state="deleted").status_code == 400
    entry = db.scalars(select(AuditEntry).where(AuditEntry.action == "study state")).one()
    assert (entry.actor, entry.detail) == ("rea", {"from": "open", "to": "paused"})


@pytest.mark.parametrize(
    ("name", "password"),
    [
        ("", "long enough 123"),
        ("Ona M", "long enough 123"),
        ("ona", "long enough 123"),
        ("x", "short"),
    ],
)
def test_accounts_that_cannot_be(server: Server, name: str, password: str) -> None:
    with pytest.raises(LensError), server.database.write() as db:
        accounts.add(db, name, "viewer", password, actor="test")


def test_passwords_are_hashed_with_argon2(db: Session) -> None:
    hashes = db.scalars(select(Account.password_hash)).all()
    assert len(hashes) == 3
    assert all(each.startswith("$argon2id$") for each in hashes)


def test_hashing_outside_of_tests_is_as_slow_as_recommended(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.undo()
    hasher = accounts.hasher()
    assert hasher.memory_cost >= 19 * 1024
    assert hasher.time_cost * hasher.memory_cost >= 2 * 19 * 1024
