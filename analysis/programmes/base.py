"""What the analysis of a programme hands over: tables that say how they want to be read.

A programme function takes tidy trials and returns a :class:`Programme`. The report prints its
sections without knowing the programme, so that a new one is one file and one line in the registry
(:mod:`analysis.programmes.registry`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from string import Formatter
from typing import Any, Literal, TypeVar

import pandas as pd
from matplotlib.figure import Figure

from analysis.clustered_logit import NotEstimable
from analysis.differences import THESE_STIMULI
from analysis.errors import AnalysisError
from analysis.figures import LIGHT, Theme
from analysis.figures import Shown as Picture
from analysis.formatting import FILTERS, MISSING

T = TypeVar("T")
Show = Literal["text", "label", "number", "percent", "points", "p", "integer", "df"]


@dataclass(frozen=True)
class Shown:
    """A column as the report prints it.

    Attributes
    ----------
    head : what stands above it.
    name : of the table's column; ``high`` of a second one makes the cell "low to high".
    show : how a value is written; ``label`` is text that may be the name of a condition.
    """

    head: str
    name: str
    show: Show = "text"
    high: str = ""


@dataclass(frozen=True)
class Section:
    """One question and its answer.

    Attributes
    ----------
    name : of the table's file.
    title : the question, in words.
    table : the numbers.
    method : how they were made.
    columns : those that the report prints, in order.
    scope : for whom and what the numbers speak.
    caption : how to read the table.
    sentence : a sentence for each row, with ``{column:show}`` in place of numbers; rows whose
        column ``said`` is false are left to the table.
    """

    name: str
    title: str
    table: pd.DataFrame
    method: str
    columns: tuple[Shown, ...]
    scope: str = THESE_STIMULI
    caption: str = ""
    sentence: str = ""

    def content(self) -> dict[str, Any]:
        """As ``results.json`` holds it."""
        return {
            "name": self.name,
            "title": self.title,
            "method": self.method,
            "scope": self.scope,
            "caption": self.caption,
            "sentence": self.sentence,
            "columns": [asdict(column) for column in self.columns],
            "rows": self.table,
        }


@dataclass(frozen=True)
class Drawing:
    """A figure: how to draw it, what it shows, how to read it."""

    name: str
    draw: Callable[[Theme], Figure]
    alt: str
    caption: str
    wide: bool = False


@dataclass(frozen=True)
class Programme:
    """What was found.

    Attributes
    ----------
    name, title, source : of the programme; the source is the paper that its statistics follow.
    sections, drawings : tables and figures in the order of the report.
    notes : in words.
    """

    name: str
    title: str
    source: str
    sections: tuple[Section, ...]
    drawings: tuple[Drawing, ...] = ()
    notes: tuple[str, ...] = ()

    def __getitem__(self, name: str) -> pd.DataFrame:
        """The table of that name.

        Raises
        ------
        AnalysisError
            If it is not there; the notes say why a table could not be made.
        """
        found = self.tables()
        if name not in found:
            why = f" ({' '.join(self.notes)})" if self.notes else ""
            raise AnalysisError(f"no table {name!r}; there are {', '.join(found)}{why}")
        return found[name]

    def to_frame(self) -> pd.DataFrame:
        """The first table."""
        return self.sections[0].table if self.sections else pd.DataFrame()

    def tables(self) -> dict[str, pd.DataFrame]:
        """All tables by name."""
        return {section.name: section.table for section in self.sections}

    def show(self, name: str) -> Picture:
        """The figure of that name, for a notebook.

        Raises
        ------
        AnalysisError
            If it is not there.
        """
        found = {one.name: one for one in self.drawings}
        if name not in found:
            raise AnalysisError(f"no figure {name!r}; there are {', '.join(found)}")
        return Picture(found[name].draw(LIGHT))

    def content(self) -> dict[str, Any]:
        """As ``results.json`` holds it."""
        return {
            "name": self.name,
            "title": self.title,
            "source": self.source,
            "sections": [section.content() for section in self.sections],
            "figures": [
                {"name": one.name, "alt": one.alt, "caption": one.caption, "wide": one.wide}
                for one in self.drawings
            ],
            "notes": list(self.notes),
        }


def attempt(what: str, compute: Callable[[], T], notes: list[str]) -> T | None:
    """The result, or none and a note that says what could not be computed and why."""
    try:
        return compute()
    except (NotEstimable, AnalysisError) as problem:
        notes.append(f"No {what}: {problem}.")
        return None


def cell(column: Mapping[str, str], row: Mapping[str, Any], labels: Mapping[str, str]) -> str:
    """What the report prints of a row in a column.

    Examples
    --------
    >>> cell({"name": "low", "high": "high", "show": "percent"}, {"low": 0.5, "high": 0.75}, {})
    '50.0 to 75.0'
    """
    if column["high"]:
        ends = [row[column["name"]], row[column["high"]]]
        show = "points" if column["show"] == "percent" else column["show"]
        if None in ends:
            return MISSING
        return " to ".join(written(end, show, labels) for end in ends)
    return written(row[column["name"]], column["show"], labels)


def written(value: Any, show: str, labels: Mapping[str, str]) -> str:
    """One value in words or digits; a p-value without its letter."""
    if show == "label":
        return labels.get(str(value), str(value))
    if show == "text":
        return MISSING if value is None else str(value)
    text = str(FILTERS[show](value))
    return text.removeprefix("p ").removeprefix("= ") if show == "p" else text


def say(sentence: str, row: Mapping[str, Any], labels: Mapping[str, str]) -> str:
    """The sentence with the row's numbers; empty if one of them is missing.

    Examples
    --------
    >>> say("{who:label}: {share:percent(0)}", {"who": "a", "share": 0.5}, {"a": "Ada"})
    'Ada: 50\\xa0%'
    """
    parts = []
    for text, name, show, _ in Formatter().parse(sentence):
        parts.append(text)
        if name is None:
            continue
        if row[name] is None:
            return ""
        kind, _, digits = (show or "text").rstrip(")").partition("(")
        if kind == "p":
            parts.append(str(FILTERS["p"](row[name])))
        elif digits:
            parts.append(str(FILTERS[kind](row[name], int(digits))))
        else:
            parts.append(written(row[name], kind, labels))
    return "".join(parts)
