"""Every stored direction of an atlas, to find what points the same way as one of them.

They lie in a temporary file that is mapped, so that a server's memory does not grow with an atlas:
1,000 classes of ten directions with 2,048 channels are 40 MB that the system may drop at any time.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import IO

import numpy as np
from numpy.typing import NDArray

from lens_core.atlas import DictionaryInfo, LensError
from lens_core.atlas.arrays import ArrayFile

from .book import AtlasBook

_BLOCK = 2048
"""Directions compared at once."""


@dataclass(frozen=True)
class Named:
    """A direction's concept. `class_id` is None for a row of a shared dictionary, which is the same
    in all classes; single units of all classes are the same, and stand for the class in which they
    matter most."""

    class_id: int | None
    concept_id: str
    dictionary: str


@dataclass(frozen=True)
class Near:
    """A direction close to another."""

    named: Named
    cosine: float


class Directions:
    """All directions of one layer, of length 1.

    Parameters
    ----------
    book : the atlas.
    layer : which layer; directions of others are in other spaces.
    """

    def __init__(self, book: AtlasBook, layer: str) -> None:
        self.names: list[Named] = []
        self._file: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - open as long as it is mapped
        self.n_channels = 0
        for named, row in _all(book, layer):
            self.names.append(named)
            self.n_channels = len(row)
            self._file.write(_unit(row).astype(np.float16).tobytes())
        self._file.flush()
        self._rows: dict[tuple[int | None, str], int] = {}
        for place, named in enumerate(self.names):
            same = book.atlas.dictionary(named.dictionary)
            everywhere = same.scope == "shared" or same.basis == "units"
            self._rows[None if everywhere else named.class_id, named.concept_id] = place

    def nearest_of(
        self, concepts: Sequence[tuple[int | None, str]], at_most: int
    ) -> list[list[Near]]:
        """The closest directions to each of some concepts, themselves left out.

        Parameters
        ----------
        concepts : class and id; without a class where all classes share it.

        Raises
        ------
        KeyError
            If one of them has no direction here.
        """
        rows = [self._place(*key) for key in concepts]
        if not rows:
            return []
        cosines = self._cosines(np.stack([self._row(row) for row in rows]))
        found = []
        for row, mine in zip(rows, cosines, strict=True):
            mine[row] = -np.inf
            best = np.argsort(-mine, kind="stable")[: min(at_most, len(self.names) - 1)]
            found.append([Near(self.names[place], float(mine[place])) for place in best])
        return found

    def _place(self, class_id: int | None, concept_id: str) -> int:
        mine = self._rows.get((class_id, concept_id))
        return self._rows[None, concept_id] if mine is None else mine

    def _mapped(self) -> NDArray[np.float16]:
        shape = (len(self.names), self.n_channels)
        return np.memmap(self._file, dtype=np.float16, mode="r", shape=shape)

    def _row(self, row: int) -> NDArray[np.float32]:
        return _unit(np.asarray(self._mapped()[row], dtype=np.float32))

    def _cosines(self, units: NDArray[np.float32]) -> NDArray[np.float32]:
        """(k, n) cosines of unit vectors (k, d) with all directions."""
        found = np.empty((len(units), len(self.names)), dtype=np.float32)
        mapped = self._mapped()
        for start in range(0, len(self.names), _BLOCK):
            part = slice(start, start + _BLOCK)
            found[:, part] = units @ np.asarray(mapped[part], dtype=np.float32).T
        return np.clip(found, -1.0, 1.0)


def _all(book: AtlasBook, layer: str) -> Iterator[tuple[Named, NDArray[np.float32]]]:
    mine = [d for d in book.atlas.dictionaries if d.layer == layer and not d.depth]
    for dictionary in mine:
        if dictionary.scope == "shared":
            yield from _shared(book, dictionary)
    own = [dictionary for dictionary in mine if dictionary.scope != "shared"]
    most = _where_units_matter_most(book, own)
    for entry in book.atlas.classes:
        loaded = book.atlas.load_class(entry.id)
        for dictionary in own:
            shown = [
                concept
                for concept in entry.concepts
                if concept.dictionary == dictionary.id
                and most.get((dictionary.id, concept.id), entry.id) == entry.id
            ]
            if not shown:
                continue
            rows = np.asarray(loaded.array(f"{dictionary.id}/dictionary"), dtype=np.float32)
            for concept in shown:
                row = concept.index  # atlases of earlier versions say it in the class's file alone
                place = loaded.info.concept(concept.id).index if row is None else row
                yield Named(entry.id, concept.id, dictionary.id), rows[place]


def _where_units_matter_most(
    book: AtlasBook, dictionaries: Sequence[DictionaryInfo]
) -> dict[tuple[str, str], int]:
    """For each single unit, by dictionary and id, the class in which it is most important."""
    names = {dictionary.id for dictionary in dictionaries if dictionary.basis == "units"}
    best: dict[tuple[str, str], tuple[float, int]] = {}
    for entry in book.atlas.classes:
        for concept in entry.concepts:
            key = (concept.dictionary, concept.id)
            least = best[key][0] if key in best else -np.inf
            if concept.dictionary in names and concept.importance > least:
                best[key] = (concept.importance, entry.id)
    return {key: class_id for key, (_, class_id) in best.items()}


def _shared(
    book: AtlasBook, dictionary: DictionaryInfo
) -> Iterator[tuple[Named, NDArray[np.float32]]]:
    living = book.shared(dictionary.id).info.concepts
    try:
        file = ArrayFile(book.atlas.store, f"shared/{dictionary.id}/arrays.safetensors")
        rows = dict(enumerate(np.asarray(file.read("state.dictionary"), dtype=np.float32)))
    except (LensError, KeyError):  # without the fitted dictionary, what classes show of it
        rows = _shown_rows(book, dictionary)
    for concept in living:
        if concept.row in rows:
            yield Named(None, concept.id, dictionary.id), rows[concept.row]


def _shown_rows(book: AtlasBook, dictionary: DictionaryInfo) -> dict[int, NDArray[np.float32]]:
    found: dict[int, NDArray[np.float32]] = {}
    for entry in book.atlas.classes:
        rows = np.asarray(book.load(entry.id).array(f"{dictionary.id}/dictionary"), np.float32)
        for concept in book.info(entry.id).of_dictionary(dictionary.id):
            if concept.row is not None:
                found.setdefault(concept.row, rows[concept.index])
    return found


def _unit(row: NDArray[np.float32]) -> NDArray[np.float32]:
    norm = float(np.linalg.norm(row))
    return row / np.float32(norm if norm > 0 else 1.0)
