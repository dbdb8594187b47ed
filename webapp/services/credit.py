"""Credit that the server gives: noted when somebody finishes, given afterwards, and tried again.

The recruiter is asked outside of any transaction, so a slow one holds up nobody's answers.
"""

from __future__ import annotations

import logging

from sqlalchemy import select
from sqlalchemy.orm import Session

from webapp.database import Database
from webapp.models import Participant, StudyRecord
from webapp.recruiters import CreditRefused, Recruiters, settings_of

from .audit import note
from .states import locked

LOG = logging.getLogger("webapp.credit")


def owe(db: Session, participant: Participant, record: StudyRecord, recruiters: Recruiters) -> None:
    """Note that somebody who has finished is to be credited, if the recruiter is told by us."""
    recruiter = recruiters.by_name(participant.source)
    if (
        participant.credit is None
        and participant.external_id is not None
        and recruiter is not None
        and recruiter.gives_credit(settings_of(record.settings))
    ):
        participant.credit = "pending"


def give(database: Database, recruiters: Recruiters, participant_id: int) -> bool:
    """Give what is owed to one person. Returns whether nothing is owed any more."""
    with database.read() as db:
        person = db.get_one(Participant, participant_id)
        record = db.get_one(StudyRecord, person.study_id)
    recruiter = recruiters.by_name(person.source)
    if person.credit != "pending" or recruiter is None or person.external_id is None:
        return person.credit != "pending"
    try:
        recruiter.give_credit(person.external_id, settings_of(record.settings))
    except CreditRefused as refused:
        LOG.warning("no credit for %s of %s: %s", person.public_id, record.name, refused)
        return False
    with database.write() as db:
        present = locked(db, participant_id)
        if present.credit == "pending":
            present.credit = "granted"
            facts = {"participant": present.public_id}
            note(db, "server", f"credit by {recruiter.name}", record.id, facts)
    return True


def owed(db: Session) -> list[int]:
    """Everybody who is still to be credited."""
    return list(db.scalars(select(Participant.id).where(Participant.credit == "pending")))
