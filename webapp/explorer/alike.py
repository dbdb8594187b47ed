"""Which classes are worth comparing: those whose concepts are most alike."""

from __future__ import annotations

from collections import defaultdict

from .book import AtlasBook

STATIC_PAIRS = 400
"""Pages of two classes in a static site; a server compares any two."""
N_SUGGESTED = 12

Pair = tuple[int, int]


def alike_pairs(book: AtlasBook) -> dict[Pair, float]:
    """Pairs of classes, the smaller place in the atlas first, by how alike they are.

    With a shared dictionary that is the cosine of their importances; otherwise the cosines of
    similar concepts added up, each as much as the smaller of the two importances.
    """
    places = {entry.id: place for place, entry in enumerate(book.atlas.classes)}
    if book.main.scope == "shared":
        found = {
            _ordered(place.class_id, near, places): cosine
            for place in book.shared(book.main.id).info.classes
            for near, cosine in place.closest
        }
    else:
        found = _by_similar(book, places)
    return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))


def compared_pairs(book: AtlasBook) -> tuple[Pair, ...]:
    """The pairs that a static site has pages of: all if they are few, else the most alike."""
    ids = [entry.id for entry in book.atlas.classes]
    ranked = list(alike_pairs(book))
    if not has_every_pair(book):
        return tuple(ranked[: _at_most(book)])
    every = [(a, b) for place, a in enumerate(ids) for b in ids[place + 1 :]]
    seen = set(ranked)
    return tuple(ranked + [pair for pair in every if pair not in seen])


def has_every_pair(book: AtlasBook) -> bool:
    """Whether a static site has a page of each pair; otherwise its script puts pairs together."""
    n = len(book.atlas.classes)
    return n * (n - 1) // 2 <= _at_most(book)


def _at_most(book: AtlasBook) -> int:
    return STATIC_PAIRS // sum(not dictionary.depth for dictionary in book.atlas.dictionaries)


def _by_similar(book: AtlasBook, places: dict[int, int]) -> dict[Pair, float]:
    importance = {
        (entry.id, concept.id): max(concept.importance, 0.0)
        for entry in book.atlas.classes
        for concept in entry.concepts
        if concept.dictionary == book.main.id
    }
    best: dict[tuple[int, str, int], float] = {}
    for (here, concept), rows in book.similar_rows.items():
        mine = importance.get((here, concept))
        for there, other, cosine in rows:
            theirs = importance.get((there, other))
            if mine is None or theirs is None or there not in places:
                continue
            key = (here, concept, there)
            best[key] = max(best.get(key, 0.0), cosine * min(mine, theirs))
    total: dict[Pair, float] = defaultdict(float)
    for (here, _, there), weight in best.items():
        total[_ordered(here, there, places)] += weight / 2  # seen from both sides
    return total


def _ordered(a: int, b: int, places: dict[int, int]) -> Pair:
    return (a, b) if places[a] < places[b] else (b, a)
