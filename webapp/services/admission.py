"""Who is let in: not too many from one address, and one person once, also across studies."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from sqlalchemy import delete, func, or_, select
from sqlalchemy.orm import Session

from webapp.clock import utc_now
from webapp.models import Known, Participant, RecentArrival, StudyRecord
from webapp.recruiters import Arrival, StudySettings
from webapp.recruiters.base import short

from .errors import Refused
from .subjects import person_subject, subject


def admit(
    db: Session, record: StudyRecord, arrival: Arrival, *, key: bytes, settings: StudySettings
) -> None:
    """Let somebody in, or say why not.

    Raises
    ------
    Refused
        ``already_started`` if the person was here and has been erased since;
        ``took_part_elsewhere`` if the person was in a study whose people are not taken, or is on
        the study's list of people who are not.
    """
    if arrival.external_id is None:
        return
    known = person_subject(key, arrival.source, arrival.external_id)
    mine = select(Known.id).where(Known.study_id == record.id, Known.subject == known)
    if db.scalars(mine).first() is not None:
        raise Refused("already_started")
    listed = _listed(key, arrival.external_id)
    if db.scalars(
        select(Known.id).where(Known.study_id == record.id, Known.subject == listed)
    ).first():
        raise Refused("took_part_elsewhere")
    if not settings.not_from:
        return
    was_there = (
        select(StudyRecord.id)
        .outerjoin(
            Participant,
            (Participant.study_id == StudyRecord.id)
            & (Participant.source == arrival.source)
            & (Participant.external_id == arrival.external_id),
        )
        .outerjoin(Known, (Known.study_id == StudyRecord.id) & (Known.subject == known))
        .where(
            StudyRecord.name.in_(settings.not_from),
            or_(Participant.id.is_not(None), Known.id.is_not(None)),
        )
    )
    if db.scalars(was_there).first() is not None:
        raise Refused("took_part_elsewhere")


def _listed(key: bytes, external_id: str) -> str:
    """The subject of somebody on a list, whichever recruiter the identifier is of."""
    return subject(key, "listed", external_id)


def keep_out(db: Session, record: StudyRecord, external_ids: Iterable[str], *, key: bytes) -> int:
    """Add people to those who are not taken, by hash; returns how many were not known before."""
    known = set(db.scalars(select(Known.subject).where(Known.study_id == record.id)))
    new = {_listed(key, short(each)) for each in external_ids if short(each)} - known
    db.add_all(Known(study_id=record.id, subject=each) for each in sorted(new))
    return len(new)


def kept_out(db: Session, study_id: int) -> int:
    """How many people a study knows by hash alone: erased ones, and those on its list."""
    return db.scalars(
        select(func.count()).select_from(Known).where(Known.study_id == study_id)
    ).one()


def erased(
    db: Session, record: StudyRecord, source: str, external_ids: Iterable[str], *, key: bytes
) -> frozenset[str]:
    """Who of these people was in the study and is known by hash alone now."""
    known = set(db.scalars(select(Known.subject).where(Known.study_id == record.id)))
    return frozenset(each for each in external_ids if person_subject(key, source, each) in known)


def count_arrival(db: Session, address: str, *, key: bytes, limit: int, window: timedelta) -> None:
    """Count somebody new from an address; the address itself is not kept, and its hash only until
    somebody comes (or ``lens server tidy`` runs) after the window.

    Raises
    ------
    Refused
        ``too_many`` if the address has sent more than the limit within the window.
    """
    forget_arrivals(db, window)
    now = utc_now()
    source = subject(key, "arrival", address)
    lately = db.scalars(
        select(func.count()).where(
            RecentArrival.subject == source, RecentArrival.at >= now - window
        )
    ).one()
    if lately >= limit:
        raise Refused("too_many")
    db.add(RecentArrival(subject=source, at=now))


def forget_arrivals(db: Session, window: timedelta) -> int:
    """Delete what no longer counts; returns how many."""
    old = select(RecentArrival.id).where(RecentArrival.at < utc_now() - window)
    # People who arrive together do not wait for one another's deleting.
    unheld = old.with_for_update(skip_locked=True)
    done = db.execute(
        delete(RecentArrival)
        .where(RecentArrival.id.in_(unheld))
        .execution_options(synchronize_session=False)
    )
    return int(getattr(done, "rowcount", 0))
