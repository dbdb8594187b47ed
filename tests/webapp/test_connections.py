"""How many connections a process may hold, and that a request never needs more."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import cast

import pytest
from sqlalchemy import event
from sqlalchemy.pool import QueuePool

from experiments.study import Study
from tests.webapp.person import Person
from webapp.app import create_app
from webapp.config import ServerConfig
from webapp.database import CONNECTIONS_A_THREAD, THREADS, Database
from webapp.services.exports import export
from webapp.services.publishing import publish
from webapp.services.studies import by_name
from webapp.services.upkeep import tidy
from webapp.serving import SPARE, too_few

BOTH_DATABASES = True
DEFAULT_ROOM = 100 - 3
"""What PostgreSQL grants to everybody but its owner, as it comes."""


@dataclass
class Granting:
    """A database server that grants so many connections."""

    connections: int | None

    def room(self) -> int | None:
        return self.connections


def said(room: int | None, workers: int, threads: int) -> str | None:
    return too_few(cast(Database, Granting(room)), workers, threads)


def test_four_workers_have_room_on_a_database_as_it_comes() -> None:
    assert said(DEFAULT_ROOM, 2, 8) is None
    assert said(DEFAULT_ROOM, 4, 8) is None
    assert said(None, 64, 256) is None, "SQLite grants what is asked for"


def test_more_are_told_at_the_start_with_the_way_out() -> None:
    line = said(DEFAULT_ROOM, 8, 8)
    assert line is not None
    assert "grants 97 connections" in line
    assert "max_connections to 139" in line
    assert said(DEFAULT_ROOM, 5, 8) is None, "the number that is advised is enough"
    assert "--workers 5" in line
    assert "--workers 1 " in str(said(10, 4, 8)), "never none"


@pytest.mark.postgres
def test_room_is_what_the_server_grants(postgres_url: str) -> None:
    database = Database(postgres_url)
    try:
        assert database.room() == 200 - 3, "as the tests' cluster is started"
    finally:
        database.dispose()


@pytest.mark.postgres
def test_a_process_has_two_connections_a_thread_at_most(postgres_url: str) -> None:
    for threads in (1, THREADS):
        database = Database(postgres_url, threads=threads)
        pools = [cast(QueuePool, each.pool) for each in (database.engine, database._single)]
        most = sum(pool.size() + pool._max_overflow for pool in pools)
        assert most == CONNECTIONS_A_THREAD * threads
        assert SPARE > CONNECTIONS_A_THREAD
        database.dispose()


def test_one_thread_needs_one_connection_of_each_kind(
    database: Database, config: ServerConfig, study: Study, tmp_path: Path
) -> None:
    """A visit, the console's reading, an export and the upkeep by a process of one thread.

    On SQLite both kinds come from one pool.
    """
    alone = Database(config.url, threads=1)
    out: dict[object, int] = {}
    most: dict[object, int] = {}

    def take(pool: object) -> None:
        out[pool] = out.get(pool, 0) + 1
        most[pool] = max(most.get(pool, 0), out[pool])

    for engine in {alone.engine, alone._single}:
        event.listen(engine, "checkout", lambda *_, pool=engine.pool: take(pool))
        event.listen(
            engine, "checkin", lambda *_, pool=engine.pool: out.update({pool: out[pool] - 1})
        )
    app = create_app(config, alone)
    publish(alone, config, study.root, actor="test")
    person = Person(app.test_client(), study)
    person.begin()
    person.answer_all()
    person.finish()
    assert app.test_client().get("/ready").status_code == 200
    with alone.read() as db:
        record = by_name(db, study.name)
    assert export(alone, record, study, tmp_path / "out").trials > 0
    tidy(alone, config)
    alone.dispose()
    assert most
    allowed = 1 if alone.backend == "postgresql" else CONNECTIONS_A_THREAD
    assert max(most.values()) <= allowed
