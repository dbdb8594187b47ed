"""What a researcher does about one participant: exclude, include again, withdraw on request."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, abort, redirect, request, url_for
from sqlalchemy import select
from sqlalchemy.orm import Session

from webapp.models import Participant
from webapp.server import the_server, the_study
from webapp.services import privacy
from webapp.services.audit import note
from webapp.services.errors import Refused
from webapp.services.states import locked, move

from .access import needs, the_account

if TYPE_CHECKING:
    from werkzeug.wrappers import Response as BaseResponse

LONGEST_REASON = 200


def register(console: Blueprint) -> None:
    """Add the actions to the console."""
    at = "/studies/<name>/people/<public_id>"
    console.add_url_rule(f"{at}/exclude", view_func=exclude, methods=["POST"])
    console.add_url_rule(f"{at}/include", view_func=include, methods=["POST"])
    console.add_url_rule(f"{at}/withdraw", view_func=withdraw, methods=["POST"])


def _found(db: Session, study_id: int, public_id: str) -> Participant:
    person = db.scalars(
        select(Participant).where(
            Participant.study_id == study_id, Participant.public_id == public_id
        )
    ).first()
    if person is None:
        abort(404)
    return locked(db, person.id)


def _back(name: str, public_id: str) -> BaseResponse:
    return redirect(url_for("researcher.person", name=name, public_id=public_id), code=303)


def _reason() -> str:
    reason = " ".join(request.form.get("reason", "").split())[:LONGEST_REASON]
    if not reason:
        abort(400)
    return reason


@needs("researcher")
def exclude(name: str, public_id: str) -> BaseResponse:
    """Exclude somebody by hand, with the reason; the data stay and say so."""
    return _move(name, public_id, "excluded", _reason())


@needs("researcher")
def include(name: str, public_id: str) -> BaseResponse:
    """Take an exclusion back."""
    return _move(name, public_id, "complete", _reason())


def _move(name: str, public_id: str, to: str, reason: str) -> BaseResponse:
    record, _ = the_study(name)
    actor = the_account().name
    with the_server().database.write() as db:
        person = _found(db, record.id, public_id)
        try:
            if to == "complete" and person.state != "excluded":
                abort(400)
            move(
                db,
                person,
                "excluded" if to == "excluded" else "complete",
                actor=actor,
                reason=reason,
            )
        except Refused:
            abort(400)
        note(db, actor, f"set {to}", record.id, {"participant": public_id, "reason": reason})
    return _back(name, public_id)


@needs("researcher")
def withdraw(name: str, public_id: str) -> BaseResponse:
    """Withdraw somebody who asked for it, by letter or telephone."""
    record, _ = the_study(name)
    server = the_server()
    with server.database.write() as db:
        person = _found(db, record.id, public_id)
        privacy.withdraw(
            db, record, person.id, key=server.key, actor=the_account().name, reason="on request"
        )
    return _back(name, public_id)
