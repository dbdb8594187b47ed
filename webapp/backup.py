"""One file that holds a server: every row, the published studies, and the key.

The rows are written as JSON lines and read back through the models, so that a backup of SQLite can
be restored to PostgreSQL and the other way round. All tables are read in one transaction, which
sees the database as it was at one moment while people go on answering. Atlases are not included:
they are large, and can be linked or copied as they are.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import IO, Any

from sqlalchemy import Connection, Table, func, insert, select, text

from lens_core.atlas import LensError, Track, no_track
from lens_core.atlas.files import disk_errors

from .clock import iso, utc_now
from .config import ServerConfig
from .database import Database
from .migrations import migrate, versions
from .models import Base
from .models.base import UtcDateTime

FORMAT = "lens-server-backup"
ROWS_AT_ONCE = 1_000
PIECE = 1 << 20


@dataclass(frozen=True)
class BackedUp:
    """What a backup holds."""

    rows: dict[str, int]
    studies: tuple[str, ...]


def backup(
    config: ServerConfig,
    database: Database,
    out: Path,
    *,
    force: bool = False,
    track: Track = no_track,
) -> BackedUp:
    """Write a backup; the file is readable by its owner alone, since it holds people's answers.

    Raises
    ------
    LensError
        If the file is there already, the disk is full, or the database is not up to date.
    """
    if out.exists() and not force:
        raise LensError(f"{out} is there already: choose another name or give --force")
    present, newest = versions(database)
    if present != newest:
        raise LensError("the database is older than this program: start 'lens serve' once")
    partial = out.with_name(f".{out.name}.{os.getpid()}.partial")
    sums: dict[str, str] = {}
    rows: dict[str, int] = {}
    with disk_errors(out):
        out.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with (
                os.fdopen(handle, "wb") as file,
                zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive,
            ):
                with _snapshot(database) as connection:
                    for table in track(Base.metadata.sorted_tables, "Tables"):
                        name = f"tables/{table.name}.jsonl"
                        rows[table.name], sums[name] = _write_table(
                            archive, name, connection, table
                        )
                studies = _study_folders(config)
                for path in track([config.directory / "secret_key", *_files(studies)], "Files"):
                    name = path.relative_to(config.directory).as_posix()
                    sums[name] = _write_file(archive, name, path)
                manifest = {
                    "format": FORMAT,
                    "format_version": 1,
                    "database": newest,
                    "made_at": iso(utc_now()),
                    "rows": rows,
                    "sha256": sums,
                }
                archive.writestr("manifest.json", json.dumps(manifest, indent=1))
                archive.close()
                file.flush()
                os.fsync(file.fileno())
            partial.replace(out)
        finally:
            partial.unlink(missing_ok=True)
    return BackedUp(rows, tuple(folder.name for folder in studies))


@contextmanager
def _snapshot(database: Database) -> Iterator[Connection]:
    """A transaction that sees one moment. SQLite's WAL does so by itself."""
    engine = database.engine
    if database.backend == "postgresql":
        engine = engine.execution_options(isolation_level="REPEATABLE READ")
    with engine.connect() as connection:
        yield connection


def _study_folders(config: ServerConfig) -> list[Path]:
    found = config.studies_dir.iterdir() if config.studies_dir.is_dir() else ()
    return sorted(path for path in found if path.is_dir() and not path.name.startswith("."))


def _files(folders: list[Path]) -> list[Path]:
    return [path for folder in folders for path in sorted(folder.rglob("*")) if path.is_file()]


def _write_table(
    archive: zipfile.ZipFile, name: str, connection: Connection, table: Table
) -> tuple[int, str]:
    digest, rows = hashlib.sha256(), 0
    chosen = select(table).order_by(table.c.id).execution_options(yield_per=ROWS_AT_ONCE)
    with archive.open(name, "w", force_zip64=True) as file:
        for row in connection.execute(chosen).mappings():
            plain = {
                key: value.isoformat() if isinstance(value, datetime) else value
                for key, value in row.items()
            }
            line = json.dumps(plain).encode() + b"\n"
            file.write(line)
            digest.update(line)
            rows += 1
    return rows, digest.hexdigest()


