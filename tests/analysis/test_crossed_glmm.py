from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit, gammaln

from analysis.clustered_logit import NotEstimable
from analysis.crossed_glmm import compare_conditions_mixed, fit_crossed_glmm
from analysis.laplace import Laplace
from tests.analysis.conftest import simulated_trials

CBPP = [
    (1, 2, 14, 1), (1, 3, 12, 2), (1, 4, 9, 3), (1, 0, 5, 4), (2, 3, 22, 1), (2, 1, 18, 2),
    (2, 1, 21, 3), (3, 8, 22, 1), (3, 2, 16, 2), (3, 0, 16, 3), (3, 2, 20, 4), (4, 2, 10, 1),
    (4, 0, 10, 2), (4, 2, 9, 3), (4, 0, 6, 4), (5, 5, 18, 1), (5, 0, 25, 2), (5, 0, 24, 3),
    (5, 1, 4, 4), (6, 3, 17, 1), (6, 0, 17, 2), (6, 0, 18, 3), (6, 1, 20, 4), (7, 8, 16, 1),
    (7, 1, 10, 2), (7, 3, 9, 3), (7, 0, 5, 4), (8, 12, 34, 1), (9, 2, 9, 1), (9, 0, 6, 2),
    (9, 0, 8, 3), (9, 0, 6, 4), (10, 1, 22, 1), (10, 1, 22, 2), (10, 0, 18, 3), (10, 2, 22, 4),
    (11, 0, 25, 1), (11, 5, 27, 2), (11, 3, 22, 3), (11, 1, 22, 4), (12, 2, 10, 1), (12, 1, 8, 2),
    (12, 0, 6, 3), (12, 0, 5, 4), (13, 1, 21, 1), (13, 2, 24, 2), (13, 0, 19, 3), (13, 0, 23, 4),
    (14, 11, 19, 1), (14, 0, 2, 2), (14, 0, 3, 3), (14, 0, 2, 4), (15, 1, 19, 1), (15, 1, 15, 2),
    (15, 1, 15, 3), (15, 0, 15, 4),
]  # fmt: skip
"""Herd, incidence, size, period: contagious bovine pleuropneumonia (Lesnoff et al. 2004)."""


def test_cbpp_as_in_lme4() -> None:
    """glmer(cbind(incidence, size - incidence) ~ period + (1 | herd), binomial)."""
    herd, k, n, period = np.array(CBPP).T
    rows = np.repeat(np.arange(56), n)
    y = np.concatenate([np.repeat([1, 0], [a, b - a]) for a, b in zip(k, n, strict=True)])
    x = np.column_stack([np.ones(len(rows))] + [period[rows] == p for p in (2, 3, 4)])
    fit = fit_crossed_glmm(x, y, participants=herd[rows])
    expected = [-1.39834, -0.99192, -1.12822, -1.57975]
    # lme4's optimiser stops a little before the maximum, which lies no lower here.
    assert fit.coefficients.tolist() == pytest.approx(expected, rel=1e-3)
    assert fit.participant_sd.tolist() == pytest.approx([0.64207], rel=1e-3)
    model = Laplace(x, y.astype(float), np.ones((len(y), 1)), herd[rows] - 1, None)
    assert fit.log_likelihood >= -model.loss(np.array([0.64207, *expected])) * len(y)
    # Answers one by one leave out the binomial coefficients.
    ways = float((gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1)).sum())
    assert fit.log_likelihood + ways == pytest.approx(-92.0266, abs=5e-4)
    # glmer's come from differences of its deviance; ours agree to five digits for any step.
    errors = [0.2312, 0.3032, 0.3228, 0.4220]
    assert fit.standard_errors.tolist() == pytest.approx(errors, rel=0.015)


@pytest.mark.parametrize("items", [True, False])
def test_gradient_is_that_of_the_likelihood(items: bool) -> None:
    rng = np.random.default_rng(1)
    n, people = 240, 12
    x = np.column_stack([np.ones(n), rng.normal(size=n)])
    who, item = rng.integers(people, size=n), rng.integers(9, size=n)
    y = (rng.random(n) < expit(0.5 + 0.4 * x[:, 1] + rng.normal(0, 0.7, people)[who])).astype(float)
    model = Laplace(x, y, x, who, item if items else None)
    at = np.array([0.5, 0.1, 0.3, *([0.4] if items else []), 0.8, 0.3])
    _, gradient = model.loss_and_gradient(at)
    moves = np.eye(len(at)) * 1e-5
    differences = [(model.loss(at + move) - model.loss(at - move)) / 2e-5 for move in moves]
    assert gradient == pytest.approx(differences, abs=1e-8)


