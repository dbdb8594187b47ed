"""Leaves drawn again with one thing changed: what a classifier uses is what changes its answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from multiprocessing import get_context

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from experiments.generators.leaves import (
    FAMILIES,
    PARTS,
    LeafSpec,
    draw,
    sample,
    swap,
    without_label,
)

Pixels = NDArray[np.uint8]
Mask = NDArray[np.bool_]

REGIONS: dict[str, tuple[str, ...]] = {
    "shape": ("blade",),
    "margin": ("margin",),
    "venation": ("primary_veins", "secondary_veins"),
    "apex": ("apex",),
    "petiole": ("petiole",),
    "texture": ("texture",),
    "label": ("label",),
    "pebble": ("pebble",),
    "background": ("background",),
    "colour": ("blade",),
}
"""Everything that is changed, and the masks of where it is. The last three tell no family from
another: a classifier that uses one of them has learned noise, and an account that names it errs."""


@dataclass(frozen=True)
class Case:
    """A leaf, where its parts are, and the same picture with each part changed.

    Attributes
    ----------
    picture
        (px, px, 3).
    masks
        (256, 256) by part; only those that the picture has.
    changed
        (px, px, 3) by part: swapped with another family's, taken away, or drawn anew.
    """

    family: str
    picture: Pixels
    masks: dict[str, Mask]
    changed: dict[str, Pixels]


def change(leaf: LeafSpec, part: str, rng: np.random.Generator) -> LeafSpec | None:
    """The same picture with one part changed; None where there is no such part."""
    others = [family for family in FAMILIES if family != leaf.family]
    family = others[int(rng.integers(len(others)))]
    if part in PARTS:
        return swap(leaf, part, family)
    if part == "label":
        return without_label(leaf) if leaf.label.present else None
    if part == "pebble":
        gone = replace(leaf, pebble=replace(leaf.pebble, present=False))
        return gone if leaf.pebble.present else None
    donor = sample(family, rng)
    if part == "background":
        return replace(leaf, background=donor.background)
    return replace(leaf, palette=donor.palette)


def draw_case(leaf: LeafSpec, parts: Sequence[str], px: int, seed: int) -> Case:
    """Draw a leaf and its changes; the same seed gives the same."""
    rng = np.random.default_rng([seed, leaf.seed])
    rendered = draw(leaf)
    masks: dict[str, Mask] = {}
    changed: dict[str, Pixels] = {}
    for part in parts:
        other = change(leaf, part, rng)
        mask = np.any([rendered.masks[name] for name in REGIONS[part]], axis=0)
        if other is not None and mask.any():
            masks[part] = mask
            changed[part] = _pixels(draw(other).image, px)
    return Case(leaf.family, _pixels(rendered.image, px), masks, changed)


def draw_cases(
    leaves: Sequence[LeafSpec], parts: Sequence[str], px: int, seed: int, workers: int = 1
) -> list[Case]:
    """All of them, in as many processes; the number changes nothing."""
    jobs = [(leaf, tuple(parts), px, seed) for leaf in leaves]
    if workers <= 1:
        return [draw_case(*job) for job in jobs]
    with get_context("spawn").Pool(workers) as pool:
        return pool.starmap(draw_case, jobs, chunksize=4)


def _pixels(image: Image.Image, px: int) -> Pixels:
    small = image.resize((px, px), Image.Resampling.BILINEAR)
    return np.asarray(small, dtype=np.uint8)
