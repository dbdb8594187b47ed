from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from analysis.intervals import clopper_pearson, t_interval, wilson
from analysis.multiple_comparisons import holm


def test_wilson_of_r() -> None:
    """R: prop.test(30, 40, correct = FALSE)."""
    interval = wilson(30, 40)
    assert (interval.low, interval.high) == pytest.approx((0.598060, 0.858129), abs=1e-6)


def test_clopper_pearson_of_r() -> None:
    """R: binom.test(682, 925)."""
    interval = clopper_pearson(682, 925)
    assert (interval.low, interval.high) == pytest.approx((0.707668, 0.765407), abs=1e-6)


def test_holm_of_r() -> None:
    """R: p.adjust(c(.01, .02, .03, .04, .05), "holm")."""
    adjusted = holm([0.01, 0.02, 0.03, 0.04, 0.05])
    assert adjusted == pytest.approx([0.05, 0.08, 0.09, 0.09, 0.09])
    unordered = holm([0.04, np.nan, 0.01])
    assert unordered[[0, 2]] == pytest.approx([0.04, 0.02])
    assert np.isnan(unordered[1])


@given(st.integers(1, 400), st.data(), st.sampled_from([0.8, 0.95, 0.99]))
def test_agree_with_another_library(n: int, data: st.DataObject, level: float) -> None:
    k = data.draw(st.integers(0, n))
    ours, exact = wilson(k, n, level), clopper_pearson(k, n, level)
    theirs = proportion_confint(k, n, 1 - level, "wilson")
    theirs_exact = proportion_confint(k, n, 1 - level, "beta")
    assert (ours.low, ours.high) == pytest.approx(theirs, abs=1e-9)
    assert (exact.low, exact.high) == pytest.approx(theirs_exact, abs=1e-9)
    assert 0 <= ours.low <= k / n <= ours.high <= 1


def test_t_interval_of_scipy() -> None:
    values = [0.5, 0.7, 0.65, 0.9]
    theirs = stats.ttest_1samp(values, 0).confidence_interval(0.9)
    ours = t_interval(values, 0.9)
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high))


def test_nothing_to_say_is_no_number() -> None:
    assert np.isnan(t_interval([0.5]).low)
    assert np.isnan(wilson(0, 0).high)
    assert np.isnan(clopper_pearson(0, 0).high)
