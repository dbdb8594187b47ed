from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from analysis.clustered_logit import NotEstimable
from analysis.odd_one_out import SAMPLES
from analysis.programmes.base import Programme
from analysis.programmes.odd_one_out import odd_one_out_study
from tests.analysis.test_odd_one_out import people_of_cvr


def run(trials: pd.DataFrame, **options: Any) -> Programme:
    options = {"n_resamples": 100} | options
    return odd_one_out_study(trials, cluster="participant", rng=np.random.default_rng(0), **options)


def answers(seed: int, people: int = 10, tasks: int = 6) -> pd.DataFrame:
    """People learn: .5 in the first trials of a rule, .9 in the last, whatever the rule."""
    rng = np.random.default_rng(seed)
    who, task, trial = (a.ravel() for a in np.indices((people, tasks, 20)))
    p = 0.5 + 0.4 * trial / 19
    right = rng.random(len(who)) < p
    return pd.DataFrame(
        {
            "participant": who,
            "condition": "all",
            "item": [f"rule{i}" for i in task],
            "kind": np.where(task < 2, "elementary", "composite"),
            "n_options": 4,
            "trial": task * 20 + trial,
            "confidence": np.where(right, 70, 50) + rng.normal(0, 5, len(who)),
            "correct": right.astype(int),
        }
    )


def test_people_of_cvr_reproduced() -> None:
    """From the raw file; needs LENS_CVR_HUMAN."""
    found = run(people_of_cvr())
    overall = found["overall"].set_index(["average", "kind"])
    row = overall.loc[("tasks", "all")]
    assert row["accuracy"] == pytest.approx(0.787407, abs=1e-6)
    assert (row["n_good"], row["n_tasks"], row["n_participants"]) == (26, 45, 21)
    assert overall.loc[("rows", "all"), "accuracy"] == pytest.approx(0.8365, abs=5e-5)
    assert overall.loc[("tasks", "elementary"), "accuracy"] == pytest.approx(0.976, abs=5e-4)
    assert len(found["tasks"]) == 45


def test_learning_and_confidence_are_found() -> None:
    found = run(answers(0))
    curve = found["learning"]
    assert curve["trials"].tolist() == ["1–5", "6–10", "11–15", "16–20"]
    assert curve["accuracy"].is_monotonic_increasing
    sure = found["confidence"].set_index("answer")
    assert sure.loc["right", "low"] > sure.loc["wrong", "high"]
    assert sure.loc["right", "confidence"] == pytest.approx(70, abs=1)
    tasks = found["tasks"]
    assert tasks["accuracy"].is_monotonic_decreasing
    assert (tasks["d_prime"] > 0).all()
    assert found["overall"].query("average == 'tasks'")["kind"].tolist() == [
        "all",
        "composite",
        "elementary",
    ]


def test_learners_stand_beside_people() -> None:
    machines = pd.DataFrame(
        {
            "condition": np.repeat(["net", "better"], 6),
            "item": "rule0",
            "n_samples": list(SAMPLES) * 2,
            "correct": [0.25] * 6 + [0.9] * 6,
        }
    )
    table = run(answers(1), learners=machines)["learners"].set_index("learner")
    assert table.loc["net", ["auc", "ses"]].tolist() == pytest.approx([0.25, 0.25])
    assert table.loc["better", "ses"] == pytest.approx(0.9)


def test_too_little_is_said_so() -> None:
    with pytest.raises(NotEstimable, match="no answers"):
        run(answers(2).assign(correct=np.nan))
    plain = run(answers(2)[["participant", "item", "correct"]])
    assert [section.name for section in plain.sections] == ["overall", "tasks"]
    assert "d_prime" not in plain["tasks"]
    all_right = run(answers(2).assign(correct=1))
    assert all_right["overall"]["accuracy"].tolist() == [1.0] * 4
    assert np.isnan(all_right["confidence"]["confidence"].iloc[1])
