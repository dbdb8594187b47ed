from __future__ import annotations

import numpy as np
import pytest

import analysis.bootstrap as bootstrap
from analysis.bootstrap import percentile_interval, resampled_proportions, resampled_totals


def test_counting_patterns_is_the_same_as_drawing_people(monkeypatch: pytest.MonkeyPatch) -> None:
    """Mean, variance and quantiles of both ways agree; few patterns and many are both used."""
    k = np.random.default_rng(0).binomial(10, 0.7, 60).astype(float)
    rows = np.column_stack([k, np.full(60, 10.0)])
    counted = resampled_totals(rows, 40_000, np.random.default_rng(1))
    monkeypatch.setattr(bootstrap, "FEW_PATTERNS", -1.0)
    drawn = resampled_totals(rows, 40_000, np.random.default_rng(2))
    assert counted[:, 1] == pytest.approx(600)
    assert drawn[:, 1] == pytest.approx(600)
    assert counted[:, 0].mean() == pytest.approx(drawn[:, 0].mean(), abs=0.4)
    assert counted[:, 0].std() == pytest.approx(drawn[:, 0].std(), rel=0.02)
    assert counted[:, 0].std() == pytest.approx(np.sqrt(60) * k.std(), rel=0.02)


def test_chunks_do_not_change_the_draws_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = np.random.default_rng(0).normal(size=(30, 2))
    monkeypatch.setattr(bootstrap, "CHUNK_DRAWS", 100)
    totals = resampled_totals(rows, 5000, np.random.default_rng(1))
    assert totals.shape == (5000, 2)
    assert totals.mean(axis=0) == pytest.approx(rows.sum(axis=0), abs=0.4)
    # Columns are resampled together: their covariance is that of the rows.
    expected = 30 * np.cov(rows.T, ddof=0)
    assert np.cov(totals.T) == pytest.approx(expected, rel=0.15, abs=1.0)


def test_same_seed_same_interval() -> None:
    k, n = np.arange(20.0), np.full(20, 30.0)
    first, second = (
        percentile_interval(resampled_proportions(k, n, 500, np.random.default_rng(5)))
        for _ in range(2)
    )
    assert first == second


def test_without_people() -> None:
    with pytest.raises(ValueError, match="no participants"):
        resampled_totals(np.empty((0, 2)), 10, np.random.default_rng(0))
    assert np.isnan(percentile_interval([np.nan]).low)
