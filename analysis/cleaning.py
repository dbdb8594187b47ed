"""Typed columns, and a word about everything that was missing, repeated or unreadable."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis.errors import AnalysisError
from experiments.records import PARADIGM_COLUMNS, PHASES, TRIALS

ALL = "all"
"""The one condition of data without conditions."""
NUMERIC = frozenset(
    column.name
    for column in (*TRIALS, *(c for columns in PARADIGM_COLUMNS.values() for c in columns))
    if column.kind in ("integer", "number")
)
TRUE_WORDS = {"1": 1.0, "1.0": 1.0, "true": 1.0, "yes": 1.0}
FALSE_WORDS = {"0": 0.0, "0.0": 0.0, "false": 0.0, "no": 0.0}
UNSCORED = (("first", "second", "response"), ("word", "response"), ("rating",), ("clicks",))
"""Columns of answers that are neither right nor wrong, each set enough by itself."""
ANSWERS = ("response", "rating", "clicks")
"""Columns that hold the answer itself."""


@dataclass(frozen=True)
class Cleaned:
    """Trials with typed columns.

    Attributes
    ----------
    trials : without repeated rows and further attempts, with at least ``participant``,
        ``condition``, ``phase`` and ``correct`` (1, 0 or missing).
    repeated : rows set aside because they repeat another or answer a trial again.
    notes : in words.
    """

    trials: pd.DataFrame
    repeated: int
    notes: tuple[str, ...]


def clean_trials(frame: pd.DataFrame) -> Cleaned:
    """Type the columns, fill in what can be told, and set repeated rows aside.

    Raises
    ------
    AnalysisError
        If there is no ``participant``, or nothing that says whether answers were right.
    """
    if "participant" not in frame:
        raise AnalysisError(
            "the trials have no column 'participant': map the one that names people, "
            "because answers of one person are not independent"
        )
    notes: list[str] = []
    trials = frame.reset_index(drop=True).copy()
    trials["correct"] = _correct(trials, notes)
    for name in sorted(NUMERIC & set(trials.columns) - {"correct"}):
        trials[name] = _numbers(trials[name], name, notes)
    nobody = trials["participant"].isna() | (trials["participant"].astype("string") == "")
    if nobody.any():
        notes.append(
            f"{int(nobody.sum())} {_rows(int(nobody.sum()))} name no participant and cannot be "
            "used: an answer whose person is unknown cannot be clustered."
        )
        trials = trials[~nobody]
    trials["participant"] = trials["participant"].astype(str)
    _fill(trials, "condition", ALL, "No column 'condition': all answers form one group.", notes)
    _fill(trials, "phase", "test", "No column 'phase': all answers count as test trials.", notes)
    odd = sorted(set(trials["phase"].unique()) - set(PHASES))
    if odd:
        notes.append(
            f"Rows of the unknown phase {', '.join(map(repr, odd[:3]))} are not analysed: "
            f"the phases are {', '.join(PHASES)}."
        )
    if "item" in trials:
        missing = int(trials["item"].isna().sum())
        if missing:
            notes.append(
                f"{missing} {_rows(missing)} name no item; each counts as an item of its own."
            )
            own = pd.Series(trials.index, index=trials.index).astype("string").radd("unnamed-")
            trials["item"] = trials["item"].astype("string").fillna(own)
        trials["item"] = trials["item"].astype(str)
    trials, repeated = _without_repeats(trials, notes)
    trials, later = _first_attempts(trials, notes)
    return Cleaned(trials.reset_index(drop=True), repeated + later, tuple(notes))


def answered(trials: pd.DataFrame) -> pd.Series:
    """Rows with an answer: one that is right or wrong, or any where no answer is either."""
    given = [name for name in ANSWERS if name in trials]
    if trials["correct"].isna().all() and given:
        return trials[given].notna().any(axis=1)
    return trials["correct"].notna()


def clean_participants(
    frame: pd.DataFrame | None, trials: pd.DataFrame
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """One row a person; those who only appear in the trials are added."""
    notes: list[str] = []
    if frame is None:
        people = pd.DataFrame({"participant": pd.unique(trials["participant"])})
        return people.astype({"participant": str}), ()
    if "participant" not in frame:
        raise AnalysisError("the table of participants has no column 'participant'; map it")
    people = frame.reset_index(drop=True).copy()
    people["participant"] = people["participant"].astype(str)
    twice = int(people["participant"].duplicated().sum())
    if twice:
        notes.append(
            f"{twice} {_rows(twice)} of the participants' table repeat a participant; "
            "the first row of each is used."
        )
        people = people.drop_duplicates("participant")
    unknown = sorted(set(trials["participant"].unique()) - set(people["participant"]))
    if unknown:
        notes.append(
            f"{len(unknown)} participants have trials but no row of their own, for example "
            f"{unknown[0]!r}; they are kept."
        )
        people = pd.concat([people, pd.DataFrame({"participant": unknown})])
    return people.reset_index(drop=True), tuple(notes)


def _correct(trials: pd.DataFrame, notes: list[str]) -> pd.Series:
    if "correct" not in trials:
        if any(set(names) <= set(trials.columns) for names in UNSCORED):
            notes.append(
                "No column 'correct', but answers that are neither right nor wrong: accuracy is "
                "not asked."
            )
            return pd.Series(float("nan"), index=trials.index)
        if not {"response", "correct_response"} <= set(trials.columns):
            raise AnalysisError(
                "the trials have no column 'correct', nor both 'response' and "
                "'correct_response': map the one that says whether an answer was right"
            )
        notes.append("No column 'correct': it was told from 'response' and 'correct_response'.")
        both = trials["response"].notna() & trials["correct_response"].notna()
        same = trials["response"].astype("string") == trials["correct_response"].astype("string")
        return same.astype("float64").where(both)
    given = trials["correct"]
    words = given.astype("string").str.strip().str.lower()
    values = words.map({**TRUE_WORDS, **FALSE_WORDS}).astype("float64")
    unreadable = int((values.isna() & given.notna() & (words != "").fillna(False)).sum())
    if unreadable:
        example = given[values.isna() & given.notna()].iloc[0]
        notes.append(
            f"{unreadable} values of 'correct' are neither 0 nor 1 (for example {example!r}) and "
            "count as missing."
        )
    return values


def _numbers(values: pd.Series, name: str, notes: list[str]) -> pd.Series:
    if pd.api.types.is_bool_dtype(values):
        return values.astype("float64")
    numbers = pd.to_numeric(values, errors="coerce").astype("float64")
    numbers = numbers.where(np.isfinite(numbers))
    lost = int((numbers.isna() & values.notna()).sum())
    if lost:
        notes.append(f"{lost} values of {name!r} are no numbers and count as missing.")
    return numbers


def _fill(trials: pd.DataFrame, name: str, value: str, note: str, notes: list[str]) -> None:
    if name not in trials or trials[name].isna().all():
        notes.append(note)
        trials[name] = value
        return
    missing = int(trials[name].isna().sum())
    if missing:
        filled = "none given" if name == "condition" else value
        notes.append(f"{missing} {_rows(missing)} have no {name}; they count as {filled!r}.")
        trials[name] = trials[name].astype("string").fillna(filled)
    trials[name] = trials[name].astype(str)


def _without_repeats(trials: pd.DataFrame, notes: list[str]) -> tuple[pd.DataFrame, int]:
    """One row for each answer, told by its identifier or by its place in the schedule."""
    if "trial_uuid" in trials and trials["trial_uuid"].notna().any():
        key = ["participant", "trial_uuid"]
        known = trials["trial_uuid"].notna()
    elif "trial" in trials:
        key = [n for n in ("participant", "session", "phase", "trial", "attempt") if n in trials]
        known = trials[key].notna().all(axis=1)
    else:
        _say_twins(trials, notes)
        return trials, 0
    again = trials.duplicated(key) & known
    if not again.any():
        return trials, 0
    involved = trials[trials.duplicated(key, keep=False) & known]
    answer = [n for n in (*key, "response", "correct") if n in trials]
    contradict = int(involved.drop_duplicates(answer).duplicated(key).sum())
    total = int(again.sum())
    note = f"{total} {_rows(total)} repeat a trial that is there already and are set aside"
    if contradict:
        note += f"; {contradict} of them give another answer, and the first one counts"
    notes.append(note + ".")
    return trials[~again], total


def _say_twins(trials: pd.DataFrame, notes: list[str]) -> None:
    """Answers that agree to the millisecond were probably read twice, but nothing proves it."""
    same = [n for n in ("participant", "item", "response", "correct", "rt_ms") if n in trials]
    if "rt_ms" not in same:
        return
    twins = int((trials.duplicated(same) & trials["rt_ms"].notna()).sum())
    if twins:
        notes.append(
            f"{twins} {_rows(twins)} agree with another of the same person in answer and response "
            "time. Without a column 'trial' or 'trial_uuid' nobody can tell whether they repeat "
            "it, so they are kept; check that no file was read twice."
        )


def _first_attempts(trials: pd.DataFrame, notes: list[str]) -> tuple[pd.DataFrame, int]:
    """Outside practice, the first answer to each trial: a later one may know the feedback to it.

    Trials are shown again to people who come back to a study that begins their block anew.
    """
    if not {"trial", "attempt"} <= set(trials):
        return trials, 0
    key = [n for n in ("participant", "session", "block", "phase", "trial") if n in trials]
    known = trials[[*key, "attempt"]].notna().all(axis=1) & (trials["phase"] != "practice")
    first = trials[known].groupby(key)["attempt"].transform("min")
    later = trials["attempt"].gt(first.reindex(trials.index))
    total = int(later.sum())
    if not total:
        return trials, 0
    people = trials.loc[later, "participant"].nunique()
    notes.append(
        f"{total} {_rows(total)} of {people} {'person' if people == 1 else 'people'} answer "
        "a trial again that was shown a further time, and are set aside: the first answer counts."
    )
    return trials[~later], total


def _rows(count: int) -> str:
    return "row" if count == 1 else "rows"
