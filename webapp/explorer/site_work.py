"""The work of writing a site, in pieces that are done or not, by one process or by several.

A piece that is whole leaves a note in the unfinished site; who finds the note need not do it again.
So an export that was interrupted, or killed, goes on where it was.
"""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass
from multiprocessing import get_context, parent_process
from pathlib import Path

from lens_core.atlas import Atlas, LensError, Track

from .book import AtlasBook
from .links import Links
from .sidecars import People
from .site_files import Kind, files_of, pictures_of

DONE = ".done"
"""Folder of notes, a file for each piece; not part of the finished site."""
AHEAD = 4
"""Pieces that wait for a free process, each; what an interruption must wait for stays short."""


@dataclass(frozen=True)
class Piece:
    """Some of the site's files: those of one class, say."""

    kind: Kind
    name: str = ""

    @property
    def note(self) -> str:
        """Name of the file that says it is done."""
        return f"{self.kind}-{self.name}"


@dataclass(frozen=True)
class Written:
    """What a piece came to."""

    pages: int = 0
    files: int = 0
    bytes: int = 0

    def __add__(self, other: Written) -> Written:
        return Written(self.pages + other.pages, self.files + other.files, self.bytes + other.bytes)


@dataclass(frozen=True)
class Job:
    """What every process has to know of the site.

    Attributes
    ----------
    work
        The unfinished site.
    static_version
        As in links; said once, so that all pages name the same.
    """

    atlas: str
    people: People
    work: Path
    static_version: str


def done(job: Job, piece: Piece) -> Written | None:
    """What the piece came to, if it was done before."""
    try:
        return Written(**json.loads((job.work / DONE / piece.note).read_text()))
    except (FileNotFoundError, ValueError, TypeError):
        return None


def write_piece(job: Job, book: AtlasBook, piece: Piece) -> Written:
    """Write a piece's files, then the note that it is done."""

    def place(path: str) -> Links:
        return Links(
            here=path, suffix=".html", version=book.version, static_version=job.static_version
        )

    written, made = Written(), set[Path]()
    for name, content in files_of(book, piece.kind, piece.name, place):
        target = job.work / name
        if target.parent not in made:
            target.parent.mkdir(parents=True, exist_ok=True)
            made.add(target.parent)
        target.write_bytes(content)
        written += Written(int(name.endswith(".html")), 1, len(content))
    pictures = pictures_of(book, piece.kind, piece.name)
    book.atlas.store.copy(list(pictures), job.work / "files")
    written += Written(0, len(pictures), sum(pictures.values()))
    note = job.work / DONE / piece.note
    partial = note.with_suffix(".partial")
    partial.write_text(json.dumps(asdict(written)))
    partial.replace(note)
    return written


def write_pieces(
    job: Job, book: AtlasBook, pieces: Sequence[Piece], processes: int, track: Track
) -> Written:
    """Write what is not there yet, in this process or in several.

    Raises
    ------
    LensError
        If a process was killed.
    """
    (job.work / DONE).mkdir(parents=True, exist_ok=True)
    before = [done(job, piece) for piece in pieces]
    left = [piece for piece, found in zip(pieces, before, strict=True) if found is None]
    total = sum((found for found in before if found is not None), Written())
    label = "pages" if len(left) == len(pieces) else "pages that were missing"
    parallel = processes > 1 and len(left) > 1 and book.atlas.store.shared
    results = (
        _side_by_side(job, left, processes)
        if parallel
        else (write_piece(job, book, piece) for piece in left)
    )
    for written in track(results, label, len(left)):
        total += written
    return total


def _side_by_side(job: Job, pieces: Sequence[Piece], processes: int) -> Iterator[Written]:
    # Forking a process that has threads is not safe, so each begins anew.
    pool = ProcessPoolExecutor(
        min(processes, len(pieces)), get_context("spawn"), initializer=_begin, initargs=(job,)
    )
    waiting = iter(pieces)
    running: set[Future[Written]] = set()
    try:
        while True:
            while len(running) < AHEAD * processes and (piece := next(waiting, None)) is not None:
                running.add(pool.submit(_write, piece))
            if not running:
                return
            finished, running = wait(running, return_when=FIRST_COMPLETED)
            for future in finished:
                yield future.result()
    except BrokenProcessPool:
        raise LensError(
            "a process of the export was killed, perhaps for want of memory: "
            "run the same command again, it goes on from there (--processes 1 needs least)"
        ) from None
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


_mine: tuple[Job, AtlasBook] | None = None


def _begin(job: Job) -> None:
    """Open the atlas once in a new process, which ends what it is at when Ctrl-C is pressed."""
    global _mine
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_leave_with_parent, daemon=True).start()
    _mine = (job, AtlasBook(Atlas.open(job.atlas), "atlas", people=job.people))


def _leave_with_parent() -> None:
    """Whoever began this process may be killed; nobody would tell it."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _write(piece: Piece) -> Written:
    if _mine is None:
        raise RuntimeError("the process was not begun")
    return write_piece(*_mine, piece)


def usable_cores() -> int:
    """Processor cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
