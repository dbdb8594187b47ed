"""The leak audit finds a planted byte, and at this size no leak that would be seen at a glance."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from tests.load import leaks
from tests.load.leaks import auc
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
