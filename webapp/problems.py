"""Pages for what went wrong outside of a blueprint's own pages: one sentence, never a trace."""

from __future__ import annotations

from flask import Flask, Response, current_app
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException, SecurityError

from lens_core.atlas import LensError

from .database import OUT_OF_ORDER, first_line

ADVICE = {
    404: ("Nothing is here", "The address may have been mistyped. Check the link that you got."),
    405: ("This cannot be done here", "Go back and use the buttons of the page."),
    413: ("Too much was sent", "What was sent is larger than this server takes."),
    500: ("Something went wrong", "Answers that were saved stay saved. Load the page again."),
    503: ("Out of order for the moment", "Nothing that was saved is lost. Please try again later."),
}


def register_problems(app: Flask) -> None:
    """Answer every failure with a page that says what to do."""

    @app.errorhandler(LensError)
    def damaged(error: LensError) -> tuple[str, int]:
        # A study or atlas is not in order: its owner is told, visitors only that it is so.
        app.logger.error("%s", error)
        return _page(503)

    def out_of_order(error: Exception) -> tuple[str, int]:
        log_out_of_order(error)
        return _page(503)

    for kind in OUT_OF_ORDER:
        app.register_error_handler(kind, out_of_order)

    @app.errorhandler(SecurityError)
    def untrusted(error: SecurityError) -> tuple[Response, int]:
        # No page: with a host that is not trusted, no address can be made.
        text = (
            "This server is not known by that name. Its owner can add it to LENS_TRUSTED_HOSTS.\n"
        )
        return Response(text, mimetype="text/plain"), 400

    @app.errorhandler(CSRFError)
    def too_old(error: CSRFError) -> tuple[str, int]:
        advice = "Go back, reload the page and try again. Nothing was lost."
        return _page(400, "The page was too old", advice)

    @app.errorhandler(HTTPException)
    def other(error: HTTPException) -> HTTPException | tuple[str, int]:
        if error.code is None or error.code < 400:
            return error  # the routing's own redirects
        return _page(error.code)


def log_out_of_order(error: Exception) -> None:
    """One line for whoever looks after the server."""
    current_app.logger.error("the database cannot be asked: %s", first_line(error))


def _page(code: int, title: str = "", advice: str = "") -> tuple[str, int]:
    known = ADVICE.get(code, ("This did not work", "Go back, reload the page and try again."))
    # Past the blueprints' context, which asks the database: it may be what went wrong.
    page = current_app.jinja_env.get_template("problem.html")
    return page.render(title=title or known[0], advice=advice or known[1]), code
