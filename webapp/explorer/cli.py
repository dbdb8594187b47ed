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
@click.option("--force", is_flag=True, help="Replace what is in the folder.")
@click.pass_obj
def site(terminal: Terminal, atlas: str, out: Path, force: bool) -> None:
    """Freeze the explorer's pages."""
    from lens_core.atlas import Atlas

    from .site import write_site

    report = write_site(Atlas.open(atlas), out, force=force, track=terminal.track)
    megabytes = report.bytes / 1e6
    click.echo(f"{out}: {report.pages} pages, {report.files} files, {megabytes:.1f} MB")
