"""Every file of a static site, by what it is of: path and content, one after another."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Literal

from . import attributions, bias, links, maps, render, shared_pages, tables
from .any_pair import class_files
from .book import AtlasBook
from .compare_site import comparison_files
from .example_page import has_example
from .front_pages import search_index
from .image_page import image_numbers
from .links import Links
from .shared_maps import other_maps

Kind = Literal["front", "bias", "comparisons", "class", "concepts"]
Place = Callable[[str], Links]
File = tuple[str, bytes]

CONCEPTS_A_PIECE = 64


def pieces_of(book: AtlasBook) -> Iterator[tuple[Kind, str]]:
    """What a site falls into, what takes longest first."""
    yield "comparisons", ""
    yield "bias", ""
    yield "front", ""
    for entry in book.atlas.classes:
        yield "class", str(entry.id)
    for dictionary in book.atlas.dictionaries:
        if dictionary.scope == "shared":
            n = len(book.shared(dictionary.id).info.concepts)
            for start in range(0, n, CONCEPTS_A_PIECE):
                yield "concepts", f"{dictionary.id}-{start}"


def files_of(book: AtlasBook, kind: Kind, name: str, place: Place) -> Iterator[File]:
    """The files of one piece; `place` makes the links of the page at a path."""
    if kind == "front":
        yield from _front(book, place)
    elif kind == "bias":
        yield from _bias(book, place)
    elif kind == "comparisons":
        yield from comparison_files(book, place)
    elif kind == "class":
        yield from _class(book, int(name), place)
    else:
        dictionary, _, start = name.rpartition("-")
        yield from _concepts(book, dictionary, int(start), place)


def pictures_of(book: AtlasBook, kind: Kind, name: str) -> Mapping[str, int]:
    """The atlas's pictures that belong to a piece, with their sizes in bytes."""
    if kind == "class":
        entry = book.atlas.entry(int(name))
        own = book.load(entry.id).info.files
        return {f"{entry.dir}/{file}": own[file].size for file in own if file.endswith(".webp")}
    if kind == "front":
        files = book.atlas.manifest.files
        return {file: files[file].size for file in files if file.endswith(".webp")}
    return {}


def _front(book: AtlasBook, place: Place) -> Iterator[File]:
    yield "index.html", render.home(book, place(links.HOME)).encode()
    yield _page(links.CLASSES), render.classes(book, place(links.CLASSES)).encode()
    yield _page(links.METHOD), render.method(book, place(links.METHOD)).encode()
    if has_example(book):
        yield _page(links.EXAMPLE), render.example(book, place(links.EXAMPLE)).encode()
    yield links.SEARCH_INDEX, search_index(book)
    for dictionary in other_maps(book):
        path = links.map_path(dictionary)
        yield _page(path), render.map_(book, place(path), dictionary).encode()


def _bias(book: AtlasBook, place: Place) -> Iterator[File]:
    yield _page(links.BIAS), render.bias(book, place(links.BIAS)).encode()
    for name in bias.LISTS:
        yield links.bias_table_path(name), bias.bias_table(book, name).encode()


def _class(book: AtlasBook, class_id: int, place: Place) -> Iterator[File]:
    loaded = book.load(class_id)
    for dictionary in book.atlas.dictionaries:
        other = None if dictionary.id == book.main.id else dictionary.id
        if not dictionary.depth:  # sub-concepts are shown on the page of what they divide
            path = links.class_path(class_id, other)
            yield _page(path), render.class_(book, place(path), class_id, other).encode()
            yield from _images(book, class_id, dictionary.id, place)
        for table in tables.TABLES:
            text = tables.class_table(book, class_id, dictionary.id, table)
            yield links.table_path(class_id, dictionary.id, table), text.encode()
        if f"{dictionary.id}/maps" in loaded.array_names():
            yield links.maps_path(class_id, dictionary.id), maps.pack_maps(loaded, dictionary.id)
    for info in loaded.info.attributions:
        for number in loaded.info.attributed:
            overlay = attributions.attribution_overlay(loaded, info.method, number)
            yield links.attribution_path(class_id, info.method, number), overlay
    yield from class_files(book, class_id, place)
    if loaded.info.attributions:
        text = tables.attributions_csv(book, class_id)
        yield links.attribution_table_path(class_id), text.encode()


def _images(book: AtlasBook, class_id: int, dictionary: str, place: Place) -> Iterator[File]:
    if f"{dictionary}/contributions" not in book.load(class_id).array_names():
        return
    for number in image_numbers(book, class_id, static=True):
        path = links.image_path(class_id, dictionary, number)
        html = render.image(book, place(path), class_id, dictionary, number)
        yield _page(path), html.encode()


def _concepts(book: AtlasBook, dictionary: str, start: int, place: Place) -> Iterator[File]:
    concepts = book.shared(dictionary).info.concepts
    for concept in concepts[start : start + CONCEPTS_A_PIECE]:
        path = links.concept_path(concept.id)
        yield _page(path), render.concept(book, place(path), concept.id).encode()
        yield links.concept_maps_path(concept.id), shared_pages.concept_maps(book, concept.id)


def _page(path: str) -> str:
    return f"{path}.html"
