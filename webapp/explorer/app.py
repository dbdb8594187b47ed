"""The explorer alone: an application that needs atlases and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from flask import Flask, Response

from .bookshelf import Library
from .render import STATIC
from .views import blueprint, not_found_page

CONTENT_SECURITY_POLICY = (
    "default-src 'self'; img-src 'self' data: blob:; base-uri 'none'; form-action 'self'"
)


def create_explorer_app(atlases: Sequence[str | Path], sidecars: str | Path | None = None) -> Flask:
    """A Flask application that shows these atlases; no database, no log-in, no session.

    Raises
    ------
    LensError
        If one of the folders is no atlas.
    """
    app = Flask("webapp", static_folder=str(STATIC))
    library = Library(atlases, sidecars=sidecars)
    app.register_blueprint(blueprint(library))

    @app.errorhandler(404)
    def missing(error: object) -> tuple[str, int]:
        return not_found_page(library), 404

    @app.after_request
    def protect(response: Response) -> Response:
        response.headers["Content-Security-Policy"] = CONTENT_SECURITY_POLICY
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Referrer-Policy"] = "no-referrer"
        return response

    return app
