"""Procedural leaves: pictures of eight plant families with exact masks of every part.

A leaf is a `LeafSpec`; `draw` renders it, `sample` draws one of a family, and `swap`,
`with_label` and `without_label` intervene on it: the picture with one thing changed and all else
as it was. That makes it possible to ask a classifier what it really uses.

>>> import numpy as np
>>> leaf = sample("Fagaceae", np.random.default_rng(0))
>>> entire = draw(swap(leaf, "margin", "Araceae"))
>>> sorted(entire.masks)[:3]
['apex', 'background', 'blade']
"""

from experiments.generators.leaves.families import FAMILIES, LABELLED_FAMILY, LOOKALIKE_FAMILY
from experiments.generators.leaves.render import MASKS, Rendered, draw
from experiments.generators.leaves.sampling import sample, swap, with_label, without_label
from experiments.generators.leaves.spec import PARTS, SIZE_PX, LeafSpec

__all__ = [
    "FAMILIES",
    "LABELLED_FAMILY",
    "LOOKALIKE_FAMILY",
    "MASKS",
    "PARTS",
    "SIZE_PX",
    "LeafSpec",
    "Rendered",
    "draw",
    "sample",
    "swap",
    "with_label",
    "without_label",
]
