"""Everything like one concept: the concepts of all classes that point the same way, closest first.

A server has a page for each concept. A site of files has one page, which reads what is like the
concepts of a class from a file and shows what its address asks for.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import pandas as pd

from lens_core.atlas import DictionaryInfo, SharedConcept

from .book import AtlasBook, dictionary_of, plain, title, unit_word
from .compare_links import like_address, like_table_path
from .concept_views import concept_view, css_color
from .directions import Directions, Named, Near
from .links import Links, concept_path
from .pages import ConceptView, Picture
from .texts import decimals, percent

N_NEAR = 30
N_STATIC = 12
"""Concepts listed for each in a site of files."""
_CLASSES_AT_ONCE = 32
_CONCEPTS_AT_ONCE = 256
_KEPT: WeakKeyDictionary[AtlasBook, dict[str, Directions]] = WeakKeyDictionary()


@dataclass(frozen=True)
class NearView:
    """A concept that is like the one asked for; `like` leads on to what is like this one."""

    name: str
    where: str
    css: str
    link: str
    like: str | None
    picture: Picture | None
    value: float
    text: str


@dataclass(frozen=True)
class LikePage:
    """What is like one concept; `about` says how much that one counts."""

    name: str
    link: str
    css: str
    picture: Picture | None
    about: str
    unit_word: str
    layer: str
    near: tuple[NearView, ...]
    n_compared: int
    n_classes: int
    table: str


def like_page(book: AtlasBook, class_id: int | None, concept_id: str, links: Links) -> LikePage:
    """Everything on the page of a concept of a class, or of all classes.

    Raises
    ------
    LensError
        If the atlas has no such class, or each class has its own concepts.
    KeyError
        If the class has no such concept.
    """
    dictionary = _dictionary(book, class_id, concept_id)
    stored = directions_of(book, dictionary.layer)
    near = stored.nearest_of([(class_id, concept_id)], N_NEAR)[0]
    if class_id is None:
        shared = _shared(book, concept_id)
        of_all = _of_all(book, Named(None, concept_id, dictionary.id), 0.0, "", links)
        name, link, css, picture = of_all.name.lower(), of_all.link, of_all.css, of_all.picture
        about = f"which {percent(shared.firing_rate, 1)} of all crops have"
    else:
        entry = book.atlas.entry(class_id)
        concept = book.info(class_id).concept(concept_id)
        view = concept_view(book, entry, concept, links)
        name, link = f"{view.label.lower()} of {title(entry.name)}", view.link
        css, picture = view.css, view.picture
        about = f"which makes up {percent(concept.importance)} of that class's logit"
    return LikePage(
        name=name,
        link=link,
        css=css,
        picture=picture,
        about=about,
        unit_word=unit_word(dictionary),
        layer=dictionary.layer,
        near=tuple(near_view(book, one.named, one.cosine, links) for one in near),
        n_compared=len(stored.names),
        n_classes=len(book.atlas.classes),
        table=links.data(like_table_path(class_id, concept_id)),
    )


def like_table(book: AtlasBook, class_id: int | None, concept_id: str) -> pd.DataFrame:
    """All concepts of the layer by how alike they are, closest first; raises as `like_page`."""
    dictionary = _dictionary(book, class_id, concept_id)
    stored = directions_of(book, dictionary.layer)
    return near_table(stored.nearest_of([(class_id, concept_id)], len(stored.names))[0])


def near_table(found: Sequence[Near]) -> pd.DataFrame:
    """A row a concept; class_id is empty for what all classes share."""
    rows = [
        (one.named.class_id, one.named.concept_id, one.named.dictionary, one.cosine)
        for one in found
    ]
    table = pd.DataFrame(rows, columns=["class_id", "concept_id", "dictionary", "cosine"])
    return table.astype({"class_id": "Int64"})


def directions_of(book: AtlasBook, layer: str) -> Directions:
    """The atlas's directions at a layer, read once."""
    kept = _KEPT.setdefault(book, {})
    if layer not in kept:
        kept[layer] = Directions(book, layer)
    return kept[layer]


def near_view(
    book: AtlasBook, named: Named, value: float, links: Links, text: str = ""
) -> NearView:
    """A concept that was found, with its picture and where it leads; `text` is how its value
    reads."""
    text = text or decimals(value)
    if named.class_id is None:
        return _of_all(book, named, value, text, links)
    entry = book.atlas.entry(named.class_id)
    concept = book.brief(named.class_id, named.concept_id)
    if concept is None:
        raise KeyError(named.concept_id)
    label, where = book.label(concept, entry.id), title(entry.name)
    alt = f"{label} of {plain(entry.name)}"
    if book.root_of(named.dictionary).basis == "units":
        where = f"most for {where}"
    other = None if concept.dictionary == book.main.id else concept.dictionary
    return NearView(
        name=label,
        where=where,
        css=css_color(concept),
        link=links.concept(entry.id, concept.id, other),
        like=like_address(links, entry.id, concept.id),
        picture=Picture(links.file(f"{entry.dir}/{concept.picture}"), alt)
        if concept.picture
        else None,
        value=value,
        text=text,
    )


