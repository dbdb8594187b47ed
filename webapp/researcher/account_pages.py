"""Accounts: owners make and change them, everybody changes the own password."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, cast

from flask import Blueprint, abort, redirect, render_template, request, url_for
from sqlalchemy import select

from lens_core.atlas import LensError
from webapp.models import AuditEntry, StudyRecord
from webapp.server import the_server
from webapp.services import accounts
from webapp.services.errors import Refused
from webapp.services.subjects import subject

from .access import log_in, needs, the_account

if TYPE_CHECKING:
    from werkzeug.wrappers import Response as BaseResponse

    Page = str | BaseResponse | tuple[str, int]

ENTRIES = 100


def register(console: Blueprint) -> None:
    """Add the pages to the console."""
    console.add_url_rule("/accounts", view_func=account_list)
    console.add_url_rule("/accounts", view_func=add, methods=["POST"])
    console.add_url_rule("/accounts/<name>", view_func=change, methods=["POST"])
    console.add_url_rule("/account", view_func=own, methods=["GET", "POST"])


@needs("owner")
def account_list() -> str:
    """Who may log in, and what was done lately."""
    return _listed()


def _listed(
    *, problem: str | None = None, made: tuple[str, str] | None = None, name: str = ""
) -> str:
    """The page; ``made`` is a name with the password that was made for it, shown this once."""
    with the_server().database.read() as db:
        everybody = accounts.listed(db)
        entries = db.execute(
            select(AuditEntry, StudyRecord.name)
            .outerjoin(StudyRecord, StudyRecord.id == AuditEntry.study_id)
            .order_by(AuditEntry.id.desc())
            .limit(ENTRIES)
        ).all()
    return render_template(
        "researcher/accounts.html",
        accounts=everybody,
        entries=entries,
        roles=tuple(accounts.RANK),
        problem=problem,
        made=made,
        given_name=name,
        account=the_account(),
    )


def _role() -> accounts.Role:
    role = request.form.get("role", "")
    if role not in accounts.RANK:
        abort(400)
    return cast(accounts.Role, role)


@needs("owner")
def add() -> Page:
    """Make an account with a password that is shown once and can be changed by its owner."""
    name = request.form.get("name", "").strip().lower()
    role = _role()
    password = accounts.new_password()
    try:
        with the_server().database.write() as db:
            accounts.add(db, name, role, password, actor=the_account().name)
    except LensError as error:
        return _listed(problem=str(error), name=name[:64]), 422
    return _listed(made=(name, password))


@needs("owner")
def change(name: str) -> Page:
    """Another role or password, or shut out and let in again."""
    what, actor = request.form.get("what"), the_account().name
    password = accounts.new_password()
    try:
        with the_server().database.write() as db:
            account = accounts.by_name(db, name)
            if account is None:
                abort(404)
            if what == "role":
                accounts.set_role(db, account.id, _role(), actor=actor)
            elif what in ("disable", "enable"):
                accounts.set_disabled(db, account.id, what == "disable", actor=actor)
            elif what == "password":
                accounts.set_password(db, account.id, password, actor=actor)
            else:
                abort(400)
    except LensError as error:
        return _listed(problem=str(error)), 422
    if what == "password":
        return _listed(made=(name, password))
    return redirect(url_for("researcher.account_list"), code=303)


@needs("viewer")
def own() -> Page:
    """Change one's own password. Guesses at the present one count like failed log-ins."""
    mine = the_account()
    if request.method == "GET":
        return render_template(
            "researcher/account.html", account=mine, problem=None, done="changed" in request.args
        )
    try:
        _change_own()
    except (LensError, Refused) as error:
        many = "Too many wrong passwords. Try again later."
        problem = many if isinstance(error, Refused) else str(error)
        page = render_template("researcher/account.html", account=mine, problem=problem, done=False)
        return page, 429 if isinstance(error, Refused) else 422
    return redirect(url_for("researcher.own", changed=1), code=303)


def _change_own() -> None:
    server, mine = the_server(), the_account()
    wanted = request.form.get("new", "")
    if wanted != request.form.get("again", ""):
        raise LensError("the new password was typed in two different ways")
    subjects = (subject(server.key, "login/name", mine.name),)
    window = timedelta(minutes=server.config.login_window_minutes)
    with server.database.write() as db:
        accounts.require_patience(
            db, subjects, attempts=server.config.login_attempts, window=window
        )
        accounts.count_failure(db, subjects)
    if not accounts.check_password(mine, request.form.get("present", "")):
        raise LensError("that is not your present password")
    with server.database.write() as db:
        accounts.forget_failures(db, subjects)
        changed = accounts.set_password(db, mine.id, wanted, actor=mine.name)
    # Other log-ins end with the old password; this one goes on.
    log_in(changed)
