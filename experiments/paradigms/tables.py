"""Anybody's own stimuli: a table with one row a trial, pictures relative to it."""

from __future__ import annotations

import csv
import os
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image, UnidentifiedImageError

from experiments.design import Condition, Source
from experiments.stimuli import Cut, StimulusNames
from lens_core.atlas import LensError
from lens_core.atlas.files import sha256_file

if TYPE_CHECKING:
    import pandas as pd


def read_table(
    table: Path, required: Sequence[str], optional: Sequence[str], uses: Collection[str]
) -> list[dict[str, str]]:
    """Rows of a CSV in UTF-8, with ``condition`` (default ``all``) and ``use`` (default ``test``).

    Raises
    ------
    LensError
        If there is no such table, a column is missing or unknown, a required cell is empty, or a
        use is none of ``uses``.
    """
    if not table.is_file():
        raise LensError(f"no table of trials at {table}")
    try:
        with table.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            columns = reader.fieldnames or []
            rows = [{name: value or "" for name, value in row.items() if name} for row in reader]
    except (UnicodeDecodeError, csv.Error) as error:
        raise LensError(f"{table} is no CSV in UTF-8: {error}") from error
    missing = [name for name in required if name not in columns]
    if missing:
        raise LensError(f"{table} has no column {missing[0]!r}; it needs {', '.join(required)}")
    unknown = [name for name in columns if name not in (*required, *optional)]
    if unknown:
        raise LensError(f"{table} has a column {unknown[0]!r}; known are {', '.join(optional)}")
    if not rows:
        raise LensError(f"{table} has no rows: give one a trial")
    for line, row in enumerate(rows, start=2):
        row["condition"] = row.get("condition") or "all"
        row["use"] = row.get("use") or "test"
        if row["use"] not in uses:
            raise LensError(
                f"{table}, line {line}: use {row['use']!r} is none of {', '.join(uses)}"
            )
        empty = [name for name in required if not row[name].strip()]
        if empty:
            raise LensError(f"{table}, line {line}: {empty[0]} is empty")
    return rows


def files_in(cell: str) -> list[str]:
    """File names (or words) in a cell, separated by ``;``."""
    return [part.strip() for part in cell.split(";") if part.strip()]


def number_in(row: Mapping[str, str], column: str, default: float) -> float:
    """A number in a row, or the default where the cell is empty.

    Raises
    ------
    LensError
        If it is no number.
    """
    text = row.get(column, "").strip()
    try:
        return float(text) if text else default
    except ValueError:
        raise LensError(f"item {row['item']}: {column} {text!r} is no number") from None


def square(file: Path) -> Cut:
    """The largest square in the middle of a picture.

    Raises
    ------
    LensError
        If it is missing or no picture.
    """
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


def conditions_in(rows: Sequence[Mapping[str, str]]) -> list[Condition]:
    """The conditions that a table names, in its order."""
    return [Condition(name=name) for name in dict.fromkeys(row["condition"] for row in rows)]


def table_source(table: Path) -> Source:
    """What the study says of where its stimuli come from."""
    return Source(kind="table", table_sha256=sha256_file(table))


def table_universe(table: Path, names: StimulusNames) -> pd.DataFrame:
    """Every picture of the table and the stimulus that it became."""
    import pandas as pd

    drawn = [(os.path.relpath(cut.file, table.parent), name) for cut, name in names.items()]
    return pd.DataFrame(drawn, columns=["source_image", "stimulus"])
