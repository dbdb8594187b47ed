from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.special import ndtri

from analysis.errors import AnalysisError
from analysis.signal_detection import (
    Task,
    d_prime,
    proportion_correct,
    sensitivity_by_condition,
    side_bias,
    yes_no,
    yes_no_by_condition,
)
from tests.analysis.conftest import simulated_trials


@pytest.mark.parametrize(("m", "expected"), [(2, 1.19021), (3, 1.65241), (4, 1.89314)])
def test_choice_as_in_r(m: int, expected: float) -> None:
    # R seeks the root to 1e-4; for two choices √2 z(.8) = 1.190232 is exact.
    assert d_prime(0.8, task="m_afc", n_options=m) == pytest.approx(expected, rel=1e-4)


def test_two_choices_in_closed_form() -> None:
    p = np.array([0.2, 0.5, 0.9])
    found = d_prime(p, task="m_afc", n_options=2)
    assert found == pytest.approx(np.sqrt(2) * ndtri(p), abs=1e-9)


def test_oddity_as_in_r() -> None:
    found = d_prime([0.4, 0.5, 0.6, 0.7, 0.9], task="oddity", n_options=3)
    assert found == pytest.approx([0.87914, 1.46626, 1.97559, 2.50370, 4.02764], rel=1e-4)


@pytest.mark.parametrize("m", [3, 4])
def test_oddity_by_simulation(m: int) -> None:
    """The odd value is found where it lies furthest from the mean of the others."""
    rng = np.random.default_rng(1)
    x = rng.normal(size=(200_000, m))
    x[:, 0] += 1.7
    furthest = np.abs(x - x.mean(axis=1, keepdims=True)).argmax(axis=1)
    expected = proportion_correct(1.7, task="oddity", n_options=m)
    assert (furthest == 0).mean() == pytest.approx(float(expected), abs=0.004)


@pytest.mark.parametrize(("task", "m"), [("m_afc", 5), ("oddity", 3), ("oddity", 4)])
def test_chance_and_back(task: Task, m: int) -> None:
    assert proportion_correct(0.0, task=task, n_options=m) == pytest.approx(1 / m, abs=1e-9)
    d = np.array([0.3, 1.0, 2.5])
    p = proportion_correct(d, task=task, n_options=m)
    assert d_prime(p, task=task, n_options=m) == pytest.approx(d, rel=1e-7)
    assert d_prime([1.0, np.nan], task=task, n_options=m)[0] == np.inf
    assert d_prime(0.0, task=task, n_options=m) == (-np.inf if task == "m_afc" else 0)


def test_yes_no_without_correction_in_the_limit() -> None:
    many = yes_no(6915e6, 1e10, 3085e6, 1e10)
    assert (many.d_prime, many.criterion) == pytest.approx((1.0, 0.0), abs=1e-3)
    assert np.isfinite(yes_no(10, 10, 0, 10).d_prime)


def test_conditions_transform_the_interval_of_accuracy(trials: pd.DataFrame) -> None:
    rng = np.random.default_rng(0)
    found = sensitivity_by_condition(
        trials, cluster="participant", task="m_afc", n_options=2, rng=rng, n_resamples=2000
    )
    row = found.to_frame().set_index("condition").loc["units"]
    assert row["d_prime"] == pytest.approx(np.sqrt(2) * ndtri(row["accuracy"]))
    assert row["low"] < row["bootstrap_low"] + 0.1 < row["d_prime"] < row["high"]
    assert row["mean_d_prime"] > row["d_prime"]


def test_yes_no_by_person() -> None:
    trials = pd.DataFrame(
        {
            "participant": np.repeat(["a", "b", "c"], 20),
            "condition": "x",
            "correct_response": ["yes", "no"] * 20 + ["yes"] * 20,
            "response": ["yes", "no", "yes", "yes"] * 15,
        }
    )
    found = yes_no_by_condition(trials, cluster="participant", signal="yes")
    assert found.participants["participant"].tolist() == ["a", "b"]
    assert "no d′" in found.notes[0]
    assert found.table["d_prime"].item() == pytest.approx(ndtri(10.5 / 11) - ndtri(5.5 / 11))
    assert found.table["criterion"].item() < 0


def test_a_side_is_favoured() -> None:
    rng = np.random.default_rng(0)
    side = rng.choice(["0", "1"], 2000)
    answer = np.where(rng.random(2000) < 0.3, "1", side)
    trials = pd.DataFrame(
        {
            "participant": np.repeat([f"p{i}" for i in range(20)], 100),
            "condition": "x",
            "correct_response": side,
            "response": answer,
        }
    )
    table = side_bias(trials, cluster="participant").table.set_index("position")
    assert table.loc["1", "bias"] == pytest.approx(0.15, abs=0.03)
    assert table.loc["1", "bias_low"] > 0
    assert table["bias"].sum() == pytest.approx(0)


def test_faults() -> None:
    with pytest.raises(AnalysisError, match="3 or 4 choices"):
        d_prime(0.5, task="oddity", n_options=5)
    with pytest.raises(AnalysisError, match="unknown task"):
        d_prime(0.5, task="same", n_options=2)  # type: ignore[arg-type]
    with pytest.raises(AnalysisError, match="'response'"):
        side_bias(simulated_trials(0, people=2), cluster="participant")
