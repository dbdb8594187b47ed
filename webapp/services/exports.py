"""From the database to a data set, a row at a time.

People are read in the order in which they came, each with their answers and events, so memory
holds one person's answers at most, however large the study is. Previews are left out unless asked.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from experiments.checks import judge
from experiments.dataset import DatasetWriter
from experiments.schedule import ScheduledTrial
from experiments.study import Study
from lens_core.atlas import Track, no_track
from webapp.clock import iso
from webapp.database import Database
from webapp.models import Event, Participant, Response, Scheduled, StudyRecord, TaskSession

PEOPLE_AT_ONCE = 100


@dataclass(frozen=True)
class Exported:
    """How many rows were written."""

    participants: int
    trials: int
    events: int


def export(
    database: Database,
    record: StudyRecord,
    study: Study,
    out: Path,
    *,
    include_previews: bool = False,
    force: bool = False,
    track: Track = no_track,
) -> Exported:
    """Write the data set of a study.

    Raises
    ------
    LensError
        If the target is not free or the disk is full.
    """
    n_people = n_trials = n_events = 0
    with database.read() as db, DatasetWriter(out, study, force=force) as writer:
        for person in track(
            _people(db, record.id, include_previews),
            "Exporting participants",
            _number(db, record.id, include_previews),
        ):
            trials = list(_trials(db, study, person))
            writer.participant(_participant_row(study, person, trials))
            for row in trials:
                writer.trial(row)
            for event in _events(db, person):
                writer.event(event)
                n_events += 1
            n_people += 1
            n_trials += len(trials)
            db.expunge_all()
    return Exported(n_people, n_trials, n_events)


def _number(db: Session, study_id: int, include_previews: bool) -> int:
    chosen = select(func.count()).where(Participant.study_id == study_id)
    if not include_previews:
        chosen = chosen.where(Participant.is_test.is_(False))
    return db.scalars(chosen).one()


def _people(db: Session, study_id: int, include_previews: bool) -> Iterator[Participant]:
    """Participants by identifier, some at a time, so that no cursor stays open meanwhile."""
    last = 0
    while True:
        chosen = select(Participant).where(Participant.study_id == study_id, Participant.id > last)
        if not include_previews:
            chosen = chosen.where(Participant.is_test.is_(False))
        batch = db.scalars(chosen.order_by(Participant.id).limit(PEOPLE_AT_ONCE)).all()
        if not batch:
            return
        last = batch[-1].id
        yield from batch


def _trials(db: Session, study: Study, person: Participant) -> Iterator[dict[str, Any]]:
    rows = db.execute(
        select(TaskSession.number, Scheduled, Response)
        .join(Scheduled, Scheduled.session_id == TaskSession.id)
        .join(
            Response,
            (Response.session_id == Scheduled.session_id) & (Response.index == Scheduled.index),
        )
        .where(TaskSession.participant_id == person.id)
        .order_by(TaskSession.number, Scheduled.position)
    )
    for number, scheduled, response in rows:
        yield trial_row(study, person, number, scheduled, response)


def trial_row(
    study: Study, person: Participant, session: int, scheduled: Scheduled, response: Response
) -> dict[str, Any]:
    """One answered trial as the data set holds it."""
    trial = ScheduledTrial.from_dict(scheduled.body)
    return {
        **trial.row(),
        **response.columns,
        "trial_uuid": response.trial_uuid,
        "participant": person.public_id,
        "study": study.name,
        "study_hash": study.hash,
        "session": session,
        "response": response.response,
        "correct": response.correct,
        "rt_ms": response.rt_ms,
        "confidence": response.confidence,
        "onset_error_ms": response.onset_error_ms,
        "dropped_frames": response.dropped_frames,
        "presented_at": response.presented_at,
        "answered_at": response.answered_at,
    }


def _participant_row(
    study: Study, person: Participant, trials: list[dict[str, Any]]
) -> dict[str, Any]:
    row: dict[str, Any] = {
        "participant": person.public_id,
        "study": study.name,
        "condition": person.condition,
        "status": person.state,
        "source": person.source,
        "consent_version": person.consent_version,
        "consented_at": iso(person.consented_at),
        "assigned_at": iso(person.assigned_at),
        "started_at": iso(person.started_at),
        "finished_at": iso(person.finished_at),
    }
    return row | judge(study.config, row, trials).columns()


def _events(db: Session, person: Participant) -> Iterator[dict[str, Any]]:
    rows = db.scalars(
        select(Event)
        .join(TaskSession, TaskSession.id == Event.session_id)
        .where(TaskSession.participant_id == person.id)
        .order_by(Event.id)
    )
    for event in rows:
        yield {
            "participant": person.public_id,
            "at_ms": event.at_ms,
            "kind": event.kind,
            "detail": event.detail,
        }
