"""What simulated studies say of a design: looked up, told in words, warned of where it is bad."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

import pandas as pd
import pytest

from analysis import simulated_coverage
from analysis.dataset import from_frames
from analysis.report import render_report
from analysis.results import analyze_dataset
from analysis.simulated_coverage import Design, design_of, seen
from tests.analysis.conftest import simulated_trials
from tests.analysis.test_report import words


def shipped() -> dict[str, Any]:
    text = (files("analysis") / "coverage.json").read_text(encoding="utf-8")
    found: dict[str, Any] = json.loads(text)
    return found


def test_the_shipped_table_holds_the_grid_that_is_asked_for() -> None:
    about = shipped()
    table = pd.DataFrame(about["cells"], columns=about["columns"])
    grid = table[
        (table["people_are"] == "between")
        & (table["items_are"] == "nested")
        & table["people"].isin([20, 40, 140])
        & table["items"].isin([5, 10, 20, 40])
        & table["method"].isin(["odds_ratio", "difference", "accuracy"])
    ]
    assert about["replications"] == 2000
    assert len(grid) == 3 * 4 * 3 * 3
    assert grid.groupby("method")["item_sd"].unique().map(sorted).map(list).tolist() == [
        [0.3, 0.5, 0.8]
    ] * len(grid["method"].unique())
    # The confirmatory defaults are where it was promised.
    assert grid["coverage"].between(*about["good_coverage"]).all()
    assert grid["type_i"].between(*about["good_type_i"]).all()
    assert len((files("analysis") / "coverage.json").read_bytes()) < 100_000


def test_what_programmes_declare_is_where_it_was_promised() -> None:
    about = shipped()
    table = pd.DataFrame(about["cells"], columns=about["columns"])
    own = table[~table["method"].isin(["odds_ratio", "difference", "accuracy"])]
    # Bases and their change with depth, between and within people; ratings; two or three options.
    assert len(own) == (2 * 2 + 1 + 2) * 3 * 4 * 3
    assert own["coverage"].between(*about["good_coverage"]).all()
    assert own["type_i"].between(*about["good_type_i"]).all()


def test_the_page_in_the_documentation_tells_the_shipped_table() -> None:
    page = (files("analysis") / "COVERAGE.md").read_text(encoding="utf-8")
    about = shipped()
    assert f"{about['replications']} simulated studies a cell" in page
    (cell,) = [
        row for row in about["cells"] if row[:6] == ["between", "nested", 40, 10, 0.5, "difference"]
    ]
    (line,) = [line for line in page.splitlines() if line.startswith("| 40 | 10 | 0.5 |")][:1]
    assert f"{cell[6]:.3f}" in line
    assert f"{cell[7]:.3f}" in line


def test_designs_are_told_apart() -> None:
    trials = simulated_trials(0, people=30, items=8)
    options = {"cluster": "participant", "item": "item", "conditions": ["concepts", "units"]}
    assert design_of(trials, **options) == Design("between", "nested", 30, 8)
    same = trials.assign(item=trials["item"].str[1:].astype(int) % 8)
    assert design_of(same, **options) == Design("between", "shared", 30, 8)
    both = trials.assign(participant=trials["participant"].str[1:].astype(int) // 2)
    assert design_of(both, **options) == Design("within", "nested", 15, 8)
    assert design_of(trials.drop(columns="item"), **options) is None


def test_a_bad_cell_is_warned_of(monkeypatch: pytest.MonkeyPatch) -> None:
    about = shipped()
    table = pd.DataFrame(about.pop("cells"), columns=about.pop("columns"))
    table = table.assign(coverage=0.95, type_i=0.05)
    design = Design("between", "nested", 45, 11)

    def look(**bad: float) -> tuple[str, ...]:
        cell = (table["people"] == 40) & (table["items"] == 10) & (table["item_sd"] == 0.8)
        spoiled = table.copy()
        for name, value in bad.items():
            spoiled.loc[cell, name] = value
        monkeypatch.setattr(simulated_coverage, "_table", lambda: (spoiled, about))
        return seen(design, "difference").warnings

    assert look() == ()
    assert "too narrow" in look(coverage=0.91)[0]
    assert "91.0" in look(coverage=0.91)[0]
    assert "wider than need be" in look(coverage=0.98)[0]
    assert "too often" in look(type_i=0.09)[0]
    assert "cautious" in look(type_i=0.01)[0]
    assert (
        "fewer people or items" in seen(Design("between", "nested", 4, 11), "accuracy").warnings[0]
    )


def test_the_report_says_what_was_seen_for_its_design() -> None:
    results = json.loads(json.dumps(analyze_dataset(from_frames(simulated_trials(0))).results))
    page = words(render_report(results, {}))
    told = results["differences"]["simulated"]
    assert (told["people"], told["items"]) == (40, 20)
    assert " ".join(told["words"].split()) in page
    assert "In simulated studies of about this size (40 people, half of them" in page
    for warning in told["warnings"]:
        assert " ".join(warning.split()) in page
    without = simulated_trials(0).drop(columns="item")
    assert analyze_dataset(from_frames(without)).results["differences"]["simulated"] is None
