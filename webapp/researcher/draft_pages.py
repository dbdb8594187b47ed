"""What the pages of drafts show."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from flask import url_for
from werkzeug.datastructures import MultiDict

from lens_core.atlas import ClassEntry
from webapp.drafts.store import Draft, Status
from webapp.explorer.book import AtlasBook, title
from webapp.explorer.links import Links

from .draft_forms import (
    LISTED_CLASSES,
    SHOWN_CLASSES,
    fresh_seed,
    offered,
    preset_per_class,
)

STIMULI_SHOWN = 24


@dataclass(frozen=True)
class ConceptChoice:
    """A concept that can be picked by hand."""

    value: str
    label: str
    importance: float
    picture: str
    chosen: bool


@dataclass(frozen=True)
class ClassChoice:
    """A class that can be asked about, with its concepts where they are shown."""

    id: int
    title: str
    chosen: bool
    concepts: tuple[ConceptChoice, ...]


@dataclass(frozen=True)
class NewPage:
    """The form of a new draft; ``form`` says what a refused one held."""

    atlases: tuple[tuple[str, str, str, bool], ...]
    slug: str
    title: str
    n_classes: int
    classes: tuple[ClassChoice, ...]
    all_listed: bool
    which: str
    how: str
    per_class: str
    name: str
    study_title: str
    more: str
    seed: str
    paradigms: tuple[tuple[str, str, bool], ...]


def new_page(
    books: Mapping[str, AtlasBook],
    book: AtlasBook | None,
    form: MultiDict[str, str] | None,
    query: MultiDict[str, str],
) -> NewPage | None:
    """What the form shows; None where the server has no atlas."""
    if book is None:
        return None
    given: MultiDict[str, str] = query if form is None else form
    chosen = {int(value) for value in given.getlist("class") if value.isdigit()}
    picked = set(given.getlist("concept"))
    chosen |= {int(one.partition("/")[0]) for one in picked if one.partition("/")[0].isdigit()}
    chosen &= {entry.id for entry in book.atlas.classes}
    all_listed = len(book.atlas.classes) <= LISTED_CLASSES
    listed = [e for e in book.atlas.classes if all_listed or e.id in chosen]
    shown = [e.id for e in listed if e.id in chosen][:SHOWN_CLASSES]
    if not chosen and len(listed) <= SHOWN_CLASSES:
        shown = [entry.id for entry in listed]
    n = len(chosen) or len(book.atlas.classes)
    name = title(book.atlas.entry(min(chosen)).name) if len(chosen) == 1 else book.atlas.title
    paradigms = offered()
    wanted = given.get("paradigm", paradigms[0][0])
    return NewPage(
        atlases=tuple(
            (slug, one.atlas.title, url_for("researcher.new_draft", atlas=slug), one is book)
            for slug, one in books.items()
        ),
        slug=book.slug,
        title=book.atlas.title,
        n_classes=len(book.atlas.classes),
        classes=tuple(_class(book, e, e.id in chosen, e.id in shown, picked) for e in listed),
        all_listed=all_listed,
        which=given.get("which", "some" if chosen else "all"),
        how=given.get("how", "hand" if picked else "sample"),
        per_class=given.get("per_class", str(preset_per_class(n))),
        name=given.get("name", ""),
        study_title=given.get("title", f"What do people see in it? {name}"),
        more=given.get("more", ""),
        seed=given.get("seed", str(fresh_seed())),
        paradigms=tuple((key, words, key == wanted) for key, words in paradigms),
    )


def _class(
    book: AtlasBook, entry: ClassEntry, chosen: bool, shown: bool, picked: set[str]
) -> ClassChoice:
    links = Links(base=url_for("explorer.home", slug=book.slug), version=book.version)
    concepts = []
    for concept in book.info(entry.id).concepts if shown else ():
        if book.atlas.dictionary(concept.dictionary).depth:
            continue
        value = f"{entry.id}/{concept.id}"
        picture = book.visualization(entry, concept, links)
        concepts.append(
            ConceptChoice(
                value=value,
                label=book.label(concept, entry.id),
                importance=concept.importance,
                picture=picture.address if picture else "",
                chosen=value in picked,
            )
        )
    order = {d.id: place for place, d in enumerate(book.atlas.dictionaries)}
    concepts.sort(
        key=lambda one: (order[one.value.partition("/")[2].rpartition("-")[0]], -one.importance)
    )
    return ClassChoice(entry.id, title(entry.name), chosen, tuple(concepts))


def words_of(draft: Draft) -> str:
    """One sentence: what the study asks about and how that was chosen."""
    asked = draft.asked
    n = len(asked.classes)
    classes = f"{n} chosen {'class' if n == 1 else 'classes'}" if n else "all classes"
    if asked.concepts:
        many = len(asked.concepts)
        return (
            f"{many} {'concept' if many == 1 else 'concepts'} picked by hand; the study file says "
            "so, and its results speak for these alone."
        )
    if asked.per_class:
        return (
            f"{asked.per_class} of each class's concepts, one from each stratum of importance, "
            f"drawn with seed {asked.seed} from {classes}."
        )
    return f"All concepts of {classes}."


def status_json(status: Status) -> str:
    """For the page's own refreshing."""
    return json.dumps(
        {"state": status.state, "step": status.step, "done": status.done, "total": status.total}
    )
