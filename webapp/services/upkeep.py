"""What is to be done regularly: identifiers that have been kept long enough, places that nobody
holds any more, credit that could not be given, counters that no longer count."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import delete

from webapp.clock import utc_now
from webapp.config import ServerConfig
from webapp.database import Database
from webapp.models import FailedLogin
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
        due = {
            record: privacy.due_for_anonymising(db, record) for record in studies.all_studies(db)
        }
        owed = credit.owed(db)
        now = utc_now()
        lapsed = sum(assignment.n_expired(db, record.id, now) for record in due)
    n_due = sum(map(len, due.values()))
    if dry_run:
        return Tidied(n_due, lapsed, 0, len(owed))
    key = config.secret_key()
    timed_out = 0
    for record, people in due.items():
        with database.write() as db:
            for person_id in people:
                privacy.anonymise(db, locked(db, person_id), key=key)
            if people:
                note(db, "server", "identifiers deleted", record.id, {"people": len(people)})
            timed_out += assignment.release_expired(db, record.id, utc_now())
    with database.write() as db:
        db.execute(
            delete(FailedLogin).where(
                FailedLogin.at < utc_now() - timedelta(minutes=config.login_window_minutes)
            )
        )
        admission.forget_arrivals(db, timedelta(minutes=config.arrivals_window_minutes))
    recruiters = Recruiters(config)
    credited = sum(credit.give(database, recruiters, person_id) for person_id in owed)
    return Tidied(n_due, timed_out, credited, len(owed) - credited)
