"""The report: one HTML file that reads like a results section and needs nothing beside it.

The page is a function of ``results.json`` and the figures alone. It has no script and loads
nothing, so that it can be mailed, archived and printed.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from analysis.formatting import FILTERS, between, points
from analysis.programmes.base import cell, say

TEMPLATE = "report.html.j2"
MOST_ROWS = 40
"""Longer tables are cut in the page; the files beside it have them whole."""


@dataclass(frozen=True)
class Picture:
    """A figure as SVG, for light and for dark screens."""

    light: bytes
    dark: bytes

    @property
    def light_address(self) -> str:
        """As an address that holds the picture itself."""
        return _address(self.light)

    @property
    def dark_address(self) -> str:
        """As an address that holds the picture itself."""
        return _address(self.dark)


def render_report(results: Mapping[str, Any], pictures: Mapping[str, Picture]) -> str:
    """The report as HTML.

    Parameters
    ----------
    results : what ``results.json`` holds.
    pictures : figures by name (``accuracy``, ``items``, ``response_times``, ``psychometric``,
        ``multiverse``, and ``programme_…``); those that are missing are left out.
    """
    labels = {entry["name"]: entry["label"] for entry in results["design"]["conditions"]}
    return (
        _environment()
        .get_template(TEMPLATE)
        .render(**results, pictures=pictures, labels={**results["plan"]["labels"], **labels})
    )


def render_page(template: str, content: Mapping[str, Any], pictures: Mapping[str, Picture]) -> str:
    """Another page of the same look."""
    return _environment().get_template(template).render(**content, pictures=pictures)


@cache
def _environment() -> Environment:
    """The templates, read once."""
    environment = Environment(
        loader=PackageLoader("analysis"),
        autoescape=select_autoescape(["html", "j2"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(FILTERS)
    environment.filters["sentence"] = _sentence
    environment.globals.update(
        between=between,
        points=points,
        cell=cell,
        say=say,
        headline=headline,
        most_rows=MOST_ROWS,
    )
    return environment


def headline(programme: Mapping[str, Any], labels: Mapping[str, str]) -> list[str]:
    """What the sections of a programme say in sentences."""
    return [
        say(section["sentence"], row, labels).strip()
        for section in programme["sections"]
        if section["sentence"]
        for row in section["rows"]
        if row.get("said", True)
    ]


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:].rstrip(".") + "." if text else ""


def _address(svg: bytes) -> str:
    return f"data:image/svg+xml;base64,{base64.b64encode(svg).decode()}"
