"""Writing an analysis: results.json, tables, figures and the report, all of it or nothing."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

from matplotlib.figure import Figure

from analysis.contents import PERSON
from analysis.errors import AnalysisError
from analysis.figures import (
    DARK,
    LIGHT,
    Theme,
    accuracy_figure,
    psychometric_figure,
    render,
    response_time_figure,
)
from analysis.latex import MOST_ROWS, latex
from analysis.programmes.figures import multiverse_figure
from analysis.progress import Track, no_track
from analysis.report import Picture, render_report
from analysis.results import Analysis

RESULTS = "results.json"
REPORT = "report.html"
Draw = Callable[[Theme], Figure]


def write_analysis(
    analysis: Analysis,
    out: str | Path,
    *,
    force: bool = False,
    track: Track = no_track,
    beside: Mapping[str, str] | None = None,
) -> Path:
    """Write the folder.

    Parameters
    ----------
    beside : further text files by their names.

    Raises
    ------
    AnalysisError
        If the target holds something else and ``force`` is not given, or cannot be written.
    """

    def fill(folder: Path) -> None:
        _write(analysis, folder, track)
        for name, text in (beside or {}).items():
            (folder / name).write_text(text, encoding="utf-8")

    return write_folder(out, fill, force=force)


def write_folder(out: str | Path, fill: Callable[[Path], None], *, force: bool = False) -> Path:
    """Make a folder whole or not at all.

    Parameters
    ----------
    fill : writes into the folder that it is given.
    """
    target = Path(out).absolute()
    require_free(target, force=force)
    partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
    try:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        fill(partial)
        _replace(partial, target)
    except OSError as error:
        raise AnalysisError(
            f"cannot write {target}: {error.strerror or error}; free some space or choose another "
            "folder"
        ) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return target


def require_free(target: Path, *, force: bool) -> None:
    """Refuse a file, and a folder that holds something unless ``force`` is given."""
    if target.exists() and not target.is_dir():
        raise AnalysisError(f"{target} is a file: give a folder for the report")
    if target.is_dir() and any(target.iterdir()) and not force:
        raise AnalysisError(
            f"{target} is not empty: choose another folder with --out or add --force to replace it"
        )


def require_apart(dataset: Path, out: Path) -> None:
    """Refuse to write into, over or around the data set: data never change."""
    source, target = dataset.resolve(), out.resolve()
    if target == source or source.is_relative_to(target) or target.is_relative_to(source):
        raise AnalysisError(
            f"--out {out} and the data set {dataset} lie in one another: data never change, so "
            "choose a folder elsewhere"
        )


def figures(analysis: Analysis) -> dict[str, Draw]:
    """The figures that the data allow, by name, as functions of the theme."""
    results = analysis.results
    labels = {entry["name"]: entry["label"] for entry in results["design"]["conditions"]}
    join = PERSON if results["design"]["within"] else None
    found: dict[str, Draw] = {}
    if analysis.accuracy is not None:
        accuracy = analysis.accuracy
        by_item = accuracy.table.assign(
            accuracy=accuracy.table["accuracy_pooled"],
            low=accuracy.table["new_stimuli_low"],
            high=accuracy.table["new_stimuli_high"],
        )
        found["accuracy"] = lambda theme: accuracy_figure(
            accuracy.participants, accuracy.table, labels, theme, join=join
        )
        if len(analysis.items):
            found["items"] = lambda theme: accuracy_figure(
                analysis.items, by_item, labels, theme, what="Accuracy by item"
            )
    if analysis.times is not None and len(analysis.times.participants):
        times = analysis.times
        found["response_times"] = lambda theme: response_time_figure(
            times.participants, times.table, labels, theme, join=join
        )
    if analysis.psychometric is not None:
        fit = analysis.psychometric
        known = analysis.test[analysis.test["strength_gap"].notna()]
        found["psychometric"] = lambda theme: psychometric_figure(known, fit, labels, theme)
    if analysis.multiverse is not None:
        ways = analysis.multiverse.table
        found["multiverse"] = lambda theme: multiverse_figure(ways, labels, theme)
    if analysis.programme is not None:
        found |= {f"programme_{one.name}": one.draw for one in analysis.programme.drawings}
    return found


def _write(analysis: Analysis, folder: Path, track: Track) -> None:
    text = json.dumps(analysis.results, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    (folder / RESULTS).write_text(text, encoding="utf-8")
    (folder / "tables").mkdir()
    for name, table in analysis.tables().items():
        table.to_csv(folder / "tables" / f"{name}.csv", index=False, lineterminator="\n")
        if len(table) <= MOST_ROWS:
            (folder / "tables" / f"{name}.tex").write_text(latex(table, name), encoding="utf-8")
    (folder / "figures").mkdir()
    pictures = {}
    drawn = figures(analysis)
    for name, draw in track(drawn.items(), "drawing", len(drawn)):
        light = draw(LIGHT)
        svg = render(light, "svg")
        (folder / "figures" / f"{name}.svg").write_bytes(svg)
        (folder / "figures" / f"{name}.png").write_bytes(render(light, "png"))
        pictures[name] = Picture(light=svg, dark=render(draw(DARK), "svg"))
    # The page is made from the file's own content, so that both cannot differ.
    report = render_report(json.loads(text), pictures)
    (folder / REPORT).write_text(report, encoding="utf-8")


def _replace(partial: Path, target: Path) -> None:
    old = target.with_name(f".{target.name}.{os.getpid()}.old")
    if target.exists():
        target.replace(old)
    partial.replace(target)
    shutil.rmtree(old, ignore_errors=True)
