"""A draft on disk: what was asked for, how far it is, and the study as it stands.

::

    drafts/NAME/request.json   what was asked for (Asked)
    drafts/NAME/status.json    how far the worker is, and what the audit found (Status)
    drafts/NAME/alive          touched every other second while a worker is at it
    drafts/NAME/study/         the study folder, frozen only when it is published
    drafts/NAME/log            what the worker printed

Files alone, so that any process of the server sees the same, and a worker that was killed costs
nothing but its own work.
"""

from __future__ import annotations

import json
import re
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from experiments.design import NAME_PATTERN
from experiments.selection import Selection
from lens_core.atlas import LensError
from lens_core.atlas.files import disk_errors, pretty_json, write_atomic

REQUEST, STATUS, ALIVE, STUDY, LOG = "request.json", "status.json", "alive", "study", "log"
BEAT_S = 2.0
"""A worker says so often that it lives …"""
SILENCE_S = 30.0
"""… and is given up after so long without a word."""
AT_ONCE = 2
"""Drafts that are built at a time, for the sake of the people who are taking part."""


class Asked(BaseModel):
    """What a study is to be made of, and the numbers that were changed.

    Attributes
    ----------
    atlas, atlas_dir : name in addresses and folder of the atlas.
    classes, concepts, per_class : see :class:`experiments.selection.Selection`.
    design : fields of the paradigm's design that differ from its defaults.
    n_participants, quota : planned in all, and the most of one condition.
    protocol, reward : the ethics protocol's number, and what people are paid.
    by, at : who asked for it and when (ISO-8601 UTC).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=NAME_PATTERN)
    title: str = Field(min_length=1, max_length=200)
    paradigm: str
    atlas: str
    atlas_dir: str
    seed: int = Field(ge=0, lt=2**31)
    classes: tuple[int, ...] = ()
    concepts: tuple[str, ...] = ()
    per_class: int | None = Field(default=None, ge=1)
    design: dict[str, Any] = Field(default_factory=dict)
    n_participants: int | None = Field(default=None, ge=1)
    quota: int | None = Field(default=None, ge=1)
    protocol: str = Field(default="", max_length=200)
    reward: str = Field(default="", max_length=200)
    by: str = ""
    at: str = ""

    @property
    def selection(self) -> Selection:
        """The part of the atlas that is asked about."""
        return Selection(self.classes, self.concepts, self.per_class)

    @property
    def stimuli(self) -> dict[str, Any]:
        """What the stimuli depend on: while it is the same they need not be made again."""
        fields = {
            "name", "paradigm", "atlas_dir", "seed", "classes", "concepts", "per_class", "design"
        }  # fmt: skip
        return self.model_dump(mode="json", include=fields)


class FoundView(BaseModel):
    """One finding of the audit."""

    model_config = ConfigDict(frozen=True)

    level: str
    check: str
    text: str


class Status(BaseModel):
    """How far a draft is."""

    model_config = ConfigDict(frozen=True)

    state: Literal["waiting", "building", "ready", "failed", "stopped"] = "waiting"
    step: str = ""
    done: int = 0
    total: int = 0
    problem: str = ""
    findings: tuple[FoundView, ...] = ()
    built: dict[str, Any] = Field(default_factory=dict)

    @property
    def busy(self) -> bool:
        """Whether a worker is at it."""
        return self.state in ("waiting", "building")

    @property
    def errors(self) -> tuple[FoundView, ...]:
        """Findings that forbid to publish."""
        return tuple(found for found in self.findings if found.level == "error")


@dataclass(frozen=True)
class Draft:
    """One draft, as it is in this moment."""

    folder: Path
    asked: Asked
    status: Status

    @property
    def name(self) -> str:
        """The study's name."""
        return self.asked.name

    @property
    def study_dir(self) -> Path:
        """The study folder; there once it was built."""
        return self.folder / STUDY


class Drafts:
    """The drafts of a server.

    Parameters
    ----------
    directory : holds a folder for each; made when needed.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def names(self) -> list[str]:
        """Names of all drafts."""
        return sorted(path.parent.name for path in self.directory.glob(f"*/{REQUEST}"))

    def all(self) -> list[Draft]:
        """All drafts that can be read, by name."""
        found = []
        for name in self.names():
            try:
                found.append(self.open(name))
            except LensError:
                continue  # deleted in this moment, or of another version
        return found

    def open(self, name: str) -> Draft:
        """The draft of that name.

        Raises
        ------
        LensError
            If there is none.
        """
        if not re.fullmatch(NAME_PATTERN, name):
            raise LensError(f"there is no draft {name!r}")
        folder = self.directory / name
        try:
            asked = Asked.model_validate_json((folder / REQUEST).read_bytes())
        except FileNotFoundError:
            raise LensError(f"there is no draft {name!r}") from None
        except (OSError, ValidationError) as error:
            raise LensError(f"draft {folder} cannot be read: {error}") from error
        return Draft(folder, asked, read_status(folder))

    def create(self, asked: Asked) -> Draft:
        """Put a new draft down, to be built.

        Raises
        ------
        LensError
            If the name is taken, or the disk is full.
        """
        folder = self.directory / asked.name
        if (folder / REQUEST).exists():
            raise LensError(f"there is a draft {asked.name!r} already: choose another name")
        return self.change(folder, asked)

    def change(self, folder: Path, asked: Asked) -> Draft:
        """Ask for something else; what is there stays until the worker has made it."""
        with disk_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
            built = read_status(folder).built
            write_status(folder, Status(built=built))
            touch(folder)
            write_atomic(folder / REQUEST, asked.model_dump_json(indent=1).encode())
        return Draft(folder, asked, read_status(folder))

    def delete(self, draft: Draft) -> None:
        """Remove a draft with everything in it."""
        (draft.folder / REQUEST).unlink(missing_ok=True)
        shutil.rmtree(draft.folder, ignore_errors=True)

    def n_busy(self) -> int:
        """How many are being built."""
        return sum(draft.status.busy for draft in self.all())


def read_status(folder: Path) -> Status:
    """How far a draft is; one whose worker has gone silent is stopped."""
    try:
        status = Status.model_validate(json.loads((folder / STATUS).read_bytes()))
    except (OSError, ValueError):
        return Status(state="stopped")
    if status.busy and time.time() - _last_beat(folder) > SILENCE_S:
        return status.model_copy(update={"state": "stopped"})
    return status


def _last_beat(folder: Path) -> float:
    try:
        return (folder / ALIVE).stat().st_mtime
    except OSError:
        return 0.0


def write_status(folder: Path, status: Status) -> None:
    """Say how far a draft is."""
    content: Mapping[str, Any] = status.model_dump(mode="json")
    write_atomic(folder / STATUS, pretty_json(content))


def touch(folder: Path) -> None:
    """Say that somebody is at it."""
    (folder / ALIVE).touch()
