"""A backup brings back everything, on either database, and says when it cannot."""

from __future__ import annotations

import json
import stat
import zipfile
from pathlib import Path

import pytest
from click.testing import CliRunner
from flask import Flask
from sqlalchemy import func, select

from experiments.study import Study
from lens_core.atlas import LensError
from tests.webapp.person import Person, knows
from webapp import create_app, upkeep_cli
from webapp.backup import backup, restore
from webapp.cli import Terminal
from webapp.config import ServerConfig
from webapp.database import Database
from webapp.models import Base, Event, Participant, Response, TaskSession
from webapp.server import EXTENSION, Server

BOTH_DATABASES = True


def rows_of(database: Database) -> dict[str, list[tuple[object, ...]]]:
    with database.engine.connect() as connection:
        return {
            table.name: [tuple(row) for row in connection.execute(select(table).order_by("id"))]
            for table in Base.metadata.sorted_tables
        }


@pytest.fixture
def saved(person: Person, server: Server, tmp_path: Path) -> Path:
    """A backup made in the middle of somebody's task."""
    person.begin("?PROLIFIC_PID=p1")
    person.answer(0)
    # Looks like a moment, and is what a browser said.
    person.send(
        "/events", {"events": [{"at_ms": 1, "kind": "blur", "detail": {"at": "2026-01-01"}}]}
    )
    out = tmp_path / "backup.zip"
    backup(server.config, server.database, out)
    return out


def test_a_restored_server_goes_on_where_the_backup_was_made(
    saved: Path, person: Person, server: Server, study: Study, tmp_path: Path
) -> None:
    before = rows_of(server.database)
    # The other kind of database, so that a lab can move.
    config = ServerConfig(directory=tmp_path / "restored")
    done = restore(config, saved)
    assert done.rows == {name: len(rows) for name, rows in before.items()}
    assert done.studies == (study.name,)
    database = Database(config.url)
    assert rows_of(database) == before
    assert stat.S_IMODE((config.directory / "secret_key").stat().st_mode) == 0o600
    app: Flask = create_app(config, database)
    cookie = person.client.get_cookie("lens")
    assert cookie is not None
    again = Person(app.test_client(), study)
    again.client.set_cookie("lens", cookie.value)
    again.open_task()
    again.answer_all(knows(app.extensions[EXTENSION], again))
    assert again.finish().status_code == 200, "the same cookie, the same place"
    database.dispose()


