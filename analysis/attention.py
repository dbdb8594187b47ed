"""What a reader must know before the first result: rows that do not count, people who do not.

Each of these also stands where it belongs, in the flow of people or among the notes on the data.
Where much is concerned, it stands at the top of the report and in the terminal, too.
"""

from __future__ import annotations

from analysis.dataset import Dataset
from analysis.exclusions import LEFT, NO_ANSWERS, NO_CONDITION, Exclusions
from analysis.formatting import count, integer, percent
from analysis.programmes.registry import Recognised

MUCH = 0.05
"""A larger share of rows is told at the top."""
MOST_PEOPLE = 0.5
"""So large a share of people who do not count, too."""


def attention(
    data: Dataset,
    exclusions: Exclusions,
    recognised: Recognised | None,
    *,
    n_answers: int,
    unanswered: int,
) -> list[str]:
    """Sentences for the top of the report.

    Parameters
    ----------
    recognised : the programme that the data belong to.
    n_answers, unanswered : test trials of people who count, with and without an answer.
    """
    found = []
    if data.repeated and data.repeated >= MUCH * data.rows_read:
        found.append(
            f"{count(data.repeated, 'row')} of {integer(data.rows_read)} "
            f"({percent(data.repeated / data.rows_read)}) repeat a trial of the same person or "
            "answer it again, and are set aside. Trials are told apart by 'trial_uuid', else by "
            "session, phase and trial: if numbers begin anew in a block or a file, these rows are "
            "no repeats and are wrongly left out; name the trials apart and analyse again."
        )
    unnamed = data.rows_read - data.repeated - len(data.trials)
    if unnamed > 0 and unnamed >= MUCH * data.rows_read:
        found.append(
            f"{count(unnamed, 'row')} of {integer(data.rows_read)} "
            f"({percent(unnamed / data.rows_read)}) name no participant and cannot be used."
        )
    if n_answers and unanswered >= MUCH * (n_answers + unanswered):
        found.append(
            f"{count(unanswered, 'test trial')} of {integer(n_answers + unanswered)} "
            f"({percent(unanswered / (n_answers + unanswered))}) have no answer and are left out."
        )
    missing = _missing(data, recognised) if not n_answers else []
    if missing and recognised is not None:
        listed = ", ".join(repr(name) for name in missing)
        found.append(
            f"Answers of this task ({recognised.known.name.replace('_', ' ')}) stand in the "
            f"column{'' if len(missing) == 1 else 's'} {listed}, which the trials lack or leave "
            "empty: map the columns that hold them."
        )
    return [*found, *_people(exclusions)]


def _missing(data: Dataset, recognised: Recognised | None) -> list[str]:
    """Columns of answers that are not there, or empty."""
    names = () if recognised is None else recognised.known.answers
    return [name for name in names if name not in data.trials or data.trials[name].isna().all()]


def _people(exclusions: Exclusions) -> list[str]:
    """Why nobody, or less than half of those who came to a condition, are analysed."""
    reasons = exclusions.decisions["reason"]
    if reasons.empty:
        return ["The data hold no people."]
    reasons = reasons[reasons != NO_CONDITION] if (reasons != NO_CONDITION).any() else reasons
    lost = reasons[reasons != ""]
    if len(lost) <= MOST_PEOPLE * len(reasons):
        return []
    why = ", ".join(f"{n} {_words(str(reason))}" for reason, n in lost.value_counts().items())
    if len(lost) == len(reasons):
        return [f"Nobody is left to analyse. Of {count(len(reasons), 'person', 'people')}: {why}."]
    return [
        f"Only {len(reasons) - len(lost)} of {count(len(reasons), 'person', 'people')} are "
        f"analysed. Of the others: {why}. Those who are left may not stand for the rest."
    ]


def _words(reason: str) -> str:
    if reason == NO_CONDITION:
        return "left or were screened out before a condition was drawn"
    if reason == NO_ANSWERS:
        return "with no answered test trial"
    if reason.startswith(LEFT):
        return f"{LEFT} ({reason.removeprefix(LEFT).strip(': ')})"
    return f"did not meet “{reason}”"
