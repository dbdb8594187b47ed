"""Where a model may lean on the wrong thing, ranked: a starting point for looking, not a verdict.

Two signs. A concept that counts much while the model is often wrong where it leads; and a concept
that two classes share although they share little else.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd

from lens_core.atlas import ClassEntry
from lens_core.atlas.schema import ConceptSummary

from .book import AtlasBook

N_LISTED = 24
DOUBT = 5
"""Images that make half of a score."""
LEAST = 1e-6
"""Scores that are but rounding."""
LEAST_SHARE = 0.005
"""Importances below read as 0 %, and nothing leans on them."""
LEAST_GAP = 0.01
"""Accuracies closer than that read as the same."""
LISTS = ("unreliable", "shared")
READ_TOGETHER = 64
"""Classes of atlases of earlier versions that are read at once; bounds the memory."""


@dataclass(frozen=True)
class Unreliable:
    """A concept that counts much, and where it leads the model is wrong more often than elsewhere.

    ``score`` is importance × (accuracy of the class − reliability of the concept), pulled towards 0
    where it leads in few of the n images of the class: × n / (n + `DOUBT`).
    """

    class_id: int
    concept_id: str
    importance: float
    reliability: float
    accuracy: float
    n_images: int
    score: float


@dataclass(frozen=True)
class SharedByStrangers:
    """A concept of two classes that have little else in common.

    ``relatedness`` is how alike the two classes' other concepts are; ``score`` is the smaller of
    both importances × (cosine − relatedness).
    """

    class_id: int
    concept_id: str
    importance: float
    other_class_id: int
    other_concept_id: str
    other_importance: float
    cosine: float
    relatedness: float
    score: float


@lru_cache(maxsize=8)
def unreliable(book: AtlasBook) -> tuple[Unreliable, ...]:
    """Concepts of the main dictionary that count much and lead astray, the worst first."""
    found = []
    for entry in _entries(book):
        for concept in entry.concepts:
            one = _unreliable(entry, concept) if concept.dictionary == book.main.id else None
            if one is not None:
                found.append(one)
    return tuple(sorted(found, key=lambda one: (-one.score, one.class_id, one.concept_id)))


def _entries(book: AtlasBook) -> Iterator[ClassEntry]:
    """The manifest's entries, whichever version wrote it.

    Atlases of earlier versions name accuracy and reliability in each class's own file alone. Of
    these a thousand are read, so nothing else of them is looked at.
    """
    classes = book.atlas.classes
    for start in range(0, len(classes), READ_TOGETHER):
        some = classes[start : start + READ_TOGETHER]
        names = {e.id: f"{e.dir}/class.json" for e in some if "accuracy" not in e.model_fields_set}
        texts = book.atlas.store.read_many(list(names.values())) if names else {}
        for entry in some:
            if entry.id not in names:
                yield entry
                continue
            try:
                yield _as_told(entry, json.loads(texts[names[entry.id]]))
            except (KeyError, TypeError, ValueError):
                yield _as_told(entry, book.atlas.load_class(entry.id).info.model_dump())


def _as_told(entry: ClassEntry, told: Mapping[str, Any]) -> ClassEntry:
    """An entry as it would be written today, from what ``class.json`` says."""
    reliability = {concept["id"]: concept.get("reliability") for concept in told["concepts"]}
    concepts = tuple(
        concept.model_copy(update={"reliability": reliability.get(concept.id)})
        for concept in entry.concepts
    )
    return entry.model_copy(update={"accuracy": told.get("accuracy"), "concepts": concepts})


def _unreliable(entry: ClassEntry, concept: ConceptSummary) -> Unreliable | None:
    if concept.reliability is None or entry.accuracy is None or concept.importance < LEAST_SHARE:
        return None
    gap = entry.accuracy - concept.reliability
    if gap < LEAST_GAP:
        return None
    n_images = round(concept.prevalence * entry.n_images)
    evidence = max(n_images, 1)
    return Unreliable(
        class_id=entry.id,
        concept_id=concept.id,
        importance=concept.importance,
        reliability=concept.reliability,
        accuracy=entry.accuracy,
        n_images=n_images,
        score=concept.importance * gap * evidence / (evidence + DOUBT),
    )


@lru_cache(maxsize=8)
def shared_by_strangers(book: AtlasBook) -> tuple[SharedByStrangers, ...]:
    """Concepts of the main dictionary that unrelated classes have, the most surprising first."""
    found = _of_all(book) if book.main.scope == "shared" else _of_each(book)
    return tuple(sorted(found, key=lambda one: (-one.score, one.class_id, one.concept_id)))


def _of_each(book: AtlasBook) -> list[SharedByStrangers]:
    """From the table of similar concepts: its pairs of classes, and what else each pair shares."""
    importance = {
        entry.id: {c.id: c.importance for c in entry.concepts if c.dictionary == book.main.id}
        for entry in book.atlas.classes
    }
    pairs: dict[tuple[int, int], dict[tuple[str, str], float]] = defaultdict(dict)
    for (here, concept), others in book.similar_rows.items():
        for there, other, cosine in others:
            if concept not in importance.get(here, {}) or other not in importance.get(there, {}):
                continue
            names = (concept, other) if here < there else (other, concept)
            pairs[min(here, there), max(here, there)][names] = cosine
    found = []
    for (here, there), cosines in pairs.items():
        for (concept, other), cosine in cosines.items():
            mine, theirs = importance[here][concept], importance[there][other]
            if min(mine, theirs) < LEAST_SHARE:
                continue
            related = _relatedness(concept, cosines, importance[here])
            score = min(mine, theirs) * (cosine - related)
            if score > LEAST:
                found.append(
                    SharedByStrangers(
                        here, concept, mine, there, other, theirs, cosine, related, score
                    )
                )
    return found


def _relatedness(
    left_out: str,
    cosines: dict[tuple[str, str], float],
    importance: dict[str, float],
) -> float:
    """Mean best cosine of a class's other concepts with the other class, weighted by importance.

    A concept that is not listed with the other class counts as unlike it.
    """
    best: dict[str, float] = {}
    for (concept, _), cosine in cosines.items():
        best[concept] = max(best.get(concept, 0.0), cosine)
    total = whole = 0.0
    for concept, weight in importance.items():
        if concept != left_out and weight > 0:
            whole += weight
            total += weight * best.get(concept, 0.0)
    return total / whole if whole else 0.0


def _of_all(book: AtlasBook) -> list[SharedByStrangers]:
    """Of one dictionary for all: rows that matter to two classes whose other rows differ."""
    shared = book.shared(book.main.id)
    importances = np.maximum(np.asarray(shared.array("importances"), dtype=np.float64), 0)
    ids = [place.class_id for place in shared.info.classes]
    place_of = {class_id: place for place, class_id in enumerate(ids)}
    found = []
    for concept in shared.info.concepts:
        rest = importances.copy()
        rest[:, concept.row] = 0
        lengths = np.linalg.norm(rest, axis=1)
        claims = [share for share in concept.classes if share.class_id in place_of]
        for place, first in enumerate(claims):
            for second in claims[place + 1 :]:
                a, b = place_of[first.class_id], place_of[second.class_id]
                size = float(lengths[a] * lengths[b])
                related = float(rest[a] @ rest[b]) / size if size else 0.0
                least = min(first.importance, second.importance)
                score = least * (1 - related)
                if score > LEAST and least >= LEAST_SHARE:
                    found.append(
                        SharedByStrangers(
                            first.class_id,
                            concept.id,
                            first.importance,
                            second.class_id,
                            concept.id,
                            second.importance,
                            1.0,
                            related,
                            score,
                        )
                    )
    return found


def bias_table(book: AtlasBook, name: str) -> str:
    """One of the `LISTS`, whole, as CSV text.

    Raises
    ------
    KeyError
        If there is no such list.
    """
    if name not in LISTS:
        raise KeyError(name)
    rows: tuple[Unreliable, ...] | tuple[SharedByStrangers, ...]
    kind: type[Unreliable] | type[SharedByStrangers]
    if name == "unreliable":
        rows, kind = unreliable(book), Unreliable
    else:
        rows, kind = shared_by_strangers(book), SharedByStrangers
    frame = pd.DataFrame([vars(row) for row in rows], columns=list(kind.__dataclass_fields__))
    return frame.to_csv(index=False, lineterminator="\n", float_format="%.6g")
