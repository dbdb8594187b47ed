from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from analysis.bayes_factors import binomial_bf, evidence, jzs_t
from analysis.clustered_logit import NotEstimable
from tests.analysis.conftest import simulated_trials


def test_sleep_as_in_r() -> None:
    """BayesFactor::ttestBF: paired 17.25888, two groups 1.265925."""
    assert jzs_t(-4.0621277, 10) == pytest.approx(17.25888, rel=1e-5)
    assert jzs_t(-1.8608135, 10, 10) == pytest.approx(1.265925, rel=1e-5)


def test_a_small_t_of_many_people_speaks_for_no_difference() -> None:
    assert 1 / jzs_t(1.0, 50, scale=1.0) > 3
    assert jzs_t(3.5, 50, scale=1.0) > 10


def test_scale_and_extremes() -> None:
    assert jzs_t(0.0, 100) < jzs_t(0.0, 20) < 1
    assert jzs_t(0.5, 30, scale=1.0) < jzs_t(0.5, 30, scale=0.5)
    assert np.isfinite(jzs_t(60.0, 200))


def test_binomial() -> None:
    assert binomial_bf(115, 200, 0.5) == pytest.approx((1 / 201) / 0.005955892, rel=1e-5)
    assert binomial_bf(0, 0, 0.5) == pytest.approx(1)
    assert binomial_bf(20, 20, 1.0) == pytest.approx(1 / 21)


def test_pairs_are_recognised() -> None:
    drug1 = [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0]
    drug2 = [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4]
    sleep = pd.DataFrame(
        {
            "participant": [*range(10), *range(10)],
            "condition": ["1"] * 10 + ["2"] * 10,
            "extra": drug1 + drug2,
        }
    )
    row = evidence(sleep, cluster="participant", value="extra").to_frame().iloc[0]
    assert row["bf10"] == pytest.approx(17.25888, rel=1e-5)
    assert row["reading"] == "for a difference"
    assert "0.707" in row["prior"]
    against = evidence(sleep, cluster="participant", value="extra", chance=0.0).table
    assert against["reference"].tolist() == ["chance (0)"] * 2
    assert against["bf10"].iloc[1] > against["bf10"].iloc[0]


def test_one_condition() -> None:
    trials = simulated_trials(0, people=4).assign(condition="x")
    with pytest.raises(NotEstimable, match="only one condition"):
        evidence(trials, cluster="participant")


@pytest.mark.slow
def test_a_null_seldom_gives_strong_evidence() -> None:
    """Under the null P(BF₁₀ ≥ 10) is at most 1/10, whatever the sample size."""
    rng = np.random.default_rng(1)
    t = [x.mean() / x.std(ddof=1) * np.sqrt(20) for x in rng.normal(size=(300, 20))]
    assert np.mean([jzs_t(float(one), 20) >= 10 for one in t]) < 0.05
