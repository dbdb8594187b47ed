"""A server of its own for every test, on SQLite or on both databases."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from experiments.study import Study
from lens_core.atlas import Atlas
from tests.support.postgres import postgres_database
from tests.support.studies import make_study
from tests.support.templates import compiled_once
from tests.webapp.person import Person
from webapp import create_app
from webapp.config import ServerConfig
from webapp.database import Database
from webapp.migrations import migrate
from webapp.models import StudyRecord
from webapp.server import EXTENSION, Server
from webapp.services import accounts
from webapp.services.publishing import publish

PASSWORDS = {
    "ona": ("owner", "correct-horse-owner"),
    "rea": ("researcher", "correct-horse-researcher"),
    "vic": ("viewer", "correct-horse-viewer"),
}

DESIGN = {
    "n_references": 3,
    "n_trials": 6,
    "n_catch": 1,
    "n_practice_obvious": 2,
    "n_practice_harder": 0,
    "n_blocks": 2,
    "stimulus_px": 48,
    "templates_per_item": 1,
}


@pytest.fixture(scope="session")
def study(synthetic_atlas: Atlas, tmp_path_factory: pytest.TempPathFactory) -> Study:
    """A frozen strong/weak study with two conditions, practice, catch trials and a quiz."""
    folder = tmp_path_factory.mktemp("studies") / "study"
    return make_study(folder, synthetic_atlas, name="strong-weak", design=DESIGN)


@pytest.fixture(scope="session", autouse=True)
def templates() -> Iterator[None]:
    """Every test makes an application; what their pages are compiled to is the same."""
    with compiled_once():
        yield


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Modules that say ``BOTH_DATABASES = True`` run on SQLite and on PostgreSQL."""
    if "config" in metafunc.fixturenames and getattr(metafunc.module, "BOTH_DATABASES", False):
        databases = ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)]
        metafunc.parametrize("config", databases, indirect=True)


@pytest.fixture(autouse=True)
def quick_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Argon2 with the least work, since tests log in very often."""
    hasher = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    monkeypatch.setattr(accounts, "hasher", lambda: hasher)


@pytest.fixture
def config(request: pytest.FixtureRequest, tmp_path: Path) -> ServerConfig:
    """Settings of a server."""
    wanted = getattr(request, "param", "sqlite")
    url = request.getfixturevalue("postgres_url") if wanted == "postgres" else ""
    return ServerConfig(directory=tmp_path / "server", database_url=url)


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An SQLite database with all tables and nothing in them, for copies."""
    file = tmp_path_factory.mktemp("migrated") / "lens.db"
    _migrate(f"sqlite:///{file}")
    return file


@pytest.fixture(scope="session")
def migrated_url(postgres_server: str) -> Iterator[str]:
    """The same on PostgreSQL."""
    with postgres_database(postgres_server) as url:
        _migrate(url)
        yield url


def _migrate(url: str) -> None:
    database = Database(url)
    migrate(database)
    database.dispose()


@pytest.fixture
def postgres_url(postgres_server: str, migrated_url: str) -> Iterator[str]:
    """A migrated database of its own on PostgreSQL."""
    with postgres_database(postgres_server, migrated_url) as url:
        yield url


@pytest.fixture
def database(config: ServerConfig, migrated_file: Path) -> Iterator[Database]:
    """A migrated database."""
    config.directory.mkdir()
    if not config.database_url:
        shutil.copy(migrated_file, config.directory)
    database = Database(config.url)
    yield database
    database.dispose()


@pytest.fixture
def app(config: ServerConfig, database: Database, study: Study) -> Flask:
    """The application with the study published."""
    # Publishing accepts a folder that is in its place already, so nothing is copied for each test.
    config.studies_dir.mkdir()
    (config.studies_dir / study.name).symlink_to(study.root)
    publish(database, config, study.root, actor="test")
    return create_app(config, database)


@pytest.fixture
def server(app: Flask) -> Server:
    """The application's parts."""
    parts: Server = app.extensions[EXTENSION]
    return parts


@pytest.fixture
def record(server: Server, study: Study) -> StudyRecord:
    """The published study as the database has it."""
    with server.database.read() as db:
        return db.scalars(select(StudyRecord).where(StudyRecord.name == study.name)).one()


@pytest.fixture
def person(app: Flask, study: Study) -> Person:
    """Somebody with a browser, who has not come yet."""
    return Person(app.test_client(), study)


@pytest.fixture
def db(database: Database) -> Iterator[Session]:
    """A look into the database."""
    with database.read() as session:
        yield session


@pytest.fixture
def with_accounts(server: Server) -> None:
    """An owner, a researcher and a viewer."""
    with server.database.write() as db:
        for name, (role, password) in PASSWORDS.items():
            accounts.add(db, name, role, password, actor="test")  # type: ignore[arg-type]
