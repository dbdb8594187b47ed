"""Class against class in numbers: what separates them, what they share, what only one has.

Notation: W (r × d) a class's dictionary, u (n × r) its images' concept values, w the class's
hyperplane. The evidence for class a over class b is ``(w_a − w_b) · A``, of which concept k makes
up ``u_k W_k · (w_a − w_b)``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lens_core.atlas import AtlasClass, ConceptInfo, DictionaryInfo

from .book import AtlasBook
from .matching import Floats, Match, Matching, cosines, match

EXACT = "closed form"
"""In the name of an importance that adds up to the logit."""


@dataclass(frozen=True)
class PairConcept:
    """A concept of one of the two classes.

    Attributes
    ----------
    toward : cosine with the hyperplane of the class that it is of; None if that is not known.
    toward_other : the same with that of the other class.
    separation : cosine with the first class's hyperplane less the second's: above 0 it speaks for
        the first; None where the atlas holds no hyperplanes.
    margin : what it adds, on the average image of its class, to the lead of that class over the
        other, in units of the logit; None unless importances are exact.
    elsewhere : importance for the other class, where the two share a dictionary.
    """

    class_id: int
    concept: ConceptInfo
    toward: float | None
    toward_other: float | None
    separation: float | None
    margin: float | None
    elsewhere: float | None = None


@dataclass(frozen=True)
class ClassPair:
    """Two classes in the terms of one dictionary; concepts the most important first."""

    dictionary: DictionaryInfo
    first: tuple[PairConcept, ...]
    second: tuple[PairConcept, ...]
    matching: Matching
    likeness: float | None

    @property
    def separated(self) -> bool:
        """Whether it is known what separates them."""
        return any(one.separation is not None for one in (*self.first, *self.second))


def compare_classes(
    book: AtlasBook, class_id: int, other_id: int, dictionary: str | None = None
) -> ClassPair:
    """Everything that the atlas says of two classes side by side.

    Raises
    ------
    LensError
        If the atlas has no such class or dictionary.
    KeyError
        If they are the same class, or the dictionary divides another.
    """
    chosen = book.atlas.dictionary(dictionary or book.main.id)
    if class_id == other_id or chosen.depth:
        raise KeyError(other_id)
    ids = book.atlas.entry(class_id).id, book.atlas.entry(other_id).id
    loaded = [book.load(each) for each in ids]
    concepts = [one.info.of_dictionary(chosen.id) for one in loaded]
    rows = [directions(one, chosen.id, mine) for one, mine in zip(loaded, concepts, strict=True)]
    planes = [hyperplane(one, chosen.id) for one in loaded]
    sides = [
        _side(
            loaded[side], chosen, concepts[side], rows[side],
            planes[side], planes[1 - side], ids[1 - side], 1 - 2 * side,
        )
        for side in (0, 1)
    ]  # fmt: skip
    if chosen.scope == "shared":
        importances = shared_importances(book, chosen.id)
        sides = [
            [_with_elsewhere(one, importances, ids[1 - side]) for one in sides[side]]
            for side in (0, 1)
        ]
        matching = _same_rows(concepts[0], concepts[1])
    else:
        matching = match(cosines(rows[0], rows[1]))
    likeness = None
    if planes[0] is not None and planes[1] is not None:
        likeness = float(cosines(planes[0][None], planes[1][None])[0, 0])
    return ClassPair(chosen, tuple(sides[0]), tuple(sides[1]), matching, likeness)


def directions(loaded: AtlasClass, dictionary: str, concepts: tuple[ConceptInfo, ...]) -> Floats:
    """Directions (k, d) of some of a class's concepts, in their order."""
    rows = np.asarray(loaded.array(f"{dictionary}/dictionary"), dtype=np.float64)
    return rows[[concept.index for concept in concepts]]


