"""Fixtures for all tests: a synthetic atlas, Chromium, PostgreSQL.

What is not installed is skipped with the reason; with ``LENS_CI=1`` a skip of these is a failure.
"""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

# Several processes with all cores' threads each would wait for one another.
if "PYTEST_XDIST_WORKER_COUNT" in os.environ:
    workers = int(os.environ["PYTEST_XDIST_WORKER_COUNT"])
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // workers)))

from lens_core.atlas import Atlas
from tests.support.atlases import make_atlas

CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM_ARGS = ["--no-sandbox", "--disable-background-networking", "--disable-gpu"]


def absent(reason: str) -> None:
    """Skip, or fail where everything is meant to be installed."""
    if os.environ.get("LENS_CI") == "1":
        pytest.fail(f"{reason} (skips of these are failures in CI)")
    pytest.skip(reason)


@pytest.fixture(scope="session")
def synthetic_atlas(tmp_path_factory: pytest.TempPathFactory) -> Atlas:
    """Three made-up classes of 24 images; read-only, shared by all tests."""
    return make_atlas(tmp_path_factory.mktemp("atlas") / "synthetic")


@pytest.fixture(scope="session")
def chromium() -> Iterator[object]:
    """A running headless Chromium (``playwright.sync_api.Browser``)."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    binary = next((found for name in CHROMIUM if (found := shutil.which(name))), None)
    if binary is None:
        absent("Chromium is not installed (Debian: apt-get install chromium)")
    with playwright.sync_playwright() as runner:
        browser = runner.chromium.launch(executable_path=binary, args=CHROMIUM_ARGS)
        yield browser
        browser.close()


def _postgres_bin() -> Path | None:
    found = shutil.which("initdb")
    if found:
        return Path(found).parent
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return versions[0] if versions else None


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """URL of a PostgreSQL server, without a database name.

    ``LENS_TEST_POSTGRES`` names a running one; otherwise a throw-away cluster is started, as user
    ``postgres`` where the tests run as root.
    """
    given = os.environ.get("LENS_TEST_POSTGRES")
    if given:
        yield given.rstrip("/")
        return
    binaries = _postgres_bin()
    if binaries is None:
        absent("PostgreSQL is not installed (Debian: apt-get install postgresql)")
        return
    root = os.geteuid() == 0
    # Other users may not enter pytest's own temporary folders.
    folder = Path(f"/tmp/lens-postgres-{uuid.uuid4().hex[:8]}")
    folder.mkdir(mode=0o700)
    if root:
        shutil.chown(folder, "postgres")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]

    def run(*command: str) -> None:
        owner = pwd.getpwnam("postgres") if root else None
        subprocess.run(
            command,
            check=True,
            capture_output=True,
            cwd=folder,
            user=owner.pw_uid if owner else None,
            group=owner.pw_gid if owner else None,
            stdin=subprocess.DEVNULL,
        )

    data = str(folder / "data")
    run(
        str(binaries / "initdb"),
        "-D",
        data,
        "-U",
        "lens",
        "--auth=trust",
        "--no-sync",
        "-E",
        "UTF8",
        "--locale=C",
    )
    options = (
        f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off -c max_connections=200"
    )
    run(
        str(binaries / "pg_ctl"),
        "-D",
        data,
        "-w",
        "-o",
        options,
        "-l",
        str(folder / "log"),
        "start",
    )
    try:
        yield f"postgresql+psycopg://lens@127.0.0.1:{port}"
    finally:
        run(str(binaries / "pg_ctl"), "-D", data, "-m", "immediate", "stop")
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def postgres_url(postgres_server: str) -> Iterator[str]:
    """SQLAlchemy URL of an empty database of its own."""
    from sqlalchemy import create_engine, text

    name = f"test_{uuid.uuid4().hex[:12]}"
    admin = create_engine(f"{postgres_server}/postgres", isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    yield f"{postgres_server}/{name}"
    with admin.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    admin.dispose()