def like_data(book: AtlasBook, links: Links) -> Iterator[tuple[int, bytes]]:
    """For each class what its concepts are like, as JSON for the page of a static site."""
    views = _all_views(book, links)
    chosen = [d for d in book.atlas.dictionaries if not d.depth]
    classes = book.atlas.classes
    for start in range(0, len(classes), _CLASSES_AT_ONCE):
        batch = classes[start : start + _CLASSES_AT_ONCE]
        found: dict[int, list[dict[str, object]]] = {entry.id: [] for entry in batch}
        for dictionary in chosen:
            asked = [
                (entry.id, concept)
                for entry in batch
                for concept in book.info(entry.id).of_dictionary(dictionary.id)
            ]
            stored = directions_of(book, dictionary.layer)
            near = stored.nearest_of([(i, concept.id) for i, concept in asked], N_STATIC)
            for (class_id, concept), those in zip(asked, near, strict=True):
                entry = book.atlas.entry(class_id)
                own = concept_view(book, entry, concept, links)
                record = _record(concept.id, own, title(entry.name), those, views)
                found[class_id].append(record)
        for class_id, records in found.items():
            yield class_id, _json(records)


def shared_like_data(book: AtlasBook, links: Links) -> Iterator[tuple[str, bytes]]:
    """The same for each concept that all classes share, one by one."""
    views = _all_views(book, links)
    for dictionary in book.atlas.dictionaries:
        if dictionary.scope != "shared":
            continue
        stored = directions_of(book, dictionary.layer)
        ids = [concept.id for concept in book.shared(dictionary.id).info.concepts]
        for start in range(0, len(ids), _CONCEPTS_AT_ONCE):
            some = ids[start : start + _CONCEPTS_AT_ONCE]
            near = stored.nearest_of([(None, one) for one in some], N_STATIC)
            for concept_id, those in zip(some, near, strict=True):
                own = views[None, concept_id]
                yield concept_id, _json([_record(concept_id, own, "", those, views)])


def _dictionary(book: AtlasBook, class_id: int | None, concept_id: str) -> DictionaryInfo:
    """The dictionary of a concept that is there."""
    if class_id is None:
        _shared(book, concept_id)
        return book.atlas.dictionary(dictionary_of(concept_id))
    concept = book.info(book.atlas.entry(class_id).id).concept(concept_id)
    return book.atlas.dictionary(concept.dictionary)


def _shared(book: AtlasBook, concept_id: str) -> SharedConcept:
    name = book.atlas.dictionary(dictionary_of(concept_id)).id
    for concept in book.shared(name).info.concepts:
        if concept.id == concept_id:
            return concept
    raise KeyError(concept_id)


def _of_all(book: AtlasBook, named: Named, value: float, text: str, links: Links) -> NearView:
    """A row of a dictionary that all classes share."""
    concept = _shared(book, named.concept_id)
    label = book.label(concept)
    file = concept.visualization or (concept.crops[0].picture if concept.crops else None)
    return NearView(
        name=label,
        where="of all classes",
        css="c0",
        link=links.page(concept_path(concept.id)),
        like=like_address(links, None, concept.id),
        picture=Picture(links.file(file), f"{label} of all classes") if file else None,
        value=value,
        text=text,
    )


def _all_views(book: AtlasBook, links: Links) -> dict[tuple[int | None, str], NearView]:
    """Every concept that can be found, made once: each class is read a single time."""
    asked: list[Named] = []
    for dictionary in book.atlas.dictionaries:
        if dictionary.scope == "shared":
            living = book.shared(dictionary.id).info.concepts
            asked += [Named(None, concept.id, dictionary.id) for concept in living]
    own = {d.id for d in book.atlas.dictionaries if d.scope == "class" and not d.depth}
    for entry in book.atlas.classes:
        mine = (concept for concept in entry.concepts if concept.dictionary in own)
        asked += [Named(entry.id, concept.id, concept.dictionary) for concept in mine]
    return {
        (named.class_id, named.concept_id): near_view(book, named, 0.0, links) for named in asked
    }


def _record(
    concept_id: str,
    own: NearView | ConceptView,
    where: str,
    near: Sequence[Near],
    views: Mapping[tuple[int | None, str], NearView],
) -> dict[str, object]:
    """A concept with what is like it; `where` is the class that it is of, if it is of one."""
    return {
        "id": concept_id,
        "name": own.name if isinstance(own, NearView) else own.label,
        "where": where,
        "css": own.css,
        "link": own.link,
        "picture": own.picture.address if own.picture else "",
        "near": [
            {
                "name": one.name,
                "where": one.where,
                "css": one.css,
                "link": one.link,
                "like": one.like,
                "picture": one.picture.address if one.picture else "",
                "text": decimals(each.cosine),
            }
            for each in near
            for one in (views[each.named.class_id, each.named.concept_id],)
        ],
    }


def _json(records: list[dict[str, object]]) -> bytes:
    content = {"concepts": records}
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
