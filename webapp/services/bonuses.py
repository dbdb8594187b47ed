"""Who earned what beside the reward, by the rule in the study file. Nothing is paid from here."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields
from decimal import ROUND_HALF_UP, Decimal

from sqlalchemy import case, func, select
from sqlalchemy.orm import Session

from experiments.dataset import escape_cell
from experiments.design import Bonus
from webapp.models import Participant, Response, Scheduled, StudyRecord, TaskSession

CENT = Decimal("0.01")


@dataclass(frozen=True)
class Earned:
    """One person's bonus.

    Attributes
    ----------
    participant : as in the data set.
    person : what the recruiter calls the person; empty without one.
    right, answered : test trials that were answered right, and all that were answered.
    amount : with two digits after the point; 0 for who did not finish.
    rule : how it comes about, in words.
    """

    participant: str
    source: str
    person: str
    state: str
    right: int
    answered: int
    amount: Decimal
    currency: str
    rule: str


def amount_of(rule: Bonus, *, finished: bool, right: int) -> Decimal:
    """What somebody earned."""
    if not finished:
        return Decimal("0.00")
    earned = Decimal(str(rule.completed)) + right * Decimal(str(rule.per_correct))
    if rule.most is not None:
        earned = min(earned, Decimal(str(rule.most)))
    return earned.quantize(CENT, ROUND_HALF_UP)


def words_of(rule: Bonus) -> str:
    """The rule as a sentence."""
    parts = []
    if rule.completed:
        parts.append(f"{rule.completed:g} for finishing")
    if rule.per_correct:
        parts.append(f"{rule.per_correct:g} for each right answer of a test trial")
    most = f", {rule.most:g} at most" if rule.most is not None else ""
    return (" and ".join(parts) or "nothing") + most


def bonuses(db: Session, record: StudyRecord, rule: Bonus) -> list[Earned]:
    """Everybody who was given a condition, previews apart, in the order in which they came.

    Who was excluded afterwards has finished all the same: whether to pay is a person's decision, so
    the state stands beside the amount. Of several answers to a trial the first counts.
    """
    test = (Scheduled.phase == "test") & (Scheduled.attempt == 1)
    rows = db.execute(
        select(
            Participant,
            func.coalesce(func.sum(case((test, Response.correct), else_=0)), 0),
            func.count(case((test, Response.id))),
        )
        .outerjoin(TaskSession, TaskSession.participant_id == Participant.id)
        .outerjoin(Response, Response.session_id == TaskSession.id)
        .outerjoin(
            Scheduled,
            (Scheduled.session_id == Response.session_id) & (Scheduled.index == Response.index),
        )
        .where(
            Participant.study_id == record.id,
            Participant.is_test.is_(False),
            Participant.assigned_at.is_not(None),
        )
        .group_by(Participant.id)
        .order_by(Participant.id)
    )
    return [
        Earned(
            participant=person.public_id,
            source=person.source,
            person=person.external_id or "",
            state=person.state,
            right=int(right),
            answered=int(answered),
            amount=amount_of(rule, finished=person.finished_at is not None, right=int(right)),
            currency=rule.currency,
            rule=words_of(rule),
        )
        for person, right, answered in rows
        # Who withdrew from everything has no name here any more.
        if person.state != "withdrawn"
    ]


def as_csv(lines: Sequence[Earned]) -> str:
    """A table; what a spreadsheet would run is escaped."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow([field.name for field in fields(Earned)])
    for line in lines:
        writer.writerow(
            [escape_cell(each) if isinstance(each, str) else each for each in astuple(line)]
        )
    return text.getvalue()
