"""What a dictionary that all classes share adds: pages of its concepts, and maps of all."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lens_core.atlas import AtlasShared, DictionaryInfo, SharedConcept

from .book import AtlasBook, dictionary_of, method_name, plain, title, unit_word
from .concept_views import class_shares
from .figures import fill_box, push_apart
from .links import Links, class_path, concept_maps_path, concept_path
from .maps import pack_shared
from .pages import CloseClass, MapDot, Picture, SharedConceptPage, StrongImage

MAP_BOX = (720.0, 460.0, 26.0)
DOT_RADII = (3.5, 13.0)
FACES = 60
"""Classes up to which a map shows their pictures; above, dots that do not hide one another."""
FACE_RADIUS = 26.0


def concept_page(book: AtlasBook, concept_id: str, links: Links) -> SharedConceptPage:
    """Everything on the page of one shared concept.

    Raises
    ------
    LensError
        If the atlas has no such dictionary, or each class has its own.
    KeyError
        If the dictionary has no such concept, or none that occurs.
    """
    dictionary = book.atlas.dictionary(dictionary_of(concept_id))
    info = book.shared(dictionary.id).info
    place = _place(info.concepts, concept_id)
    concept = info.concepts[place]
    label = book.label(concept)
    look = concept.visualization
    cover = concept.crops[0].picture if concept.crops else None
    return SharedConceptPage(
        id=concept.id,
        label=label,
        unit_word=unit_word(dictionary),
        method=method_name(dictionary.method),
        layer=dictionary.layer,
        n_directions=info.n_concepts,
        n_living=len(info.concepts),
        n_crops=info.n_crops,
        firing_rate=concept.firing_rate,
        visualization=Picture(links.file(look), f"Feature visualization of {label}")
        if look
        else None,
        cover=Picture(links.file(cover), f"Strongest crop of {label}") if cover else None,
        classes=class_shares(book, concept.id, concept.classes, links),
        images=_strongest(book, concept, dictionary, links),
        maps=links.data(concept_maps_path(concept.id)),
        previous=_neighbour(book, info.concepts, place - 1, links),
        following=_neighbour(book, info.concepts, place + 1, links),
    )


def concept_maps(book: AtlasBook, concept_id: str) -> bytes:
    """Maps of a concept's strongest images; raises as `concept_page` does."""
    shared = book.shared(dictionary_of(concept_id))
    concept = shared.info.concepts[_place(shared.info.concepts, concept_id)]
    return pack_shared(shared, concept.row)


def closest_classes(
    book: AtlasBook, class_id: int, dictionary: DictionaryInfo, links: Links
) -> tuple[CloseClass, ...]:
    """The classes that need the same concepts, most alike first; none for dictionaries of each."""
    if dictionary.scope != "shared":
        return ()
    other = None if dictionary.id == book.main.id else dictionary.id
    found = []
    for place in book.shared(dictionary.id).info.classes:
        if place.class_id != class_id:
            continue
        for near, cosine in place.closest:
            entry = book.atlas.entry(near)
            link = links.page(class_path(near, other))
            found.append(CloseClass(title(entry.name), cosine, link, book.cover(entry, links)))
    return tuple(found)


def concept_map(book: AtlasBook, links: Links) -> tuple[MapDot, ...]:
    """All concepts of the first shared dictionary; the more they matter anywhere, the larger."""
    shared = _first(book)
    if shared is None or not shared.info.concepts:
        return ()
    info = shared.info
    most = np.array(
        [max((c.importance for c in one.classes), default=0.0) for one in info.concepts]
    )
    least, largest = DOT_RADII
    radii = least + (largest - least) * np.sqrt(most / (float(most.max()) or 1.0))
    xy = _spread([concept.position for concept in info.concepts])
    dots = []
    for concept, (x, y), radius, importance in zip(info.concepts, xy, radii, most, strict=True):
        picture = concept.visualization or (concept.crops[0].picture if concept.crops else "")
        where = ""
        if concept.classes:
            name = title(book.atlas.entry(concept.classes[0].class_id).name)
            where = f", most for {name}: {100 * importance:.0f}\u00a0% of its logit"
        dots.append(
            MapDot(
                x=round(float(x), 1),
                y=round(float(y), 1),
                radius=round(float(radius), 1),
                title=book.label(concept),
                note=f"in {100 * concept.firing_rate:.1f}\u00a0% of all crops{where}",
                link=links.page(concept_path(concept.id)),
                picture=links.file(picture) if picture else "",
            )
        )
    # Small ones last, so that they lie on top; the one that matters most is looked at first.
    return tuple(sorted(dots, key=lambda dot: -dot.radius))


def class_map(book: AtlasBook, links: Links) -> tuple[MapDot, ...]:
    """All classes, those near one another that need the same concepts."""
    shared = _first(book)
    if shared is None:
        return ()
    places = shared.info.classes
    faces = len(places) <= FACES
    width, height, _ = MAP_BOX
    xy = _spread([place.position for place in places], FACE_RADIUS if faces else MAP_BOX[2])
    radius = FACE_RADIUS if faces else 5.0
    if faces:
        xy = push_apart(xy, np.full(len(xy), radius), width, height)
    dots = []
    for place, (x, y) in zip(places, xy, strict=True):
        entry = book.atlas.entry(place.class_id)
        cover = book.cover(entry, links)
        near = ", ".join(title(book.atlas.entry(i).name) for i, _ in place.closest[:2])
        dots.append(
            MapDot(
                x=round(float(x), 1),
                y=round(float(y), 1),
                radius=radius,
                title=title(entry.name),
                note=f"closest to {near}" if near else "",
                link=links.page(class_path(entry.id)),
                picture=cover.address if cover else "",
            )
        )
    return tuple(dots)


def _spread(positions: list[tuple[float, float]], pad: float = MAP_BOX[2]) -> NDArray[np.float64]:
    width, height, _ = MAP_BOX
    return fill_box(np.array(positions, dtype=np.float64).reshape(-1, 2), width, height, pad)


def _first(book: AtlasBook) -> AtlasShared | None:
    for dictionary in book.atlas.dictionaries:
        if dictionary.scope == "shared":
            return book.shared(dictionary.id)
    return None


def _place(concepts: tuple[SharedConcept, ...], concept_id: str) -> int:
    for place, concept in enumerate(concepts):
        if concept.id == concept_id:
            return place
    raise KeyError(concept_id)


def _neighbour(
    book: AtlasBook, concepts: tuple[SharedConcept, ...], place: int, links: Links
) -> tuple[str, str] | None:
    if not 0 <= place < len(concepts):
        return None
    return book.label(concepts[place]), links.page(concept_path(concepts[place].id))


def _strongest(
    book: AtlasBook, concept: SharedConcept, dictionary: DictionaryInfo, links: Links
) -> tuple[StrongImage, ...]:
    other = None if dictionary.id == book.main.id else dictionary.id
    images = []
    for place in concept.crops:
        name = plain(book.atlas.entry(place.class_id).name)
        images.append(
            StrongImage(
                picture=Picture(links.file(place.image), f"An image of {name}"),
                box=place.box,
                class_title=title(name),
                link=links.page(class_path(place.class_id, other)),
            )
        )
    return tuple(images)
