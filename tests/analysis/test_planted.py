"""Every programme holds what was planted, and claims nothing where nothing was.

Five studies of each kind here; ``tests/benchmarks/planted.py`` runs the twenty that are promised.
"""

from __future__ import annotations

import pytest

from analysis.programmes.registry import PROGRAMMES
from tests.benchmarks.planted_studies import STUDIES, counts

SEEDS = 5


def test_no_programme_is_left_out() -> None:
    assert {known.name for known in PROGRAMMES} == set(STUDIES)


@pytest.mark.parametrize("name", STUDIES)
def test_planted_effects_are_inside_the_interval(name: str) -> None:
    found = counts(name, SEEDS)
    assert found["held"] >= SEEDS - 1
    assert found["found"] >= SEEDS - 1
    assert found["claimed"] <= 1
