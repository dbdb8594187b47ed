"""The application factory."""

from __future__ import annotations

from datetime import timedelta

from flask import Flask, Response, jsonify
from flask_wtf.csrf import CSRFError, CSRFProtect
from werkzeug.exceptions import HTTPException

from lens_core.atlas import LensError

from . import migrations
from .config import ServerConfig
from .database import Database
from .security import harden
from .server import EXTENSION, Server
from .services.studies import Shelf
from .stimulus_names import StimulusNames


def create_app(config: ServerConfig, database: Database | None = None) -> Flask:
    """The server as a WSGI application. The database must have been migrated.

    Parameters
    ----------
    config : settings.
    database : an open database, by default that of the settings.
    """
    app = Flask("webapp")
    database = database or Database(config.url)
    key = config.secret_key()
    app.secret_key = key
    app.permanent_session_lifetime = timedelta(days=30)
    app.extensions[EXTENSION] = Server(
        config=config,
        database=database,
        key=key,
        studies=Shelf(config),
        names=StimulusNames(key, database),
    )
    harden(app, config)
    csrf = CSRFProtect(app)
    _register(app, csrf)
    _health(app, database)
    return app


def _register(app: Flask, csrf: CSRFProtect) -> None:
    from .api import api
    from .api.session import keep_events
    from .explorer import Library, blueprint
    from .participant import participant
    from .researcher import researcher

    server: Server = app.extensions[EXTENSION]
    # It checks the token itself, since a beacon carries it in the body.
    csrf.exempt(keep_events)
    app.register_blueprint(api)
    app.register_blueprint(participant)
    app.register_blueprint(researcher)
    app.register_blueprint(blueprint(Library(shelf=server.config.atlases_dir)))

    @app.errorhandler(LensError)
    def damaged(error: LensError) -> Response:
        """Something of the operator's is not in order: told to them, not to visitors."""
        app.logger.error("%s", error)
        text = "This page is out of order for the moment. Nothing that was saved is lost.\n"
        return Response(text, 503, mimetype="text/plain")

    @app.errorhandler(HTTPException)
    def plain(error: HTTPException) -> tuple[Response, int]:
        """Errors outside of a blueprint's own pages: one line, never a trace."""
        if error.response is not None:
            return error.response, error.response.status_code  # type: ignore[return-value]
        text = f"{error.code} {error.name}. {_advice(error)}\n"
        return Response(text, mimetype="text/plain"), error.code or 500


def _advice(error: HTTPException) -> str:
    if isinstance(error, CSRFError):
        return "The page was too old: go back, reload it and try again. Nothing was lost."
    if error.code == 404:
        return "Nothing is at this address."
    if error.code == 500:
        return "The server could not do this; answers that were saved stay saved."
    return error.description or ""


def _health(app: Flask, database: Database) -> None:
    @app.get("/health")
    def health() -> Response:
        """The process answers."""
        return jsonify({"status": "ok"})

    @app.get("/ready")
    def ready() -> tuple[Response, int]:
        """The database answers and has the tables that this version needs."""
        try:
            present, newest = migrations.versions(database)
        except Exception as error:
            app.logger.warning("not ready: %s", error)
            return jsonify({"status": "no database"}), 503
        if present != newest:
            return jsonify({"status": "database not migrated"}), 503
        return jsonify({"status": "ok", "database": present}), 200
