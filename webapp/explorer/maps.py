"""Where a concept is: its maps over all images of a class, small enough for a browser.

Binary layout, little-endian: four ``uint16`` n, r, h, w, then ``n·r·h·w`` bytes. A byte is the
concept's value at that place in 255ths of the concept's scale, which is the same for all images of
the class, so that two images can be compared.
"""

from __future__ import annotations

import numpy as np

from lens_core.atlas import AtlasClass

SCALE_PERCENTILE = 99.5


def pack_maps(loaded: AtlasClass, dictionary: str) -> bytes:
    """The concept maps of a class as bytes.

    Raises
    ------
    KeyError
        If the atlas was built without maps.
    """
    maps = np.asarray(loaded.array(f"{dictionary}/maps"), dtype=np.float32)
    n, r, h, w = maps.shape
    by_concept = np.maximum(maps, 0).transpose(1, 0, 2, 3).reshape(r, -1)
    scale = np.percentile(by_concept, SCALE_PERCENTILE, axis=1) if n else np.ones(r)
    scale = np.where(scale > 0, scale, np.maximum(by_concept.max(axis=1, initial=0), 1e-12))
    levels = np.clip(maps / scale[None, :, None, None], 0, 1) * 255
    header = np.array([n, r, h, w], dtype="<u2")
    return header.tobytes() + np.round(levels).astype(np.uint8).tobytes()
