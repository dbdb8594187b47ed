"""Other people's data: files of jsPsych, Gorilla and PsyNet, mapped to our columns.

A reader knows which of a tool's columns hold what, finds them whatever their capitals and
separators, and tells what it did: what was *mapped* by a known name, what was *guessed* from the
values, and what was *left*. Nothing is dropped: columns that are left stay in the frame under their
own names. Correct the mapping with ``columns=``.

    data, mapping = read_foreign("answers.csv")
    print(mapping.to_frame())
    data, mapping = read_foreign("answers.csv", columns={"item": "stimulus_file"})
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from analysis.columns import renamed
from analysis.dataset import Dataset, from_frames
from analysis.errors import AnalysisError
from analysis.foreign import SHAPES, WANTED, Shape, unpacked
from analysis.plan import Plan
from experiments.records import TRIALS

DESCRIPTIONS = {column.name: column.description for column in TRIALS}
FEW_VALUES = 12
"""A column of conditions has no more values than this."""


@dataclass(frozen=True)
class ColumnMapping:
    """What was done with each column of a file.

    Attributes
    ----------
    tool : the tool whose shape the file has, or "unknown".
    mapped, guessed : our column → the file's; mapped by a known name, guessed from the values.
    given : our column → the file's, as the caller said.
    left : columns of the file that were not mapped; they stay under their own names.
    missing : our columns that were looked for and not found.
    notes : what was changed in the values, in words.
    """

    tool: str
    mapped: Mapping[str, str]
    guessed: Mapping[str, str]
    given: Mapping[str, str]
    left: tuple[str, ...]
    missing: tuple[str, ...]
    notes: tuple[str, ...]

    def columns(self) -> dict[str, str]:
        """Our column → the file's, of all kinds."""
        return {**self.mapped, **self.guessed, **self.given}

    def words(self) -> tuple[str, ...]:
        """What became of the columns, a sentence for each kind."""
        known = self.tool != "unknown"
        told = [f"The file looks like one of {self.tool}." if known else "No known tool wrote it."]
        for how, found in (
            ("As asked", self.given),
            ("By their names", self.mapped),
            ("Guessed from the values", self.guessed),
        ):
            if found:
                pairs = ", ".join(f"{ours} is {theirs!r}" for ours, theirs in found.items())
                told.append(f"{how}: {pairs}.")
        if self.left:
            told.append(f"Left as they are: {', '.join(map(repr, self.left))}.")
        if self.missing:
            told.append(f"Not found: {', '.join(self.missing)}.")
        return tuple(told)

    def to_frame(self) -> pd.DataFrame:
        """One row a column: ``ours``, ``theirs``, ``how`` (mapped, guessed, given, left, missing),
        ``meaning``."""
        rows: list[tuple[str | None, str | None, str]] = [
            (ours, theirs, how)
            for how, found in (
                ("given", self.given),
                ("mapped", self.mapped),
                ("guessed", self.guessed),
            )
            for ours, theirs in found.items()
        ]
        rows += [(None, name, "left") for name in self.left]
        rows += [(name, None, "missing") for name in self.missing]
        table = pd.DataFrame(rows, columns=["ours", "theirs", "how"])
        table["meaning"] = [DESCRIPTIONS.get(str(name), "") for name in table["ours"]]
        return table


def read_foreign(
    path: str | Path,
    *,
    columns: Mapping[str, str] | None = None,
    tool: str | None = None,
    plan: Plan | None = None,
) -> tuple[Dataset, ColumnMapping]:
    """Read a file of answers that another tool wrote.

    Parameters
    ----------
    path : ``.csv``, ``.tsv``, or ``.json`` (a list of trials, or jsPsych's lists of lists).
    columns : our column name → the file's, for what the reader cannot know.
    tool : ``jspsych``, ``gorilla`` or ``psynet``; told from the columns if not given.
    plan : declared analysis; without one everything is exploratory.

    Raises
    ------
    AnalysisError
        If the file cannot be read, or nothing in it names people or says who was right.
    """
    file = Path(path)
    frame = _read(file)
    if tool is not None and tool not in SHAPES:
        raise AnalysisError(f"unknown tool {tool!r}: choose one of {', '.join(SHAPES)}")
    mapping, ready = map_columns(frame, columns=columns, shape=_shape(frame, tool))
    if "participant" not in ready:
        raise AnalysisError(
            f"{file}: no column names the participants; say which with "
            'columns={"participant": "…"}, or --column participant=…'
        )
    data = from_frames(ready, plan=plan, name=file.stem)
    return replace(data, notes=(*mapping.notes, *data.notes)), mapping


def map_columns(
    frame: pd.DataFrame, *, columns: Mapping[str, str] | None = None, shape: Shape | None = None
) -> tuple[ColumnMapping, pd.DataFrame]:
    """The mapping, and the frame under our names.

    Examples
    --------
    >>> frame = pd.DataFrame({"Participant Private ID": [1, 1], "Correct": [1, 0],
    ...                       "Reaction Time": [512.0, 640.0], "Browser": ["x", "x"]})
    >>> mapping, ready = map_columns(frame, shape=SHAPES["gorilla"])
    >>> list(ready.columns), mapping.left
    (['participant', 'correct', 'rt_ms', 'Browser'], ('Browser',))
    """
    given = dict(columns or {})
    known = shape.columns if shape is not None else {}
    notes: list[str] = []
    for column in shape.unpack if shape is not None else ():
        frame = unpacked(frame, column, notes) if column in frame else frame
    by_key = {_key(str(name)): str(name) for name in reversed(frame.columns)}
    mapped: dict[str, str] = {}
    for ours in WANTED:
        if ours in given:
            continue
        for theirs in (ours, *known.get(ours, ())):
            name = by_key.get(_key(theirs))
            taken = name in {*mapped.values(), *given.values()}
            if name is not None and not taken and frame[name].notna().any():
                mapped[ours] = name
                break
    guessed = _guess(frame, {**mapped, **given})
    used = {**mapped, **guessed, **given}
    ready = renamed(frame, used)
    if shape is not None:
        ready = shape.prepare(ready, notes)
    for name in ("participant", "item"):
        if name in ready:
            ready = ready.assign(**{name: _without_point(ready[name])})
    left = tuple(str(name) for name in frame.columns if str(name) not in set(used.values()))
    missing = tuple(name for name in WANTED if name not in ready)
    mapping = ColumnMapping(
        shape.name if shape is not None else "unknown",
        mapped, guessed, given, left, missing, tuple(notes),
    )  # fmt: skip
    return mapping, ready


def _shape(frame: pd.DataFrame, tool: str | None) -> Shape | None:
    if tool is not None:
        return SHAPES[tool]
    names = {_key(str(name)) for name in frame.columns}
    scores = {
        name: sum(_key(mark) in names for mark in shape.marks) for name, shape in SHAPES.items()
    }
    best = max(scores, key=lambda name: scores[name])
    return SHAPES[best] if scores[best] >= SHAPES[best].enough else None


def _guess(frame: pd.DataFrame, used: Mapping[str, str]) -> dict[str, str]:
    """Columns told by their values; only where one alone fits."""
    free = [str(name) for name in frame.columns if str(name) not in set(used.values())]
    found: dict[str, str] = {}
    if "correct" not in used and not {"response", "correct_response"} <= set(used):
        fits = [
            name
            for name in free
            if re.search(r"correct|accura|right|score", name, re.I) and _two_valued(frame[name])
        ]
        if len(fits) == 1:
            found["correct"] = fits[0]
    if "condition" not in used:
        fits = [
            name
            for name in free
            if re.search(r"cond|group|arm|treatment", name, re.I)
            and 1 < frame[name].nunique() <= FEW_VALUES
        ]
        if len(fits) == 1:
            found["condition"] = fits[0]
    return found


def _without_point(names: pd.Series) -> pd.Series:
    """Numbers that name something lose the ``.0`` that a gap in the column gave them."""
    if not pd.api.types.is_float_dtype(names) or not (names.dropna() % 1 == 0).all():
        return names
    return names.astype("Int64").astype("string")


def _two_valued(values: pd.Series) -> bool:
    words = set(values.dropna().astype(str).str.strip().str.lower())
    return bool(words) and words <= {"0", "1", "0.0", "1.0", "true", "false", "yes", "no"}


def _key(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "", name.lower())


def _read(file: Path) -> pd.DataFrame:
    if not file.is_file():
        raise AnalysisError(f"{file} is no file: give a table of answers (.csv, .tsv or .json)")
    try:
        if file.suffix.lower() == ".json":
            return _frame(json.loads(file.read_text(encoding="utf-8-sig")))
        separator = "\t" if file.suffix.lower() == ".tsv" else None
        return pd.read_csv(file, sep=separator, engine="python", encoding="utf-8-sig")
    except AnalysisError as error:
        raise AnalysisError(f"{file}: {error}") from None
    except Exception as error:  # the parsers raise many kinds
        raise AnalysisError(
            f"{file} cannot be read as a table ({type(error).__name__}); save it as CSV with a "
            "header row, or as JSON"
        ) from error


def _frame(content: Any) -> pd.DataFrame:
    """Trials of one list, of a list of people's lists, or under a key such as ``trials``."""
    if isinstance(content, Mapping):
        lists = [value for value in content.values() if isinstance(value, list)]
        if len(lists) != 1:
            raise AnalysisError("the JSON holds no single list of trials")
        (content,) = lists
    rows: list[dict[str, Any]] = []
    for place, entry in enumerate(content if isinstance(content, list) else ()):
        if isinstance(entry, list):
            rows += [{"file_part": place, **one} for one in entry if isinstance(one, Mapping)]
        elif isinstance(entry, Mapping):
            rows.append(dict(entry))
    if not rows:
        raise AnalysisError("the JSON holds no list of trials")
    for row in rows:
        for name, value in row.items():
            if isinstance(value, (dict, list)):
                row[name] = json.dumps(value)
    return pd.DataFrame(rows)
