"""Maps of a shared dictionary: all its concepts, and all classes, in two dimensions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lens_core.atlas import AtlasShared, DictionaryInfo

from .book import AtlasBook, method_name, title, unit_word
from .figures import fill_box, push_apart, written
from .links import HOME, Links, class_path, concept_path, map_path
from .pages import AtlasMap, DictionaryTab, MapDot, SharedMaps

MAP_BOX = (720.0, 460.0, 26.0)
DOT_RADII = (3.5, 13.0)
FACES = 60
"""Classes up to which a map shows their pictures; above, dots that do not hide one another."""
FACE_RADIUS = 26.0

Floats = NDArray[np.float64]


def shared_maps(
    book: AtlasBook, links: Links, dictionary_id: str | None = None
) -> SharedMaps | None:
    """Maps of one shared dictionary, or of the first; None if all classes have their own.

    Raises
    ------
    LensError
        If there is no such dictionary, or it is not shared.
    """
    shared = _shared(book)
    if dictionary_id is None and not shared:
        return None
    chosen = shared[0] if dictionary_id is None else book.atlas.dictionary(dictionary_id)
    found = book.shared(chosen.id)
    if not found.info.concepts:
        return None
    return SharedMaps(
        dictionary=chosen.id,
        unit_word=unit_word(chosen),
        method=method_name(chosen.method),
        layer=chosen.layer,
        tabs=_tabs(shared, chosen, links),
        concepts=_concept_map(book, found, links),
        classes=_class_map(book, chosen, found, links),
        faces=len(found.info.classes) <= FACES,
    )


def other_maps(book: AtlasBook) -> tuple[str, ...]:
    """Shared dictionaries whose maps are not on the home page but on pages of their own."""
    return tuple(dictionary.id for dictionary in _shared(book)[1:])


def _shared(book: AtlasBook) -> list[DictionaryInfo]:
    return [d for d in book.atlas.dictionaries if d.scope == "shared" and not d.depth]


def _tabs(
    shared: Sequence[DictionaryInfo], chosen: DictionaryInfo, links: Links
) -> tuple[DictionaryTab, ...]:
    if len(shared) < 2:
        return ()
    return tuple(
        DictionaryTab(
            label=f"{unit_word(info)}s of {info.layer}",
            hint=f"{info.n_concepts} by {method_name(info.method)}",
            link=f"{links.page(HOME if info == shared[0] else map_path(info.id))}#concepts",
            current=info == chosen,
        )
        for info in shared
    )


def _concept_map(book: AtlasBook, shared: AtlasShared, links: Links) -> AtlasMap:
    """The more a concept matters anywhere, the larger its dot."""
    info = shared.info
    most = np.array(
        [max((c.importance for c in one.classes), default=0.0) for one in info.concepts]
    )
    least, largest = DOT_RADII
    radii = least + (largest - least) * np.sqrt(most / (float(most.max()) or 1.0))
    xy = _spread([concept.position for concept in info.concepts])
    umap = _umap([concept.umap for concept in info.concepts])
    # Small ones last, so that they lie on top; the one that matters most is looked at first.
    order = np.argsort(-radii, kind="stable")
    dots = []
    for place in order.tolist():
        concept = info.concepts[place]
        picture = concept.visualization or (concept.crops[0].picture if concept.crops else "")
        where = ""
        if concept.classes:
            name = title(book.atlas.entry(concept.classes[0].class_id).name)
            where = f", most for {name}: {100 * most[place]:.0f}\u00a0% of its logit"
        dots.append(
            MapDot(
                x=round(float(xy[place, 0]), 1),
                y=round(float(xy[place, 1]), 1),
                radius=round(float(radii[place]), 1),
                title=book.label(concept),
                note=f"in {100 * concept.firing_rate:.1f}\u00a0% of all crops{where}",
                link=links.page(concept_path(concept.id)),
                picture=links.file(picture) if picture else "",
            )
        )
    return AtlasMap(tuple(dots), "" if umap is None else written(umap[order]))


def _class_map(
    book: AtlasBook, dictionary: DictionaryInfo, shared: AtlasShared, links: Links
) -> AtlasMap:
    """Classes near one another need the same concepts."""
    places = shared.info.classes
    other = None if dictionary.id == book.main.id else dictionary.id
    faces = len(places) <= FACES
    radius = FACE_RADIUS if faces else 5.0
    pad = FACE_RADIUS if faces else MAP_BOX[2]
    xy = _spread([place.position for place in places], pad)
    umap = _umap([place.umap for place in places], pad)
    if faces:
        xy = _apart(xy)
        umap = None if umap is None else _apart(umap)
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
                link=links.page(class_path(entry.id, other)),
                picture=cover.address if cover else "",
            )
        )
    return AtlasMap(tuple(dots), "" if umap is None else written(umap))


def _apart(xy: Floats) -> Floats:
    width, height, _ = MAP_BOX
    return push_apart(xy, np.full(len(xy), FACE_RADIUS), width, height)


def _umap(places: Sequence[tuple[float, float] | None], pad: float = MAP_BOX[2]) -> Floats | None:
    found = [place for place in places if place is not None]
    return _spread(found, pad) if found and len(found) == len(places) else None


def _spread(places: Sequence[tuple[float, float]], pad: float = MAP_BOX[2]) -> Floats:
    width, height, _ = MAP_BOX
    return fill_box(np.array(places, dtype=np.float64).reshape(-1, 2), width, height, pad)
