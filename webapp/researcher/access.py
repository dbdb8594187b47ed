"""Who may do what in the console. A view that does not say what it needs is open to nobody."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from flask import Blueprint, abort, current_app, g, redirect, request, session, url_for

from webapp.clock import iso
from webapp.models import Account
from webapp.server import the_server
from webapp.services.accounts import Role, allows

if TYPE_CHECKING:
    from werkzeug.wrappers import Response as BaseResponse

View = TypeVar("View", bound=Callable[..., object])

ANYBODY = "anybody"
_NEEDS = "console_needs"
_COOKIE = "account"


def needs(role: Role) -> Callable[[View], View]:
    """Open a view to a role and to those above it."""

    def mark(view: View) -> View:
        setattr(view, _NEEDS, role)
        return view

    return mark


def open_to_anybody(view: View) -> View:
    """Open a view without log-in."""
    setattr(view, _NEEDS, ANYBODY)
    return view


def what_it_needs(view: Callable[..., object]) -> str | None:
    """The role that a view needs; none if it does not say."""
    needed: str | None = getattr(view, _NEEDS, None)
    return needed


def the_account() -> Account:
    """Who is logged in; only within a view that needs a role."""
    account: Account = g.account
    return account


def log_in(account: Account) -> None:
    """Put the account into the cookie, with what ends the log-in: time, or a new password."""
    session[_COOKIE] = {
        "id": account.id,
        "since": int(time.time()),
        "password": iso(account.password_changed_at),
    }


def log_out() -> None:
    """Take the account out of the cookie; a participant's place in it stays."""
    session.pop(_COOKIE, None)


def present_account() -> Account | None:
    """The account in the cookie, if its log-in still holds."""
    kept = session.get(_COOKIE)
    if not isinstance(kept, dict):
        return None
    server = the_server()
    if time.time() - kept["since"] > server.config.console_hours * 3600:
        return None
    with server.database.read() as db:
        account = db.get(Account, kept["id"])
    if account is None or account.disabled:
        return None
    return account if iso(account.password_changed_at) == kept["password"] else None


def guard(console: Blueprint) -> None:
    """Check every request to the console before its view."""

    @console.before_request
    def check() -> BaseResponse | None:
        view = current_app.view_functions[request.endpoint or ""]
        needed = what_it_needs(view)
        g.account = present_account()
        if needed == ANYBODY:
            return None
        if needed not in ("viewer", "researcher", "owner"):
            abort(403)
        if g.account is None:
            if request.method != "GET" or request.path.endswith(".json"):
                abort(401)
            target = request.full_path.rstrip("?")
            return redirect(url_for("researcher.login", next=target), code=303)
        if not allows(g.account.role, needed):  # type: ignore[arg-type]
            abort(403)
        return None
