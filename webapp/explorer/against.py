"""Dictionary against dictionary in numbers: two layers, methods or models on the same classes.

Where both describe the same activations their concepts are matched by the cosine of their
directions. Elsewhere directions have nothing in common, and concepts are matched by what they do
on the photographs that both have seen: the correlation of their values.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Literal

import numpy as np
import pandas as pd

from lens_core.atlas import AtlasClass, ClassEntry, ConceptInfo, DictionaryFit, DictionaryInfo

from .book import AtlasBook
from .matching import Floats, Matching, correlations, cosines, match
from .pairs import directions
from .search import normalise

How = Literal["cosine", "correlation"]
FEWEST = 8
"""Photographs in common below which nothing is correlated."""
_SAME_BOX = 0.02
"""Crops whose edges differ by less than this share of the view are the same crop."""


@dataclass(frozen=True)
class Side:
    """A dictionary of an atlas."""

    book: AtlasBook
    dictionary: DictionaryInfo


@dataclass(frozen=True)
class Against:
    """Two dictionaries on one class; concepts the most important first.

    Attributes
    ----------
    how : what `matching` counts as alike; None where the two cannot be matched.
    n_common : photographs of the class that both have; 0 where none are needed.
    crops : values of crops were correlated, of which there are more than photographs.
    """

    entries: tuple[ClassEntry, ClassEntry]
    concepts: tuple[tuple[ConceptInfo, ...], tuple[ConceptInfo, ...]]
    fits: tuple[DictionaryFit | None, DictionaryFit | None]
    how: How | None
    n_common: int
    crops: bool
    matching: Matching


def same_space(here: Side, there: Side) -> bool:
    """Whether both describe the same activations: the same weights, cut at the same layer."""
    one, other = here.dictionary, there.dictionary
    if one.layer != other.layer or one.n_channels != other.n_channels:
        return False
    if here.book is there.book:
        return True
    mine = here.book.atlas.manifest.model.weights_sha256
    return mine is not None and mine == there.book.atlas.manifest.model.weights_sha256


def common_classes(here: AtlasBook, there: AtlasBook) -> tuple[tuple[ClassEntry, ClassEntry], ...]:
    """The classes that two atlases have, by name, in the first one's order.

    Two models may count their classes differently; where a name says nothing a synonym may.
    """
    if here is there:
        return tuple((entry, entry) for entry in here.atlas.classes)
    by_name: dict[str, ClassEntry] = {}
    for entry in there.atlas.classes:
        for name in entry.synonyms:
            by_name.setdefault(normalise(name), entry)
    by_name |= {normalise(entry.name): entry for entry in there.atlas.classes}
    found: list[tuple[ClassEntry, ClassEntry]] = []
    taken: set[int] = set()
    for entry in here.atlas.classes:
        for name in (entry.name, *entry.synonyms):
            other = by_name.get(normalise(name))
            if other is not None and other.id not in taken:
                taken.add(other.id)
                found.append((entry, other))
                break
    return tuple(found)


def compare_on_class(here: Side, there: Side, entries: tuple[ClassEntry, ClassEntry]) -> Against:
    """Match two dictionaries on one class, and put their numbers side by side."""
    loaded = here.book.load(entries[0].id), there.book.load(entries[1].id)
    names = here.dictionary.id, there.dictionary.id
    concepts = loaded[0].info.of_dictionary(names[0]), loaded[1].info.of_dictionary(names[1])
    how: How | None = None
    n_common, crops = 0, False
    likeness = np.zeros((len(concepts[0]), len(concepts[1])))
    if same_space(here, there):
        how = "cosine"
        likeness = cosines(
            directions(loaded[0], names[0], concepts[0]),
            directions(loaded[1], names[1], concepts[1]),
        )
    else:
        rows = common_photographs(loaded[0], loaded[1])
        n_common = len(rows[0])
        if n_common >= FEWEST:
            how = "correlation"
            left, right, crops = _values(loaded, names, concepts, rows)
            likeness = correlations(left, right)
    return Against(
        entries=entries,
        concepts=concepts,
        fits=(_fit(loaded[0], names[0]), _fit(loaded[1], names[1])),
        how=how,
        n_common=n_common,
        crops=crops,
        matching=match(likeness),
    )


def common_photographs(here: AtlasClass, there: AtlasClass) -> tuple[list[int], list[int]]:
    """Rows of the photographs that both have used: by the file's path below the images' folder,
    else by its name alone, else by the stored picture's checksum."""
    for mine, theirs in (
        (list(here.images["file"]), list(there.images["file"])),
        ([_name(f) for f in here.images["file"]], [_name(f) for f in there.images["file"]]),
        (_checksums(here), _checksums(there)),
    ):
        found = _same(mine, theirs)
        if len(found[0]) >= FEWEST:
            return found
    return [], []


