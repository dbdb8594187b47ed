"""The application factory."""

from __future__ import annotations

from datetime import timedelta

from flask import Flask, Response, jsonify
from flask_wtf.csrf import CSRFProtect

from lens_core.atlas.spool import FOLDER, Spool

from . import migrations
from .config import ServerConfig
from .database import Database
from .explorer import Library
from .problems import register_problems
from .recruiters import Recruiters
from .security import harden
from .server import EXTENSION, Server
from .services.keeper import Keeper
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
    database = database or Database(config.url, threads=config.threads)
    key = config.secret_key()
    app.secret_key = key
    app.permanent_session_lifetime = timedelta(days=30)
    studies = Shelf(config)
    app.extensions[EXTENSION] = Server(
        config=config,
        database=database,
        key=key,
        studies=studies,
        names=StimulusNames(key, database),
        keeper=Keeper(database, studies),
        recruiters=Recruiters(config),
        library=Library(shelf=config.atlases_dir, sidecars=config.sidecars_dir),
    )
    harden(app, config)
    csrf = CSRFProtect(app)
    _register(app, csrf)
    register_problems(app)
    _health(app, database)
    return app


def _register(app: Flask, csrf: CSRFProtect) -> None:
    from .api import api
    from .explorer import blueprint
    from .participant import participant
    from .researcher import researcher

    server: Server = app.extensions[EXTENSION]
    # It checks tokens itself: it remembers them, and a beacon carries one in its body.
    csrf.exempt(api)
    app.register_blueprint(api)
    app.register_blueprint(participant)
    app.register_blueprint(researcher)
    crops = Spool(server.config.directory / FOLDER)
    app.register_blueprint(blueprint(server.library, crops))


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
