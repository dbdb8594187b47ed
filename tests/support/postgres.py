"""A throw-away PostgreSQL server on a free port of this machine, and databases on it."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import create_engine, make_url, text


def postgres_programs() -> Path | None:
    """Where ``initdb`` and ``pg_ctl`` are, if PostgreSQL is installed."""
    found = shutil.which("initdb")
    if found:
        return Path(found).parent
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return versions[0] if versions else None


@contextmanager
def postgres_database(server: str, template: str | None = None) -> Iterator[str]:
    """SQLAlchemy URL of a database that is gone afterwards: empty, or a copy of another one."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    like = f" TEMPLATE {make_url(template).database}" if template else ""
    admin = create_engine(f"{server}/postgres", isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}{like}"))
    try:
        yield f"{server}/{name}"
    finally:
        with admin.connect() as connection:
            connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
        admin.dispose()


@contextmanager
def postgres_cluster(programs: Path, *, durable: bool = False) -> Iterator[str]:
    """URL of a running server, without a database name; it is gone afterwards.

    Started as user ``postgres`` where the caller is root.

    Parameters
    ----------
    durable : commits reach the disk before they are acknowledged, as they must in use and need not
        in most tests.
    """
    root = os.geteuid() == 0
    # Other users may not enter pytest's own temporary folders.
    folder = Path(f"/tmp/lens-postgres-{uuid.uuid4().hex[:8]}")
    folder.mkdir(mode=0o700)
    if root:
        shutil.chown(folder, "postgres")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]

    def run(program: str, *arguments: str) -> None:
        owner = pwd.getpwnam("postgres") if root else None
        subprocess.run(
            [str(programs / program), "-D", str(folder / "data"), *arguments],
            check=True,
            capture_output=True,
            cwd=folder,
            user=owner.pw_uid if owner else None,
            group=owner.pw_gid if owner else None,
            stdin=subprocess.DEVNULL,
        )

    run("initdb", "-U", "lens", "--auth=trust", "--no-sync", "-E", "UTF8", "--locale=C")
    options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c max_connections=200"
    if not durable:
        options += " -c fsync=off"
    try:
        run("pg_ctl", "-w", "-o", options, "-l", str(folder / "log"), "start")
        try:
            yield f"postgresql+psycopg://lens@127.0.0.1:{port}"
        finally:
            run("pg_ctl", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
