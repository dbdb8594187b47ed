from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis.dataset import Dataset, from_frames, read_dataset
from analysis.exclusions import BY_HAND, apply_exclusions
from analysis.plan import Criterion, Plan


@pytest.fixture
def data() -> Dataset:
    """Six people: p0, p1 fine; p2 poor catches; p3 poor catches and slow; p4 left; p5 never
    got a condition."""
    rows = []
    for person in range(5):
        for trial in range(4):
            rows.append((f"p{person}", "a" if person % 2 else "b", "test", trial, 1, 900.0))
        right = 0 if person in (2, 3) else 1
        rows.append((f"p{person}", "a" if person % 2 else "b", "catch", 9, right, 900.0))
    trials = pd.DataFrame(
        rows, columns=["participant", "condition", "phase", "trial", "correct", "rt_ms"]
    )
    participants = pd.DataFrame(
        {
            "participant": [f"p{i}" for i in range(6)],
            "condition": ["b", "a", "b", "a", "b", None],
            "status": ["complete"] * 4 + ["withdrawn", "screened_out"],
            "started_at": "2026-01-01T10:00:00Z",
            "finished_at": ["2026-01-01T10:05:00.5Z"] * 3 + ["2026-01-01T12:00:00Z"] * 3,
            "check_odd": [1.0, 1.0, 1.0, 1.0, 1.0, np.nan],
        }
    )
    plan = Plan(
        declared=True,
        exclusions=(Criterion("catch_accuracy", min=0.8), Criterion("total_s", 135, 2500)),
    )
    return from_frames(trials, participants=participants, plan=plan)


def test_first_reason_counts_and_nobody_is_lost(data: Dataset) -> None:
    result = apply_exclusions(data)
    reasons = result.decisions.set_index("participant")["reason"].to_dict()
    assert reasons == {
        "p0": "",
        "p1": "",
        "p2": "catch accuracy at least 0.8",
        "p3": "catch accuracy at least 0.8",
        "p4": "did not finish: withdrew",
        "p5": "no condition was drawn",
    }
    assert result.included == {"p0", "p1"}
    criteria = result.criteria.set_index("criterion")
    assert criteria.loc["catch_accuracy", ["failed", "excluded", "unknown"]].tolist() == [2, 2, 0]
    assert criteria.loc["total_s", ["failed", "excluded"]].tolist() == [2, 0]
    assert result.decisions["total_s"].tolist()[0] == 300.5


def test_flow_adds_up(data: Dataset) -> None:
    flow = apply_exclusions(data).flow
    total = flow[flow["condition"] == ""].groupby("step")["n"].sum()
    assert total["arrived"] == total["before"] + total["assigned"]
    assert total["assigned"] == total["left"] + total["finished"]
    assert total["finished"] == total["excluded"] + total["analysed"]
    by_condition = flow[flow["condition"] != ""].groupby(["step", "what"])["n"].sum()
    for (step, what), n in by_condition.items():
        row = flow[(flow["condition"] == "") & (flow["step"] == step) & (flow["what"] == what)]
        assert n == row["n"].item()


def test_who_was_excluded_by_hand_finished_all_the_same(data: Dataset) -> None:
    data.participants.loc[0, "status"] = "excluded"
    result = apply_exclusions(data)
    assert result.decisions.set_index("participant").loc["p0", "reason"] == BY_HAND
    total = result.flow[result.flow["condition"] == ""]
    assert total.groupby("step")["n"].sum()[["left", "finished", "excluded"]].tolist() == [1, 4, 3]
    assert total.set_index("what").loc[BY_HAND, "n"] == 1
    assert apply_exclusions(data, ()).included == {"p1", "p2", "p3"}, "whatever the criteria"


def test_thresholds_can_be_moved(data: Dataset) -> None:
    assert apply_exclusions(data, ()).included == {"p0", "p1", "p2", "p3"}
    slow = apply_exclusions(data, (Criterion("total_s", max=2500),))
    assert slow.included == {"p0", "p1", "p2"}


def test_stored_values_count(data: Dataset) -> None:
    assert not apply_exclusions(data, (Criterion("odd", max=0.5),)).included


def test_what_cannot_be_known_excludes_nobody(data: Dataset) -> None:
    result = apply_exclusions(
        data, (Criterion("heartbeat", min=1), Criterion("practice_attempts", max=3))
    )
    assert len(result.included) == 4
    assert "'heartbeat at least 1' could not be applied" in result.notes[0]
    assert "'practice attempts at most 3' could not be applied" in result.notes[1]


def test_same_verdicts_as_the_export(exported: Path) -> None:
    """The study package judges each person on its own; both have to agree."""
    data = read_dataset(exported)
    result = apply_exclusions(data)
    assert not [note for note in result.notes if "differs" in note]
    people = data.participants.set_index("participant")
    complete = people[people["status"] == "complete"]
    assert result.included == set(complete.index[complete["excluded"] == 0])
    # The stored values are those computed from the trials.
    stored = [name for name in people if name.startswith("check_")]
    computed = apply_exclusions(
        from_frames(
            data.trials, participants=data.participants.drop(columns=stored), plan=data.plan
        )
    )
    for name in stored:
        ours = computed.decisions.set_index("participant")[name.removeprefix("check_")]
        assert ours.to_numpy() == pytest.approx(people[name].to_numpy(dtype=float), nan_ok=True)