def against_table(found: Sequence[Against]) -> pd.DataFrame:
    """A row a matched pair or a concept without a partner."""
    rows: list[dict[str, object]] = []
    for one in found:
        here, there = one.concepts
        pairs = [(here[p.left], there[p.right], p.likeness) for p in one.matching.pairs]
        pairs += [(here[row], None, None) for row in one.matching.left_alone]  # type: ignore[misc]
        pairs += [(None, there[row], None) for row in one.matching.right_alone]  # type: ignore[misc]
        for left, right, likeness in pairs:
            rows.append(
                {
                    "class_id": one.entries[0].id,
                    "other_class_id": one.entries[1].id,
                    "class": one.entries[0].name,
                    "concept_id": left.id if left else None,
                    "other_concept_id": right.id if right else None,
                    "likeness": likeness,
                    "measure": one.how,
                    "photographs": one.n_common or None,
                    "importance": left.importance if left else None,
                    "other_importance": right.importance if right else None,
                }
            )
    return pd.DataFrame(rows)


def _values(
    loaded: tuple[AtlasClass, AtlasClass],
    names: tuple[str, str],
    concepts: tuple[tuple[ConceptInfo, ...], tuple[ConceptInfo, ...]],
    rows: tuple[list[int], list[int]],
) -> tuple[Floats, Floats, bool]:
    """Values of the common photographs' crops where both were cut alike, else of the whole."""
    sides = [
        np.asarray(one.array(f"{name}/crop_values"), dtype=np.float64)
        for one, name in zip(loaded, names, strict=True)
    ]
    per_image = [
        len(side) // max(len(one.images), 1) for side, one in zip(sides, loaded, strict=True)
    ]
    columns = [[concept.index for concept in mine] for mine in concepts]
    if per_image[0] == per_image[1] > 0 and _cut_alike(*loaded, per_image[0]):
        left, right = (
            side.reshape(-1, per_image[0], side.shape[1])[mine][:, :, wanted].reshape(
                -1, len(wanted)
            )
            for side, mine, wanted in zip(sides, rows, columns, strict=True)
        )
        return left, right, True
    left, right = (
        np.asarray(one.array(f"{name}/image_values"), dtype=np.float64)[mine][:, wanted]
        for one, name, mine, wanted in zip(loaded, names, rows, columns, strict=True)
    )
    return left, right, False


def _cut_alike(here: AtlasClass, there: AtlasClass, per_image: int) -> bool:
    edges = ["x0", "y0", "x1", "y1"]
    boxes = [one.crops[edges].to_numpy(dtype=np.float64)[:per_image] for one in (here, there)]
    return bool(np.abs(boxes[0] - boxes[1]).max(initial=0.0) < _SAME_BOX)


def _same(mine: list[str], theirs: list[str]) -> tuple[list[int], list[int]]:
    """Rows of names that occur once on either side."""
    there = {name: row for row, name in enumerate(theirs) if theirs.count(name) == 1}
    pairs = [
        (row, there[name])
        for row, name in enumerate(mine)
        if name in there and mine.count(name) == 1
    ]
    return [row for row, _ in pairs], [row for _, row in pairs]


def _name(file: str) -> str:
    return PurePosixPath(file).name


def _checksums(one: AtlasClass) -> list[str]:
    files = one.info.files
    return [
        files[picture].sha256 if picture in files else picture for picture in one.images["picture"]
    ]


def _fit(loaded: AtlasClass, dictionary: str) -> DictionaryFit | None:
    return next((fit for fit in loaded.info.fits if fit.dictionary == dictionary), None)
