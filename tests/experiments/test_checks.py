from __future__ import annotations

from typing import Any

import pytest

from experiments.checks import check_columns, evaluate_checks, judge
from experiments.design import Exclusion
from experiments.study import Study
from lens_core.atlas import LensError

PERSON = {
    "participant": "p1",
    "consented_at": "2026-01-05T09:00:00.000Z",
    "assigned_at": "2026-01-05T09:00:40.500Z",
    "started_at": "2026-01-05T09:01:00.000Z",
    "finished_at": "2026-01-05T09:06:00.000Z",
}


def trial(phase: str, correct: int = 1, attempt: int = 1, **more: Any) -> dict[str, Any]:
    row = {"phase": phase, "correct": correct, "attempt": attempt, "response": "0", "rt_ms": 900.0}
    return row | more


TRIALS = [
    trial("practice", 0),
    trial("practice", 1, attempt=2),
    *[trial("catch", int(number < 4)) for number in range(5)],
    trial("test", 1, response="0", rt_ms=500.0),
    trial("test", 0, response="1", rt_ms=1500.0),
    trial("test", 0, response="1", rt_ms=700.0),
]


def test_values_and_verdicts(study: Study) -> None:
    results = evaluate_checks(study.config, PERSON, TRIALS)
    assert {name: (result.value, result.passed) for name, result in results.items()} == {
        "practice_attempts": (2.0, True),
        "catch_accuracy": (0.8, True),
        "instruction_s": (40.5, True),
        "total_s": (300.0, True),
    }


def test_outside_practice_the_first_answer_to_a_trial_counts(study: Study) -> None:
    again = [trial("catch", 1, attempt=2), trial("practice", 1, attempt=3)]
    results = evaluate_checks(study.config, PERSON, [*TRIALS, *again])
    assert (results["catch_accuracy"].value, results["practice_attempts"].value) == (0.8, 3.0)


@pytest.mark.parametrize(
    ("person", "trials", "failed"),
    [
        ({}, [trial("practice", attempt=4)], "practice_attempts"),
        ({}, [trial("catch", 1), trial("catch", 1), trial("catch", 0)], "catch_accuracy"),
        ({"assigned_at": "2026-01-05T09:00:14.900Z"}, [], "instruction_s"),
        ({"finished_at": "2026-01-05T09:01:44.000Z"}, [], "total_s"),
        ({"finished_at": "2026-01-05T09:14:54.000Z"}, [], "total_s"),
    ],
)
def test_each_criterion_excludes(
    study: Study, person: dict[str, str], trials: list[dict[str, Any]], failed: str
) -> None:
    verdict = judge(study.config, PERSON | person, trials)
    assert verdict.failed == (failed,)
    columns = verdict.columns()
    assert columns["excluded"] == 1
    assert columns["exclusion_reason"] == failed
    assert columns["checks_failed"] == [failed]
    assert f"check_{failed}" in columns


def test_ends_of_a_range_pass(study: Study) -> None:
    late = {"finished_at": "2026-01-05T09:14:53.000Z"}
    early = {"finished_at": "2026-01-05T09:03:15.000Z"}
    for person in (late, early):
        assert judge(study.config, PERSON | person, []).failed == ()


def test_what_cannot_be_measured_excludes_nobody(study: Study) -> None:
    verdict = judge(study.config, {"participant": "p1"}, [])
    assert verdict.failed == ()
    assert set(verdict.values.values()) == {None}
    assert verdict.columns()["excluded"] == 0


def test_other_checks(study: Study) -> None:
    exclusions = tuple(
        Exclusion(check=check, max=10_000)
        for check in ("median_rt_ms", "same_response", "n_test_trials", "test_accuracy")
    )
    config = study.config.model_copy(update={"exclusions": exclusions})
    values = {name: r.value for name, r in evaluate_checks(config, PERSON, TRIALS).items()}
    assert values == {
        "median_rt_ms": 700.0,
        "same_response": pytest.approx(2 / 3),
        "n_test_trials": 3.0,
        "test_accuracy": pytest.approx(1 / 3),
    }


def test_columns_and_unknown_checks(study: Study) -> None:
    assert [column.name for column in check_columns(study.config)] == [
        "check_practice_attempts",
        "check_catch_accuracy",
        "check_instruction_s",
        "check_total_s",
    ]
    config = study.config.model_copy(update={"exclusions": (Exclusion(check="mood", min=1),)})
    with pytest.raises(LensError, match="no check 'mood'"):
        check_columns(config)
