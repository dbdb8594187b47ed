"""Accounts in the console: owners make and change them, everybody has the own password."""

from __future__ import annotations

import re

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from lens_core.atlas import LensError
from tests.webapp.conftest import PASSWORDS
from tests.webapp.test_console import STUDY, Console
from webapp.models import Account, AuditEntry
from webapp.server import Server
from webapp.services import accounts

BOTH_DATABASES = True
PATH = "/console/accounts"
NEW = "another-long-password"

pytestmark = pytest.mark.usefixtures("with_accounts")


@pytest.fixture
def owner(app: Flask) -> Console:
    return logged_in(app, "ona")


def logged_in(app: Flask, name: str, password: str | None = None) -> Console:
    console = Console(app.test_client())
    assert console.log_in(name, password).status_code == 303
    return console


def shown_password(page: str) -> str:
    found = re.search(r'value="([a-z0-9]{5}(?:-[a-z0-9]{5}){3})"', page)
    assert found is not None
    return found[1]


def test_an_owner_makes_an_account_with_a_password_shown_once(
    owner: Console, app: Flask, db: Session
) -> None:
    page = owner.ask("POST", PATH, name="Resi", role="researcher").text
    password = shown_password(page)
    assert password not in owner.ask("GET", PATH).text
    made = logged_in(app, "resi", password)
    assert made.ask("GET", f"{STUDY}/people").status_code == 200
    assert made.ask("GET", PATH).status_code == 403
    log = [(entry.actor, entry.action, entry.detail) for entry in db.scalars(select(AuditEntry))]
    assert ("ona", "add account", {"name": "resi", "role": "researcher"}) in log
    assert password not in str(log)
    taken = owner.ask("POST", PATH, name="resi", role="viewer")
    assert (taken.status_code, "already" in taken.text) == (422, True)
    assert owner.ask("POST", PATH, name="x y", role="viewer").status_code == 422
    assert owner.ask("POST", PATH, name="king", role="king").status_code == 400


def test_roles_and_shutting_out_count_at_once(owner: Console, app: Flask) -> None:
    vic = logged_in(app, "vic")
    assert vic.ask("GET", f"{STUDY}/people").status_code == 403
    owner.ask("POST", f"{PATH}/vic", what="role", role="researcher")
    assert vic.ask("GET", f"{STUDY}/people").status_code == 200
    owner.ask("POST", f"{PATH}/vic", what="disable")
    assert vic.ask("GET", "/console/").status_code == 303
    assert Console(app.test_client()).log_in("vic").status_code == 401
    owner.ask("POST", f"{PATH}/vic", what="enable")
    assert vic.ask("GET", "/console/").status_code == 200
    assert owner.ask("POST", f"{PATH}/nobody", what="disable").status_code == 404
    assert owner.ask("POST", f"{PATH}/vic", what="else").status_code == 400


@pytest.mark.parametrize("change", [{"what": "disable"}, {"what": "role", "role": "viewer"}])
def test_there_is_always_an_owner(
    owner: Console, server: Server, db: Session, change: dict[str, str]
) -> None:
    page = owner.ask("POST", f"{PATH}/ona", **change)
    assert (page.status_code, "only owner" in page.text) == (422, True)
    owner.ask("POST", f"{PATH}/rea", what="role", role="owner")
    owner.ask("POST", f"{PATH}/ona", **change)
    mine = db.scalars(select(Account).where(Account.name == "ona")).one()
    assert mine.disabled or mine.role == "viewer"
    with server.database.write() as other, pytest.raises(LensError, match="only owner"):
        rea = accounts.by_name(other, "rea")
        assert rea is not None
        accounts.set_role(other, rea.id, "viewer", actor="test")


def test_a_password_made_by_an_owner_ends_the_log_ins(owner: Console, app: Flask) -> None:
    vic = logged_in(app, "vic")
    password = shown_password(owner.ask("POST", f"{PATH}/vic", what="password").text)
    assert vic.ask("GET", "/console/").status_code == 303
    assert Console(app.test_client()).log_in("vic").status_code == 401
    logged_in(app, "vic", password)


def test_ones_own_password(app: Flask, db: Session) -> None:
    here, elsewhere = logged_in(app, "vic"), logged_in(app, "vic")
    present = PASSWORDS["vic"][1]

    def change(**form: str) -> int:
        given = {"present": present, "new": NEW, "again": NEW, **form}
        return here.ask("POST", "/console/account", **given).status_code

    assert change(present="wrong-password") == 422
    assert change(again=NEW + "!") == 422
    assert change(new="short", again="short") == 422
    assert elsewhere.ask("GET", "/console/").status_code == 200
    assert change() == 303
    assert here.ask("GET", "/console/account?changed=1").status_code == 200
    assert elsewhere.ask("GET", "/console/").status_code == 303
    assert Console(app.test_client()).log_in("vic").status_code == 401
    logged_in(app, "vic", NEW)
    log = [(entry.actor, entry.action) for entry in db.scalars(select(AuditEntry))]
    assert log.count(("vic", "new password")) == 1


def test_the_present_password_cannot_be_guessed_at_speed(app: Flask, server: Server) -> None:
    stolen = logged_in(app, "vic")
    codes = [
        stolen.ask(
            "POST", "/console/account", present=f"guess {number}", new=NEW, again=NEW
        ).status_code
        for number in range(server.config.login_attempts + 1)
    ]
    assert codes == [422] * server.config.login_attempts + [429]
