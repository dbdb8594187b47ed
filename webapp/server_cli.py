"""``lens serve``, ``lens user add``, ``lens study publish`` and ``lens study export``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from webapp.cli import Terminal
    from webapp.config import ServerConfig
    from webapp.database import Database
    from webapp.services.exports import Variant

FOLDER = click.Path(file_okay=False, path_type=Path)
ACTOR = "command line"


def _open(directory: Path) -> tuple[ServerConfig, Database]:
    """Settings and a database that is up to date."""
    from sqlalchemy.exc import OperationalError

    from lens_core.atlas import LensError
    from lens_core.atlas.files import disk_errors

    from .config import read_config
    from .database import Database, first_line
    from .migrations import migrate

    config = read_config(directory)
    with disk_errors(directory):
        directory.mkdir(parents=True, exist_ok=True)
    database = Database(config.url)
    try:
        migrate(database)
    except OperationalError as error:
        raise LensError(
            f"cannot open the server's database ({first_line(error)}): check DATABASE_URL and "
            f"{directory}"
        ) from error
    return config, database


def _require_server(directory: Path) -> None:
    """Refuse to make a server's folder where somebody mistyped one."""
    from lens_core.atlas import LensError

    if not directory.is_dir():
        raise LensError(f"there is no server in {directory}: make one with 'lens study publish'")


@click.command()
@click.option("--dir", "directory", type=FOLDER, required=True, help="The server's folder.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8000, show_default=True, type=click.IntRange(0, 65535))
@click.option("--workers", default=2, show_default=True, type=click.IntRange(1, 64))
@click.option("--threads", default=8, show_default=True, type=click.IntRange(1, 256))
@click.pass_obj
def serve(
    terminal: Terminal, directory: Path, host: str, port: int, workers: int, threads: int
) -> None:
    """Serve explorer, studies and console from a folder.

    The database is SQLite in the folder unless DATABASE_URL names another; it is brought up to date
    first. Behind a proxy, set LENS_HTTPS=1, LENS_PROXIES=1 and LENS_TRUSTED_HOSTS.

    Each thread may hold two connections to PostgreSQL, so four workers of eight threads stay below
    the 100 that it grants by default; where more are asked for, a line at the start says so.
    """
    from lens_core.atlas.files import disk_errors

    from .explorer import Library
    from .serving import free_port, run, too_few

    port = free_port(host, port)
    config, database = _open(directory)
    config = config.model_copy(update={"threads": threads})
    if (short := too_few(database, workers, threads)) is not None:
        terminal.note(short)
    database.dispose()
    with disk_errors(config.atlases_dir):
        # What is copied to a folder that is not there becomes that folder.
        config.atlases_dir.mkdir(exist_ok=True)
    for line in Library(shelf=config.atlases_dir, sidecars=config.sidecars_dir).ignored():
        terminal.note(line)
    if not config.trusted_hosts and host in ("127.0.0.1", "localhost", "::1"):
        config = config.model_copy(update={"trusted_hosts": ("127.0.0.1", "localhost", "[::1]")})
    elif not config.trusted_hosts:
        terminal.note("LENS_TRUSTED_HOSTS is not set: requests for any host name are answered")
    shown = f"[{host}]" if ":" in host else host
    terminal.note(f"Serving {directory} at http://{shown}:{port}/ (console: /console/)")
    run(config, host, port, workers=workers, threads=threads)


@click.command()
@click.argument("name")
@click.option(
    "--role", required=True, type=click.Choice(["owner", "researcher", "viewer"]),
    help="viewer sees counts, researcher also data and previews, owner also accounts.",
)  # fmt: skip
@click.option("--dir", "directory", type=FOLDER, required=True, help="The server's folder.")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
@click.option("--generate", is_flag=True, help="Make a password and print it once.")
@click.pass_obj
def user_add(
    terminal: Terminal, name: str, role: str, directory: Path, password_stdin: bool, generate: bool
) -> None:
    """Add an account of the researcher console.

    The password is asked for on a terminal, else one is made and printed.
    """
    import sys
    from typing import cast

    from .services import accounts

    printed = None
    if password_stdin:
        password = sys.stdin.readline().rstrip("\r\n")
    elif generate or not sys.stdin.isatty():
        password = printed = accounts.new_password()
    else:
        password = click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    _, database = _open(directory)
    with database.write() as db:
        accounts.add(db, name, cast(accounts.Role, role), password, actor=ACTOR)
    database.dispose()
    terminal.note(f"{name} may log in to the console as {role}")
    if printed is not None:
        terminal.note("The password is shown this once:")
        click.echo(printed)


@click.command()
@click.argument("study", type=FOLDER)
@click.option("--server-dir", type=FOLDER, required=True, help="The server's folder.")
@click.pass_obj
def publish(terminal: Terminal, study: Path, server_dir: Path) -> None:
    """Put a frozen study on a server. The same study again changes nothing."""
    from experiments.study import Study

    from .services.publishing import publish as publish_study

    Study.open(study, require_frozen=True)
    config, database = _open(server_dir)
    published, outcome = publish_study(database, config, study, actor=ACTOR)
    database.dispose()
    if outcome == "unchanged":
        terminal.note(f"{published.name} is published already, with this very hash")
    click.echo(f"/study/{published.name}/")


@click.command()
@click.argument("name")
@click.option("--server-dir", type=FOLDER, required=True, help="The server's folder.")
@click.option("--out", type=FOLDER, required=True, help="Where the data set goes.")
@click.option("--include-previews", is_flag=True, help="Also what researchers tried out.")
@click.option(
    "--variant", type=click.Choice(["pseudonymous", "identified", "anonymous"]),
    default="pseudonymous", show_default=True,
    help="identified adds the recruiter's identifiers and codes; anonymous has new identifiers in "
    "every export and no times.",
)  # fmt: skip
@click.option("--force", is_flag=True, help="Replace what is there.")
@click.pass_obj
def export(
    terminal: Terminal,
    name: str,
    server_dir: Path,
    out: Path,
    include_previews: bool,
    variant: Variant,
    force: bool,
) -> None:
    """Write the data set of a published study."""
    from lens_core.atlas import LensError

    from .services import studies
    from .services.errors import Missing
    from .services.exports import export as export_study

    _require_server(server_dir)
    config, database = _open(server_dir)
    with database.read() as db:
        try:
            record = studies.by_name(db, name)
        except Missing:
            known = ", ".join(record.name for record in studies.all_studies(db)) or "none"
            raise LensError(f"no study {name!r} in {server_dir}; published: {known}") from None
    study = studies.Shelf(config).for_export(record)
    done = export_study(
        database,
        record,
        study,
        out,
        variant=variant,
        include_previews=include_previews,
        force=force,
        track=terminal.track,
    )
    database.dispose()
    said = "the study still matches its hash"
    if done.changed:
        said = f"the study NO LONGER matches its hash: {', '.join(done.changed[:3])} changed"
    terminal.note(
        f"{done.participants} participants, {done.trials} trials, {done.events} events; {said}"
    )
    click.echo(str(out))
