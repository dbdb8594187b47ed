"""The migrations make the tables that the models describe, on both databases."""

from __future__ import annotations

import stat
import subprocess
import sys
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import inspect, select, text
from sqlalchemy.exc import OperationalError

from webapp.database import Database
from webapp.migrations import alembic_config, migrate, versions
from webapp.models import Base, Participant, StudyRecord, TaskSession
from webapp.recruiters import StudySettings, settings_of

BOTH_DATABASES = True


def test_models_and_migrations_agree(database: Database) -> None:
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []
    present, newest = versions(database)
    assert present == newest is not None


def test_migrating_again_changes_nothing_and_down_leaves_nothing(database: Database) -> None:
    migrate(database)
    with database.writing_engine.begin() as connection:
        command.downgrade(alembic_config(connection), "base")
    assert set(inspect(database.engine).get_table_names()) <= {"alembic_version"}
    migrate(database)
    assert "responses" in inspect(database.engine).get_table_names()


def test_rows_of_the_first_version_are_kept(database: Database) -> None:
    with database.writing_engine.begin() as connection:
        command.downgrade(alembic_config(connection), "base")
        command.upgrade(alembic_config(connection), "0001")
        connection.execute(
            text(
                "INSERT INTO studies (id, name, hash, title, paradigm, folder, state, draw_seed,"
                " published_at) VALUES (1, 's', 'h', 't', 'p', 'f', 'open', 1,"
                " '2026-01-05 09:00:00')"
            )
        )
        connection.execute(
            text(
                "INSERT INTO participants (id, public_id, access, study_id, state, is_test, source,"
                " source_details, arrived_at, last_seen_at, quiz_attempts) VALUES (1, 'p1', 'a', 1,"
                " 'arrived', false, 'lab', '{}', '2026-01-05 09:00:00', '2026-01-05 09:00:00', 0)"
            )
        )
    migrate(database)
    with database.read() as db:
        person = db.scalars(select(Participant)).one()
        record = db.get_one(StudyRecord, person.study_id)
    assert (person.public_id, person.credit) == ("p1", None)
    assert settings_of(record.settings) == StudySettings()
    with database.writing_engine.begin() as connection:
        command.downgrade(alembic_config(connection), "0001")
        assert connection.execute(text("SELECT count(*) FROM participants")).scalar() == 1


SITTING = (
    "INSERT INTO studies (id, name, hash, title, paradigm, folder, state, draw_seed, published_at,"
    " settings) VALUES (1, 's', 'h', 't', 'p', 'f', 'open', 1, '2026-01-05 09:00:00', '{}')",
    "INSERT INTO participants (id, public_id, access, study_id, state, is_test, source,"
    " source_details, arrived_at, last_seen_at, quiz_attempts) VALUES (1, 'p1', 'a', 1, 'active',"
    " false, 'lab', '{}', '2026-01-05 09:00:00', '2026-01-05 09:00:00', 0)",
    "INSERT INTO task_sessions (id, public_id, participant_id, number, seed, page_token,"
    " created_at) VALUES (1, 's1', 1, 1, 1, 't', '2026-01-05 09:00:00')",
    # A practice trial that was repeated, so that its index is larger than that of what follows.
    *(
        'INSERT INTO scheduled (session_id, "index", position, attempt, phase, block, body)'
        f" VALUES (1, {index}, {position}, 1, '{phase}', 1, '{{}}')"
        for position, (index, phase) in enumerate(
            [(0, "practice"), (4, "practice"), (1, "test"), (2, "test"), (3, "test")]
        )
    ),
    *(
        'INSERT INTO responses (session_id, "index", trial_uuid, digest, saved_at, raw, correct,'
        f" columns) VALUES (1, {index}, 'u{index}', 'd', '2026-01-05 09:00:00', '{{}}', {correct},"
        " '{}')"
        for index, correct in [(0, 0), (4, 1), (1, 1), (2, "NULL")]
    ),
)


def test_counters_of_sessions_that_run_are_made_up(database: Database) -> None:
    with database.writing_engine.begin() as connection:
        command.downgrade(alembic_config(connection), "0002")
        for statement in SITTING:
            connection.execute(text(statement))
    migrate(database)
    with database.read() as db:
        session = db.scalars(select(TaskSession)).one()
    assert (session.next_index, session.n_right, session.n_scored) == (3, 1, 1)


def test_servers_that_start_together_migrate_once(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'lens.db'}"
    code = (
        "from webapp.database import Database; from webapp.migrations import migrate;"
        f"migrate(Database({url!r}))"
    )
    both = [
        subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    for process in both:
        _, problem = process.communicate(timeout=120)
        assert process.returncode == 0, problem
    present, newest = versions(Database(url))
    assert present == newest


def test_a_failed_migration_leaves_nothing_behind(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'lens.db'}")
    with database.writing_engine.begin() as connection:
        # The first table can be made, this one is in the way.
        connection.execute(text("CREATE TABLE participants (id INTEGER)"))
    with pytest.raises(OperationalError):
        migrate(database)
    assert inspect(database.engine).get_table_names() == ["participants"]


def test_sqlite_is_set_up_for_many_writers(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'lens.db'}")
    with database.engine.connect() as connection:
        assert connection.execute(text("PRAGMA journal_mode")).scalar() == "wal"
        assert connection.execute(text("PRAGMA foreign_keys")).scalar() == 1
        assert connection.execute(text("PRAGMA synchronous")).scalar() == 2
        connection.execute(text("CREATE TABLE t (i INTEGER)"))
        modes = {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert modes == {0o600}, "participants' answers are for the server's owner alone"
