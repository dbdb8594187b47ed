"""The mishaps of ``tests/load/faults.py`` that no other test has, once each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from experiments.study import Study
from tests.load import faults

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("fault", faults.QUICK)
def test_every_answer_is_stored_once(
    fault: str, chromium: Any, small_study: Study, tmp_path: Path
) -> None:
    tally = faults.run(fault, 1, small_study, chromium, tmp_path, seed=0)
    assert tally == faults.Tally(sessions=1, answers=6)


def test_the_count_notices_what_is_lost_and_doubled() -> None:
    class Stored:
        def __init__(self, index: int, choice: int, confidence: int) -> None:
            self.index, self.trial_uuid = index, f"{index}"
            self.raw = {"choice": choice, "confidence": confidence}

    class Server:
        stored = (Stored(0, 1, 1), Stored(1, 0, 2), Stored(1, 0, 2))

        def answers(self, who: Any) -> Any:
            return self.stored

        def scheduled(self, who: Any) -> Any:
            return self.stored

    class Person:
        given = ((1, 1), (0, 2), (0, 3))
        errors = ()
        person = type("", (), {"state": "active"})

    tally = faults.Tally()
    tally.count(Server(), Person())  # type: ignore[arg-type]
    assert (tally.lost, tally.unfinished) == (1, 1)
    assert tally.doubled == 3, "an answer more than was given, with the same trial and identifier"
