"""From the link to the door of the task: arrival, consent, instructions, quiz."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Any, Literal

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from webapp.clock import utc_now
from webapp.models import Participant, StudyRecord, Transition
from webapp.recruiters import Arrival

from .errors import Refused
from .states import locked, move

# No letters that are taken for one another when read aloud or typed.
ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
QuizOutcome = Literal["passed", "again", "screened_out"]
PERSON = "participant"


def arrive(
    db: Session, record: StudyRecord, arrival: Arrival, *, is_test: bool = False
) -> Participant:
    """Write down that somebody followed a link.

    Simulated people are never counted, like previews; one whose first reply was lost is the same
    person when it comes again. So is whoever has agreed to nothing yet and comes from another
    machine, as somebody does who is told that a telephone is too small: the way in moves there.

    Raises
    ------
    Refused
        ``paused`` or ``closed`` if the study takes nobody; ``already_started`` if the recruiter's
        identifier has been here, in another browser or with deleted cookies.
    """
    if record.state != "open" and not is_test:
        raise Refused(record.state)
    if arrival.external_id is not None and not is_test:
        known = db.scalars(
            select(Participant.id).where(
                Participant.study_id == record.id,
                Participant.source == arrival.source,
                Participant.external_id == arrival.external_id,
            )
        ).first()
        if known is not None:
            return _again(locked(db, known), arrival)
    now = utc_now()
    participant = Participant(
        public_id="p" + "".join(secrets.choice(ALPHABET) for _ in range(10)),
        access=secrets.token_urlsafe(32),
        study_id=record.id,
        state="arrived",
        is_test=is_test or arrival.rehearsal_seed is not None,
        source="preview" if is_test else arrival.source,
        external_id=None if is_test else arrival.external_id,
        source_details=_details(arrival),
        arrived_at=now,
        last_seen_at=now,
        quiz_attempts=0,
    )
    try:
        with db.begin_nested():
            db.add(participant)
            db.flush()
    except IntegrityError as error:
        # Two clicks on the same link arrived together.
        raise Refused("already_started") from error
    db.add(
        Transition(
            participant_id=participant.id,
            at=now,
            from_state=None,
            to_state="arrived",
            actor=PERSON,
            reason="preview" if is_test else "",
        )
    )
    return participant


def _again(participant: Participant, arrival: Arrival) -> Participant:
    """Somebody who is known already, if they may come in by this link once more."""
    if arrival.rehearsal_seed is not None:
        return participant
    used = participant.source_details.get("launches", [])
    if participant.state != "arrived" or arrival.launch in used:
        raise Refused("already_started")
    participant.access = secrets.token_urlsafe(32)
    participant.source_details = _details(arrival, used)
    participant.last_seen_at = utc_now()
    return participant


def _details(arrival: Arrival, used: Sequence[str] = ()) -> dict[str, Any]:
    """What is kept of a link, and of those by which the same person came before."""
    found: dict[str, Any] = dict(arrival.details)
    if arrival.launch:
        found["launches"] = [*used, arrival.launch]
    if arrival.rehearsal_seed is not None:
        found["rehearsal_seed"] = arrival.rehearsal_seed
    return found


def by_access(db: Session, study_id: int, access: str) -> Participant | None:
    """The person whose cookie this is."""
    return db.scalars(
        select(Participant).where(Participant.access == access, Participant.study_id == study_id)
    ).first()


def agree(db: Session, participant_id: int, version: str) -> Participant:
    """Keep the consent and the version of the text that was agreed to. Agreeing twice is once."""
    participant = locked(db, participant_id)
    if participant.state == "arrived":
        move(db, participant, "consented", actor=PERSON)
        participant.consent_version = version
        participant.consented_at = participant.last_seen_at = utc_now()
    return participant


def leave(db: Session, participant_id: int, reason: str) -> Participant:
    """The person declines, or gives the place back before the end."""
    participant = locked(db, participant_id)
    if participant.state in ("arrived", "consented", "active"):
        move(db, participant, "returned", actor=PERSON, reason=reason)
    return participant


def read_instructions(db: Session, participant_id: int) -> Participant:
    """Keep when the instructions had been read first."""
    participant = locked(db, participant_id)
    if participant.state == "consented" and participant.instructed_at is None:
        participant.instructed_at = participant.last_seen_at = utc_now()
    return participant


def answer_quiz(
    db: Session, participant_id: int, *, right: bool, max_attempts: int
) -> tuple[Participant, QuizOutcome]:
    """Count one attempt at the quiz; the last wrong one ends the visit.

    The condition is drawn by the caller, after ``passed``, and never before.
    """
    participant = locked(db, participant_id)
    if participant.state != "consented":
        return participant, "passed" if participant.state == "active" else "screened_out"
    participant.quiz_attempts += 1
    participant.last_seen_at = utc_now()
    if right:
        return participant, "passed"
    if participant.quiz_attempts < max_attempts:
        return participant, "again"
    move(db, participant, "screened_out", actor="server", reason="quiz")
    return participant, "screened_out"
