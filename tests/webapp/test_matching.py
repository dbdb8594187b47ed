"""Which concept of one set is which of another."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from webapp.explorer.matching import AT_LEAST, correlations, cosines, match


def test_cosines_are_those_of_the_definition_and_0_for_nothing() -> None:
    left = np.array([[3.0, 4.0], [0.0, 0.0]])
    right = np.array([[4.0, 3.0], [-3.0, -4.0], [0.0, 2.0]])
    assert cosines(left, right)[0] == pytest.approx([0.96, -1.0, 0.8])
    assert (cosines(left, right)[1] == 0).all()


def test_correlations_are_pearson_s() -> None:
    rng = np.random.default_rng(0)
    left, right = rng.normal(size=(30, 3)), rng.normal(size=(30, 2)) + 5
    expected = np.corrcoef(left.T, right.T)[:3, 3:]
    assert correlations(left, right) == pytest.approx(expected)
    assert (correlations(np.ones((30, 1)), right) == 0).all(), "what never changes tells nothing"


@given(st.integers(1, 4), st.integers(1, 4), st.integers(0, 10_000))
def test_no_other_matching_is_more_alike_in_total(r: int, s: int, seed: int) -> None:
    likeness = np.random.default_rng(seed).uniform(AT_LEAST, 1, (r, s))
    found = match(likeness)
    best = max(
        sum(likeness[row, column] for row, column in zip(range(r), columns, strict=False))
        if r <= s
        else sum(likeness[row, column] for column, row in zip(range(s), columns, strict=False))
        for columns in permutations(range(max(r, s)), min(r, s))
    )
    assert sum(pair.likeness for pair in found.pairs) == pytest.approx(best)
    assert len(found.pairs) == min(r, s)


def test_a_greedy_choice_would_be_worse() -> None:
    found = match(np.array([[0.9, 0.8], [0.8, 0.31]]))
    assert {(pair.left, pair.right) for pair in found.pairs} == {(0, 1), (1, 0)}
    assert found.mean == pytest.approx(0.8)


def test_weak_pairs_are_taken_apart() -> None:
    found = match(np.array([[0.9, 0.0, 0.0], [0.0, 0.29, 0.1]]))
    assert [(pair.left, pair.right) for pair in found.pairs] == [(0, 0)]
    assert found.left_alone == (1,)
    assert found.right_alone == (1, 2)
    assert match(np.zeros((2, 0))).left_alone == (0, 1)
    assert match(np.zeros((2, 0))).mean is None