def test_sqlite_to_this_database(
    saved: Path, server: Server, study: Study, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    if server.database.backend == "sqlite":
        pytest.skip("the test before does this")
    middle = ServerConfig(directory=tmp_path / "middle")
    restore(middle, saved)
    database = Database(middle.url)
    again = tmp_path / "again.zip"
    backup(middle, database, again)
    database.dispose()
    target = ServerConfig(directory=tmp_path / "third", database_url=server.config.database_url)
    with pytest.raises(LensError, match="has rows already"):
        restore(target, again)
    assert not target.directory.exists()
    with server.database.writing_engine.begin() as connection:
        for table in reversed(Base.metadata.sorted_tables):
            connection.execute(table.delete())
    restore(target, again)
    person = Person(create_app(target, server.database).test_client(), study)
    person.begin()
    with server.database.read() as db:
        ids = list(db.scalars(select(Participant.id).order_by(Participant.id)))
    assert len(set(ids)) == 2, "numbers are counted on"


def test_the_file_is_its_owners_and_is_not_overwritten(saved: Path, server: Server) -> None:
    assert stat.S_IMODE(saved.stat().st_mode) == 0o600
    with pytest.raises(LensError, match="there already"):
        backup(server.config, server.database, saved)
    assert [path.name for path in saved.parent.iterdir() if path.name.startswith(".")] == []


@pytest.mark.parametrize("fault", ["cut", "changed", "missing", "outside", "other", "newer"])
def test_damaged_backups_leave_nothing(saved: Path, tmp_path: Path, fault: str) -> None:
    damaged = tmp_path / "damaged.zip"
    if fault == "cut":
        damaged.write_bytes(saved.read_bytes()[:-200])
    else:
        with zipfile.ZipFile(saved) as old, zipfile.ZipFile(damaged, "w") as new:
            for name in old.namelist():
                content = old.read(name)
                if name == "manifest.json":
                    manifest = json.loads(content)
                    if fault == "outside":
                        manifest["sha256"]["studies/../../evil"] = "0"
                    if fault == "other":
                        manifest["format"] = "something"
                    if fault == "newer":
                        manifest["database"] = "9999"
                    content = json.dumps(manifest).encode()
                if name == "tables/responses.jsonl":
                    if fault == "missing":
                        continue
                    if fault == "changed":
                        content = content.replace(b'"correct": 1', b'"correct": 0').replace(
                            b'"rt_ms": 812.5', b'"rt_ms": 1.5'
                        )
                new.writestr(name, content)
    target = tmp_path / "restored"
    with pytest.raises(LensError):
        restore(ServerConfig(directory=target), damaged)
    assert not target.exists()
    assert not (tmp_path / "evil").exists()
    assert [path for path in tmp_path.iterdir() if path.name.endswith(".partial")] == []


def test_a_backup_sees_one_moment(server: Server, person: Person, tmp_path: Path) -> None:
    """Answers that come while the tables are read are in all of them or in none."""
    person.begin()
    n_before = person.answer(0).get_json()["next"]

    def meanwhile(items: object, label: str = "", total: int | None = None) -> object:
        for number, item in enumerate(items):  # type: ignore[arg-type, var-annotated]
            if label == "Tables" and number == 1:
                assert person.answer(n_before).status_code == 200
            yield item

    out = tmp_path / "backup.zip"
    done = backup(server.config, server.database, out, track=meanwhile)  # type: ignore[arg-type]
    assert done.rows["responses"] == 1
    with server.database.read() as db:
        assert db.scalars(select(func.count(Response.id))).one() == 2
        assert db.scalars(select(func.count(TaskSession.id))).one() == done.rows["task_sessions"]
        assert db.scalars(select(func.count(Event.id))).one() == done.rows["events"]


def test_by_command(saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    folder = tmp_path / "restored"
    folder.mkdir()
    mounted = folder.stat().st_ino  # as a volume, which can be filled but not replaced
    runner = CliRunner()
    broken = tmp_path / "broken.zip"
    broken.write_bytes(saved.read_bytes()[:-200])
    done = runner.invoke(upkeep_cli.restore, [str(broken), "--dir", str(folder)], obj=Terminal())
    assert isinstance(done.exception, LensError)
    assert list(folder.iterdir()) == []
    done = runner.invoke(upkeep_cli.restore, [str(saved), "--dir", str(folder)], obj=Terminal())
    assert done.exit_code == 0, done.output
    assert "1 participants, 1 answers, 1 studies" in done.stderr
    assert folder.stat().st_ino == mounted
    assert {each.name for each in folder.iterdir()} >= {"lens.db", "secret_key", "studies"}
    assert not [each for each in folder.iterdir() if each.name.startswith(".")]
    out = tmp_path / "second.zip"
    done = runner.invoke(
        upkeep_cli.backup, ["--dir", str(folder), "--out", str(out)], obj=Terminal()
    )
    assert done.exit_code == 0, done.output
    assert out.is_file()
    done = runner.invoke(upkeep_cli.tidy, ["--dir", str(folder), "--dry-run"], obj=Terminal())
    assert done.stdout.startswith("due: identifiers of 0 people")
    nowhere = runner.invoke(
        upkeep_cli.backup, ["--dir", str(tmp_path / "no"), "--out", str(out)], obj=Terminal()
    )
    assert isinstance(nowhere.exception, LensError)
