"""What is to be done regularly: identifiers that have been kept long enough, places that nobody
holds any more, credit that could not be given, counters that no longer count, and what is left of
erased rows in the database's files."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import delete
from sqlalchemy.orm import Session

from webapp.clock import utc_now
from webapp.config import ServerConfig
from webapp.database import Database
from webapp.models import FailedLogin, StudyRecord
from webapp.recruiters import Recruiters

from . import admission, assignment, credit, privacy, studies
from .audit import note
from .states import locked


@dataclass(frozen=True)
class Tidied:
    """How many of each were seen to."""

    anonymised: int
    timed_out: int
    credited: int
    still_owed: int


def tidy(database: Database, config: ServerConfig, *, dry_run: bool = False) -> Tidied:
    """See to everything that is due; doing it again at once changes nothing.

    Parameters
    ----------
    dry_run : count what is due, and do nothing.
    """
    with database.read() as db:
        records = studies.all_studies(db)
        owed = credit.owed(db)
        if dry_run:
            now = utc_now()
            due = sum(len(privacy.due_for_anonymising(db, record)) for record in records)
            lapsed = sum(assignment.n_expired(db, record.id, now) for record in records)
            return Tidied(due, lapsed, 0, len(owed))
    key = config.secret_key()
    anonymised = timed_out = 0
    for record in records:
        with database.write() as db:
            timed_out += assignment.release_expired(db, record.id, utc_now())
            anonymised += _delete_identifiers(db, record, key)
    with database.write() as db:
        db.execute(
            delete(FailedLogin).where(
                FailedLogin.at < utc_now() - timedelta(minutes=config.login_window_minutes)
            )
        )
        admission.forget_arrivals(db, timedelta(minutes=config.arrivals_window_minutes))
    database.forget_erased()
    recruiters = Recruiters(config)
    credited = sum(credit.give(database, recruiters, person_id) for person_id in owed)
    return Tidied(anonymised, timed_out, credited, len(owed) - credited)


def _delete_identifiers(db: Session, record: StudyRecord, key: bytes) -> int:
    """Anonymise who is due; whoever came back this moment keeps the way in. Returns how many."""
    people = [locked(db, person_id) for person_id in privacy.due_for_anonymising(db, record)]
    gone = [person for person in people if person.state != "active"]
    for person in gone:
        privacy.anonymise(db, person, key=key)
    if gone:
        note(db, "server", "identifiers deleted", record.id, {"people": len(gone)})
    return len(gone)
