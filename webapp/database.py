"""One database a process, and its transactions: reading, writing, and single statements.

A writing transaction on SQLite takes the write lock when it begins (``BEGIN IMMEDIATE``), so that
what it reads cannot change before it writes; on PostgreSQL the services lock the rows they decide
by (``SELECT … FOR UPDATE``, which SQLite has no need of and leaves out).
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import (
    ArgumentError,
    DisconnectionError,
    NoSuchModuleError,
    OperationalError,
)
from sqlalchemy.exc import TimeoutError as NoneFree
from sqlalchemy.orm import Session, sessionmaker

from lens_core.atlas import LensError

OUT_OF_ORDER = (OperationalError, NoneFree, psycopg.OperationalError, sqlite3.OperationalError)
"""What is raised when a database cannot do it now: stopped, restarted, full, locked for long."""
BUSY_TIMEOUT_MS = 20_000
PATIENCE_MS = 1_000
"""For what can as well be done another time."""
THREADS = 8
"""Of a process that asks a database at once, where nothing else is said."""
CONNECTIONS_A_THREAD = 2
"""To PostgreSQL: one for transactions, one for single statements."""
IDLE_S = 2.0
_WRITES = "lens_writes"
_IDLE_SINCE = "lens_idle_since"


def first_line(error: Exception) -> str:
    """What a database said of a failure, without the statement and what it was given."""
    said = str(getattr(error, "orig", None) or error).strip()
    return said.splitlines()[0] if said else type(error).__name__


class Taken(Exception):
    """A value that must be unique is there already."""


class Database:
    """A database, and all ways to ask it.

    Parameters
    ----------
    url : SQLAlchemy URL of SQLite or PostgreSQL.
    threads : how many threads of this process ask at once. A thread never holds two connections of
        one kind, so ``CONNECTIONS_A_THREAD`` for each is the most that this process ever has.

    Raises
    ------
    LensError
        If the URL cannot be read or names another database.
    """

    def __init__(self, url: str, *, threads: int = THREADS) -> None:
        try:
            parsed = make_url(url)
            backend = parsed.get_backend_name()
        except (ArgumentError, NoSuchModuleError) as error:
            raise LensError(
                "DATABASE_URL is no SQLAlchemy URL, such as postgresql://user:password@host/name"
            ) from error
        if backend == "sqlite":
            self.engine = _sqlite_engine(url, threads)
        elif backend == "postgresql":
            self.engine = _postgres_engine(url, threads)
        else:
            raise LensError(f"DATABASE_URL names {backend}: SQLite and PostgreSQL are supported")
        self.backend = backend
        self.writing_engine = self.engine.execution_options(**{_WRITES: True})
        # SQLite's driver leaves transactions to us, see below; a statement alone needs none.
        self._single = (
            self.engine if backend == "sqlite" else _postgres_engine(url, threads, alone=True)
        )
        self._readers = sessionmaker(self.engine, expire_on_commit=False)
        self._writers = sessionmaker(self.writing_engine, expire_on_commit=False)

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session that only looks; nothing done in it is kept."""
        with self._readers() as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A session in one transaction that is kept when the block ends well."""
        with self._writers.begin() as session:
            yield session

    @contextmanager
    def look(self) -> Iterator[Connection]:
        """A connection for single statements; on PostgreSQL each is a transaction of its own."""
        with self._single.connect() as connection:
            yield connection

    @contextmanager
    def change(self) -> Iterator[Connection]:
        """Plain statements in one transaction that is kept when the block ends well."""
        with self.writing_engine.begin() as connection:
            yield connection

    def at_once(self, statement: str, values: Mapping[str, Any]) -> Sequence[Any] | None:
        """The first row of one statement that is a transaction of its own, on PostgreSQL.

        The driver is asked directly: this is for what happens hundreds of times a second, where
        SQLAlchemy's part would cost more than the driver's.

        Parameters
        ----------
        statement : SQL with ``%(name)s`` for values.

        Raises
        ------
        Taken
            If a value that must be unique is there already.
        """
        with closing(self._single.raw_connection()) as connection:
            driver: Any = connection.driver_connection
            try:
                row: Sequence[Any] | None = driver.execute(statement, values).fetchone()
            except psycopg.errors.UniqueViolation as error:
                raise Taken from error
            except psycopg.Error:
                if driver.closed:
                    # As SQLAlchemy does: where one is lost, the server was, and so were the rest.
                    connection.invalidate()
                    self._single.dispose()
                raise
        return row

    def forget_erased(self) -> None:
        """Take what was erased out of SQLite's journal, where old pages stay until it is full.

        Nothing happens while somebody reads for long, nor on PostgreSQL, which vacuums by itself.
        """
        if self.backend != "sqlite":
            return
        with self.engine.connect() as connection:
            driver: Any = connection.connection.driver_connection
            try:
                driver.execute(f"PRAGMA busy_timeout = {PATIENCE_MS}")
                driver.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            finally:
                driver.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")

    def room(self) -> int | None:
        """Connections that the database server grants to us all together; none on SQLite."""
        if self.backend == "sqlite":
            return None
        with self.look() as connection:
            granted, kept_back = (
                int(connection.exec_driver_sql(f"SHOW {name}").scalar_one())
                for name in ("max_connections", "superuser_reserved_connections")
            )
        return granted - kept_back

    def dispose(self) -> None:
        """Close all connections, for instance before a process forks."""
        self.engine.dispose()
        self._single.dispose()


def _keep_private(file: str | None) -> None:
    """Make a new database file readable by its owner alone; SQLite's side files follow it."""
    if not file or file == ":memory:" or Path(file).exists() or not Path(file).parent.is_dir():
        return
    with suppress(FileExistsError):
        os.close(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))


def _postgres_engine(url: str, threads: int, *, alone: bool = False) -> Engine:
    """Connections to PostgreSQL; ``alone`` if each statement is a transaction of its own."""
    kind: dict[str, Any] = {}
    if alone:
        # Nothing is left open that would have to be rolled back.
        kind = {"isolation_level": "AUTOCOMMIT", "pool_reset_on_return": None}
    engine = create_engine(url, pool_size=threads, max_overflow=0, **kind)

    # A connection is asked whether it lives where it has been idle, not before every request.
    @event.listens_for(engine, "checkin")
    def put_back(connection: Any, record: Any) -> None:
        record.info[_IDLE_SINCE] = time.monotonic()

    @event.listens_for(engine, "checkout")
    def take_out(connection: Any, record: Any, proxy: Any) -> None:
        since = record.info.get(_IDLE_SINCE)
        if since is not None and time.monotonic() - since > IDLE_S:
            try:
                alive = engine.dialect.do_ping(connection)
            except engine.dialect.loaded_dbapi.Error:
                alive = False
            if not alive:
                raise DisconnectionError  # the pool takes another one

    return engine


def _sqlite_engine(url: str, threads: int) -> Engine:
    _keep_private(make_url(url).database)
    engine = create_engine(
        url,
        connect_args={"timeout": BUSY_TIMEOUT_MS / 1000},
        max_overflow=CONNECTIONS_A_THREAD * threads,
    )

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, record: Any) -> None:
        # The driver's own transaction control begins too late; SQLAlchemy's event does it.
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in (
            f"busy_timeout = {BUSY_TIMEOUT_MS}",
            "journal_mode = WAL",
            # A trial that was acknowledged must survive a power cut, not only a crash.
            "synchronous = FULL",
            "foreign_keys = ON",
            # What is erased is overwritten, not only unlinked; some builds do so by themselves.
            "secure_delete = ON",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get(_WRITES, False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine
