"""Any two classes on a site of files, which cannot hold a page for each of half a million pairs.

It holds a file for each class instead, from which the page's script puts a pair together: pieces of
HTML made by the templates of the server's pages, and the numbers that cosines are made of.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from lens_core.atlas import DictionaryInfo

from . import render
from .alike import has_every_pair
from .book import AtlasBook, title, unit_word
from .compare_links import ANY_PAIR, class_data_path
from .concept_views import concept_view
from .links import Links
from .matching import AT_LEAST, Floats
from .pages import ConceptView
from .pair_page import N_BARS, end_view
from .pairs import EXACT, directions, hyperplane, shared_importances

Place = Callable[[str], Links]


@dataclass(frozen=True)
class AnySide:
    """A concept of a class that may be compared with any other."""

    class_title: str
    concept: ConceptView


@dataclass(frozen=True)
class AnyPairPage:
    """The page that fills in: what its script must know of each dictionary."""

    dictionaries: dict[str, dict[str, object]]
    unit_word: str


def any_pair_page(book: AtlasBook, links: Links) -> str:
    """The page of any two classes, before its script fills it in."""
    page = AnyPairPage(
        dictionaries={d.id: _about(d) for d in _roots(book)}, unit_word=unit_word(book.main)
    )
    return render.page("any_pair.html", book, links, page=page, at_least=AT_LEAST, n_bars=N_BARS)


def class_files(book: AtlasBook, class_id: int, place: Place) -> Iterator[tuple[str, bytes]]:
    """What the page needs of one class, by each dictionary; nothing where all pairs have pages."""
    if not has_every_pair(book):
        for dictionary in _roots(book):
            path = class_data_path(class_id, dictionary.id)
            yield path, class_data(book, class_id, dictionary, place(ANY_PAIR))


def _roots(book: AtlasBook) -> list[DictionaryInfo]:
    return [dictionary for dictionary in book.atlas.dictionaries if not dictionary.depth]


def class_data(book: AtlasBook, class_id: int, dictionary: DictionaryInfo, links: Links) -> bytes:
    """One class in the terms of one dictionary, as JSON."""
    entry, loaded = book.atlas.entry(class_id), book.load(class_id)
    concepts = loaded.info.of_dictionary(dictionary.id)
    rows = directions(loaded, dictionary.id, concepts)
    plane = hyperplane(loaded, dictionary.id)
    means = None
    if EXACT in dictionary.importance:
        values = np.asarray(loaded.array(f"{dictionary.id}/image_values"), dtype=np.float64)
        means = values.mean(axis=0)
    shared = dictionary.scope == "shared"
    records = []
    for concept, row in zip(concepts, rows, strict=True):
        view = concept_view(book, entry, concept, links)
        side = AnySide(title(entry.name), view)
        records.append(
            {
                "id": concept.id,
                "css": view.css,
                "importance": concept.importance,
                "mean": None if means is None else float(means[concept.index]),
                "row": _packed(row),
                "name": render.part("_compare.html", "apart_name", side, not shared),
                "side": render.part("_compare.html", "side_card", side),
                "card": render.part("_parts.html", "concept_card", view, view.link),
            }
        )
    content = {
        "title": title(entry.name),
        "link": end_view(book, entry, links).link,
        "end": render.part("_compare.html", "versus_end", end_view(book, entry, links)),
        "plane": None if plane is None else _packed(plane),
        "concepts": records,
        "importances": _importances(book, class_id, dictionary) if shared else None,
    }
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()


def _about(dictionary: DictionaryInfo) -> dict[str, object]:
    return {
        "word": unit_word(dictionary),
        "shared": dictionary.scope == "shared",
        "layer": dictionary.layer,
    }


def _importances(book: AtlasBook, class_id: int, dictionary: DictionaryInfo) -> dict[str, float]:
    """What each row that counts for the class makes up of its logit, by the concept's id."""
    mine = shared_importances(book, dictionary.id)[class_id]
    living = book.shared(dictionary.id).info.concepts
    return {one.id: round(float(mine[one.row]), 4) for one in living if mine[one.row]}


def _packed(vector: Floats) -> str:
    """Single-precision numbers, little-endian, as text."""
    return base64.b64encode(vector.astype("<f4").tobytes()).decode()
