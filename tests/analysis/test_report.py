from __future__ import annotations

import copy
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from analysis import figures
from analysis.dataset import from_frames
from analysis.formatting import count, number, p_value, percent, seconds
from analysis.plan import Criterion, Plan
from analysis.report import Picture, render_report
from analysis.results import analyze_dataset
from tests.analysis.conftest import simulated_trials

ROOT = Path(__file__).parents[2]


class Text(HTMLParser):
    """The words of a page, styles left out, and whatever it would load."""

    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []
        self.loads: list[str] = []
        self._style = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._style = tag == "style"
        for name, value in attrs:
            if name in ("src", "srcset", "href"):
                self.loads.append(value or "")

    def handle_endtag(self, tag: str) -> None:
        self._style = False

    def handle_data(self, data: str) -> None:
        if not self._style:
            self.words.append(data)


def read(html: str) -> Text:
    page = Text()
    page.feed(html)
    return page


def words(html: str) -> str:
    return re.sub(r"\s+", " ", " ".join(read(html).words).replace("\u00a0", " "))


@pytest.fixture(scope="module")
def results() -> dict[str, Any]:
    plan = Plan(
        declared=True,
        reference="concepts",
        conditions=(("concepts", "Concepts"), ("units", "Single <units>")),
        exclusions=(Criterion("test_accuracy", min=0.45),),
    )
    data = from_frames(simulated_trials(0, effect=1.0), plan=plan)
    found = json.loads(json.dumps(analyze_dataset(data).results))
    return dict(found)


def test_reads_like_a_results_section(results: dict[str, Any]) -> None:
    text = words(render_report(results, {}))
    (row,) = [row for row in results["differences"]["comparisons"] if row["primary"]]
    assert f"a difference of {100 * row['difference']:.1f} percentage points" in text
    assert f"t({row['df']:.0f}) = {row['t']:.2f}" in text
    assert "confirmatory" in text
    assert "This is the test that the study declared before it began" in text
    assert "Single <units>" in text  # escaped in the source
    assert "test accuracy at least 0.45" in text


def test_numbers_come_from_the_results(results: dict[str, Any]) -> None:
    """Every number with a decimal point in the page changes if the results change."""

    def numbers(html: str) -> set[str]:
        return set(re.findall(r"\d*\.\d+", words(html)))

    def shifted(value: Any, key: str = "") -> Any:
        if isinstance(value, dict):
            return {name: shifted(inner, name) for name, inner in value.items()}
        if isinstance(value, list):
            return [shifted(inner, key) for inner in value]
        return value * 0.713 + 0.0137 if isinstance(value, float) and key != "level" else value

    before = numbers(render_report(results, {}))
    after = numbers(render_report(shifted(copy.deepcopy(results)), {}))
    stays = before & after
    rule = {"0.45"}  # the criterion's rule is text
    assert len(before) > 60
    # Some coincide by chance; those that are written into the template would all stay.
    assert len(stays - rule) < 0.25 * len(before)


def test_needs_nothing_beside_it(results: dict[str, Any]) -> None:
    picture = Picture(light=b"<svg>1</svg>", dark=b"<svg>2</svg>")
    html = render_report(results, {"accuracy": picture, "items": picture})
    page = read(html)
    assert len(page.loads) == 4
    assert all(address.startswith("data:image/svg+xml;base64,") for address in page.loads)
    assert "<script" not in html
    assert "url(" not in html


def test_simulated_people_are_called_so(results: dict[str, Any]) -> None:
    changed = copy.deepcopy(results)
    changed["dataset"]["simulated"] = True
    assert "say nothing about people" in words(render_report(changed, {}))
    assert "say nothing about people" not in words(render_report(results, {}))


def test_no_claim_is_worded_with_care(results: dict[str, Any]) -> None:
    changed = copy.deepcopy(results)
    for row in changed["differences"]["comparisons"]:
        row["claim"] = False
    text = words(render_report(changed, {}))
    assert "compatible with no difference, and with every difference inside the interval" in text


@pytest.mark.parametrize(("theme", "block"), [(figures.LIGHT, 0), (figures.DARK, 1)])
def test_colours_are_those_of_the_pages(theme: figures.Theme, block: int) -> None:
    tokens = (ROOT / "webapp/static/css/tokens.css").read_text()
    report = (ROOT / "analysis/templates/report.css").read_text()

    def part(css: str) -> dict[str, str]:
        halves = css.split("prefers-color-scheme: dark", 1)
        return dict(re.findall(r"--([\w-]+):\s*(#[0-9a-f]{6})", halves[block]))

    page = part(tokens)
    assert theme.palette == tuple(page[f"c{i}"] for i in range(10))
    assert (theme.ink, theme.ink_soft, theme.line, theme.ground) == (
        page["ink"],
        page["ink-soft"],
        page["line"],
        page["surface"],
    )
    own = part(report)
    assert len(own) >= 10
    for name, value in own.items():
        assert page[name] == value, name


def test_formats() -> None:
    assert number(-0.001, 2) == "0.00"
    assert number(None) == "–"
    assert percent(0.8254) == "82.5\u00a0%"
    assert p_value(0.9999) == "p > .999"
    assert p_value(0.05) == "p = .050"
    assert seconds(1234.0) == "1.23\u00a0s"
    assert count(1, "person", "people") == "1 person"
