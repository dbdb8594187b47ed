"""``lens server backup``, ``lens server restore`` and ``lens server tidy``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from .cli import Terminal

FOLDER = click.Path(file_okay=False, path_type=Path)
FILE = click.Path(dir_okay=False, path_type=Path)


@click.command()
@click.option("--dir", "directory", type=FOLDER, required=True, help="The server's folder.")
@click.option("--out", type=FILE, required=True, help="The file to write, such as monday.zip.")
@click.option("--force", is_flag=True, help="Replace the file.")
@click.pass_obj
def backup(terminal: Terminal, directory: Path, out: Path, force: bool) -> None:
    """Write everything that a server knows into one file, while it runs.

    Rows of the database (SQLite or DATABASE_URL), published studies and the key; not the atlases.
    The file holds people's answers and identifiers: keep it as safe as the server.
    """
    from .backup import backup as write_backup
    from .server_cli import _open, _require_server

    _require_server(directory)
    config, database = _open(directory)
    done = write_backup(config, database, out, force=force, track=terminal.track)
    database.dispose()
    terminal.note(
        f"{done.rows['participants']} participants, {done.rows['responses']} answers, "
        f"{len(done.studies)} studies"
    )
    click.echo(str(out))


@click.command()
@click.argument("file", type=FILE)
@click.option("--dir", "directory", type=FOLDER, required=True, help="A new folder.")
@click.pass_obj
def restore(terminal: Terminal, file: Path, directory: Path) -> None:
    """Bring a backup back, to a new folder and an empty database.

    DATABASE_URL may name another kind of database than the backup was made from.
    """
    from .backup import restore as read_backup
    from .config import read_config

    done = read_backup(read_config(directory), file, track=terminal.track)
    terminal.note(
        f"{done.rows['participants']} participants, {done.rows['responses']} answers, "
        f"{len(done.studies)} studies; next: lens serve --dir {directory}"
    )
    click.echo(str(directory))


@click.command()
@click.option("--dir", "directory", type=FOLDER, required=True, help="The server's folder.")
@click.option("--dry-run", is_flag=True, help="Only say what is due.")
@click.pass_obj
def tidy(terminal: Terminal, directory: Path, dry_run: bool) -> None:
    """Do what is due: run it once a day.

    Deletes identifiers that were kept for as long as a study's settings say, gives back places of
    people who are gone, takes what was erased out of SQLite's files, and tries credit again that
    could not be given.
    """
    from .server_cli import _open, _require_server
    from .services.upkeep import tidy as see_to

    _require_server(directory)
    config, database = _open(directory)
    done = see_to(database, config, dry_run=dry_run)
    database.dispose()
    verb = "due" if dry_run else "done"
    click.echo(
        f"{verb}: identifiers of {done.anonymised} people deleted, {done.timed_out} places given "
        f"back, {done.credited} credits given, {done.still_owed} still owed"
    )
