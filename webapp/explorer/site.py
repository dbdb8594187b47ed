"""The explorer as files: the same pages, written to a folder that any web host can carry."""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from lens_core.atlas import Atlas, LensError, Track, no_track
from lens_core.atlas.store import FolderStore

from . import render
from .book import AtlasBook
from .sidecars import People
from .site_files import pieces_of
from .site_work import DONE, Job, Piece, Written, usable_cores, write_pieces

MARK = ".lens-site.json"
"""Says that a folder is a site of ours, and of which atlas."""
BEGUN = ".begun.json"
"""In an unfinished site: what it is made from. Only the same goes on with it."""
WORTH_PROCESSES = 48
"""Classes from which on it pays to begin other processes."""


@dataclass(frozen=True)
class SiteReport:
    """What was written."""

    pages: int
    files: int
    bytes: int


def write_site(
    atlas: Atlas,
    out: str | Path,
    *,
    force: bool = False,
    processes: int | None = None,
    track: Track = no_track,
    people: People | None = None,
) -> SiteReport:
    """Write an atlas's explorer as static files.

    The site is made beside its place and moved there when it is whole. If that is interrupted, the
    next call goes on with it. Links are relative, so the folder may be moved or served from any
    path.

    Parameters
    ----------
    atlas : the atlas.
    out : folder to write; must be absent, empty, or an earlier site.
    force : replace whatever is there.
    processes : how many write pages; by default as many as there are cores, one for small atlases.
    people : what people made of the concepts.

    Raises
    ------
    LensError
        If the folder holds something else, or the disk is full.
    """
    target = Path(out)
    _claim(target, atlas, force=force)
    book = AtlasBook(atlas, slug="atlas", people=people)
    work = target.with_name(f".{target.name}.partial")
    job = Job(str(atlas.store), book.people, work, render.static_version())
    if processes is None:
        processes = usable_cores() if len(atlas.classes) >= WORTH_PROCESSES else 1
    try:
        _begin(job, atlas)
        pieces = [Piece(kind, name) for kind, name in pieces_of(book)]
        written = write_pieces(job, book, pieces, processes, track)
        written += _copy_assets(work)
        shutil.rmtree(work / DONE)
        (work / BEGUN).unlink()
        (work / MARK).write_text(json.dumps({"atlas": atlas.hash}) + "\n")
        _put_in_place(work, target)
    except OSError as error:
        shutil.rmtree(work, ignore_errors=True)
        raise LensError(f"cannot write the site to {target}: {error.strerror or error}") from error
    return SiteReport(written.pages, written.files, written.bytes)


def _claim(target: Path, atlas: Atlas, *, force: bool) -> None:
    if target.exists() and not target.is_dir():
        raise LensError(f"{target} is a file: give a folder for the site")
    if isinstance(atlas.store, FolderStore):
        here, there = target.resolve(), atlas.root.resolve()
        if here == there or here in there.parents:
            raise LensError(f"{target} holds the atlas itself: choose another folder for the site")
    foreign = target.is_dir() and any(target.iterdir()) and not (target / MARK).is_file()
    if foreign and not force:
        raise LensError(
            f"{target} is not empty and holds no earlier site: choose another folder or add "
            "--force to replace it"
        )


def _begin(job: Job, atlas: Atlas) -> None:
    """Go on with an unfinished site if it is of the same things, or begin anew."""
    made_from = {
        "atlas": atlas.hash,
        "people": hashlib.sha256(repr(job.people).encode()).hexdigest(),
        "program": _program() + job.static_version,
    }
    begun = job.work / BEGUN
    try:
        same = json.loads(begun.read_text()) == made_from
    except (OSError, ValueError):
        same = False
    if not same:
        shutil.rmtree(job.work, ignore_errors=True)
        job.work.mkdir(parents=True)
        begun.write_text(json.dumps(made_from) + "\n")


@cache
def _program() -> str:
    """Changes whenever a page may come out otherwise: code and templates of the explorer."""
    digest = hashlib.sha256()
    here = Path(__file__).parent
    for file in sorted([*here.rglob("*.py"), *here.rglob("*.html")]):
        digest.update(file.relative_to(here).as_posix().encode() + file.read_bytes())
    return digest.hexdigest()


def _put_in_place(work: Path, target: Path) -> None:
    """The old site goes when the new one is there; being killed in between loses neither."""
    old = target.with_name(f".{target.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if target.exists():
        target.replace(old)
    work.replace(target)
    shutil.rmtree(old, ignore_errors=True)


def _copy_assets(work: Path) -> Written:
    written = Written()
    for name in render.ASSETS:
        source = render.STATIC / name
        if not source.is_file():
            raise LensError(f"{source} is missing: install lens-lab again, which bundles it")
        target = work / "static" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
        written += Written(0, 1, target.stat().st_size)
    return written
