"""A strong/weak study from anybody's pictures: a table with one row a trial.

Columns: ``item``, ``correct`` and ``distractor`` (the two options' files), ``strong`` and ``weak``
(the references' files, separated by ``;``). Optional: ``condition`` (default ``all``), ``use``
(``test``, ``catch``, ``obvious`` or ``harder``; default ``test``), ``strength_correct`` and
``strength_distractor`` (default 1 and 0), ``layer``, ``basis``. Files are relative to the table.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import get_args

import numpy as np
from PIL import Image, UnidentifiedImageError

from experiments.design import Condition, Source
from experiments.paradigms.base import BuildRequest
from experiments.paradigms.two_afc import Template, Use
from experiments.paradigms.two_afc_files import design_from, make_config, write_study
from experiments.schedule import generator
from experiments.stimuli import Cut, StimulusNames
from experiments.study import Study
from lens_core.atlas import LensError, Track, no_track
from lens_core.atlas.files import sha256_file

REQUIRED = ("item", "correct", "distractor", "strong", "weak")
OPTIONAL = ("condition", "use", "strength_correct", "strength_distractor", "layer", "basis")


def build_from_table(request: BuildRequest, table: Path, track: Track = no_track) -> Study:
    """Write the study folder.

    Raises
    ------
    LensError
        If the table lacks a column, names a picture that is not there, or has an unknown use.
    """
    import pandas as pd

    rows = _read(table)
    design = design_from(request)
    uses = [row["use"] for row in rows]
    fitting = {
        "n_references": max(len(_files(row["strong"])) for row in rows),
        "n_catch": design.n_catch if "catch" in uses else 0,
        "n_practice_obvious": uses.count("obvious"),
        "n_practice_harder": uses.count("harder"),
    }
    design = design.model_copy(update=fitting | {"min_references": 1})
    conditions = [Condition(name=name) for name in dict.fromkeys(row["condition"] for row in rows)]
    names = StimulusNames(request.seed)
    rng = generator(request.seed, "letters")
    templates: list[Template] = []
    key: dict[str, str] = {}
    for number, row in enumerate(rows):
        template, correct = _template(f"t{number:05d}", row, table, names, rng)
        templates.append(template)
        key[template.template] = correct
    source = Source(kind="table", table_sha256=sha256_file(table))
    config = make_config(request, design, source, conditions)
    drawn = [(os.path.relpath(cut.file, table.parent), name) for cut, name in names.items()]
    universe = pd.DataFrame(drawn, columns=["source_image", "stimulus"])
    return write_study(request, config, templates, key, names, universe, track)


def _read(table: Path) -> list[dict[str, str]]:
    if not table.is_file():
        raise LensError(f"no table of trials at {table}")
    try:
        with table.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            columns = reader.fieldnames or []
            rows = [{name: value or "" for name, value in row.items() if name} for row in reader]
    except (UnicodeDecodeError, csv.Error) as error:
        raise LensError(f"{table} is no CSV in UTF-8: {error}") from error
    missing = [name for name in REQUIRED if name not in columns]
    if missing:
        raise LensError(f"{table} has no column {missing[0]!r}; it needs {', '.join(REQUIRED)}")
    unknown = [name for name in columns if name not in (*REQUIRED, *OPTIONAL)]
    if unknown:
        raise LensError(f"{table} has a column {unknown[0]!r}; known are {', '.join(OPTIONAL)}")
    if not rows:
        raise LensError(f"{table} has no rows: give one a trial")
    for line, row in enumerate(rows, start=2):
        row["condition"] = row.get("condition") or "all"
        row["use"] = row.get("use") or "test"
        if row["use"] not in get_args(Use):
            raise LensError(
                f"{table}, line {line}: use {row['use']!r} is none of {', '.join(get_args(Use))}"
            )
        empty = [name for name in REQUIRED if not row[name].strip()]
        if empty:
            raise LensError(f"{table}, line {line}: {empty[0]} is empty")
    return rows


def _files(cell: str) -> list[str]:
    return [part.strip() for part in cell.split(";") if part.strip()]


def _template(
    name: str,
    row: Mapping[str, str],
    table: Path,
    names: StimulusNames,
    rng: np.random.Generator,
) -> tuple[Template, str]:
    strong, weak = _files(row["strong"]), _files(row["weak"])
    correct_is_a = bool(rng.integers(2))
    options = [row["correct"].strip(), row["distractor"].strip()]
    strengths = [_number(row, "strength_correct", 1.0), _number(row, "strength_distractor", 0.0)]
    if not correct_is_a:
        options.reverse()
        strengths.reverse()
    references = {*strong, *weak}
    cuts = {file: _square(table.parent / file) for file in (*strong, *weak, *options)}

    def twin(file: str) -> str:
        return names.name(cuts[file]) if file in references else ""

    def option(file: str) -> str:
        cut = cuts[file]
        return names.name(Cut(cut.file, cut.box, copy=int(file in references)))

    template = Template(
        template=name,
        condition=row["condition"],
        use=_use(row["use"]),
        item=row["item"],
        atlas_hash="",
        class_id=-1,
        concept_id="",
        dictionary="",
        layer=row.get("layer", ""),
        basis=row.get("basis", ""),
        strong=tuple(names.name(cuts[file]) for file in strong),
        weak=tuple(names.name(cuts[file]) for file in weak),
        option_a=option(options[0]),
        option_b=option(options[1]),
        source_a=options[0],
        source_b=options[1],
        strength_a=strengths[0],
        strength_b=strengths[1],
        scale=1.0,
        sources=(*strong, *weak),
        twin_a=twin(options[0]),
        twin_b=twin(options[1]),
    )
    return template, "a" if correct_is_a else "b"


def _use(text: str) -> Use:
    uses: Sequence[Use] = get_args(Use)
    return uses[uses.index(text)]


def _number(row: Mapping[str, str], column: str, default: float) -> float:
    text = row.get(column, "").strip()
    try:
        return float(text) if text else default
    except ValueError:
        raise LensError(f"item {row['item']}: {column} {text!r} is no number") from None


def _square(file: Path) -> Cut:
    """The largest square in the middle of a picture."""
    try:
        with Image.open(file) as picture:
            width, height = picture.size
    except FileNotFoundError:
        raise LensError(f"picture {file} is missing") from None
    except (OSError, UnidentifiedImageError) as error:
        raise LensError(f"picture {file} cannot be read: {error}") from error
    x = max(0.0, (width - height) / 2 / width)
    y = max(0.0, (height - width) / 2 / height)
    return Cut(file, (x, y, 1 - x, 1 - y))
