"""Every programme holds what was planted, and claims nothing where nothing was.

Five studies of each kind here; ``tests/benchmarks/planted.py`` runs the twenty that are promised.
"""

from __future__ import annotations

from importlib.resources import files

import pytest

from analysis.programmes.registry import PROGRAMMES
from tests.benchmarks.planted_studies import STUDIES, counts

SEEDS = 5


def test_no_programme_is_left_out() -> None:
    assert {known.name for known in PROGRAMMES} == set(STUDIES)


def test_the_page_in_the_documentation_tells_of_all() -> None:
    page = (files("analysis") / "PLANTED.md").read_text(encoding="utf-8")
    rows = [line.split("|") for line in page.splitlines() if line.startswith("|")][2:]
    assert [row[1].strip().replace(" ", "_") for row in rows] == list(STUDIES)
    # Of 100 studies each: 95 expected, and what an interval of Wilson's leaves room for.
    for row in rows:
        held, found, claimed = (int(cell.split("\u00a0")[0]) for cell in row[3:6])
        assert held >= 89, row
        assert found >= 85, row
        assert claimed <= 11, row


@pytest.mark.parametrize("name", STUDIES)
def test_planted_effects_are_inside_the_interval(name: str) -> None:
    found = counts(name, SEEDS)
    assert found["held"] >= SEEDS - 1
    assert found["found"] >= SEEDS - 1
    assert found["claimed"] <= 1
