"""A folder through which a web server asks a worker what a picture holds.

The server has no model and the worker no visitors; they share this folder alone. Files appear
whole or not at all, hold JSON or PNG, and are never unpickled::

    waiting/TOKEN.png    the picture, drawn anew by the server
    waiting/TOKEN.json   Question; written after the picture, so that whoever sees it has both
    claimed/TOKEN.json   moved there by the one worker that took it; the picture is gone by then
    answers/TOKEN.json   Answer, kept for `KEEP_S`
    workers/NAME.json    Worker, written again every `HEARTBEAT_S` while it runs

Renaming decides who takes a question; nobody locks anything. What nobody took or finished is
swept away by whoever comes by.
"""

from __future__ import annotations

import contextlib
import re
import secrets
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

from pydantic import Field, ValidationError

from .errors import LensError
from .files import write_atomic
from .schema import Frozen

FOLDER = "crops"
"""Name of the spool in a server's folder."""
MAX_PICTURE_BYTES = 2 * 2**20
"""A picture drawn anew is never larger; a worker reads no more."""
AT_MOST = 32
"""Questions that may wait at once."""
WAIT_S = 120.0
"""A question that nobody took within this time is given up."""
WORK_S = 300.0
"""One that was taken and not answered, likewise."""
KEEP_S = 7 * 24 * 3600.0
HEARTBEAT_S = 3.0
_ALIVE_S = 5 * HEARTBEAT_S
_TOKEN = re.compile(r"[0-9a-f]{24}")

Model = TypeVar("Model", bound=Frozen)


class Question(Frozen):
    """What is asked: which concepts of an atlas a picture has."""

    atlas_hash: str
    asked_at: float = Field(description="seconds since 1970")


class Found(Frozen):
    """One concept, and how strongly the picture has it."""

    dictionary: str
    class_id: int | None = Field(description="empty for a concept that all classes share")
    concept_id: str
    value: float = Field(description="the concept's value, in the dictionary's own units")
    share: float = Field(description="length of its part of the picture's activation, of the whole")
    strength: float | None = Field(description="value as a share of its strongest stored crop's")


class Answer(Frozen):
    """What a worker found; `error` says in a line why nothing."""

    atlas_hash: str
    predicted: tuple[tuple[str, float], ...] = Field(
        default=(), description="the model's names for the picture alone, with probabilities"
    )
    found: tuple[Found, ...] = ()
    error: str | None = None
    seconds: float = 0.0


class Worker(Frozen):
    """A worker that is running, and the atlases that its model can answer for."""

    model: str
    atlases: tuple[str, ...] = Field(description="their hashes")


class SpoolFull(LensError):
    """Too many questions wait."""


class Spool:
    """The folder, as both sides use it.

    Parameters
    ----------
    folder : need not exist yet.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def ask(self, picture: bytes, atlas_hash: str) -> str:
        """Put a question; returns its token, which nobody can guess.

        Raises
        ------
        SpoolFull
            If `AT_MOST` wait already.
        LensError
            If the picture is too large, or the disk is full.
        """
        if len(picture) > MAX_PICTURE_BYTES:
            raise LensError("the picture is too large: cut out a smaller piece")
        self.sweep()
        if len(self._names("waiting", ".json")) >= AT_MOST:
            raise SpoolFull("too many pictures wait already: try again in a minute")
        token = secrets.token_hex(12)
        question = Question(atlas_hash=atlas_hash, asked_at=time.time())
        write_atomic(self.folder / "waiting" / f"{token}.png", picture)
        write_atomic(self._file("waiting", token), question.model_dump_json().encode())
        return token

    def state(self, token: str) -> str:
        """``waiting``, ``claimed``, ``answered``, or ``gone`` if there is no such question."""
        for state in ("waiting", "claimed", "answers"):
            if is_token(token) and self._file(state, token).is_file():
                return "answered" if state == "answers" else state
        # It may have moved on while we looked.
        return "answered" if self.answer(token) is not None else "gone"

    def answer(self, token: str) -> Answer | None:
        """The answer, if it is there."""
        return _read(self._file("answers", token), Answer) if is_token(token) else None

    def take(self, atlas_hashes: frozenset[str]) -> tuple[str, Question, bytes] | None:
        """Take the oldest question about one of these atlases; None if there is none.

        The picture is removed as it is taken.
        """
        for token in self._names("waiting", ".json"):
            source = self._file("waiting", token)
            question = _read(source, Question)
            if question is None or question.atlas_hash not in atlas_hashes:
                continue
            target = self._file("claimed", token)
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                source.rename(target)
            except FileNotFoundError:
                continue  # another worker was quicker
            target.touch()
            picture = self.folder / "waiting" / f"{token}.png"
            try:
                data = picture.read_bytes() if picture.stat().st_size <= MAX_PICTURE_BYTES else b""
            except FileNotFoundError:
                data = b""
            picture.unlink(missing_ok=True)
            return token, question, data
        return None

    def reply(self, token: str, answer: Answer) -> None:
        """Answer a question that was taken."""
        write_atomic(self._file("answers", token), answer.model_dump_json().encode())
        self._file("claimed", token).unlink(missing_ok=True)

    def beat(self, name: str, worker: Worker) -> None:
        """Say that a worker runs."""
        write_atomic(self.folder / "workers" / f"{name}.json", worker.model_dump_json().encode())

    def leave(self, name: str) -> None:
        """Say that it stops."""
        (self.folder / "workers" / f"{name}.json").unlink(missing_ok=True)

    def workers(self, atlas_hash: str) -> tuple[Worker, ...]:
        """The workers that run and can answer for an atlas."""
        running = (
            _read(file, Worker)
            for file in self._files("workers", ".json")
            if _age(file) <= _ALIVE_S
        )
        return tuple(one for one in running if one is not None and atlas_hash in one.atlases)

    def sweep(self) -> None:
        """Remove what is over: pictures and questions left alone, answers that were kept long
        enough, workers that died."""
        for name, suffix, longest in (
            ("waiting", ".json", WAIT_S),
            ("waiting", ".png", WAIT_S),
            ("claimed", ".json", WORK_S),
            ("answers", ".json", KEEP_S),
            ("workers", ".json", KEEP_S),
        ):
            for file in self._files(name, suffix):
                if _age(file) > longest:
                    file.unlink(missing_ok=True)

    def _file(self, state: str, token: str) -> Path:
        return self.folder / state / f"{token}.json"

    def _files(self, state: str, suffix: str) -> Iterator[Path]:
        with contextlib.suppress(FileNotFoundError):
            yield from [
                file
                for file in (self.folder / state).iterdir()
                if file.suffix == suffix and not file.name.startswith(".")
            ]

    def _names(self, state: str, suffix: str) -> list[str]:
        """Tokens, the oldest first."""
        files = [file for file in self._files(state, suffix) if is_token(file.stem)]
        return [file.stem for file in sorted(files, key=lambda file: (-_age(file), file.name))]


def is_token(text: str) -> bool:
    """Whether it can be a question's token, and so part of a file's name."""
    return _TOKEN.fullmatch(text) is not None


def _age(file: Path) -> float:
    try:
        return time.time() - file.stat().st_mtime
    except FileNotFoundError:
        return 0.0


def _read(file: Path, model: type[Model]) -> Model | None:
    """What a file says; None if it is not there (any more) or says something else."""
    try:
        return model.model_validate_json(file.read_bytes())
    except (FileNotFoundError, ValidationError):
        return None