def _write_file(archive: zipfile.ZipFile, name: str, path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as source, archive.open(name, "w", force_zip64=True) as file:
        while piece := source.read(PIECE):
            file.write(piece)
            digest.update(piece)
    return digest.hexdigest()


def restore(config: ServerConfig, archive_path: Path, *, track: Track = no_track) -> BackedUp:
    """Bring a backup back, into an empty folder or none, and a database without rows.

    The folder appears last and at once, or what is to be in it does where it is there already, as
    a volume that is mounted. The rows are written in one transaction. Checksums and counts are
    compared before either is kept.

    Raises
    ------
    LensError
        If the target is not empty, or the backup is damaged or newer than this program.
    """
    target = config.directory
    if target.exists() and any(target.iterdir()):
        raise LensError(f"{target} is not empty: restore to a new folder")
    name = f".{target.name}.{os.getpid()}.partial"
    partial = target / name if target.exists() else target.with_name(name)
    beside = config.model_copy(update={"directory": partial})
    with _opened(archive_path) as archive:
        manifest = _manifest(archive, archive_path)
        with disk_errors(target):
            try:
                partial.mkdir(parents=True, mode=0o700)
                for file in track(_restorable(manifest), "Files"):
                    _read_file(archive, file, partial / file, manifest["sha256"][file])
                database = Database(beside.url)
                try:
                    _restore_rows(database, archive, manifest, track)
                finally:
                    _settle(database)
                _put_in_place(partial, target)
            finally:
                shutil.rmtree(partial, ignore_errors=True)
    studies = {PurePosixPath(n).parts[1] for n in manifest["sha256"] if n.startswith("studies/")}
    return BackedUp(dict(manifest["rows"]), tuple(sorted(studies)))


def _put_in_place(partial: Path, target: Path) -> None:
    if not target.exists():
        partial.replace(target)
        return
    for each in sorted(partial.iterdir()):
        each.replace(target / each.name)


def _settle(database: Database) -> None:
    """Close the database; SQLite's side files are taken into the file itself first."""
    if database.backend == "sqlite":
        with database.engine.connect() as connection:
            connection.connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")
    database.dispose()


@contextmanager
def _opened(path: Path) -> Iterator[zipfile.ZipFile]:
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except FileNotFoundError as error:
        raise LensError(f"there is no file {path}") from error
    except (zipfile.BadZipFile, EOFError) as error:
        raise LensError(f"{path} is damaged or no backup of a server: {error}") from error


def _manifest(archive: zipfile.ZipFile, path: Path) -> dict[str, Any]:
    from alembic.script import ScriptDirectory

    from .migrations import alembic_config

    try:
        manifest: dict[str, Any] = json.loads(archive.read("manifest.json"))
        known = manifest["format"] == FORMAT and manifest["format_version"] == 1
    except (KeyError, TypeError, ValueError):
        known = False
    if not known:
        raise LensError(f"{path} is no backup of a server")
    newest = ScriptDirectory.from_config(alembic_config()).get_current_head()
    if manifest["database"] != newest:
        raise LensError(
            f"{path} was made by another version (database {manifest['database']}, here {newest}): "
            "restore it with that version, then start this one's 'lens serve'"
        )
    return manifest


def _restorable(manifest: Mapping[str, Any]) -> list[str]:
    """Names of files in the backup; none may lead out of the server's folder."""
    names = [name for name in manifest["sha256"] if not name.startswith("tables/")]
    for name in names:
        parts = PurePosixPath(name).parts
        fine = name == "secret_key" or (len(parts) > 2 and parts[0] == "studies")
        if not fine or ".." in parts or "\\" in name:
            raise LensError(f"the backup holds a file that does not belong there: {name!r}")
    return names


def _read_file(archive: zipfile.ZipFile, name: str, path: Path, sha256: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256()
    mode = 0o600 if name == "secret_key" else 0o644
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with _member(archive, name) as source, os.fdopen(handle, "wb") as file:
        while piece := source.read(PIECE):
            file.write(piece)
            digest.update(piece)
    _require_sum(name, digest.hexdigest(), sha256)


def _member(archive: zipfile.ZipFile, name: str) -> IO[bytes]:
    try:
        return archive.open(name)
    except KeyError as error:
        raise LensError(f"the backup is damaged: {name} is missing") from error


def _require_sum(name: str, present: str, wanted: str) -> None:
    if present != wanted:
        raise LensError(f"the backup is damaged: {name} is not what was written")


def _restore_rows(
    database: Database, archive: zipfile.ZipFile, manifest: Mapping[str, Any], track: Track
) -> None:
    migrate(database)
    with database.writing_engine.begin() as connection:
        for table in Base.metadata.sorted_tables:
            if connection.execute(select(func.count()).select_from(table)).scalar_one():
                raise LensError("the database has rows already: restore to an empty one")
        for table in track(Base.metadata.sorted_tables, "Tables"):
            name = f"tables/{table.name}.jsonl"
            n_rows = _insert(connection, archive, table, name, manifest["sha256"][name])
            if n_rows != manifest["rows"][table.name]:
                raise LensError(f"the backup is damaged: {name} has {n_rows} rows")
            if database.backend == "postgresql":
                _continue_ids(connection, table)


def _insert(
    connection: Connection, archive: zipfile.ZipFile, table: Table, name: str, sha256: str
) -> int:
    digest, n_rows = hashlib.sha256(), 0
    rows: list[dict[str, Any]] = []
    moments = {column.name for column in table.c if isinstance(column.type, UtcDateTime)}
    with _member(archive, name) as file:
        for line in file:
            digest.update(line)
            row: dict[str, Any] = json.loads(line)
            for column in moments:
                if row[column] is not None:
                    row[column] = datetime.fromisoformat(row[column])
            rows.append(row)
            n_rows += 1
            if len(rows) >= ROWS_AT_ONCE:
                connection.execute(insert(table), rows)
                rows = []
    if rows:
        connection.execute(insert(table), rows)
    _require_sum(name, digest.hexdigest(), sha256)
    return n_rows


def _continue_ids(connection: Connection, table: Table) -> None:
    """PostgreSQL counts on from the last row that was put in with its number."""
    last = connection.execute(select(func.max(table.c.id))).scalar()
    if last is not None:
        sequence = text("SELECT setval(pg_get_serial_sequence(:table, 'id'), :last)")
        connection.execute(sequence, {"table": table.name, "last": last})
