"""A study server on a port of this machine that a test can also break."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import select
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from experiments.paradigms import get_paradigm
from experiments.paradigms.base import BuildRequest
from experiments.study import Study, config_toml, freeze_study
from webapp import create_app, migrations
from webapp.config import ServerConfig
from webapp.database import Database
from webapp.models import Event, Participant, Response, Scheduled, TaskSession
from webapp.services import publishing

STUDY = "browser-test"
N_TRIALS = 4
DESIGN = {
    "n_references": 9,
    "n_trials": N_TRIALS,
    "n_catch": 1,
    "n_practice_obvious": 1,
    "n_practice_harder": 0,
    "n_blocks": 2,
    "strong_side": "left",
}


def make_study(folder: Path, atlas: Path, name: str = STUDY, **session: Any) -> Study:
    """A frozen study of a few quick trials."""
    request = BuildRequest(
        out=folder, name=name, title="Which picture fits?", atlases=(atlas,), design=DESIGN
    )
    study = get_paradigm("two_afc").build(request)
    quick = {"start_delay_ms": 50, "feedback_ms": 50, "full_screen": False, **session}
    config = study.config.model_copy(
        update={"session": study.config.session.model_copy(update=quick)}
    )
    (folder / "study.toml").write_bytes(config_toml(config))
    freeze_study(folder)
    return Study.open(folder, require_frozen=True)


Application = Callable[[dict[str, Any], Callable[..., Any]], Any]


@dataclass
class Faults:
    """What goes wrong with the next requests whose path contains ``where``.

    Attributes
    ----------
    before : so many requests are answered with 500 before anything is done.
    after : so many are carried out, and their answer is lost: a 500 comes instead.
    delay_s : every request waits so long.
    """

    where: str = "/trials/"
    before: int = 0
    after: int = 0
    delay_s: float = 0.0
    seen: list[str] = field(default_factory=list)

    def around(self, application: Application) -> Application:
        def faulty(environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
            path = environ["PATH_INFO"]
            if self.where not in path:
                return application(environ, start_response)
            self.seen.append(path)
            time.sleep(self.delay_s)
            if self.before > 0:
                self.before -= 1
            elif self.after > 0:
                self.after -= 1
                for _ in application(environ, lambda *given: None):
                    pass
            else:
                return application(environ, start_response)
            start_response("500 INTERNAL SERVER ERROR", [("Content-Type", "text/plain")])
            return [b"broken on purpose"]

        return faulty


class Quiet(WSGIRequestHandler):
    """Writes no line for each request."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        pass


class LiveServer:
    """The application on a free port, in a thread; can be killed and started again."""

    def __init__(self, directory: Path, study: Study) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.config = ServerConfig(directory=directory)
        self.study = study
        self.database = Database(self.config.url)
        self.faults = Faults()
        migrations.migrate(self.database)
        publishing.publish(self.database, self.config, study.root, actor="test")
        self._server: BaseWSGIServer | None = None
        self.port = 0
        self.start()

    @property
    def link(self) -> str:
        """What a recruiter would give out."""
        return f"http://127.0.0.1:{self.port}/study/{self.study.name}/"

    def start(self) -> None:
        app = create_app(self.config, self.database)
        app.wsgi_app = self.faults.around(app.wsgi_app)  # type: ignore[method-assign,assignment]
        self._server = make_server(
            "127.0.0.1", self.port, app, threaded=True, request_handler=Quiet
        )
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        assert self._server is not None
        self._server.shutdown()
        self._server.server_close()

    def people(self) -> list[Participant]:
        """Everybody who came, in order."""
        with self.database.read() as db:
            return list(db.scalars(select(Participant).order_by(Participant.id)))

    def answers(self, person: Participant) -> list[Response]:
        """A person's stored answers, in the order in which they came."""
        query = (
            select(Response)
            .join(TaskSession, TaskSession.id == Response.session_id)
            .where(TaskSession.participant_id == person.id)
            .order_by(Response.id)
        )
        with self.database.read() as db:
            return list(db.scalars(query))

    def scheduled(self, person: Participant) -> list[Scheduled]:
        """A person's trials, in the order in which they are shown."""
        query = (
            select(Scheduled)
            .join(TaskSession, TaskSession.id == Scheduled.session_id)
            .where(TaskSession.participant_id == person.id)
            .order_by(Scheduled.position)
        )
        with self.database.read() as db:
            return list(db.scalars(query))

    def session_of(self, person: Participant) -> TaskSession:
        with self.database.read() as db:
            return db.scalars(
                select(TaskSession).where(TaskSession.participant_id == person.id)
            ).one()

    def events(self, person: Participant) -> list[Event]:
        query = (
            select(Event)
            .join(TaskSession, TaskSession.id == Event.session_id)
            .where(TaskSession.participant_id == person.id)
            .order_by(Event.id)
        )
        with self.database.read() as db:
            return list(db.scalars(query))


def each_trial_once(server: LiveServer, person: Participant) -> None:
    """Zero lost, zero doubled: every scheduled trial has one answer, and nothing else has one."""
    answered = [answer.index for answer in server.answers(person)]
    scheduled = [trial.index for trial in server.scheduled(person)]
    assert answered == scheduled
    uuids = {answer.trial_uuid for answer in server.answers(person)}
    assert len(uuids) == len(answered)
