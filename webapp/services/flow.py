"""Who came, who stayed and who is analysed: the flow of participants, and exclusions tried out.

CONSORT 2010 (Schulz, Altman & Moher, BMJ 340:c332), item 13: for each group, the numbers assigned,
treated and analysed, and losses and exclusions with their reasons. Criteria are those of the frozen
study or others that a researcher tries; trying changes nothing that is stored.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from experiments.checks import CHECKS, CheckResult, evaluate_checks, judge
from experiments.design import Exclusion, StudyConfig
from lens_core.atlas import LensError
from webapp.clock import utc_now
from webapp.models import Participant, Response, Scheduled, StudyRecord, TaskSession, Transition
from webapp.recruiters.rehearsal import as_judged

from .states import BY_HAND, present_state

PEOPLE_AT_ONCE = 200


@dataclass
class Arm:
    """One condition's people, from the draw to the analysis.

    Attributes
    ----------
    lost : why people who had begun did not finish, with counts.
    excluded : which criterion (or a researcher) excludes people who finished; the first that does.
    """

    condition: str
    label: str
    assigned: int = 0
    active: int = 0
    complete: int = 0
    analysed: int = 0
    lost: Counter[str] = field(default_factory=Counter)
    excluded: Counter[str] = field(default_factory=Counter)


@dataclass
class Flow:
    """A study's people, previews apart.

    Attributes
    ----------
    before : why people never were given a condition, with counts; who is on the way included.
    judged : who finished: identifier, condition, reason for exclusion or nothing.
    """

    arrived: int
    consented: int
    before: Counter[str]
    arms: dict[str, Arm]
    judged: list[tuple[str, str, str]]


def flow(
    db: Session,
    record: StudyRecord,
    config: StudyConfig,
    cells: Sequence[tuple[str, str, int | None]],
) -> Flow:
    """Follow everybody of a study.

    Parameters
    ----------
    config : the study's settings, with the criteria that shall decide.
    cells : condition, label and quota of each cell, in the study's order.
    """
    arms = {condition: Arm(condition, label) for condition, label, _ in cells}
    found = Flow(0, 0, Counter(), arms, [])
    reasons = _last_reasons(db, record.id)
    finished: list[Participant] = []
    now = utc_now()
    everybody = select(Participant).where(
        Participant.study_id == record.id, Participant.is_test.is_(False)
    )
    for person in db.scalars(everybody.order_by(Participant.id)):
        found.arrived += 1
        found.consented += person.consented_at is not None
        state = present_state(person, now)
        why = _why(state, reasons.get(person.id, ""))
        if person.condition is None:
            found.before[why] += 1
            continue
        arm = arms.setdefault(person.condition, Arm(person.condition, person.condition))
        arm.assigned += 1
        if state in ("complete", "excluded"):
            arm.complete += 1
            finished.append(person)
        elif state == "active":
            arm.active += 1
        else:
            arm.lost[why] += 1
    for person, trials in _with_trials(db, finished):
        arm = arms[str(person.condition)]
        if person.state == "excluded":
            reason = f"{BY_HAND}: {reasons.get(person.id, '')}"
        else:
            failed = judge(config, _row(person), trials).failed
            reason = failed[0] if failed else ""
        if reason:
            arm.excluded[reason] += 1
        else:
            arm.analysed += 1
        found.judged.append((person.public_id, arm.condition, reason))
    return found


def _why(state: str, reason: str) -> str:
    words = {
        "arrived": "did not consent yet",
        "consented": "in the instructions or quiz",
        "returned": "declined" if reason == "declined" else "left",
        "timed_out": "stopped answering",
        "withdrawn": "withdrew",
        "screened_out": {"quiz": "failed the quiz", "practice": "failed the practice"}.get(
            reason, "no place left" if reason == "full" else "screened out"
        ),
    }
    return words.get(state, state)


def _last_reasons(db: Session, study_id: int) -> dict[int, str]:
    """Why everybody is in the present state: the last word of each person's trail."""
    rows = db.execute(
        select(Transition.participant_id, Transition.reason)
        .join(Participant, Participant.id == Transition.participant_id)
        .where(Participant.study_id == study_id)
        .order_by(Transition.id)
    )
    return {int(person): str(reason) for person, reason in rows}


def _row(person: Participant) -> dict[str, Any]:
    return as_judged(
        {
            "source": person.source,
            "consented_at": person.consented_at,
            "assigned_at": person.assigned_at,
            "started_at": person.started_at,
            "finished_at": person.finished_at,
        }
    )


def _with_trials(
    db: Session, people: Sequence[Participant]
) -> Iterator[tuple[Participant, list[dict[str, Any]]]]:
    """People with what the checks look at of their answers, some people at a time."""
    for start in range(0, len(people), PEOPLE_AT_ONCE):
        some = people[start : start + PEOPLE_AT_ONCE]
        trials: dict[int, list[dict[str, Any]]] = {person.id: [] for person in some}
        rows = db.execute(
            select(
                TaskSession.participant_id,
                Scheduled.phase,
                Scheduled.attempt,
                Response.correct,
                Response.rt_ms,
                Response.response,
            )
            .join(Scheduled, Scheduled.session_id == TaskSession.id)
            .join(
                Response,
                (Response.session_id == Scheduled.session_id) & (Response.index == Scheduled.index),
            )
            .where(TaskSession.participant_id.in_(trials))
            .order_by(Scheduled.id)
        )
        for row in rows.mappings():
            trials[row["participant_id"]].append(dict(row))
        yield from ((person, trials[person.id]) for person in some)


def checked(db: Session, config: StudyConfig, person: Participant) -> dict[str, CheckResult]:
    """One person's value on every criterion of the study, and whether it passes."""
    ((_, trials),) = _with_trials(db, [person])
    return evaluate_checks(config, _row(person), trials)


def with_thresholds(config: StudyConfig, given: Mapping[str, str]) -> StudyConfig:
    """The study's settings with other criteria.

    Parameters
    ----------
    given : ``min_CHECK`` and ``max_CHECK`` as they were typed; empty means no limit. Checks of
        which neither is given are not applied.

    Raises
    ------
    LensError
        If a threshold is no number.
    """
    rules = []
    for check in CHECKS:
        low, high = (_number(given.get(f"{end}_{check}", ""), check) for end in ("min", "max"))
        if low is not None or high is not None:
            rules.append(Exclusion(check=check, min=low, max=high))
    return config.model_copy(update={"exclusions": tuple(rules)})


def _number(text: str, check: str) -> float | None:
    try:
        value = float(text) if text.strip() else None
    except ValueError as error:
        raise LensError(f"{check}: {text!r} is no number") from error
    if value is not None and value != value:
        raise LensError(f"{check}: {text!r} is no number")
    return value


def thresholds_of(config: StudyConfig) -> dict[str, str]:
    """The criteria of a study as the form has them."""
    values: dict[str, str] = {}
    for rule in config.exclusions:
        for end, value in (("min", rule.min), ("max", rule.max)):
            if value is not None:
                values[f"{end}_{rule.check}"] = f"{value:g}"
    return values