def pair_table(pair: ClassPair) -> pd.DataFrame:
    """A row a concept of either class."""
    partner: dict[tuple[int, int], tuple[PairConcept, float]] = {}
    for found in pair.matching.pairs:
        here, there = pair.first[found.left], pair.second[found.right]
        partner[0, found.left] = there, found.likeness
        partner[1, found.right] = here, found.likeness
    rows = []
    for side, concepts in enumerate((pair.first, pair.second)):
        for place, one in enumerate(concepts):
            other, cosine = partner.get((side, place), (None, None))
            rows.append(
                {
                    "class_id": one.class_id,
                    "concept_id": one.concept.id,
                    "importance": one.concept.importance,
                    "importance_for_other": one.elsewhere,
                    "cosine_with_own_hyperplane": one.toward,
                    "cosine_with_other_hyperplane": one.toward_other,
                    "cosine_with_difference": one.separation,
                    "margin": one.margin,
                    "matched_concept_id": other.concept.id if other else None,
                    "matched_cosine": cosine,
                }
            )
    return pd.DataFrame(rows)


def _side(
    loaded: AtlasClass,
    chosen: DictionaryInfo,
    concepts: tuple[ConceptInfo, ...],
    rows: Floats,
    mine: Floats | None,
    other: Floats | None,
    other_id: int,
    sign: int,
) -> list[PairConcept]:
    """Concepts of one class; `sign` is 1 for the first class and −1 for the second."""
    toward = _to_plane(concepts, rows, mine, loaded.info.id)
    toward_other = _to_plane(concepts, rows, other, other_id)
    separation: list[float | None] = [None] * len(concepts)
    margin: list[float | None] = [None] * len(concepts)
    if mine is not None and other is not None:
        difference = mine - other
        separation = [sign * float(c) for c in cosines(rows, difference[None])[:, 0]]
        if EXACT in chosen.importance:
            values = np.asarray(loaded.array(f"{chosen.id}/image_values"), dtype=np.float64)
            means = values.mean(axis=0)[[concept.index for concept in concepts]]
            margin = [float(m) for m in means * (rows @ difference)]
    return [
        PairConcept(loaded.info.id, *each)
        for each in zip(concepts, toward, toward_other, separation, margin, strict=True)
    ]


def hyperplane(loaded: AtlasClass, dictionary: str) -> Floats | None:
    """The class's hyperplane (d,) at the dictionary's layer; None where the atlas holds none."""
    try:
        return np.asarray(loaded.array(f"{dictionary}/hyperplane"), dtype=np.float64)
    except KeyError:
        return None


def _to_plane(
    concepts: tuple[ConceptInfo, ...], rows: Floats, plane: Floats | None, class_id: int
) -> list[float | None]:
    """Cosines with a class's hyperplane; without it, those that the atlas lists."""
    if plane is not None:
        return [float(cosine) for cosine in cosines(rows, plane[None])[:, 0]]
    return [
        next((a.cosine for a in concept.alignment if a.class_id == class_id), None)
        for concept in concepts
    ]


def shared_importances(book: AtlasBook, dictionary: str) -> dict[int, NDArray[np.generic]]:
    """Importances (r,) of a shared dictionary's rows by class."""
    shared = book.shared(dictionary)
    table = shared.array("importances")
    return {place.class_id: table[row] for row, place in enumerate(shared.info.classes)}


def _with_elsewhere(
    one: PairConcept, importances: dict[int, NDArray[np.generic]], other_id: int
) -> PairConcept:
    assert one.concept.row is not None
    share = float(importances[other_id][one.concept.row])
    return PairConcept(
        one.class_id, one.concept, one.toward, one.toward_other, one.separation, one.margin, share
    )


def _same_rows(first: tuple[ConceptInfo, ...], second: tuple[ConceptInfo, ...]) -> Matching:
    """In a shared dictionary a concept is itself in every class."""
    there = {concept.id: place for place, concept in enumerate(second)}
    pairs = tuple(
        Match(place, there[concept.id], 1.0)
        for place, concept in enumerate(first)
        if concept.id in there
    )
    mine, theirs = {pair.left for pair in pairs}, {pair.right for pair in pairs}
    return Matching(
        pairs,
        tuple(place for place in range(len(first)) if place not in mine),
        tuple(place for place in range(len(second)) if place not in theirs),
    )
