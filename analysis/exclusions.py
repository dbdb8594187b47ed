"""Who counts: ordered named criteria, applied to everybody, with nobody dropped in silence.

Each participant gets the first reason that takes him or her out of the analysis, or none. Values
of all checks are kept for everybody, so that thresholds can be moved and the analysis run again.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis.attrition import FINISHED
from analysis.checks import Unknown, check_values
from analysis.cleaning import answered
from analysis.dataset import Dataset
from analysis.plan import Criterion

COMPLETE = "complete"
NO_CONDITION = "no condition was drawn"
NO_ANSWERS = "no answered test trial"
LEFT = "did not finish"
BY_HAND = "excluded by the researcher"
STATUS_WORDS = {
    "arrived": "left before consent",
    "consented": "left after consent",
    "active": "still under way",
    "screened_out": "screened out",
    "returned": "returned the task",
    "timed_out": "ran out of time",
    "withdrawn": "withdrew",
}


@dataclass(frozen=True)
class Exclusions:
    """Who is analysed, and why the others are not.

    Attributes
    ----------
    decisions : one row a participant: ``participant``, ``condition``, ``reason`` (empty if
        analysed), then the value of each check.
    criteria : one row a criterion in order: ``criterion``, ``rule``, ``failed`` (by this criterion
        whatever the others say), ``excluded`` (for which it is the first reason), ``unknown``
        (value not known: kept).
    flow : one row a step and condition: ``step``, ``what``, ``condition``, ``n``.
    notes : in words.
    """

    decisions: pd.DataFrame
    criteria: pd.DataFrame
    flow: pd.DataFrame
    notes: tuple[str, ...]

    @property
    def included(self) -> frozenset[str]:
        """Participants who are analysed."""
        kept = self.decisions.loc[self.decisions["reason"] == "", "participant"]
        return frozenset(kept)

    def to_frame(self) -> pd.DataFrame:
        """The criteria."""
        return self.criteria


def apply_exclusions(data: Dataset, criteria: tuple[Criterion, ...] | None = None) -> Exclusions:
    """Apply the criteria in order.

    Parameters
    ----------
    criteria : those of the study's plan if not given; ``()`` for none beyond having finished.
    """
    rules = data.plan.exclusions if criteria is None else criteria
    notes: list[str] = []
    people = data.participants["participant"].reset_index(drop=True)
    condition = _conditions(data)
    reason = pd.Series("", index=people.index)
    values: dict[str, pd.Series] = {}
    rows: list[dict[str, object]] = []

    def exclude(failed: np.ndarray, why: str | pd.Series) -> int:
        first = failed & (reason == "").to_numpy()
        reason[first] = why[first] if isinstance(why, pd.Series) else why
        return int(first.sum())

    status = _status(data, notes)
    if status is not None:
        words = status.map(STATUS_WORDS).fillna("status " + status)
        left = ~status.isin(FINISHED).to_numpy()
        exclude(left & (condition == "").to_numpy(), NO_CONDITION)
        exclude(left, f"{LEFT}: " + words)
        exclude((status != COMPLETE).to_numpy(), BY_HAND)
    for rule in rules:
        failed, value = _evaluate(rule, data, notes)
        if value is not None:
            values[rule.check] = value.reset_index(drop=True)
        applies = (condition != "").to_numpy() if status is not None else np.full(len(people), True)
        unknown = int((value.isna().to_numpy() & applies).sum()) if value is not None else 0
        rows.append(
            {
                "criterion": rule.check,
                "rule": rule.words(),
                "failed": int((failed & applies).sum()),
                "excluded": exclude(failed, rule.words()),
                "unknown": unknown,
            }
        )
    test = data.trials[(data.trials["phase"] == "test") & answered(data.trials)]
    exclude(~people.isin(set(test["participant"])).to_numpy(), NO_ANSWERS)

    decisions = pd.DataFrame(
        {"participant": people, "condition": condition, "reason": reason, **values}
    )
    _compare_with_export(data, decisions, notes)
    return Exclusions(
        decisions=decisions,
        criteria=pd.DataFrame(rows, columns=["criterion", "rule", "failed", "excluded", "unknown"]),
        flow=_flow(decisions, rules),
        notes=tuple(notes),
    )


def _conditions(data: Dataset) -> pd.Series:
    """Each participant's condition, by the participants' table or else by the trials."""
    if "condition" in data.participants and data.participants["condition"].notna().any():
        given = data.participants["condition"].astype("string").fillna("")
        return given.astype(str).reset_index(drop=True)
    by_person = data.trials.groupby("participant")["condition"].agg(
        lambda names: names.iloc[0] if names.nunique() == 1 else "within"
    )
    people = data.participants["participant"].reset_index(drop=True)
    return people.map(by_person).fillna("").astype(str)


def _status(data: Dataset, notes: list[str]) -> pd.Series | None:
    if "status" not in data.participants or data.participants["status"].isna().all():
        notes.append("The data do not say who finished: everybody with answers is analysed.")
        return None
    status = data.participants["status"].astype("string").fillna("unknown").reset_index(drop=True)
    return status.astype(str)


def _evaluate(
    rule: Criterion, data: Dataset, notes: list[str]
) -> tuple[np.ndarray, pd.Series | None]:
    """Who fails a criterion, and the values, where they are known."""
    try:
        value = check_values(rule.check, data.trials, data.participants, data.events)
    except Unknown as problem:
        failed = _failed_by_export(data, rule.check)
        if failed is None:
            notes.append(f"Criterion {rule.words()!r} could not be applied: {problem}.")
            return np.zeros(len(data.participants), dtype=bool), None
        notes.append(
            f"Criterion {rule.words()!r} was taken from the export's own verdicts, because "
            f"{problem}."
        )
        return failed, None
    failed = np.zeros(len(value), dtype=bool)
    if rule.min is not None:
        failed |= (value < rule.min).to_numpy()
    if rule.max is not None:
        failed |= (value > rule.max).to_numpy()
    return failed, value


def _failed_by_export(data: Dataset, check: str) -> np.ndarray | None:
    if "checks_failed" not in data.participants or data.participants["checks_failed"].isna().all():
        return None
    return np.array([check in _names(cell) for cell in data.participants["checks_failed"]])


def _names(cell: object) -> list[str]:
    try:
        names = json.loads(str(cell))
    except ValueError:
        return []
    return [str(name) for name in names] if isinstance(names, list) else []


def _compare_with_export(data: Dataset, decisions: pd.DataFrame, notes: list[str]) -> None:
    """Say where the exported verdict on a finished participant differs from ours."""
    people = data.participants
    if "excluded" not in people or people["excluded"].isna().all():
        return
    exported = pd.to_numeric(people["excluded"], errors="coerce").fillna(0).to_numpy() == 1
    finished = ~decisions["reason"].str.startswith((LEFT, NO_CONDITION)).to_numpy()
    ours = (decisions["reason"] != "").to_numpy()
    differ = int(((exported != ours) & finished).sum())
    if differ:
        notes.append(
            f"For {differ} participants the verdict in the export differs from the criteria "
            "applied here; the criteria applied here count."
        )


def _flow(decisions: pd.DataFrame, rules: tuple[Criterion, ...]) -> pd.DataFrame:
    """Counts from arrival to analysis, by condition once there is one."""
    rows: list[dict[str, object]] = []

    def add(step: str, what: str, frame: pd.DataFrame) -> None:
        rows.append({"step": step, "what": what, "condition": "", "n": len(frame)})
        for name in sorted(set(assigned["condition"])):
            count = int((frame["condition"] == name).sum())
            rows.append({"step": step, "what": what, "condition": name, "n": count})

    reason = decisions["reason"]
    assigned = decisions[(reason != NO_CONDITION)]
    rows.append({"step": "arrived", "what": "arrived", "condition": "", "n": len(decisions)})
    rows.append(
        {
            "step": "before",
            "what": "left or were screened out before a condition was drawn",
            "condition": "",
            "n": int((reason == NO_CONDITION).sum()),
        }
    )
    add("assigned", "were assigned to a condition", assigned)
    left = assigned["reason"].str.startswith(LEFT)
    for words in sorted(set(assigned.loc[left, "reason"])):
        add("left", words.removeprefix(f"{LEFT}: "), assigned[assigned["reason"] == words])
    add("finished", "finished", assigned[~left])
    by_hand = assigned[assigned["reason"] == BY_HAND]
    if len(by_hand):
        add("excluded", BY_HAND, by_hand)
    for rule in rules:
        add("excluded", rule.words(), assigned[assigned["reason"] == rule.words()])
    empty = assigned[assigned["reason"] == NO_ANSWERS]
    if len(empty):
        add("excluded", NO_ANSWERS, empty)
    add("analysed", "are analysed", assigned[assigned["reason"] == ""])
    return pd.DataFrame(rows)
