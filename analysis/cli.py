"""The command ``lens analyze``."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Protocol, TypeVar

import click

T = TypeVar("T")


class Terminal(Protocol):
    """What the root command hands over: a place to say how far things are."""

    def note(self, text: str) -> None:
        """Print a line for people, apart from results."""
        ...

    def track(self, items: Iterable[T], label: str, total: int | None = None) -> Iterable[T]:
        """Yield the items and show how many are done."""
        ...


@click.command()
@click.argument("dataset", type=click.Path(path_type=Path))
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder to write.")
@click.option("--force", is_flag=True, help="Replace what the folder holds.")
@click.option(
    "--seed",
    default=0,
    show_default=True,
    type=click.IntRange(min=0),
    help="Seed of the bootstrap.",
)
@click.pass_obj
def analyze(terminal: Terminal, dataset: Path, out: Path, force: bool, seed: int) -> None:
    """Analyse an exported DATASET: statistics, figures and a report.

    Writes results.json, tables/*.csv, figures/*.png and *.svg, and report.html.
    """
    from analysis.dataset import read_dataset
    from analysis.output import REPORT, require_apart, require_free, write_analysis
    from analysis.results import analyze_dataset
    from analysis.summary import summary_lines

    require_apart(dataset, out)
    require_free(out.absolute(), force=force)
    data = read_dataset(dataset, track=terminal.track)
    analysis = analyze_dataset(data, seed=seed, track=terminal.track)
    target = write_analysis(analysis, out, force=force, track=terminal.track)
    for text in analysis.results["notes"]:
        terminal.note(f"note: {text}")
    for line in summary_lines(analysis.results):
        click.echo(line)
    click.echo(f"report: {target / REPORT}")
