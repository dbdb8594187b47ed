from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from analysis.clustered_logit import NotEstimable
from analysis.effect_sizes import (
    effect_sizes,
    eta_squared_of_f,
    hedges_g,
    odds_ratio,
    risk_difference,
)
from tests.analysis.conftest import simulated_trials


def test_noncentral_interval_of_g() -> None:
    """The ends put the observed t at the tails of the noncentral t distribution."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(0.6, 1, 15), rng.normal(0, 1, 20)
    effect = hedges_g(x, y, level=0.9)
    df = 33
    j = 1 - 3 / (4 * df - 1)
    unit = np.sqrt(1 / 15 + 1 / 20)
    t = stats.ttest_ind(x, y).statistic
    assert effect.value == pytest.approx(t * unit * j, rel=1e-3)
    for end, tail in ((effect.low, 0.95), (effect.high, 0.05)):
        assert stats.nct.cdf(t, df, end / unit / j) == pytest.approx(tail, abs=2e-3)


@pytest.mark.parametrize(("f", "df2", "expected"), [(9.19, 234, 0.216), (4.29, 232, 0.115)])
def test_eta_squared_that_published_f_values_imply(f: float, df2: int, expected: float) -> None:
    """Colin et al. (2022): the .089 and .042 printed there do not follow from F."""
    assert eta_squared_of_f(f, 7, df2) == pytest.approx(expected, abs=5e-4)
    assert eta_squared_of_f(f, 7, df2, kind="omega_squared") < expected


def test_published_odds_ratios_of_craft() -> None:
    """Odds of the published shares: 75.0 % is 2.99; 76.1 % is 3.18, and not the printed 3.53."""
    assert odds_ratio(7495, 10000, 500, 1000).value == pytest.approx(2.99, abs=5e-3)
    assert odds_ratio(761, 1000, 500, 1000).value == pytest.approx(3.18, abs=5e-3)


def test_aspirin_as_in_agresti() -> None:
    effect = odds_ratio(189, 11034, 104, 11037)
    assert (effect.value, effect.low, effect.high) == pytest.approx((1.832, 1.440, 2.331), abs=1e-3)
    gap = risk_difference(189, 11034, 104, 11037)
    assert (gap.value, gap.low, gap.high) == pytest.approx((0.0077, 0.0047, 0.0108), abs=1e-4)
    assert np.isfinite(odds_ratio(5, 5, 2, 5).high)


def test_people_are_resampled() -> None:
    trials = simulated_trials(4, effect=0.8, participant_sd=1.0)
    table = effect_sizes(
        trials, cluster="participant", rng=np.random.default_rng(0), n_resamples=2000
    ).table.set_index("kind")
    pooled = trials.groupby("condition")["correct"].agg(["sum", "count"])
    naive = odds_ratio(*pooled.loc["units"], *pooled.loc["concepts"])
    row = table.loc["odds_ratio"]
    assert row["value"] == pytest.approx(naive.value)
    width = np.log(row["high"] / row["low"])
    assert width > 1.2 * np.log(naive.high / naive.low)
    assert (table["low"] < table["value"]).all()
    assert (table["value"] < table["high"]).all()


def test_one_condition() -> None:
    trials = simulated_trials(0).assign(condition="x")
    with pytest.raises(NotEstimable, match="only one condition"):
        effect_sizes(trials, cluster="participant", rng=np.random.default_rng(0))


@pytest.mark.slow
def test_coverage_of_g() -> None:
    """1000 pairs of groups: .95 is seen as .93 to .97 (three standard errors)."""
    rng = np.random.default_rng(2)
    held = 0
    for _ in range(1000):
        effect = hedges_g(rng.normal(0.5, 1, 12), rng.normal(0, 1, 12))
        held += effect.low <= 0.5 <= effect.high
    assert 0.93 <= held / 1000 <= 0.97
