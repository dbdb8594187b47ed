"""Concepts of other classes that point the same way, found once all classes are there."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lens_core.atlas import AtlasClass, DictionaryInfo

COLUMNS = ("class_id", "concept_id", "other_class_id", "other_concept_id", "cosine")
AT_MOST = 3
"""Concepts listed for each."""
AT_LEAST = 0.3
"""Cosine from which two concepts are called similar."""

_BLOCK_BYTES = 512 * 2**20
"""Directions held at once; those of more classes are read and compared block by block."""
_TILE_ROWS = 512
_READERS = 8
"""Classes read at once: behind a URL it is waiting that takes the time."""


@dataclass(frozen=True)
class _Block:
    """Directions of some classes, in the order in which equally similar ones are listed.

    `directions` (n, d) have length 1 or are 0; `classes` (n,) says whose they are.
    """

    classes: NDArray[np.int64]
    names: list[str]
    directions: NDArray[np.float32]


def similar_concepts(
    load: Callable[[int], AtlasClass],
    class_ids: Sequence[int],
    dictionaries: Sequence[DictionaryInfo],
) -> pd.DataFrame:
    """For each concept the most similar ones of other classes, strongest first.

    Of dictionaries of each class alone: a row of a shared dictionary is the same concept in every
    class, and which classes have it is in what the atlas says of the dictionary.

    Each dictionary is read once and all of its directions stay in memory, up to `_BLOCK_BYTES`
    (1,000 classes of ten directions with 2,048 channels are 80 MB). Beyond that they are compared
    by pairs of blocks, and read once for each.
    """
    rows: list[tuple[int, str, int, str, float]] = []
    for info in dictionaries:
        if info.scope == "shared":
            continue
        rows += _of_dictionary(load, sorted(class_ids), info)
    rows.sort(key=lambda row: (-row[4], row[0], row[1], row[2], row[3]))
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    return table.astype({"class_id": "int64", "other_class_id": "int64", "cosine": "float64"})


def _of_dictionary(
    load: Callable[[int], AtlasClass], class_ids: Sequence[int], info: DictionaryInfo
) -> Iterator[tuple[int, str, int, str, float]]:
    a_class = 4 * max(1, info.n_concepts * info.n_channels)
    size = max(1, _BLOCK_BYTES // a_class)
    parts = [class_ids[start : start + size] for start in range(0, len(class_ids), size)]
    for mine in parts:
        here = _read(load, mine, info.id)
        found: list[list[tuple[float, int, str]]] = [[] for _ in here.names]
        for others in parts:
            there = here if others is mine else _read(load, others, info.id)
            for row, column, cosine in _best(here, there):
                found[row].append((cosine, int(there.classes[column]), there.names[column]))
        for class_id, name, others_found in zip(here.classes, here.names, found, strict=True):
            best = sorted(others_found, key=lambda other: (-other[0], other[1], other[2]))
            for cosine, other_id, other_name in best[:AT_MOST]:
                yield int(class_id), name, other_id, other_name, cosine


def _best(here: _Block, there: _Block) -> Iterator[tuple[int, int, float]]:
    """Row, column and cosine of the strongest few in each row, other classes' alone."""
    for start in range(0, len(here.names), _TILE_ROWS):
        tile = slice(start, start + _TILE_ROWS)
        cosines = here.directions[tile] @ there.directions.T
        cosines[here.classes[tile, None] == there.classes] = -np.inf
        every = np.arange(len(cosines))
        for _ in range(min(AT_MOST, cosines.shape[1])):
            columns = cosines.argmax(axis=1)  # of equal ones the first, as they are listed
            values = cosines[every, columns]
            for row in np.flatnonzero(values >= AT_LEAST):
                yield start + int(row), int(columns[row]), float(values[row])
            cosines[every, columns] = -np.inf


def _read(
    load: Callable[[int], AtlasClass], class_ids: Sequence[int], dictionary_id: str
) -> _Block:
    with ThreadPoolExecutor(_READERS) as pool:
        read = list(
            pool.map(lambda class_id: _directions(load(class_id), dictionary_id), class_ids)
        )
    return _Block(
        classes=np.repeat(np.array(class_ids, np.int64), [len(names) for names, _ in read]),
        names=[name for names, _ in read for name in names],
        directions=np.concatenate([rows for _, rows in read]),
    )


def _directions(one: AtlasClass, dictionary_id: str) -> tuple[list[str], NDArray[np.float32]]:
    """Names of a class's concepts, sorted, and their directions (r, d)."""
    mine = sorted((c.id, c.index) for c in one.info.concepts if c.dictionary == dictionary_id)
    rows = one.array(f"{dictionary_id}/dictionary").astype(np.float32)
    rows = rows[[index for _, index in mine]]
    norms = np.linalg.norm(rows, axis=1, keepdims=True).astype(np.float32)
    norms[norms == 0] = 1.0
    unit: NDArray[np.float32] = np.divide(rows, norms, dtype=np.float32)
    return [name for name, _ in mine], unit
