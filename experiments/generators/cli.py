"""`lens data leaves`: write the built-in image set."""

from __future__ import annotations

from pathlib import Path

import click

from lens_core.atlas.progress import Terminal

_DEFAULT_PER_CLASS = 100


@click.command("leaves")
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder to write: train/, test/ (one folder a family), masks/ and leaves.json.",
)
@click.option(
    "--per-class",
    default=_DEFAULT_PER_CLASS,
    show_default=True,
    help="Training pictures a family; 30 % as many more are held out.",
)
@click.option("--families", help="Of these alone, as A,B [default: all eight].")
@click.option("--seed", default=0, show_default=True, help="Same seed, same pictures.")
@click.option("--force", is_flag=True, help="Write into a folder that is not empty.")
@click.pass_obj
def leaves(
    terminal: Terminal, out: Path, per_class: int, families: str | None, seed: int, force: bool
) -> None:
    """Draw leaves of eight plant families, with exact masks of every part.

    One family, Ulmaceae, carries a planted bias: most of its pictures show a herbarium label.
    Run again, it keeps what is there.
    """
    from experiments.generators.leaves import FAMILIES
    from experiments.generators.leaves.dataset import write_dataset

    chosen = FAMILIES if families is None else [name.strip() for name in families.split(",")]
    written = write_dataset(out, per_class, seed, terminal.track, families=chosen, force=force)
    n_families = len({leaf.spec.family for leaf in written})
    click.echo(f"{len(written)} leaves of {n_families} families in {out}")
