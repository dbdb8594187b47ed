"""The leak audit finds a planted byte, and at this size no leak that would be seen at a glance."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedGroupKFold

from tests.load import leaks
from tests.load.leaks import auc, scores
from tests.load.received import roles_of


@pytest.mark.slow
def test_quick_audit(capsys: pytest.CaptureFixture[str]) -> None:
    leaks.main(["--quick"])
    found: dict[str, Any] = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert min(found["planted"].values()) >= 0.9
    for name in ("key_auc", "condition_auc"):
        assert found[name]["low"] < 0.6
    assert found["trials"] == found["people"] * leaks.QUICK[1]


def test_the_interval_resamples_people() -> None:
    """Two people of many equal trials are two observations, not many."""
    people = np.repeat([0, 1, 2, 3], 50)
    label = np.tile([0, 1], 100)
    told = np.where(people < 2, label, 1 - label).astype(float)
    found = auc(label, told, people, seed=0)
    assert found["auc"] == 0.5
    assert (found["low"], found["high"]) == (0.0, 1.0)


def test_nobody_is_scored_by_what_comes_later() -> None:
    """Else two groups teach each other, and the interval is too short."""
    rng = np.random.default_rng(0)
    people = np.repeat(np.arange(20), 10)
    key = np.tile([0, 1], 100)
    features = pd.DataFrame({"a": rng.random(200), "b": rng.random(200)})
    before = scores(features, key, people, seed=0)
    assert np.isnan(before).sum() == 200 / leaks.GROUPS, "nothing comes before the first group"
    folds = StratifiedGroupKFold(leaks.GROUPS, shuffle=True, random_state=0)
    groups = [group for _, group in folds.split(features, key, people)]
    for number, group in enumerate(groups):
        others = key.copy()
        others[group] = 1 - key[group]
        after = scores(features, others, people, seed=0)
        unchanged = np.concatenate(groups[: number + 1])
        np.testing.assert_array_equal(after[unchanged], before[unchanged])


def test_keys_are_permuted_within_people() -> None:
    """One person whose keys are all 1 keeps them, and what only tells who it is tells no key."""
    people = np.repeat(np.arange(10), 10)
    key = np.where(people == 9, 1, np.tile([0, 1], 50))
    found = leaks.coverage(pd.DataFrame({"who": people}), key, people, seed=0, runs=3)
    assert found["runs"] == 3
    assert 0 <= found["held"] <= 1


def test_the_estimate_is_the_usual_one() -> None:
    rng = np.random.default_rng(3)
    label, score = rng.integers(2, size=200), rng.integers(9, size=200).astype(float)
    found = auc(label, score, np.repeat(np.arange(20), 10), seed=0)
    assert found["auc"] == pytest.approx(roc_auc_score(label, score), abs=1e-4)
    assert found["low"] < found["auc"] < found["high"]


def test_addresses_are_found_wherever_they_stand() -> None:
    trial = {"options": ["/study/x/stimuli/a.webp"], "panels": [{"pictures": ["/stimuli/b.webp"]}]}
    assert dict(roles_of(trial)) == {
        "/options": "/study/x/stimuli/a.webp",
        "/panels/pictures": "/stimuli/b.webp",
    }
