from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from analysis.clustered_logit import NotEstimable
from analysis.crossed_lmm import fit_crossed_lmm, response_time_model
from tests.analysis.conftest import simulated_trials
from tests.analysis.mixed_data import PENICILLIN, SLEEP


def test_sleepstudy_as_in_lme4() -> None:
    """lmer(Reaction ~ Days + (Days | Subject), sleepstudy)."""
    y = np.array(SLEEP)
    who, day = (part.ravel() for part in np.indices(y.shape))
    x = np.column_stack([np.ones(180), day])
    fit = fit_crossed_lmm(x, y.ravel(), participants=who, slopes=day)
    assert fit.coefficients.tolist() == pytest.approx([251.4051, 10.46729], rel=1e-6)
    assert fit.standard_errors.tolist() == pytest.approx([6.82460, 1.54579], rel=1e-4)
    variances = fit.participant_covariance
    assert variances[0, 0] == pytest.approx(612.10, rel=1e-4)
    assert variances[1, 1] == pytest.approx(35.072, rel=1e-4)
    assert variances[0, 1] == pytest.approx(9.604, rel=1e-3)
    assert fit.residual_variance == pytest.approx(654.94, rel=1e-4)
    assert fit.log_likelihood == pytest.approx(-871.8141, abs=1e-4)


def test_penicillin_as_in_lme4() -> None:
    """lmer(diameter ~ 1 + (1 | plate) + (1 | sample), Penicillin)."""
    y = np.array(PENICILLIN, dtype=float)
    plate, sample = (part.ravel() for part in np.indices(y.shape))
    fit = fit_crossed_lmm(np.ones((144, 1)), y.ravel(), participants=plate, items=sample)
    assert fit.participant_covariance.item() == pytest.approx(0.71691, rel=1e-4)
    assert fit.item_variance == pytest.approx(3.7311, rel=1e-4)
    assert fit.residual_variance == pytest.approx(0.30241, rel=1e-4)
    assert fit.log_likelihood == pytest.approx(-165.4303, abs=1e-4)
    assert fit.coefficients.item() == pytest.approx(22.9722, rel=1e-5)


def test_restricted_likelihood_in_full() -> None:
    """Of contrasts of the answers that leave out the fixed effects."""
    rng = np.random.default_rng(0)
    n = 60
    who, item = rng.integers(6, size=n), rng.integers(4, size=n)
    x = np.column_stack([np.ones(n), rng.normal(size=n)])
    y = rng.normal(size=6)[who] + rng.normal(size=4)[item] + rng.normal(size=n)
    fit = fit_crossed_lmm(x, y, participants=who, items=item, slopes=x[:, 1])
    z = np.zeros((n, 12))
    z[np.arange(n), 2 * who], z[np.arange(n), 2 * who + 1] = x.T
    v = z @ np.kron(np.eye(6), fit.participant_covariance) @ z.T
    v += fit.item_variance * (item[:, None] == item) + fit.residual_variance * np.eye(n)
    contrasts = np.linalg.svd(x.T)[2][2:]
    expected = multivariate_normal(cov=contrasts @ v @ contrasts.T).logpdf(contrasts @ y)
    # The usual form leaves out log|XᵀX| / 2, which no parameter changes.
    constant = np.linalg.slogdet(x.T @ x)[1] / 2
    assert fit.log_likelihood == pytest.approx(expected - constant, rel=1e-8)
    inverse = np.linalg.inv(v)
    beta = np.linalg.solve(x.T @ inverse @ x, x.T @ inverse @ y)
    assert fit.coefficients.tolist() == pytest.approx(beta.tolist())


def test_ratio_of_times() -> None:
    trials = simulated_trials(1, people=60)
    units = trials["condition"] == "units"
    trials["rt_ms"] = trials["rt_ms"].where(~units, trials["rt_ms"] * 1.3)
    found = response_time_model(trials, cluster="participant")
    row = found.to_frame().iloc[0]
    assert row["ratio"] == pytest.approx(1.3, abs=0.06)
    assert 1.15 < row["low"] < row["ratio"] < row["high"] < 1.45
    assert (row["df"], row["scope"]) == (38, "people and stimuli like these")
    turned = response_time_model(trials, cluster="participant", reference="units").table
    assert turned["ratio"].item() == pytest.approx(1 / row["ratio"], rel=1e-5)
    gaps = trials.assign(rt_ms=trials["rt_ms"].where(trials.index % 9 > 0))
    assert "without a positive time" in response_time_model(gaps, cluster="participant").notes[0]


def test_faults() -> None:
    trials = simulated_trials(0, people=6)
    with pytest.raises(NotEstimable, match="only one condition"):
        response_time_model(trials.assign(condition="x"), cluster="participant")
    with pytest.raises(NotEstimable, match="nothing varies"):
        response_time_model(trials.assign(rt_ms=500.0), cluster="participant")
    with pytest.raises(NotEstimable, match="say the same"):
        fit_crossed_lmm(np.ones((9, 2)), np.arange(9), participants=np.arange(9) // 3)


@pytest.mark.slow
def test_coverage_with_few_items() -> None:
    """80 studies of 30 people × 2 × 8 items: .95 is seen above .87 (three standard errors)."""
    rng = np.random.default_rng(4)
    held = 0
    for _ in range(80):
        who, item = (part.ravel() for part in np.indices((30, 16)))
        second = (item >= 8).astype(float)
        y = 0.2 * second + rng.normal(0, 0.3, 30)[who] + rng.normal(0, 0.2, 16)[item]
        y += rng.normal(0, 0.4, len(y))
        fit = fit_crossed_lmm(
            np.column_stack([np.ones(480), second]), y, participants=who, items=item
        )
        half = 2.145 * fit.standard_errors[1]
        held += abs(fit.coefficients[1] - 0.2) <= half
    assert held / 80 >= 0.87
