"""Published studies: the record in the database and the frozen folder that belongs to it."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Literal

from sqlalchemy import select
from sqlalchemy.orm import Session

from experiments.study import Study
from lens_core.atlas import LensError
from webapp.config import ServerConfig
from webapp.models import StudyRecord
from webapp.recruiters import StudySettings, settings_of

from .audit import note
from .errors import Missing

StudyState = Literal["open", "paused", "closed"]
STATES: tuple[StudyState, ...] = ("open", "paused", "closed")


class Shelf:
    """The studies of a server, each opened (and its checksums compared) once a process.

    Parameters
    ----------
    config : says where the folders are.
    """

    def __init__(self, config: ServerConfig) -> None:
        self._config = config
        self._open: dict[str, Study] = {}
        self._lock = threading.Lock()

    def take(self, record: StudyRecord) -> Study:
        """The folder of a published study; see :meth:`open`."""
        return self.open(record.hash, record.folder, record.name)

    def for_export(self, record: StudyRecord) -> Study:
        """The folder of a published study as it is now, also if it changed since.

        The answers are in the database and must come out; the data set says what changed.

        Raises
        ------
        LensError
            If the folder is gone or belongs to another study.
        """
        folder = self._config.directory / record.folder
        study = Study.open(folder, require_frozen=True, though_changed=True)
        if study.hash != record.hash:
            raise LensError(f"{folder} holds another study than the one published: restore it")
        return study

    def open(self, hash: str, folder: str, name: str) -> Study:
        """The published study of that hash.

        Raises
        ------
        LensError
            If the folder is gone or is not what was published.
        """
        known = self._open.get(hash)
        if known is not None:
            return known
        with self._lock:
            study = self._open.get(hash)
            if study is None:
                study = Study.open(self._config.directory / folder, require_frozen=True)
                if study.hash != hash:
                    raise LensError(f"study {name} is not what was published: restore {study.root}")
                self._open[hash] = study
            return study


def all_studies(db: Session) -> Sequence[StudyRecord]:
    """Published studies, the newest first."""
    return db.scalars(
        select(StudyRecord).order_by(StudyRecord.published_at.desc(), StudyRecord.id.desc())
    ).all()


def by_name(db: Session, name: str) -> StudyRecord:
    """The published study of that name.

    Raises
    ------
    Missing
        ``study`` if there is none.
    """
    record = db.scalars(select(StudyRecord).where(StudyRecord.name == name)).first()
    if record is None:
        raise Missing("study")
    return record


def set_state(db: Session, name: str, state: StudyState, *, actor: str) -> StudyRecord:
    """Open, pause or close a study. Who has started may always go on."""
    record = by_name(db, name)
    if record.state != state:
        note(db, actor, "study state", record.id, {"from": record.state, "to": state})
        record.state = state
    return record


def set_settings(db: Session, name: str, settings: StudySettings, *, actor: str) -> StudyRecord:
    """Change recruitment and privacy of a study."""
    record = by_name(db, name)
    before = settings_of(record.settings).stored()
    stored = settings.stored()
    # Codes and addresses hold secrets; the log names what changed.
    changed = sorted(field for field in stored if stored[field] != before[field])
    if changed or not record.settings:
        note(db, actor, "study settings", record.id, {"changed": ", ".join(changed)})
        record.settings = stored
    return record


def quotas(study: Study) -> dict[str, int]:
    """How many people each cell wants, where the study says so."""
    return {
        condition.name: condition.quota
        for condition in study.config.conditions
        if condition.quota is not None and condition.name in study.cells
    }
