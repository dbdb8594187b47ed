"""From the database to a data set, a row at a time.

People are read in the order in which they came, each with their answers and events, so memory
holds one person's answers at most, however large the study is. Previews are left out unless asked.

Three variants: *pseudonymous* (the usual one) has the study's own identifiers and times, and
nothing that a recruiter knows; *identified* adds what the recruiter calls a person; *anonymous* has
new identifiers and a new order in every export, and no moment, code or description of a machine.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import select
from sqlalchemy.orm import Session

from experiments.checks import judge
from experiments.dataset import DatasetWriter
from experiments.records import Column
from experiments.schedule import ScheduledTrial
from experiments.study import Study
from lens_core.atlas import Track, no_track
from webapp.clock import iso
from webapp.database import Database
from webapp.models import Event, Participant, Response, Scheduled, StudyRecord, TaskSession
from webapp.recruiters.rehearsal import as_judged

from .machines import HIDDEN, MACHINE, machine_row
from .states import BY_HAND, last_reason

PEOPLE_AT_ONCE = 100

Variant = Literal["pseudonymous", "identified", "anonymous"]
VARIANTS: tuple[Variant, ...] = ("pseudonymous", "identified", "anonymous")

IDENTITY = (
    Column("external_id", "string", "What the recruiter calls the person."),
    Column("source_details", "json", "Further parameters of the recruiter's link."),
    Column("completion_code", "string", "The completion code that the person was given."),
    Column("arrived_at", "time", "When the person followed the link."),
)
"""Participant columns of the identified variant alone."""

MOMENTS = frozenset(
    {"consented_at", "assigned_at", "started_at", "finished_at", "presented_at", "answered_at"}
)
"""Columns that the anonymous variant leaves empty; durations are kept."""


@dataclass(frozen=True)
class Exported:
    """How many rows were written, and which files of the study are not what was frozen."""

    participants: int
    trials: int
    events: int
    changed: tuple[str, ...] = ()


def export(
    database: Database,
    record: StudyRecord,
    study: Study,
    out: Path,
    *,
    variant: Variant = "pseudonymous",
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
    extra = (*MACHINE, *(IDENTITY if variant == "identified" else ()))
    hide = _Anonymous() if variant == "anonymous" else None
    facts = {"variant": variant}
    with (
        database.read() as db,
        DatasetWriter(
            out, study, extra_participant_columns=extra, description=facts, force=force
        ) as writer,
    ):
        ids = _ids(db, record.id, include_previews)
        if hide is not None:
            ids.sort(key=lambda each: hide.name(str(each)))
        for person in track(_people(db, ids), "Exporting participants", len(ids)):
            trials = list(_trials(db, study, person))
            row = _participant_row(study, person, trials) | machine_row(_machine(db, person))
            if person.state == "excluded":
                row |= {"excluded": 1, "exclusion_reason": _by_hand(db, person, variant)}
            if variant == "identified":
                row |= _identity(person)
            see: Callable[[dict[str, Any]], dict[str, Any]] = hide.row if hide else _unchanged
            writer.participant(see(row))
            for trial in trials:
                writer.trial(see(trial))
            for event in _events(db, person):
                writer.event(see(event))
                n_events += 1
            n_people += 1
            n_trials += len(trials)
            db.expunge_all()
    return Exported(n_people, n_trials, n_events, writer.changed)


class _Anonymous:
    """Gives names that nobody can trace, this export included once it is written."""

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)

    def name(self, text: str) -> str:
        """A name, the same for the same text within one export."""
        return "a" + hmac.new(self._key, text.encode(), hashlib.sha256).hexdigest()[:15]

    def row(self, row: dict[str, Any]) -> dict[str, Any]:
        """A row without what could lead to the person."""
        hidden: dict[str, Any] = {
            name: None if name in MOMENTS | HIDDEN or name == "detail" else value
            for name, value in row.items()
        }
        for column in ("participant", "trial_uuid"):
            if column in hidden:
                hidden[column] = self.name(str(hidden[column]))
        return hidden


def _machine(db: Session, person: Participant) -> dict[str, Any] | None:
    """What the browser said of itself, the newest session's."""
    return db.scalars(
        select(TaskSession.environment)
        .where(TaskSession.participant_id == person.id, TaskSession.environment.is_not(None))
        .order_by(TaskSession.number.desc())
    ).first()


def _by_hand(db: Session, person: Participant, variant: Variant) -> str:
    """Why a researcher excluded somebody; what was written about a person is not anonymous."""
    return BY_HAND if variant == "anonymous" else f"{BY_HAND}: {last_reason(db, person.id)}"


def _unchanged(row: dict[str, Any]) -> dict[str, Any]:
    return row


def _identity(person: Participant) -> dict[str, Any]:
    return {
        "external_id": person.external_id,
        "source_details": person.source_details,
        "completion_code": person.completion_code,
        "arrived_at": iso(person.arrived_at),
    }


def _ids(db: Session, study_id: int, include_previews: bool) -> list[int]:
    """Participants in the order in which they came; numbers alone, so a great many fit."""
    chosen = select(Participant.id).where(Participant.study_id == study_id)
    if not include_previews:
        chosen = chosen.where(Participant.is_test.is_(False))
    return list(db.scalars(chosen.order_by(Participant.id)))


def _people(db: Session, ids: list[int]) -> Iterator[Participant]:
    """Participants in the order of their ids here, some at a time, so no cursor stays open."""
    for start in range(0, len(ids), PEOPLE_AT_ONCE):
        wanted = ids[start : start + PEOPLE_AT_ONCE]
        found = {
            person.id: person
            for person in db.scalars(select(Participant).where(Participant.id.in_(wanted)))
        }
        yield from (found[each] for each in wanted)


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
        # A visit may have sessions of its own schedule; one that is begun anew counts on.
        "session": trial.session + session - 1,
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
    row = as_judged(
        {
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
    )
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
