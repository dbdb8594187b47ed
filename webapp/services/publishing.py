"""Taking a frozen study into a server's folder and database."""

from __future__ import annotations

import os
import secrets
import shutil
from pathlib import Path
from typing import Literal

from sqlalchemy import select

from experiments.study import Study
from lens_core.atlas import LensError
from lens_core.atlas.files import disk_errors
from webapp.clock import utc_now
from webapp.config import ServerConfig
from webapp.database import Database
from webapp.models import StudyRecord

from .audit import note

Outcome = Literal["published", "unchanged"]


def publish(
    database: Database, config: ServerConfig, source: Path, *, actor: str
) -> tuple[Study, Outcome]:
    """Copy a frozen study to the server and open it for participants.

    The folder is put in its place first, then the record is written: killed in between, the same
    command finishes the work. Publishing the same hash again changes nothing.

    Raises
    ------
    LensError
        If the study is not frozen, has changed since, or another study has its name.
    """
    study = Study.open(source, require_frozen=True)
    with database.read() as db:
        record = db.scalars(select(StudyRecord).where(StudyRecord.name == study.name)).first()
    if record is not None and record.hash != study.hash:
        raise LensError(
            f"study {study.name!r} is published with another hash ({record.hash[:19]}…): "
            "give the changed study another name in study.toml and freeze it anew"
        )
    target = config.study_dir(study.name)
    _place(study, target)
    if record is not None:
        return study, "unchanged"
    with database.write() as db:
        added = StudyRecord(
            name=study.name,
            hash=study.hash,
            title=study.title,
            paradigm=study.paradigm,
            folder=target.relative_to(config.directory).as_posix(),
            state="open",
            draw_seed=secrets.randbits(62),
            published_at=utc_now(),
            settings={},
        )
        db.add(added)
        db.flush()
        note(db, actor, "publish", added.id, {"hash": study.hash})
    return study, "published"


def _place(study: Study, target: Path) -> None:
    """Copy the folder unless it is there; a folder that differs is never overwritten."""
    if target.exists():
        if target.samefile(study.root):
            return  # opened, and so checked, just now
        present = Study.open(target, require_frozen=True)
        if present.hash != study.hash:
            raise LensError(f"{target} holds another study: move it away and publish again")
        return
    partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
    with disk_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            shutil.copytree(study.root, partial, ignore=shutil.ignore_patterns(".*"))
            partial.replace(target)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    Study.open(target, require_frozen=True)
