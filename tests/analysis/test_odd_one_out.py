from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from analysis.clustered_logit import NotEstimable
from analysis.errors import AnalysisError
from analysis.odd_one_out import (
    SAMPLES,
    OddOneOut,
    area_under_curve,
    learning_scores,
    odd_one_out,
    sample_efficiency,
)

ELEMENTARY = {"shape", "pos", "size", "color", "rot", "flip", "count", "inside", "contact"}
TASKS = {
    0.995: 1, 0.98: 1, 0.975: 1, 0.9666666666666667: 1, 0.9625: 2, 0.95: 4, 0.925: 1, 0.9125: 2,
    0.9166666666666667: 1, 1.0: 6, 0.9: 2, 0.8125: 1, 0.8: 3, 0.7625: 1, 0.725: 2, 0.7: 3,
    0.65: 2, 0.625: 2, 0.6: 2, 0.575: 1, 0.525: 1, 0.45: 2, 0.4: 1, 0.35: 1, 0.3: 1,
}  # fmt: skip
"""Accuracies of people on the 45 tasks, with how many tasks share one; serre-lab/CVR."""


def run(trials: pd.DataFrame, **options: Any) -> OddOneOut:
    options = {"n_resamples": 200} | options
    return odd_one_out(trials, cluster="participant", rng=np.random.default_rng(0), **options)


def people_of_cvr() -> pd.DataFrame:
    folder = os.environ.get("LENS_CVR_HUMAN")
    if not folder:
        pytest.skip("LENS_CVR_HUMAN does not name the folder with CVR's human_data.csv")
    blocks = pd.read_csv(Path(folder) / "human_data.csv").rename(
        columns={"worker_id": "participant", "task_name": "item", "accuracy": "correct"}
    )
    parts = blocks["item"].str.removeprefix("task_")
    return blocks.assign(kind=np.where(parts.isin(ELEMENTARY), "elementary", "composite"))


def test_people_of_cvr_reproduced() -> None:
    """From the raw file: 78.7 % averaged by task, 26 of 45 tasks at .80 or above."""
    found = run(people_of_cvr(), kind="kind")
    overall = found.overall.set_index("kind")
    row = overall.loc["all"]
    assert row["accuracy"] == pytest.approx(0.787407, abs=1e-6)
    assert (row["n_good"], row["n_tasks"], row["n_participants"]) == (26, 45, 21)
    assert overall.loc["elementary", "accuracy"] == pytest.approx(0.976, abs=5e-4)
    assert overall.loc["composite", "accuracy"] == pytest.approx(0.740, abs=5e-4)
    assert row["low"] < 0.787 < row["high"]
    by_rows = run(people_of_cvr(), average="rows").overall
    assert by_rows["accuracy"].item() == pytest.approx(0.8365, abs=5e-5)


def test_published_share_of_good_tasks_is_safe_from_rounding() -> None:
    values = np.repeat(list(TASKS), list(TASKS.values()))
    assert len(values) == 45
    blocks = pd.DataFrame(
        {"participant": "p", "item": [f"t{i}" for i in range(45)], "correct": values}
    )
    row = run(blocks).overall.iloc[0]
    assert row["n_good"] == 26
    assert row["accuracy"] == pytest.approx(0.787, abs=5e-4)
    assert np.isnan(row["low"])
    thirds = pd.DataFrame({"participant": list("abc"), "item": "x", "correct": [0.7, 0.8, 0.9]})
    assert run(thirds).table["good"].item()


def study(seed: int, people: int = 12, tasks: int = 8) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    who, task, _ = (part.ravel() for part in np.indices((people, tasks, 20)))
    p = np.clip(0.75 + rng.normal(0, 0.1, people)[who] + rng.normal(0, 0.1, tasks)[task], 0, 1)
    return pd.DataFrame(
        {
            "participant": who,
            "item": task,
            "kind": np.where(task < 2, "elementary", "composite"),
            "correct": (rng.random(len(who)) < p).astype(int),
        }
    )


def test_averages_agree_if_everybody_met_everything() -> None:
    trials = study(0)
    tasks, rows = (run(trials, average=how).overall.iloc[0] for how in ("tasks", "rows"))
    assert tasks["accuracy"] == pytest.approx(trials["correct"].mean())
    assert rows["accuracy"] == pytest.approx(tasks["accuracy"])
    people = trials.groupby("participant")["correct"].mean()
    assert tasks["high"] - tasks["low"] == pytest.approx(3.92 * people.sem(), rel=0.25)
    assert run(trials).notes == ()


def test_scores_of_learners() -> None:
    assert sample_efficiency(np.full(6, 0.4)) == pytest.approx(0.4)
    early, late = [1, 1, 1, 0, 0, 0], [0, 0, 0, 1, 1, 1]
    assert area_under_curve(early) == area_under_curve(late) == 0.5
    assert sample_efficiency(early) > 0.5 > sample_efficiency(late)
    weights = [1 / (1 + np.log(n)) for n in SAMPLES]
    assert sample_efficiency(early) == pytest.approx(sum(weights[:3]) / sum(weights))
    frame = pd.DataFrame(
        {
            "condition": np.repeat(["net", "people"], 12),
            "item": np.tile(np.repeat(["x", "y"], 6), 2),
            "n_samples": list(SAMPLES) * 4,
            "correct": [*early, *late, *[0.8] * 12],
        }
    )
    table = learning_scores(frame).set_index("learner")
    assert table.loc["net", "auc"] == 0.5
    assert table.loc["people", "ses"] == pytest.approx(0.8)
    assert table["n_tasks"].tolist() == [2, 2]


def test_faults() -> None:
    trials = study(1)
    with pytest.raises(AnalysisError, match="unknown average"):
        run(trials, average="people")
    with pytest.raises(AnalysisError, match="several values"):
        run(trials.assign(kind=trials["correct"]), kind="kind")
    with pytest.raises(AnalysisError, match="5 accuracies for 6"):
        sample_efficiency([0.1] * 5)
    with pytest.raises(NotEstimable, match="lacks an accuracy"):
        learning_scores(
            pd.DataFrame(
                {"condition": "a", "item": ["x", "y"], "n_samples": [20, 50], "correct": 0.5}
            )
        )
    with pytest.raises(NotEstimable, match="no answers"):
        run(trials.assign(correct=np.nan))
