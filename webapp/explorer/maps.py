"""Where a concept is: its maps over all images of a class, small enough for a browser.

Binary layout, little-endian: four ``uint16`` n, r, h, w, then ``n·r·h·w`` bytes. A byte is the
concept's value at that place in 255ths of the concept's scale, which is the same for all images of
the class, so that two images can be compared.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lens_core.atlas import AtlasClass, AtlasShared

SCALE_PERCENTILE = 99.5
NOTHING = 0.3


def pack_maps(loaded: AtlasClass, dictionary: str) -> bytes:
    """The concept maps of a class as bytes.

    Raises
    ------
    KeyError
        If the atlas was built without maps.
    """
    return _pack(np.asarray(loaded.array(f"{dictionary}/maps"), dtype=np.float32))


def pack_shared(shared: AtlasShared, row: int) -> bytes:
    """The maps of the strongest images of one row of a shared dictionary, as of one concept.

    Each image has a scale of its own, since this asks where the concept is and not how much. A map
    of less than `NOTHING` of the strongest is left empty: a crop can have a concept, seen alone and
    enlarged, that the whole image has not.

    Raises
    ------
    KeyError
        If the row never occurs.
    """
    place = list(shared.by_row).index(row) if row in shared.by_row else None
    if place is None:
        raise KeyError(row)
    maps = np.asarray(shared.array("maps")[place], dtype=np.float32)
    maps = np.maximum(maps[: len(shared.by_row[row].crops), None], 0)
    peaks = maps.max(axis=(1, 2, 3), keepdims=True, initial=0)
    shown = peaks > NOTHING * peaks.max(initial=0)
    return _bytes(np.where(shown, maps / np.where(shown, peaks, 1), 0))


def _pack(maps: NDArray[np.float32]) -> bytes:
    n, r = maps.shape[:2]
    by_concept = np.maximum(maps, 0).transpose(1, 0, 2, 3).reshape(r, -1)
    scale = np.percentile(by_concept, SCALE_PERCENTILE, axis=1) if n else np.ones(r)
    scale = np.where(scale > 0, scale, np.maximum(by_concept.max(axis=1, initial=0), 1e-12))
    return _bytes(np.clip(maps / scale[None, :, None, None], 0, 1))


def _bytes(shares: NDArray[np.float32]) -> bytes:
    header = np.array(shares.shape, dtype="<u2")
    levels = shares * 255
    return header.tobytes() + np.round(levels).astype(np.uint8).tobytes()