def test_blocks_give_the_dense_approximation() -> None:
    """Intercepts and slopes of people crossed with items: H formed in full."""
    rng = np.random.default_rng(0)
    n, people, items = 200, 7, 5
    who, item = np.arange(n) % people, rng.integers(items, size=n)
    x = np.column_stack([np.ones(n), rng.normal(size=n)])
    y = rng.integers(2, size=n).astype(float)
    model = Laplace(x, y, x, who, item)
    parameters = np.array([0.7, -0.3, 0.5, 0.6, 0.2, 0.4])
    value = -model.loss(parameters) * n
    factor, tau, beta = model.unpack(parameters)
    scaled = x @ factor
    full = np.zeros((n, 2 * people + items))
    rows = np.arange(n)
    full[rows, 2 * who], full[rows, 2 * who + 1] = scaled.T
    full[rows, 2 * people + item] = tau
    u = np.zeros(full.shape[1])
    for _ in range(50):
        p = expit(x @ beta + full @ u)
        h = np.eye(len(u)) + (full * (p * (1 - p))[:, None]).T @ full
        u = u + np.linalg.solve(h, full.T @ (y - p) - u)
    eta = x @ beta + full @ u
    joint = (y * eta - np.logaddexp(0, eta)).sum() - u @ u / 2
    assert value == pytest.approx(joint - np.linalg.slogdet(h)[1] / 2, rel=1e-9)


def test_planted_values_are_recovered() -> None:
    trials = simulated_trials(2, people=120, items=25, answers=30, effect=0.6, item_sd=0.7)
    found = compare_conditions_mixed(trials, cluster="participant")
    fit = found.fit
    assert fit.participant_sd[0] == pytest.approx(0.6, abs=0.12)
    assert fit.item_sd == pytest.approx(0.7, abs=0.15)
    row = found.to_frame().iloc[0]
    assert row["low"] < np.exp(0.6) < row["high"]
    assert row["scope"] == "people and stimuli like these"
    alone = compare_conditions_mixed(trials, cluster="participant", item=None).table.iloc[0]
    assert alone["high"] / alone["low"] < row["high"] / row["low"]


def test_conditions_within_people_get_slopes() -> None:
    trials = simulated_trials(3, people=20, answers=24)
    trials["condition"] = np.tile(["a", "b"], len(trials) // 2)
    found = compare_conditions_mixed(trials, cluster="participant")
    assert found.fit.participant_covariance.shape == (2, 2)
    assert "between people" in found.notes[1]


def test_items_that_do_not_differ() -> None:
    trials = simulated_trials(5, people=40, items=10, item_sd=0.0)
    found = compare_conditions_mixed(trials, cluster="participant")
    assert found.fit.singular
    assert found.fit.item_sd == pytest.approx(0, abs=1e-3)
    alone = compare_conditions_mixed(trials, cluster="participant", item=None).table
    assert found.table["odds_ratio"].item() == pytest.approx(alone["odds_ratio"].item(), rel=1e-3)
    assert "as zero" in found.notes[-1]


@pytest.mark.slow
def test_type_one_error() -> None:
    """40 null studies of 40 people and 2 × 10 items: .05 is seen below .16 (three SE)."""
    p = [
        compare_conditions_mixed(simulated_trials(s, items=10), cluster="participant").table["p"]
        for s in range(40)
    ]
    assert (np.array(p) < 0.05).mean() <= 0.16


def test_faults() -> None:
    trials = simulated_trials(0, people=6)
    with pytest.raises(NotEstimable, match="only one condition"):
        compare_conditions_mixed(trials.assign(condition="x"), cluster="participant")
    with pytest.raises(NotEstimable, match="all right or all wrong"):
        compare_conditions_mixed(trials.assign(correct=1), cluster="participant")
    with pytest.raises(NotEstimable, match="is off above 10"):
        compare_conditions_mixed(trials, cluster="participant", most_trials=10)
