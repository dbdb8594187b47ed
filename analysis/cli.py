"""The commands ``lens analyze`` and ``lens power``."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol, TypeVar

import click

if TYPE_CHECKING:
    from analysis.dataset import Dataset

T = TypeVar("T")


class Terminal(Protocol):
    """What the root command hands over: a place to say how far things are."""

    def note(self, text: str) -> None:
        """Print a line for people, apart from results."""
        ...

    def track(self, items: Iterable[T], label: str, total: int | None = None) -> Iterable[T]:
        """Yield the items and show how many are done."""
        ...


class Pair(click.ParamType):  # type: ignore[type-arg]  # no generic before click 8.2
    """One of our columns and what it is called in a table, ``item=stimulus``."""

    name = "ours=theirs"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, str]:
        """Both names."""
        if isinstance(value, tuple):
            return value
        ours, separator, theirs = str(value).partition("=")
        if not (ours and separator and theirs):
            self.fail(f"{value!r} is no pair of columns such as item=stimulus", param, ctx)
        return ours, theirs


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
@click.option(
    "--sidecar-dir",
    "sidecars",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where the explorer looks for what people made of concepts: sidecars/ in the server's "
    "folder.",
)
@click.option(
    "--column",
    "columns",
    multiple=True,
    type=Pair(),
    help="Of a table from elsewhere: which of its columns holds ours, as item=stimulus; may "
    "repeat.",
)
@click.option("--tool", help="What wrote a table from elsewhere: jspsych, gorilla or psynet.")
@click.pass_obj
def analyze(
    terminal: Terminal,
    dataset: Path,
    out: Path,
    force: bool,
    seed: int,
    sidecars: Path | None,
    columns: tuple[tuple[str, str], ...],
    tool: str | None,
) -> None:
    """Analyse DATASET: statistics, figures and a report.

    DATASET is an exported folder, or a table of answers from elsewhere (.csv, .tsv or .json of
    jsPsych, Gorilla, PsyNet or your own), whose columns are mapped to ours; columns.csv tells how.

    Writes results.json, tables/*.csv, figures/*.png and *.svg, and report.html; if the data are
    about concepts of an atlas also sidecar.json, which the explorer shows.
    """
    from analysis.output import REPORT, require_apart, require_free, write_analysis
    from analysis.results import analyze_dataset
    from analysis.sidecar import (
        FILE,
        says_something,
        sidecar_content,
        sidecar_text,
        write_sidecar,
    )
    from analysis.summary import summary_lines

    require_apart(dataset, out)
    require_free(out.absolute(), force=force)
    data, beside = _read(terminal, dataset, dict(columns), tool)
    analysis = analyze_dataset(data, seed=seed, track=terminal.track)
    sidecar = sidecar_content(analysis, data)
    told = says_something(sidecar)
    beside |= {FILE: sidecar_text(sidecar)} if told else {}
    target = write_analysis(analysis, out, force=force, track=terminal.track, beside=beside)
    if sidecars is not None and told:
        terminal.note(f"the explorer finds it in {write_sidecar(sidecar, sidecars)}")
    elif sidecars is not None:
        terminal.note(f"nothing for {sidecars}: the data name no concepts of an atlas")
    own = analysis.programme.notes if analysis.programme is not None else ()
    for text in dict.fromkeys((*analysis.results["notes"], *own)):
        terminal.note(f"note: {text}")
    for line in summary_lines(analysis.results):
        click.echo(line)
    click.echo(f"report: {target / REPORT}")


def _read(
    terminal: Terminal, source: Path, columns: dict[str, str], tool: str | None
) -> tuple[Dataset, dict[str, str]]:
    """An exported folder, or a table with what became of its columns; and files to write beside."""
    from analysis.dataset import read_dataset
    from analysis.errors import AnalysisError
    from analysis.readers import read_foreign

    if source.is_file():
        data, mapping = read_foreign(source, columns=columns, tool=tool)
        told = replace(data, notes=(*mapping.words(), *data.notes))
        return told, {"columns.csv": mapping.to_frame().to_csv(index=False, lineterminator="\n")}
    if columns or tool:
        raise AnalysisError(
            f"--column and --tool are for tables from elsewhere, and {source} is no file; an "
            "exported folder names its columns itself"
        )
    return read_dataset(source, track=terminal.track), {}


class Numbers(click.ParamType):  # type: ignore[type-arg]  # no generic before click 8.2
    """Whole numbers in a list, ``20,40,80``."""

    name = "numbers"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, ...]:
        """The numbers, as a tuple."""
        if isinstance(value, tuple):
            return value
        try:
            return tuple(int(part) for part in str(value).split(",") if part.strip())
        except ValueError:
            self.fail(f"{value!r} is no list of whole numbers such as 20,40,80", param, ctx)


@click.command()
@click.argument("study", type=click.Path(path_type=Path))
@click.option(
    "--effect",
    "effects",
    multiple=True,
    required=True,
    type=float,
    help="Log odds of the other conditions minus the reference's; may repeat.",
)
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder to write.")
@click.option("--people", type=Numbers(), help="Numbers of people analysed, as 20,40,80.")
@click.option("--items", type=Numbers(), help="Numbers of items a condition; the study's if none.")
@click.option(
    "--accuracy", default=0.72, show_default=True, help="Expected in the reference condition."
)
@click.option("--power", "wanted", default=0.8, show_default=True, help="Power wanted.")
@click.option("--width", type=float, help="Width wanted of the difference's interval, as 0.1.")
@click.option("--loss", default=0.0, show_default=True, help="Share recruited but not analysed.")
@click.option("--looks", type=Numbers(), help="Numbers of people at which to look and may stop.")
@click.option(
    "--spending",
    default="obrien_fleming",
    show_default=True,
    type=click.Choice(["obrien_fleming", "pocock"]),
    help="How the error is spent over looks.",
)
@click.option(
    "--simulations", default=400, show_default=True, type=click.IntRange(min=20), help="A point."
)
@click.option("--seed", default=0, show_default=True, type=click.IntRange(min=0), help="Of chance.")
@click.option("--force", is_flag=True, help="Replace what the folder holds.")
@click.pass_obj
def power(
    terminal: Terminal,
    study: Path,
    effects: tuple[float, ...],
    out: Path,
    people: tuple[int, ...] | None,
    items: tuple[int, ...] | None,
    accuracy: float,
    wanted: float,
    width: float | None,
    loss: float,
    looks: tuple[int, ...] | None,
    spending: Literal["obrien_fleming", "pocock"],
    simulations: int,
    seed: int,
    force: bool,
) -> None:
    """How many people does STUDY need? Simulated through its own schedules and analysis.

    Writes power.json, tables/*.csv, figures/power.png and .svg, and report.html.
    """
    from analysis.output import require_apart, require_free
    from analysis.power import SIZES, Asked, describe, open_study, study_power
    from analysis.power_report import power_content, words, write_power

    require_apart(study, out)
    require_free(out.absolute(), force=force)
    opened = open_study(study)
    asked = Asked(
        effects=effects,
        accuracy=accuracy,
        sizes=people or SIZES,
        items=items or (None,),
        n_simulations=simulations,
        power=wanted,
        width=width,
        loss=loss,
        looks=looks or (),
        spending=spending,
        seed=seed,
        alpha=opened.config.analysis.alpha,
    )
    found = study_power(opened, asked, terminal.track)
    content = power_content(describe(opened, asked), found.table, found.needed, found.sequential)
    target = write_power(content, out, force=force)
    for line in words(content):
        click.echo(line)
    click.echo(f"report: {target / 'report.html'}")
