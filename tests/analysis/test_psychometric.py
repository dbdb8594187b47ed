from __future__ import annotations

import numpy as np
import pytest
from scipy import optimize, special

from analysis.clustered_logit import NotEstimable
from analysis.psychometric import Psychometric, fit_psychometric


def observer(
    seed: int,
    *,
    n: int = 40_000,
    guess: float = 0.5,
    lapse: float = 0.03,
    slope: float = 1.6,
    threshold: float = 1.5,
    low: float = 0.0,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = rng.uniform(low, 5.0, n)
    p = guess + (1 - guess - lapse) * special.expit(slope * (x - threshold))
    return x, (rng.random(n) < p).astype(float), np.arange(n) // 40


def values(fit: Psychometric) -> dict[str, float]:
    return dict(zip(fit.table["parameter"], fit.table["value"], strict=True))


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_recovers_the_parameters_within_a_tenth(seed: int) -> None:
    x, correct, people = observer(seed, n=120_000)
    found = values(fit_psychometric(x, correct, cluster=people, guess=0.5))
    assert found["slope"] == pytest.approx(1.6, rel=0.1)
    assert found["threshold"] == pytest.approx(1.5, rel=0.1)
    assert found["lapse"] == pytest.approx(0.03, rel=0.1)
    # With the guess rate free, stimuli below the threshold are needed, too.
    x, correct, people = observer(seed, guess=0.25, low=-4.0)
    found = values(fit_psychometric(x, correct, cluster=people))
    assert found["guess"] == pytest.approx(0.25, rel=0.1)
    assert found["slope"] == pytest.approx(1.6, rel=0.1)


def test_maximum_is_that_of_another_search() -> None:
    x, correct, people = observer(5, n=3000)
    fit = fit_psychometric(x, correct, cluster=people, guess=0.5)

    def loss(theta: np.ndarray) -> float:
        lapse, slope, threshold = theta
        p = 0.5 + (0.5 - lapse) * special.expit(slope * (x - threshold))
        p = np.clip(p, 1e-12, 1 - 1e-12)
        return -float(np.sum(correct * np.log(p) + (1 - correct) * np.log1p(-p)))

    best = optimize.minimize(
        loss,
        [0.05, 1.0, 1.0],
        method="Nelder-Mead",
        options={"xatol": 1e-7, "fatol": 1e-9, "maxiter": 4000},
    )
    assert fit.log_likelihood == pytest.approx(-best.fun, abs=1e-4)
    found = values(fit)
    assert [found["lapse"], found["slope"], found["threshold"]] == pytest.approx(best.x, rel=1e-2)


def test_conditions_share_all_but_the_threshold() -> None:
    x, first, people = observer(0, threshold=1.0)
    _, second, _ = observer(0, threshold=2.0)
    condition = np.where(people % 2 == 0, "near", "far")
    correct = np.where(people % 2 == 0, first, second)
    fit = fit_psychometric(x, correct, cluster=people, condition=condition, guess=0.5)
    assert fit.value("threshold", "near") == pytest.approx(1.0, rel=0.1)
    assert fit.value("threshold", "far") == pytest.approx(2.0, rel=0.1)
    at_threshold = fit(fit.value("threshold", "far"), "far")
    assert at_threshold == pytest.approx(0.5 + (0.5 - fit.value("lapse")) / 2)


def test_intervals_hold_the_truth() -> None:
    """Of 60 intervals of level .95, at least 51 hold the truth (p < .001 otherwise)."""
    held = 0
    for seed in range(20):
        x, correct, people = observer(100 + seed, n=4000)
        table = fit_psychometric(x, correct, cluster=people, guess=0.5).table.set_index("parameter")
        truth = {"slope": 1.6, "threshold": 1.5, "lapse": 0.03}
        for name, value in truth.items():
            row = table.loc[name]
            held += bool(row["at_edge"] or row["low"] <= value <= row["high"])
    assert held >= 51


def test_units_of_the_stimulus_do_not_matter() -> None:
    x, correct, people = observer(3, n=4000)
    plain = values(fit_psychometric(x, correct, cluster=people, guess=0.5))
    scaled = values(fit_psychometric(10 * x + 3, correct, cluster=people, guess=0.5))
    assert scaled["slope"] == pytest.approx(plain["slope"] / 10, rel=1e-3)
    assert scaled["threshold"] == pytest.approx(10 * plain["threshold"] + 3, rel=1e-3)


def test_normal_link() -> None:
    rng = np.random.default_rng(0)
    x = rng.uniform(0, 4, 30_000)
    correct = rng.random(30_000) < 0.5 + 0.5 * special.ndtr(1.2 * (x - 1.5))
    fit = fit_psychometric(
        x, correct, cluster=np.arange(30_000), guess=0.5, lapse=0.0, link="normal"
    )
    assert fit.value("slope") == pytest.approx(1.2, rel=0.1)


def test_says_why_there_is_no_function() -> None:
    x, correct, people = observer(0, n=200)
    with pytest.raises(NotEstimable, match="same"):
        fit_psychometric(x, np.ones(200), cluster=people)
    with pytest.raises(NotEstimable, match="fewer than four"):
        fit_psychometric(np.round(x / 5), correct, cluster=people)
    with pytest.raises(NotEstimable, match="no answers"):
        fit_psychometric([], [], cluster=[])
