"""What a dictionary that all classes share adds: pages of its concepts, and closest classes."""

from __future__ import annotations

from lens_core.atlas import DictionaryInfo, SharedConcept

from .book import AtlasBook, dictionary_of, method_name, plain, title, unit_word
from .compare_links import like_address
from .concept_views import class_shares
from .links import HOME, Links, class_path, concept_maps_path, concept_path, map_path
from .maps import pack_shared
from .pages import CloseClass, Picture, SharedConceptPage, StrongImage
from .shared_maps import other_maps


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
        map=links.page(map_path(dictionary.id) if dictionary.id in other_maps(book) else HOME),
        like=like_address(links, None, concept.id),
        study=_study(book, concept, links),
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


def _place(concepts: tuple[SharedConcept, ...], concept_id: str) -> int:
    for place, concept in enumerate(concepts):
        if concept.id == concept_id:
            return place
    raise KeyError(concept_id)


def _study(book: AtlasBook, concept: SharedConcept, links: Links) -> str | None:
    """Where a study of the concept is made: of the class that it counts most for and that shows it.

    None where no console is, or no class shows it.
    """
    if not links.study:
        return None
    for share in concept.classes:
        shown = book.atlas.entry(share.class_id).concepts
        if any(one.id == concept.id for one in shown):
            return links.make_study(class_id=share.class_id, concept=concept.id)
    return None


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
