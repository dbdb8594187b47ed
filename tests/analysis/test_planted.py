"""Every programme holds what was planted, and claims nothing where nothing was.

Five studies of each kind here; ``tests/benchmarks/planted.py`` runs the twenty that are promised.
"""

from __future__ import annotations

import pytest

from tests.benchmarks.planted_studies import STUDIES, counts

SEEDS = 5


@pytest.mark.parametrize("name", STUDIES)
def test_planted_effects_are_inside_the_interval(name: str) -> None:
    found = counts(name, SEEDS)
    assert found["held"] >= SEEDS - 1
    assert found["found"] >= SEEDS - 1
    assert found["claimed"] <= 1
