"""Every failure of the API is JSON, with a short name that the browser's code knows."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify, url_for
from pydantic import ValidationError
from werkzeug.exceptions import HTTPException

from webapp.database import OUT_OF_ORDER
from webapp.problems import log_out_of_order
from webapp.services.errors import Conflict, Missing, Refused, Unusable

from .forgery import Forged


class Ended(Refused):
    """The visit is over; the page goes where it is told so."""

    def __init__(self, reason: str, study: str) -> None:
        super().__init__(reason)
        self.study = study


def fail(status: int, error: str, **facts: object) -> tuple[Response, int]:
    """An error reply."""
    return jsonify({"error": error, **facts}), status


def register_errors(api: Blueprint) -> None:
    """Turn refusals into replies."""

    @api.errorhandler(Conflict)
    def conflict(error: Conflict) -> tuple[Response, int]:
        return fail(409, error.reason, **error.facts)

    @api.errorhandler(Missing)
    def missing(error: Missing) -> tuple[Response, int]:
        return fail(404, f"no_{error.reason}")

    @api.errorhandler(Unusable)
    def unusable(error: Unusable) -> tuple[Response, int]:
        return fail(422, "bad_response")

    @api.errorhandler(ValidationError)
    def invalid(error: ValidationError) -> tuple[Response, int]:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        return fail(422, "bad_body", field=where, problem=first["msg"])

    @api.errorhandler(Ended)
    def ended(error: Ended) -> tuple[Response, int]:
        page = url_for("participant.arrive", name=error.study)
        return fail(403, error.reason, redirect=page)

    @api.errorhandler(Forged)
    def forged(error: Forged) -> tuple[Response, int]:
        return fail(400, "csrf")

    @api.errorhandler(RecursionError)
    def too_deep(error: RecursionError) -> tuple[Response, int]:
        # JSON nested a thousand times deep; Python's parser gives up like this.
        return fail(400, "bad_request")

    def out_of_order(error: Exception) -> tuple[Response, int]:
        log_out_of_order(error)
        return fail(503, "database")

    for kind in OUT_OF_ORDER:
        api.register_error_handler(kind, out_of_order)

    @api.errorhandler(HTTPException)
    def other(error: HTTPException) -> tuple[Response, int]:
        return fail(error.code or 500, (error.name or "error").lower().replace(" ", "_"))
