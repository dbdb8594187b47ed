"""The value of each named check for each participant, computed from exported rows.

A check is a function of all trials, participants and events that returns one number a person; what
number passes is the study's business (:class:`analysis.plan.Criterion`). A new check is a function
here and a line in :data:`CHECKS`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pandas as pd

Check = Callable[[pd.DataFrame, pd.DataFrame, pd.DataFrame], pd.Series]


class Unknown(Exception):
    """The data do not hold what a check needs; the message says what."""


def catch_accuracy(
    trials: pd.DataFrame, participants: pd.DataFrame, events: pd.DataFrame
) -> pd.Series:
    """Share of catch trials answered correctly."""
    return _accuracy(trials, "catch")


def practice_accuracy(
    trials: pd.DataFrame, participants: pd.DataFrame, events: pd.DataFrame
) -> pd.Series:
    """Share of practice trials answered correctly, all attempts together."""
    return _accuracy(trials, "practice")


def practice_attempts(
    trials: pd.DataFrame, participants: pd.DataFrame, events: pd.DataFrame
) -> pd.Series:
    """How many times practice was shown."""
    _need(trials, "attempt")
    practice = trials[trials["phase"] == "practice"]
    return practice.groupby("participant")["attempt"].max()


def test_trials(
    trials: pd.DataFrame, participants: pd.DataFrame, events: pd.DataFrame
) -> pd.Series:
    """Number of answered test trials."""
    answered = trials[(trials["phase"] == "test") & trials["correct"].notna()]
    counts = answered.groupby("participant").size()
    return counts.reindex(participants["participant"], fill_value=0)


def median_rt_ms(
    trials: pd.DataFrame, participants: pd.DataFrame, events: pd.DataFrame
) -> pd.Series:
    """Median response time of test trials, milliseconds."""
    _need(trials, "rt_ms")
    return trials[trials["phase"] == "test"].groupby("participant")["rt_ms"].median()


def total_s(trials: pd.DataFrame, participants: pd.DataFrame, events: pd.DataFrame) -> pd.Series:
    """Seconds from the first trial to the last answer."""
    _need(participants, "started_at", "finished_at")
    return _seconds(participants, "started_at", "finished_at")


def longest_same_response(
    trials: pd.DataFrame, participants: pd.DataFrame, events: pd.DataFrame
) -> pd.Series:
    """Longest run of one and the same answer in test trials."""
    _need(trials, "response", "trial")
    test = trials[trials["phase"] == "test"].sort_values(["participant", "trial"], kind="stable")
    changed = (test["response"] != test["response"].shift()) | (
        test["participant"] != test["participant"].shift()
    )
    runs = test.groupby([test["participant"], changed.cumsum()]).size()
    return runs.groupby(level=0).max()


CHECKS: Mapping[str, Check] = {
    "catch_accuracy": catch_accuracy,
    "practice_accuracy": practice_accuracy,
    "practice_attempts": practice_attempts,
    "test_trials": test_trials,
    "median_rt_ms": median_rt_ms,
    "total_s": total_s,
    "longest_same_response": longest_same_response,
}


def check_values(
    name: str, trials: pd.DataFrame, participants: pd.DataFrame, events: pd.DataFrame
) -> pd.Series:
    """A check's value for every participant, indexed by participant; missing where unknown.

    A column of the participants' table with the check's name is taken as it is: the server
    measured it while the person was there.

    Raises
    ------
    Unknown
        If neither the data nor this program know the check.
    """
    people = pd.Index(participants["participant"], name="participant")
    if name in participants:
        stored = pd.to_numeric(participants[name], errors="coerce")
        return pd.Series(stored.to_numpy(dtype=float), index=people, name=name)
    if name not in CHECKS:
        raise Unknown(f"check {name!r} is not in the data, and cannot be computed from them")
    values = CHECKS[name](trials, participants, events)
    return values.astype("float64").reindex(people).rename(name)


def _accuracy(trials: pd.DataFrame, phase: str) -> pd.Series:
    return trials[trials["phase"] == phase].groupby("participant")["correct"].mean()


def _need(frame: pd.DataFrame, *names: str) -> None:
    for name in names:
        if name not in frame or frame[name].isna().all():
            raise Unknown(f"the column {name!r} is missing or empty")


def _seconds(participants: pd.DataFrame, start: str, end: str) -> pd.Series:
    ends = [
        pd.to_datetime(participants[name], utc=True, errors="coerce", format="ISO8601")
        for name in (start, end)
    ]
    seconds = (ends[1] - ends[0]).dt.total_seconds()
    return pd.Series(seconds.to_numpy(), index=pd.Index(participants["participant"]))
