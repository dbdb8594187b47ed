from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from analysis.clustered_logit import NotEstimable
from analysis.dataset import Dataset, from_frames
from analysis.differences import compare_conditions
from analysis.exclusions import apply_exclusions
from analysis.multiverse import DECLARED, Multiverse, multiverse, universes
from analysis.plan import Criterion, Plan
from tests.analysis.conftest import simulated_trials

CATCH, TIME = Criterion("catch_accuracy", min=0.8), Criterion("median_rt_ms", max=1900.0)


def data(*criteria: Criterion, seed: int = 0) -> Dataset:
    """Forty people; how they did on ten catch trials falls from 1.0 to 0.1."""
    trials = simulated_trials(seed, effect=0.8)
    catch = pd.DataFrame(
        [
            {
                "participant": f"p{person:03d}",
                "condition": ("concepts", "units")[person % 2],
                "phase": "catch",
                "item": "c",
                "correct": int(trial >= person // 5),
            }
            for person in range(40)
            for trial in range(10)
        ]
    )
    plan = Plan(declared=True, exclusions=criteria, reference="concepts")
    return from_frames(pd.concat([trials, catch], ignore_index=True), plan=plan)


def run(frames: Dataset) -> Multiverse:
    return multiverse(frames, apply_exclusions(frames), rng=np.random.default_rng(0))


def test_each_universe_is_the_comparison_of_its_people() -> None:
    frames = data(CATCH, TIME)
    found = run(frames)
    table = found.table.set_index("universe")
    for name, criteria in (
        (DECLARED, (CATCH, TIME)),
        ("no criterion", ()),
        (f"without “{CATCH.words()}”", (TIME,)),
    ):
        people = apply_exclusions(frames, criteria).included
        own = frames.trials[
            frames.trials["participant"].isin(people) & (frames.trials["phase"] == "test")
        ]
        expected = compare_conditions(
            own, cluster="participant", rng=np.random.default_rng(0), n_resamples=2
        ).primary()
        assert table.loc[name, "n_analysed"] == len(people)
        assert table.loc[name, "difference"] == expected["difference"].item()
        assert table.loc[name, "p"] == expected["p"].item()
    assert found.table["declared"].sum() == 1


def test_same_people_count_once() -> None:
    slack = Criterion("median_rt_ms", max=1e9)
    names = run(data(CATCH, slack)).table["universe"].tolist()
    assert f"without “{slack.words()}”" not in names
    assert len(names) == len(set(names))


def test_criteria_move_to_where_they_bite() -> None:
    values = pd.DataFrame({"catch_accuracy": np.linspace(0.1, 1, 11)})
    names = [one.name for one in universes([CATCH], values)]
    assert names[2:] == ["catch accuracy at least 0.19", "catch accuracy at least 0.325"]


def test_summary() -> None:
    found = run(data(CATCH, TIME))
    row = found.summary.iloc[0]
    assert row["n_universes"] == len(found.table)
    assert row["smallest"] == found.table["difference"].min()
    assert row["n_claims"] == (found.table["p"] < 0.05).sum()


def test_unknown_criteria_stay() -> None:
    odd = Criterion("mood", min=1.0)
    found = run(data(CATCH, odd))
    assert any("not known" in note for note in found.notes)
    with pytest.raises(NotEstimable, match="cannot be moved"):
        run(data(odd))
    with pytest.raises(NotEstimable, match="names no criteria"):
        run(data())
