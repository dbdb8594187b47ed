from __future__ import annotations

import pytest
from scipy.stats import studentized_range

from analysis.studentized_range import studentized_range_quantile, studentized_range_tail


@pytest.mark.parametrize(("k", "df"), [(2, 2.5), (3, 27.0), (8, 234.0), (4, 9.3)])
@pytest.mark.parametrize("q", [0.5, 3.5, 6.0])
def test_as_in_scipy(q: float, k: int, df: float) -> None:
    expected = studentized_range.sf(q, k, df)
    assert studentized_range_tail(q, k, df) == pytest.approx(expected, abs=1e-8)


def test_quantile_and_back() -> None:
    for k, df in ((2, 1.5), (5, 12.0)):
        q = studentized_range_quantile(0.95, k, df)
        assert studentized_range_tail(q, k, df) == pytest.approx(0.05, abs=1e-9)


def test_ends() -> None:
    assert studentized_range_tail(0.0, 3, 10.0) == pytest.approx(1.0)
    assert studentized_range_tail(float("inf"), 3, 10.0) == 0.0
