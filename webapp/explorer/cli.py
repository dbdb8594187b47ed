"""``lens atlas site``: an atlas as a website of plain files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from ..cli import Terminal


@click.command(
    "site", help="Write ATLAS, a folder or URL, as a website that any web host can carry."
)
@click.argument("atlas", metavar="ATLAS")
@click.option(
    "--out", required=True, type=click.Path(path_type=Path), help="Folder for the website."
)
@click.option(
    "--scores",
    multiple=True,
    type=click.Path(path_type=Path),
    help="What people made of the concepts: sidecar.json of lens analyze; may repeat.",
)
@click.option(
    "--processes",
    type=click.IntRange(min=1),
    help="How many write pages side by side (default: one a core, if there is enough to do).",
)
@click.option("--force", is_flag=True, help="Replace what is in the folder.")
@click.pass_obj
def site(
    terminal: Terminal,
    atlas: str,
    out: Path,
    scores: tuple[Path, ...],
    processes: int | None,
    force: bool,
) -> None:
    """Freeze the explorer's pages. What was interrupted goes on when it is called again."""
    from lens_core.atlas import Atlas

    from .sidecars import misfits, people_of, read_sidecar
    from .site import write_site

    opened = Atlas.open(atlas)
    found = [(file, read_sidecar(file)) for file in scores]
    for line in misfits(found, [opened.hash]):
        terminal.note(line)
    people = people_of(opened.hash, (sidecar for _, sidecar in found))
    report = write_site(
        opened, out, force=force, processes=processes, track=terminal.track, people=people
    )
    megabytes = report.bytes / 1e6
    click.echo(f"{out}: {report.pages} pages, {report.files} files, {megabytes:.1f} MB")
