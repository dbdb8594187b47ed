"""What the load scripts stand on: a study, databases, the server as it is run, people at the task.

The server is the product's own ``lens serve`` (gunicorn) in processes of its own; people are put at
the task by the services that the pages call, so that a script measures what it is about.
"""

from __future__ import annotations

import json
import os
import platform
import signal
import socket
import subprocess
import sys
import time
import urllib.request
import uuid
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from flask import Flask
from flask_wtf.csrf import generate_csrf
from sqlalchemy import create_engine, text

from experiments.study import Study
from tests.support.atlases import make_atlas
from tests.support.postgres import postgres_cluster, postgres_programs
from tests.support.studies import make_study
from webapp import create_app
from webapp.config import ServerConfig
from webapp.database import Database
from webapp.migrations import migrate
from webapp.recruiters import Arrival
from webapp.server import EXTENSION, Server
from webapp.services import arrivals, assignment, sessions
from webapp.services.publishing import publish
from webapp.services.studies import by_name

STUDY = "load"
REPOSITORY = Path(__file__).parents[2]


@dataclass(frozen=True)
class Seat:
    """Somebody whose task page is open: what the page and the browser's cookie jar hold."""

    session: str
    page_token: str
    csrf: str
    cookie: str


def build_study(folder: Path, **design: Any) -> Study:
    """A frozen strong/weak study over a made-up atlas; no practice, so that any answer goes on."""
    atlas = make_atlas(folder / "atlas", n_images=60)
    fields = {"n_practice_obvious": 0, "n_practice_harder": 0, **design}
    return make_study(folder / "study", atlas, name=STUDY, design=fields)


@contextmanager
def databases(kinds: Sequence[str]) -> Iterator[dict[str, str]]:
    """A URL for each kind: empty for SQLite in the server's folder, a new one on PostgreSQL."""
    with ExitStack() as stack:
        urls = {}
        for kind in kinds:
            urls[kind] = ""
            if kind == "postgres":
                urls[kind] = stack.enter_context(_postgres())
        yield urls


@contextmanager
def _postgres() -> Iterator[str]:
    with ExitStack() as stack:
        server = os.environ.get("LENS_TEST_POSTGRES", "").rstrip("/")
        if not server:
            programs = postgres_programs()
            if programs is None:
                raise SystemExit("PostgreSQL is not installed (Debian: apt-get install postgresql)")
            server = stack.enter_context(postgres_cluster(programs, durable=True))
        name = f"load_{uuid.uuid4().hex[:12]}"
        admin = create_engine(f"{server}/postgres", isolation_level="AUTOCOMMIT")
        with admin.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name}"))
        yield f"{server}/{name}"
        with admin.connect() as connection:
            connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
        admin.dispose()


def open_house(directory: Path, database_url: str, study: Study) -> tuple[Flask, Database]:
    """A server's folder with the study published, and its application."""
    directory.mkdir(parents=True)
    config = ServerConfig(directory=directory, database_url=database_url, arrivals=100_000)
    database = Database(config.url)
    migrate(database)
    publish(database, config, study.root, actor="load")
    return create_app(config, database), database


def seat_people(app: Flask, study: Study, n: int) -> list[Seat]:
    """Put people at the task, each with a schedule and the right to write."""
    lease, age = timedelta(hours=2), timedelta(hours=2)
    seats = []
    server = parts_of(app)
    with server.database.read() as db:
        record = by_name(db, study.name)
    for _ in range(n):
        with server.database.write() as db:
            person = arrivals.arrive(db, record, Arrival("lab"))
            arrivals.agree(db, person.id, "1")
            sitting = assignment.assign(
                db, record, person.id, cells=study.cells, quotas={}, lease=lease
            )
        sessions.write_schedule(server.database, study, sitting.id)
        with server.database.write() as db:
            sitting = sessions.open_page(db, sitting.id, lease=lease, resume="resume", max_age=age)
        seats.append(_seat(app, study, sitting.public_id, sitting.page_token, person.access))
    return seats


def _seat(app: Flask, study: Study, session: str, page_token: str, access: str) -> Seat:
    with app.test_request_context():
        from flask import session as cookie

        token = generate_csrf()
        cookie["participants"] = {study.name: access}
        serializer = app.session_interface.get_signing_serializer(app)  # type: ignore[attr-defined]
        return Seat(session, page_token, token, serializer.dumps(dict(cookie)))


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Running:
    """A server that runs: where, and the process that started it."""

    port: int
    pid: int

    def cpu_s(self) -> float:
        """Processor time of its processes so far, seconds."""
        return sum(_cpu_s(pid) for pid in (self.pid, *_children(self.pid)))

    def peak_mb(self) -> float:
        """Largest resident size of one of its processes so far."""
        return max(_status_mb(pid, "VmHWM") for pid in (self.pid, *_children(self.pid)))


@contextmanager
def gunicorn(config: ServerConfig, *, workers: int, threads: int) -> Iterator[Running]:
    """``lens serve`` on the folder, until the block ends."""
    port = free_port()
    command = [sys.executable, "-c", "from webapp.cli import main; main()", "serve"]
    command += ["--dir", str(config.directory), "--port", str(port)]
    command += ["--workers", str(workers), "--threads", str(threads)]
    env = os.environ | {"DATABASE_URL": config.database_url, "LENS_ARRIVALS": str(config.arrivals)}
    log = (config.directory / "serve.log").open("w", encoding="utf-8")
    with (
        log,
        subprocess.Popen(
            command, cwd=REPOSITORY, env=env, stdout=log, stderr=subprocess.STDOUT
        ) as process,
    ):
        try:
            _wait_until_ready(process, port, config.directory / "serve.log")
            yield Running(port, process.pid)
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()


def _wait_until_ready(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    for _ in range(600):
        if process.poll() is not None:
            raise SystemExit(f"the server did not start: {log.read_text()[-500:]}")
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/ready", timeout=5) as reply:
                if json.load(reply)["status"] == "ok":
                    return
        except OSError:
            time.sleep(0.1)
    raise SystemExit("the server did not become ready within a minute")


def _children(pid: int) -> list[int]:
    try:
        listed = Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii").split()
    except OSError:
        return []
    return [int(child) for child in listed]


def _cpu_s(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text("ascii").rsplit(")", 1)[1].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _status_mb(pid: int, field: str) -> float:
    try:
        lines = Path(f"/proc/{pid}/status").read_text("ascii").splitlines()
    except OSError:
        return 0.0
    # A process that has ended and not been waited for has no memory to tell of.
    found = next((line for line in lines if line.startswith(f"{field}:")), f"{field}: 0 kB")
    return int(found.split()[1]) / 1024


def resident_mb(pid: int) -> float:
    """Memory that a process holds now, megabytes."""
    return _status_mb(pid, "VmRSS")


def postgres_cpu_s() -> float:
    """Processor time of all PostgreSQL processes of this machine so far, seconds."""
    total = 0.0
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if (folder / "comm").read_text("ascii").strip() == "postgres":
                total += _cpu_s(int(folder.name))
        except OSError:
            continue
    return total


def machine() -> dict[str, Any]:
    """The size of this machine, for whoever reads the figures."""
    return {
        "cores": os.cpu_count(),
        "processor": platform.processor() or platform.machine(),
        "python": platform.python_version(),
        "load_before": round(os.getloadavg()[0], 2),
    }


def parts_of(app: Flask) -> Server:
    """The application's parts."""
    parts: Server = app.extensions[EXTENSION]
    return parts


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which a share of the values lies."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
