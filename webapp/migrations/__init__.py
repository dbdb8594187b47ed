"""The database's history: the same steps on SQLite and on PostgreSQL.

``lens serve`` and ``lens study publish`` bring a database up to date before they use it; the
application itself never does.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import text

if TYPE_CHECKING:
    from alembic.config import Config
    from sqlalchemy import Connection

    from webapp.database import Database

HERE = Path(__file__).parent
# Any number that nobody else takes: it keeps two servers from migrating at the same time.
ADVISORY_LOCK = 5_364_715_512


def alembic_config(connection: Connection | None = None) -> Config:
    """Alembic's settings, with the connection that it shall use."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(HERE).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def migrate(database: Database) -> None:
    """Bring the database to the newest version, in one transaction."""
    from alembic import command

    with database.writing_engine.begin() as connection:
        if database.backend == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": ADVISORY_LOCK})
        command.upgrade(alembic_config(connection), "head")


def versions(database: Database) -> tuple[str | None, str | None]:
    """The database's version and the newest one."""
    from alembic.runtime.migration import MigrationContext
    from alembic.script import ScriptDirectory

    newest = ScriptDirectory.from_config(alembic_config()).get_current_head()
    with database.engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision(), newest
