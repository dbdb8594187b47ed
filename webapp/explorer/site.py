"""The explorer as files: the same pages, written to a folder that any web host can carry."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from lens_core.atlas import Atlas, LensError, Track, no_track
from lens_core.atlas.store import FolderStore

from . import attributions, bias, links, maps, render, shared_pages, tables
from .book import AtlasBook
from .compare_site import comparison_files
from .front_pages import search_index
from .image_page import image_numbers
from .links import Links

MARK = ".lens-site.json"
"""Says that a folder is a site of ours, and of which atlas."""


@dataclass(frozen=True)
class SiteReport:
    """What was written."""

    pages: int
    files: int
    bytes: int


def write_site(
    atlas: Atlas, out: str | Path, *, force: bool = False, track: Track = no_track
) -> SiteReport:
    """Write an atlas's explorer as static files.

    The site is made beside its place and moved there when it is whole. Links are relative, so the
    folder may be moved or served from any path.

    Parameters
    ----------
    atlas : the atlas.
    out : folder to write; must be absent, empty, or an earlier site.
    force : replace whatever is there.

    Raises
    ------
    LensError
        If the folder holds something else, or the disk is full.
    """
    target = Path(out)
    _claim(target, atlas, force=force)
    book = AtlasBook(atlas, slug="atlas")
    target.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=f".{target.name}.", suffix=".partial", dir=target.parent))
    try:
        work.chmod(0o755)
        n_pages = _write_pages(book, work, track)
        _copy_pictures(book, work, track)
        _copy_assets(work)
        (work / MARK).write_text(json.dumps({"atlas": atlas.hash}) + "\n")
        files = [path for path in work.rglob("*") if path.is_file()]
        report = SiteReport(n_pages, len(files), sum(path.stat().st_size for path in files))
        if target.exists():
            shutil.rmtree(target)
        work.replace(target)
    except OSError as error:
        raise LensError(f"cannot write the site to {target}: {error.strerror or error}") from error
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return report


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


def _write_pages(book: AtlasBook, work: Path, track: Track) -> int:
    def place(path: str) -> Links:
        return Links(
            here=path,
            suffix=".html",
            version=book.version,
            static_version=render.static_version(),
        )

    pages: list[tuple[str, Callable[[Links], str]]] = [
        ("index", lambda at: render.home(book, at)),
        (links.CLASSES, lambda at: render.classes(book, at)),
        (links.METHOD, lambda at: render.method(book, at)),
        (links.BIAS, lambda at: render.bias(book, at)),
    ]
    for name in bias.LISTS:
        _write(work / links.bias_table_path(name), bias.bias_table(book, name).encode())
    for path, make in pages:
        _write(work / f"{path}.html", make(place("" if path == "index" else path)).encode())
    _write(work / links.SEARCH_INDEX, search_index(book))
    n_pages = len(pages)
    for path, content in comparison_files(book, place, track):
        _write(work / path, content)
        n_pages += path.endswith(".html")
    for entry in track(book.atlas.classes, "class pages", len(book.atlas.classes)):
        for dictionary in book.atlas.dictionaries:
            other = None if dictionary.id == book.main.id else dictionary.id
            if not dictionary.depth:  # sub-concepts are shown on the page of what they divide
                path = links.class_path(entry.id, other)
                html = render.class_(book, place(path), entry.id, other)
                _write(work / f"{path}.html", html.encode())
                n_pages += 1
                n_pages += _write_images(book, entry.id, dictionary.id, work, place)
            for table in tables.TABLES:
                text = tables.class_table(book, entry.id, dictionary.id, table)
                _write(work / links.table_path(entry.id, dictionary.id, table), text.encode())
            loaded = book.load(entry.id)
            if f"{dictionary.id}/maps" in loaded.array_names():
                packed = maps.pack_maps(loaded, dictionary.id)
                _write(work / links.maps_path(entry.id, dictionary.id), packed)
        _write_attributions(book, entry.id, work)
    for info in book.atlas.dictionaries:
        if info.scope == "shared":
            n_pages += _write_concepts(book, info.id, work, place, track)
    return n_pages


def _write_images(
    book: AtlasBook, class_id: int, dictionary: str, work: Path, place: Callable[[str], Links]
) -> int:
    if f"{dictionary}/contributions" not in book.load(class_id).array_names():
        return 0
    numbers = image_numbers(book, class_id, static=True)
    for number in numbers:
        path = links.image_path(class_id, dictionary, number)
        html = render.image(book, place(path), class_id, dictionary, number)
        _write(work / f"{path}.html", html.encode())
    return len(numbers)


def _write_attributions(book: AtlasBook, class_id: int, work: Path) -> None:
    loaded = book.load(class_id)
    for method in (info.method for info in loaded.info.attributions):
        for number in loaded.info.attributed:
            overlay = attributions.attribution_overlay(loaded, method, number)
            _write(work / links.attribution_path(class_id, method, number), overlay)
    if loaded.info.attributions:
        text = tables.attributions_csv(book, class_id)
        _write(work / links.attribution_table_path(class_id), text.encode())


def _write_concepts(
    book: AtlasBook, dictionary: str, work: Path, place: Callable[[str], Links], track: Track
) -> int:
    concepts = book.shared(dictionary).info.concepts
    for concept in track(concepts, "concept pages", len(concepts)):
        path = links.concept_path(concept.id)
        _write(work / f"{path}.html", render.concept(book, place(path), concept.id).encode())
        packed = shared_pages.concept_maps(book, concept.id)
        _write(work / links.concept_maps_path(concept.id), packed)
    return len(concepts)


def _copy_pictures(book: AtlasBook, work: Path, track: Track) -> None:
    for entry in track(book.atlas.classes, "pictures", len(book.atlas.classes)):
        pictures = [name for name in book.info(entry.id).files if name.endswith(".webp")]
        book.atlas.store.copy([f"{entry.dir}/{name}" for name in pictures], work / "files")
    of_all = [name for name in book.atlas.manifest.files if name.endswith(".webp")]
    book.atlas.store.copy(of_all, work / "files")


def _copy_assets(work: Path) -> None:
    for name in render.ASSETS:
        source = render.STATIC / name
        if not source.is_file():
            raise LensError(f"{source} is missing: install lens-lab again, which bundles it")
        target = work / "static" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
