"""The leak audit finds a planted byte, and at this size no leak that would be seen at a glance."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.load.leaks import auc
from tests.load.received import roles_of

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_quick_audit() -> None:
    command = [sys.executable, str(ROOT / "tests" / "load" / "leaks.py"), "--quick"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    assert min(found["planted"].values()) >= 0.9
    for name in ("key_auc", "condition_auc"):
        assert found[name]["low"] < 0.75  # a dozen people settle no more; the full size does
    assert found["trials"] == found["people"] * 8


def test_the_interval_resamples_people() -> None:
    """Two people of many equal trials are two observations, not many."""
    people = np.repeat([0, 1, 2, 3], 50)
    label = np.tile([0, 1], 100)
    told = np.where(people < 2, label, 1 - label).astype(float)
    found = auc(label, told, people, seed=0)
    assert found["auc"] == 0.5
    assert (found["low"], found["high"]) == (0.0, 1.0)


def test_addresses_are_found_wherever_they_stand() -> None:
    trial = {"options": ["/study/x/stimuli/a.webp"], "panels": [{"pictures": ["/stimuli/b.webp"]}]}
    assert dict(roles_of(trial)) == {
        "/options": "/study/x/stimuli/a.webp",
        "/panels/pictures": "/stimuli/b.webp",
    }
