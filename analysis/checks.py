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


def test_accuracy(
    trials: pd.DataFrame, participants: pd.DataFrame, events: pd.DataFrame
) -> pd.Series:
    """Share of test trials answered correctly."""
    return _accuracy(trials, "test")


def n_test_trials(
    trials: pd.DataFrame, participants: pd.DataFrame, events: pd.DataFrame
) -> pd.Series:
    """Number of test trials."""
    counts = trials[trials["phase"] == "test"].groupby("participant").size()
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


def instruction_s(
    trials: pd.DataFrame, participants: pd.DataFrame, events: pd.DataFrame
) -> pd.Series:
    """Seconds from consent to the end of instructions and quiz."""
    _need(participants, "consented_at", "assigned_at")
    return _seconds(participants, "consented_at", "assigned_at")


def same_response(
    trials: pd.DataFrame, participants: pd.DataFrame, events: pd.DataFrame
) -> pd.Series:
    """Share of test trials with the most frequent response."""
    _need(trials, "response")
    test = trials[(trials["phase"] == "test") & trials["response"].notna()]
    counts = test.groupby(["participant", "response"], observed=True).size()
    return counts.groupby(level=0).max() / counts.groupby(level=0).sum()


CHECKS: Mapping[str, Check] = {
    "practice_attempts": practice_attempts,
    "practice_accuracy": practice_accuracy,
    "catch_accuracy": catch_accuracy,
    "test_accuracy": test_accuracy,
    "instruction_s": instruction_s,
    "total_s": total_s,
    "median_rt_ms": median_rt_ms,
    "same_response": same_response,
    "n_test_trials": n_test_trials,
}


def check_values(
    name: str, trials: pd.DataFrame, participants: pd.DataFrame, events: pd.DataFrame
) -> pd.Series:
    """A check's value for every participant, indexed by participant; missing where unknown.

    The value that was stored while the person was there (column ``check_NAME`` of the participants)
    comes first; where there is none it is computed.

    Raises
    ------
    Unknown
        If neither the data nor this program know the check.
    """
    people = pd.Index(participants["participant"], name="participant")
    column = f"check_{name}"
    stored = pd.Series(float("nan"), index=people)
    if column in participants:
        stored[:] = pd.to_numeric(participants[column], errors="coerce").to_numpy(dtype=float)
    if stored.notna().all() and len(stored):
        return stored.rename(name)
    try:
        computed = _computed(name, trials, participants, events).reindex(people)
    except Unknown:
        if stored.isna().all():
            raise
        return stored.rename(name)
    return stored.fillna(computed).rename(name)


def _computed(
    name: str, trials: pd.DataFrame, participants: pd.DataFrame, events: pd.DataFrame
) -> pd.Series:
    if name not in CHECKS:
        raise Unknown(f"check {name!r} is not in the data, and cannot be computed from them")
    return CHECKS[name](trials, participants, events).astype("float64")


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
