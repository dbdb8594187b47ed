"""Concepts of other classes that point the same way, found once all classes are there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lens_core.atlas import AtlasClass, DictionaryInfo

COLUMNS = ("class_id", "concept_id", "other_class_id", "other_concept_id", "cosine")
AT_MOST = 3
"""Concepts listed for each."""
AT_LEAST = 0.3
"""Cosine from which two concepts are called similar."""


def similar_concepts(
    directories: Sequence[Path], dictionaries: Sequence[DictionaryInfo]
) -> pd.DataFrame:
    """For each concept the most similar ones of other classes, strongest first.

    Dictionaries are read class by class and compared with one class at a time, so that memory
    holds two classes' dictionaries and the best so far.
    """
    rows: list[tuple[int, str, int, str, float]] = []
    for info in dictionaries:
        for here in directories:
            rows += _of_class(here, directories, info.id)
    rows.sort(key=lambda row: (-row[4], row[0], row[1], row[2], row[3]))
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    return table.astype({"class_id": "int64", "other_class_id": "int64", "cosine": "float64"})


def _of_class(
    here: Path, directories: Sequence[Path], dictionary_id: str
) -> Iterator[tuple[int, str, int, str, float]]:
    class_id, names, rows = _directions(here, dictionary_id)
    found: list[list[tuple[float, int, str]]] = [[] for _ in names]
    for there in directories:
        if there == here:
            continue
        other_id, other_names, other_rows = _directions(there, dictionary_id)
        cosines = rows @ other_rows.T
        for i, j in zip(*np.nonzero(cosines >= AT_LEAST), strict=True):
            found[i].append((float(cosines[i, j]), other_id, other_names[j]))
        found = [sorted(f, key=lambda x: (-x[0], x[1], x[2]))[:AT_MOST] for f in found]
    for name, others in zip(names, found, strict=True):
        for cosine, other_id, other_name in others:
            yield class_id, name, other_id, other_name, cosine


def _directions(directory: Path, dictionary_id: str) -> tuple[int, list[str], NDArray[np.float32]]:
    one = AtlasClass(directory)
    rows: NDArray[np.float32] = one.array(f"{dictionary_id}/dictionary").astype(np.float32)
    norms = np.linalg.norm(rows, axis=1, keepdims=True).astype(np.float32)
    mine = sorted(
        (c for c in one.info.concepts if c.dictionary == dictionary_id), key=lambda c: c.index
    )
    norms[norms == 0] = 1.0
    unit: NDArray[np.float32] = np.divide(rows, norms, dtype=np.float32)
    return one.info.id, [c.id for c in mine], unit
