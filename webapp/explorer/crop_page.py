"""What a picture that somebody dropped is like: how far the search is, and what it found."""

from __future__ import annotations

from dataclasses import dataclass, replace

from lens_core.atlas.spool import Answer, Found

from .book import AtlasBook, plain, title, unit_word
from .directions import Named
from .like_page import NearView, near_view
from .links import Links
from .pages import Picture
from .texts import percent

COMMAND = "lens worker --dir SERVER_DIR --model {spec}"


@dataclass(frozen=True)
class FoundGroup:
    """What was found in one dictionary."""

    title: str
    near: tuple[NearView, ...]


@dataclass(frozen=True)
class CropPage:
    """The page of one search; `state` is waiting, claimed, answered, failed or changed."""

    token: str
    state: str
    has_worker: bool
    command: str
    predicted: tuple[tuple[str, float], ...]
    groups: tuple[FoundGroup, ...]
    seconds: float
    message: str


@dataclass(frozen=True)
class LikeHome:
    """Where a search begins: by a concept, or by a picture where there is a server for it."""

    enabled: bool
    has_worker: bool
    command: str
    token: str
    message: str
    examples: tuple[tuple[str, str, Picture | None], ...]


def command_of(book: AtlasBook) -> str:
    """What starts a worker for an atlas."""
    return COMMAND.format(spec=book.atlas.manifest.model.spec)


def crop_page(
    book: AtlasBook, token: str, state: str, answer: Answer | None, has_worker: bool, links: Links
) -> CropPage:
    """Everything on the page of a search that is there."""
    message = ""
    if answer is not None and answer.error is not None:
        state, message = "failed", answer.error
    elif answer is not None and answer.atlas_hash != book.atlas.hash:
        state = "changed"
    shown = answer if state == "answered" else None
    return CropPage(
        token=token,
        state=state,
        has_worker=has_worker,
        command=command_of(book),
        predicted=tuple((title(name), share) for name, share in shown.predicted) if shown else (),
        groups=_groups(book, shown, links) if shown else (),
        seconds=shown.seconds if shown else 0.0,
        message=message,
    )


def _groups(book: AtlasBook, answer: Answer, links: Links) -> tuple[FoundGroup, ...]:
    groups = []
    for dictionary in book.atlas.dictionaries:
        mine = [one for one in answer.found if one.dictionary == dictionary.id]
        views = tuple(view for one in mine if (view := _view(book, one, links)) is not None)
        if views:
            scope = " of all classes" if dictionary.scope == "shared" else ""
            name = f"{unit_word(dictionary)}s{scope}, layer {dictionary.layer}"
            groups.append(FoundGroup(name, views))
    return tuple(groups)


def _view(book: AtlasBook, one: Found, links: Links) -> NearView | None:
    if one.class_id is not None and not book.has_class(one.class_id):
        return None
    named = Named(one.class_id, one.concept_id, one.dictionary)
    try:
        view = near_view(book, named, one.share, links, text=percent(one.share))
    except (KeyError, StopIteration):
        return None  # of an atlas that is not quite this one
    crop = _strongest_crop(book, named, links)
    return view if crop is None else replace(view, picture=crop)


def _strongest_crop(book: AtlasBook, named: Named, links: Links) -> Picture | None:
    """A real picture to hold beside the one that was sent."""
    if named.class_id is None:
        return None
    entry = book.atlas.entry(named.class_id)
    concept = book.info(named.class_id).concept(named.concept_id)
    if not concept.crops:
        return None
    alt = f"Strongest crop of {named.concept_id} of {plain(entry.name)}"
    return Picture(links.file(f"{entry.dir}/{concept.crops[0]}"), alt)
