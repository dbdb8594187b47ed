from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from analysis.accuracy import accuracy_by_condition
from analysis.columns import renamed
from analysis.errors import AnalysisError
from tests.analysis.conftest import simulated_trials

THEIRS = {"participant": "workerId", "correct": "is_right", "condition": "arm", "item": "stim"}


def test_a_renamed_frame_gives_the_same_numbers() -> None:
    ours = simulated_trials(0)
    foreign = ours.rename(columns=THEIRS)
    tables = [
        accuracy_by_condition(
            frame, cluster="participant", rng=np.random.default_rng(0), n_resamples=50
        ).table
        for frame in (ours, renamed(foreign, THEIRS))
    ]
    pd.testing.assert_frame_equal(tables[0], tables[1])
    assert "workerId" in foreign


def test_order_swaps_and_double_use() -> None:
    frame = pd.DataFrame({"a": [1], "b": [2], "c": [3]})
    assert list(renamed(frame, {"x": "b"})) == ["a", "x", "c"]
    swapped = renamed(frame, {"a": "b", "b": "a"})
    assert swapped.iloc[0].to_dict() == {"b": 1, "a": 2, "c": 3}
    assert renamed(frame, {"x": "a", "y": "a"}).iloc[0].to_dict() == {
        "x": 1,
        "y": 1,
        "b": 2,
        "c": 3,
    }
    assert renamed(frame, {"a": "a"}).equals(frame)


def test_a_name_that_is_not_there() -> None:
    frame = pd.DataFrame({"worker_id": [1], "rt": [2]})
    with pytest.raises(AnalysisError, match=r"no column 'workerid'.*did you mean 'worker_id'\?"):
        renamed(frame, {"participant": "workerid"})
    with pytest.raises(AnalysisError, match=r"there are: worker_id, rt$"):
        renamed(frame, {"correct": "outcome"})
