"""The states of a participant, what may follow what, and the trail that every change leaves."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ColumnElement, and_, case, select
from sqlalchemy.orm import Session

from experiments.records import Status
from webapp.clock import utc_now
from webapp.models import Participant, Transition

from .errors import Refused

BY_HAND = "by a researcher"
"""How the reason of an exclusion begins that no criterion made."""

FOLLOWS: dict[str, frozenset[str]] = {
    "arrived": frozenset({"consented", "returned", "withdrawn"}),
    "consented": frozenset({"active", "screened_out", "returned", "timed_out", "withdrawn"}),
    "active": frozenset({"complete", "screened_out", "returned", "timed_out", "withdrawn"}),
    # Whoever comes back within the study's limit goes on where the answers end.
    "timed_out": frozenset({"active", "withdrawn"}),
    "complete": frozenset({"withdrawn", "excluded"}),
    # An exclusion can be taken back, to complete; so only who finished is excluded.
    "screened_out": frozenset({"withdrawn"}),
    "returned": frozenset({"withdrawn"}),
    "excluded": frozenset({"complete", "withdrawn"}),
    "withdrawn": frozenset(),
}


def move(
    db: Session, participant: Participant, to: Status, *, actor: str, reason: str = ""
) -> Participant:
    """Change a participant's state and write it into the audit trail.

    Raises
    ------
    Refused
        If the state cannot follow the present one.
    """
    if to not in FOLLOWS[participant.state]:
        raise Refused(f"not_from_{participant.state}")
    db.add(
        Transition(
            participant_id=participant.id,
            at=utc_now(),
            from_state=participant.state,
            to_state=to,
            actor=actor,
            reason=reason,
        )
    )
    participant.state = to
    if to != "active":
        participant.lease_until = None
    return participant


def present_state(participant: Participant, now: datetime) -> str:
    """The state, where somebody whose place has lapsed is timed out.

    The lapse is written down when the next person comes or ``lens server tidy`` runs; counts and
    pages must not call somebody active until then.
    """
    lapsed = participant.lease_until is not None and participant.lease_until <= now
    return "timed_out" if participant.state == "active" and lapsed else participant.state


def present_state_column(now: datetime) -> ColumnElement[str]:
    """:func:`present_state` for a query."""
    lapsed = and_(Participant.state == "active", Participant.lease_until <= now)
    return case((lapsed, "timed_out"), else_=Participant.state)


def last_reason(db: Session, participant_id: int) -> str:
    """Why the participant is in the present state."""
    reason = db.scalars(
        select(Transition.reason)
        .where(Transition.participant_id == participant_id)
        .order_by(Transition.id.desc())
    ).first()
    return reason or ""


def locked(db: Session, participant_id: int) -> Participant:
    """The participant as it is now, and nobody else's to change until the transaction ends."""
    return db.scalars(
        select(Participant)
        .where(Participant.id == participant_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one()
