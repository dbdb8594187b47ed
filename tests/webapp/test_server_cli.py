"""The server's commands, as a person types them."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result
from sqlalchemy import func, select

from experiments.study import Study
from lens_core.atlas import LensError
from tests.load.active import Participant, Seen
from tests.load.stage import Seat, seat_people
from webapp import create_app, server_cli
from webapp.cli import Terminal
from webapp.config import ServerConfig
from webapp.database import Database
from webapp.models import Account, Response
from webapp.services import accounts


def run(command: click.Command, *words: object, **options: str) -> Result:
    return CliRunner().invoke(command, [str(word) for word in words], obj=Terminal(), **options)


@pytest.fixture
def folder(tmp_path: Path, study: Study) -> Path:
    """A server's folder with the study published."""
    folder = tmp_path / "server"
    done = run(server_cli.publish, study.root, "--server-dir", folder)
    assert done.exit_code == 0, done.output
    assert done.stdout.strip() == f"/study/{study.name}/"
    return folder


def test_publishing_again_says_so(folder: Path, study: Study) -> None:
    again = run(server_cli.publish, study.root, "--server-dir", folder)
    assert again.exit_code == 0
    assert "published already" in again.stderr


def test_publish_wants_a_frozen_study(tmp_path: Path) -> None:
    done = run(server_cli.publish, tmp_path, "--server-dir", tmp_path / "server")
    assert isinstance(done.exception, LensError)
    assert not (tmp_path / "server").exists()


def test_export(folder: Path, study: Study, tmp_path: Path) -> None:
    out = tmp_path / "dataset"
    done = run(server_cli.export, study.name, "--server-dir", folder, "--out", out)
    assert done.exit_code == 0, done.output
    assert done.stdout.strip() == str(out)
    assert json.loads((out / "manifest.json").read_text())["study_hash"] == study.hash
    unknown = run(server_cli.export, "other", "--server-dir", folder, "--out", tmp_path / "x")
    assert isinstance(unknown.exception, LensError)
    assert study.name in str(unknown.exception)
    nowhere = run(server_cli.export, "x", "--server-dir", tmp_path / "no", "--out", tmp_path / "x")
    assert isinstance(nowhere.exception, LensError)
    assert not (tmp_path / "no").exists()


def test_user_add_reads_or_makes_a_password(tmp_path: Path) -> None:
    folder = tmp_path / "server"
    add = (server_cli.user_add, "ona", "--role", "owner", "--dir", folder)
    given = run(*add, "--password-stdin", input="a long password\n")
    assert given.exit_code == 0
    assert given.stdout == ""
    made = run(server_cli.user_add, "vic", "--role", "viewer", "--dir", folder, "--generate")
    password = made.stdout.strip()
    with Database(ServerConfig(directory=folder).url).read() as db:
        roles = {each.name: each.role for each in db.scalars(select(Account))}
        assert roles == {"ona": "owner", "vic": "viewer"}
        assert accounts.check_password(accounts.by_name(db, "vic"), password)
        assert accounts.check_password(accounts.by_name(db, "ona"), "a long password")
        assert not accounts.check_password(accounts.by_name(db, "ona"), "a long password ")
    twice = run(*add, "--password-stdin", input="a long password\n")
    assert isinstance(twice.exception, LensError)
    assert run(server_cli.user_add, "x", "--role", "king", "--dir", folder).exit_code == 2


def test_a_used_port_is_one_line(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = run(server_cli.serve, "--dir", tmp_path / "server", "--port", port)
    assert isinstance(done.exception, LensError)
    assert f"port {port}" in str(done.exception)
    assert "\n" not in str(done.exception)


def test_a_database_out_of_reach_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")
    done = run(server_cli.user_add, "ona", "--role", "owner", "--dir", tmp_path, "--generate")
    assert isinstance(done.exception, LensError)
    assert "DATABASE_URL" in str(done.exception)
    assert "\n" not in str(done.exception)


async def answer_while(seats: list[Seat], port: int, happens: Callable[[], object]) -> Seen:
    """Everybody answers everything, while something happens to the server."""
    seen = Seen()

    async def take_part(seat: Seat) -> None:
        person = Participant(seat, port, seen)
        await person.load_block()
        while person.next is not None:
            await person.answer()
            await asyncio.sleep(0.2)
            if person.next is not None and person.next not in person.known:
                await person.load_block()
        person.browser.close()

    async def disturb() -> None:
        await asyncio.sleep(0.3)
        happens()

    await asyncio.gather(disturb(), *map(take_part, seats))
    return seen


def workers_of(pid: int) -> set[str]:
    return set(Path(f"/proc/{pid}/task/{pid}/children").read_text().split())


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="counts processes in /proc")
def test_serving_for_real_restarting_and_stopping_gracefully(folder: Path, study: Study) -> None:
    """New workers take over in the middle of everybody's task: no request fails, none is lost."""
    config = ServerConfig(directory=folder)
    database = Database(config.url)
    seats = seat_people(create_app(config, database), study, 4)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    words = ["serve", "--dir", str(folder), "--port", str(port)]
    server = subprocess.Popen(
        [sys.executable, "-m", "webapp.cli", *words],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "DATABASE_URL": ""},
    )
    try:
        address = f"http://127.0.0.1:{port}"
        for _ in range(300):
            try:
                with urllib.request.urlopen(f"{address}/ready", timeout=5) as reply:
                    assert json.load(reply)["status"] == "ok"
                break
            except OSError:
                assert server.poll() is None, server.stderr and server.stderr.read()
                time.sleep(0.1)
        browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
        with browser.open(f"{address}/study/{study.name}/", timeout=20) as reply:
            assert study.title in reply.read().decode()
            assert reply.headers["Content-Security-Policy"]
        assert (folder / "atlases").is_dir(), "what is copied to it becomes a folder in it"
        before = workers_of(server.pid)
        visits = answer_while(seats, port, lambda: server.send_signal(signal.SIGHUP))
        with ThreadPoolExecutor(1) as threads:  # a browser test may have left its loop running
            seen = threads.submit(asyncio.run, visits).result()
        for _ in range(300):
            if before.isdisjoint(workers_of(server.pid)):
                break
            time.sleep(0.1)
        assert before.isdisjoint(workers_of(server.pid)), "the workers are others"
        with database.read() as db:
            stored = db.scalars(select(func.count(Response.id))).one()
        assert len(seen.save_ms) == stored > 30, "whoever fails practice repeats it, and leaves"
    finally:
        server.send_signal(signal.SIGTERM)
        _, said = server.communicate(timeout=60)
    assert server.returncode == 0
    assert "Traceback" not in said
