"""What a dictionary that all classes share is over all of them."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from .arrays import ArrayFile
from .described import read_described
from .schema import SharedConcept, SharedInfo
from .store import Store


class AtlasShared:
    """One shared dictionary of an atlas.

    The fitted dictionary itself lies beside it: `lens_core.factorization.saving.load` reads the
    folder ``shared/ID``.

    Parameters
    ----------
    store : where the atlas's files are.
    dictionary : id of the dictionary.
    """

    def __init__(self, store: Store, dictionary: str) -> None:
        self._store = store
        self._file = f"shared/{dictionary}"

    @cached_property
    def info(self) -> SharedInfo:
        """Its living concepts, and the classes by what they share."""
        return read_described(self._store, f"{self._file}.json", SharedInfo)

    @cached_property
    def by_row(self) -> dict[int, SharedConcept]:
        """Its living concepts by their rows."""
        return {concept.row: concept for concept in self.info.concepts}

    def array(self, name: str) -> NDArray[np.generic]:
        """``firing_rates`` (r,), ``importances`` (n_classes, r), ``maps`` (n_living, s, h, w).

        Raises
        ------
        KeyError
            If there is no such array.
        AtlasDamaged
            If the file cannot be read.
        """
        return ArrayFile(self._store, f"{self._file}.safetensors").read(name)
