"""Exclusion criteria as data: every check's value is kept for everyone, nobody is dropped.

A criterion of the study file names a check and the values that pass it. What cannot be measured
(no catch trials, no times) neither passes nor fails.
"""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from experiments.design import StudyConfig
from experiments.records import Column
from lens_core.atlas import LensError

Row = Mapping[str, Any]
Measure = Callable[[Row, Sequence[Row]], float | None]


@dataclass(frozen=True)
class CheckResult:
    """A participant's value on one check; ``passed`` is none where it could not be measured."""

    value: float | None
    passed: bool | None


@dataclass(frozen=True)
class Judgement:
    """What the criteria say of a participant, ready for the participants' table.

    Attributes
    ----------
    values : participant columns ``check_NAME``.
    failed : criteria not passed, in the study file's order.
    """

    values: dict[str, float | None]
    failed: tuple[str, ...]

    def columns(self) -> dict[str, Any]:
        """Columns of the participants' table."""
        return {
            **self.values,
            "checks_failed": list(self.failed),
            "excluded": int(bool(self.failed)),
            "exclusion_reason": self.failed[0] if self.failed else "",
        }


def evaluate_checks(
    config: StudyConfig, participant: Row, trials: Iterable[Row]
) -> dict[str, CheckResult]:
    """Value of every criterion, and whether it passes.

    Parameters
    ----------
    participant, trials : rows as they are exported (``experiments.records``).

    Raises
    ------
    LensError
        If the study names a check that does not exist.
    """
    require_known(config)
    rows = [row for row in trials if _counts(row)]
    results: dict[str, CheckResult] = {}
    for exclusion in config.exclusions:
        value = CHECKS[exclusion.check][0](participant, rows)
        passed: bool | None = None
        if value is not None:
            low = -math.inf if exclusion.min is None else exclusion.min
            high = math.inf if exclusion.max is None else exclusion.max
            passed = low <= value <= high
        before = results.get(exclusion.check)
        if before is not None and before.passed is False:
            passed = False
        results[exclusion.check] = CheckResult(value, passed)
    return results


def judge(config: StudyConfig, participant: Row, trials: Iterable[Row]) -> Judgement:
    """What all criteria together say of a participant."""
    results = evaluate_checks(config, participant, trials)
    return Judgement(
        values={f"check_{name}": result.value for name, result in results.items()},
        failed=tuple(name for name, result in results.items() if result.passed is False),
    )


def check_columns(config: StudyConfig) -> tuple[Column, ...]:
    """Participant columns that hold the value of each criterion."""
    require_known(config)
    names = dict.fromkeys(exclusion.check for exclusion in config.exclusions)
    return tuple(Column(f"check_{name}", "number", CHECKS[name][1]) for name in names)


def require_known(config: StudyConfig) -> None:
    """Raise :class:`LensError` if the study names a check that does not exist."""
    for exclusion in config.exclusions:
        if exclusion.check not in CHECKS:
            raise LensError(
                f"exclusions: no check {exclusion.check!r}; there are {', '.join(CHECKS)}"
            )


def _counts(trial: Row) -> bool:
    """Outside practice, only the first answer to a trial counts."""
    return trial["phase"] == "practice" or not float(trial.get("attempt") or 1) > 1


def _practice_attempts(_: Row, trials: Sequence[Row]) -> float | None:
    attempts = [float(row["attempt"]) for row in trials if row["phase"] == "practice"]
    return max(attempts, default=None)


def _accuracy(phase: str) -> Measure:
    def measure(_: Row, trials: Sequence[Row]) -> float | None:
        right = [
            float(t["correct"]) for t in trials if t["phase"] == phase and _present(t, "correct")
        ]
        return statistics.fmean(right) if right else None

    return measure


def _seconds(start: str, end: str) -> Measure:
    def measure(participant: Row, _: Sequence[Row]) -> float | None:
        begun, done = _moment(participant.get(start)), _moment(participant.get(end))
        return None if begun is None or done is None else (done - begun).total_seconds()

    return measure


def _median_rt_ms(_: Row, trials: Sequence[Row]) -> float | None:
    times = [float(t["rt_ms"]) for t in trials if t["phase"] == "test" and _present(t, "rt_ms")]
    return statistics.median(times) if times else None


def _same_response(_: Row, trials: Sequence[Row]) -> float | None:
    given = [row["response"] for row in trials if row["phase"] == "test" and row["response"] != ""]
    return max(Counter(given).values()) / len(given) if given else None


def _n_test(_: Row, trials: Sequence[Row]) -> float | None:
    return float(sum(row["phase"] == "test" for row in trials))


def _present(row: Row, name: str) -> bool:
    value = row.get(name)
    return value is not None and value != "" and value == value  # NaN differs from itself


def _moment(value: Any) -> datetime | None:
    if isinstance(value, datetime):
        return value
    return datetime.fromisoformat(value) if isinstance(value, str) and value else None


CHECKS: dict[str, tuple[Measure, str]] = {
    "practice_attempts": (_practice_attempts, "Attempts that practice took."),
    "catch_accuracy": (_accuracy("catch"), "Share of catch trials answered right."),
    "test_accuracy": (_accuracy("test"), "Share of test trials answered right."),
    "instruction_s": (
        _seconds("consented_at", "assigned_at"),
        "Seconds from consent to the end of the instructions and quiz.",
    ),
    "total_s": (_seconds("started_at", "finished_at"), "Seconds from first trial to last answer."),
    "median_rt_ms": (_median_rt_ms, "Median response time of test trials, milliseconds."),
    "same_response": (_same_response, "Share of test trials with the most frequent response."),
    "n_test_trials": (_n_test, "Test trials answered."),
}
"""Every check: how it is measured, and one sentence for the codebook."""
