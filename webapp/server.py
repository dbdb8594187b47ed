"""What the views of one application share: settings, database, studies, key."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from flask import abort, current_app, session

from experiments.study import Study

from .config import ServerConfig
from .database import Database
from .explorer import Library
from .models import StudyRecord
from .recruiters import Recruiters
from .services.errors import Missing
from .services.keeper import Keeper
from .services.studies import Shelf, by_name
from .stimulus_names import StimulusNames

EXTENSION = "lens"


@dataclass(frozen=True)
class Server:
    """One application's parts.

    Attributes
    ----------
    config : what the server was told.
    database : where everything is kept.
    key : signs cookies and stimulus names.
    studies : published studies, opened.
    names : opaque names of stimuli, by participant.
    keeper : saves answers.
    recruiters : where participants come from.
    library : the atlases that the explorer shows.
    """

    config: ServerConfig
    database: Database
    key: bytes
    studies: Shelf
    names: StimulusNames
    keeper: Keeper
    recruiters: Recruiters
    library: Library

    def lease(self, study: Study) -> timedelta:
        """How long a place is kept for somebody who is not heard of."""
        return timedelta(minutes=study.config.session.lease_min)


def the_server() -> Server:
    """The parts of the application that handles this request."""
    found: Server = current_app.extensions[EXTENSION]
    return found


def the_study(name: str) -> tuple[StudyRecord, Study]:
    """A published study and its record, or the page that says that there is none."""
    server = the_server()
    with server.database.read() as db:
        try:
            record = by_name(db, name)
        except Missing:
            abort(404)
    return record, server.studies.take(record)


def accesses() -> dict[str, str]:
    """The secrets that this browser's cookie holds, by name of study."""
    known: dict[str, str] = session.get("participants", {})
    return known


def access_of(study_name: str) -> str | None:
    """The secret that this browser's cookie holds for a study."""
    return accesses().get(study_name)


def give_access(study_name: str, access: str) -> None:
    """Put a participant's secret into the browser's cookie, which is signed and out of scripts."""
    session["participants"] = {**session.get("participants", {}), study_name: access}
    # Survives closing the browser, so that whoever comes back finds the place again.
    session.permanent = True
