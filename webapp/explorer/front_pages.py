"""Home, the list of classes and the search index."""

from __future__ import annotations

import json

from lens_core.atlas import ClassEntry

from .book import AtlasBook, method_name, plain, synonyms, title
from .concept_views import concept_view
from .links import Links, class_path
from .pages import ClassesPage, ClassTile, HomePage, Picture, WallItem
from .search import search_classes
from .shared_maps import shared_maps

N_CURATED = 4
N_FEATURED = 8
N_WALL = 12


def home_page(book: AtlasBook, links: Links) -> HomePage:
    """The front door: four concepts of one telling class, and a few classes to go to."""
    entry = curated_class(book)
    info = book.info(entry.id)
    concepts = info.of_dictionary(book.main.id)[:N_CURATED]
    return HomePage(
        wall=wall(book, links),
        visualized=any(map(book.is_visualized, concepts)),
        curated_title=title(entry.name),
        curated_link=links.page(class_path(entry.id)),
        curated_cover=book.cover(entry, links),
        curated=tuple(concept_view(book, entry, concept, links) for concept in concepts),
        featured=tuple(_tile(book, e, links, best=True) for e in featured_classes(book)),
        methods=tuple(method_name(method) for method in book.header.methods),
        maps=shared_maps(book, links),
    )


def curated_class(book: AtlasBook) -> ClassEntry:
    """The class that explains the atlas best: several important concepts, many images."""
    order = {entry.id: place for place, entry in enumerate(book.atlas.classes)}
    return max(
        book.atlas.classes,
        key=lambda e: (min(book.n_important(e), N_CURATED), e.n_images, -order[e.id]),
    )


def featured_classes(book: AtlasBook) -> tuple[ClassEntry, ...]:
    """Classes spread evenly over the atlas."""
    classes = book.atlas.classes
    if len(classes) <= N_FEATURED:
        return classes
    return tuple(classes[i * len(classes) // N_FEATURED] for i in range(N_FEATURED))


def wall(book: AtlasBook, links: Links) -> tuple[WallItem, ...]:
    """The most important concepts of the featured classes, the classes taking turns."""
    turns: list[list[WallItem]] = []
    seen: set[str] = set()  # classes that share a dictionary have concepts in common
    for entry in featured_classes(book):
        items = []
        for concept in book.info(entry.id).of_dictionary(book.main.id)[:N_WALL]:
            picture = book.visualization(entry, concept, links)
            if picture is not None and picture.address not in seen:
                seen.add(picture.address)
                name = f"{title(entry.name)}, {book.label(concept, entry.id).lower()}"
                items.append(WallItem(picture, name, links.concept(entry.id, concept.id)))
        turns.append(items)
    longest = max((len(items) for items in turns), default=0)
    items_in_turn = [items[i] for i in range(longest) for items in turns if i < len(items)]
    n_shown = min(N_WALL, len(items_in_turn) // 4 * 4)  # whole rows
    return tuple(items_in_turn[:n_shown])


def classes_page(book: AtlasBook, links: Links, query: str = "") -> ClassesPage:
    """All classes, or those that answer a query."""
    found = search_classes(book.atlas.classes, query)
    return ClassesPage(
        query=query.strip(),
        tiles=tuple(_tile(book, entry, links) for entry in found),
        n_all=len(book.atlas.classes),
    )


def search_index(book: AtlasBook) -> bytes:
    """What the browser needs to find a class as one types; class pages are at ``class/ID``."""
    index = [
        {"id": e.id, "name": title(e.name), "also": list(synonyms(e))} for e in book.atlas.classes
    ]
    return json.dumps({"classes": index}, ensure_ascii=False, separators=(",", ":")).encode()


def _tile(book: AtlasBook, entry: ClassEntry, links: Links, best: bool = False) -> ClassTile:
    """With `best`, the class's table is read for its clearest picture; otherwise the first."""
    if best:
        picture = book.cover(entry, links)
    else:
        first = f"{entry.dir}/images/0000.webp"
        here = book.atlas.exists(first)
        picture = Picture(links.file(first), f"An image of {plain(entry.name)}") if here else None
    return ClassTile(
        id=entry.id,
        title=title(entry.name),
        synonyms=synonyms(entry),
        link=links.page(class_path(entry.id)),
        n_images=entry.n_images,
        n_important=book.n_important(entry),
        picture=picture,
    )
