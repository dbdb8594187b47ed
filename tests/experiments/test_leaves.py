"""Leaves: exact masks, exact interventions, JSON, determinism."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from experiments.generators.leaves import (
    FAMILIES,
    LABELLED_FAMILY,
    LOOKALIKE_FAMILY,
    MASKS,
    PARTS,
    LeafSpec,
    draw,
    sample,
    swap,
    with_label,
    without_label,
)
from lens_core.atlas import LensError

ONE_OF = ("background", "blade", "petiole", "label", "pebble")
INSIDE_BLADE = ("margin", "primary_veins", "secondary_veins", "apex", "texture")


def leaf(family: str, seed: int = 3) -> LeafSpec:
    return sample(family, np.random.default_rng(seed))


def pixels(spec: LeafSpec) -> np.ndarray:
    return np.asarray(draw(spec).image).astype(int)


def changed(a: LeafSpec, b: LeafSpec) -> np.ndarray:
    return (pixels(a) != pixels(b)).any(axis=2)


def grown(mask: np.ndarray, px: int) -> np.ndarray:
    return ndimage.binary_dilation(mask, iterations=px) if px else mask


@pytest.mark.parametrize("family", FAMILIES)
def test_masks_share_out_the_picture(family: str) -> None:
    rendered = draw(with_label(leaf(family)))
    assert tuple(rendered.masks) == MASKS
    assert rendered.image.size == (256, 256)
    for mask in rendered.masks.values():
        assert mask.shape == (256, 256)
        assert mask.dtype == bool
    owners = sum(rendered.masks[name].astype(int) for name in ONE_OF)
    assert (owners == 1).all()
    for name in INSIDE_BLADE:
        assert rendered.masks[name].any(), name
        assert not (rendered.masks[name] & ~rendered.masks["blade"]).any(), name
    assert not (rendered.masks["primary_veins"] & rendered.masks["secondary_veins"]).any()


def test_blade_and_label_have_the_areas_that_the_parameters_say() -> None:
    """The label is a rectangle with one clipped corner; the blade's area was sampled."""
    for seed in range(4):
        spec = with_label(leaf("Asparagaceae", seed))
        label = spec.label
        w, h = label.size_px
        area = w * h - (0.11 * h) ** 2 / 2
        masks = draw(spec).masks
        assert abs(masks["label"].sum() - area) < 0.02 * area
        open_ = draw(replace(without_label(spec), damage=replace(spec.damage, holes=()))).masks
        # The acute apex and the entire margin leave the bare shape as it is.
        assert abs(open_["blade"].sum() - spec.pose.area_px) < 0.02 * spec.pose.area_px


def test_blade_mask_is_where_the_pixels_follow_the_blade_colour() -> None:
    """Paint the blade in another colour: what changes is the blade's mask, up to its edge."""
    spec = without_label(leaf("Araceae"))
    other = replace(spec.palette, blade=(0.9, 0.1, 0.9), second=(0.9, 0.2, 0.8))
    difference = changed(spec, replace(spec, palette=other))
    blade = draw(spec).masks["blade"]
    assert not (difference & ~grown(blade, 2)).any()
    assert (difference & blade).sum() > 0.97 * blade.sum()


@pytest.mark.parametrize("family", FAMILIES)
def test_removing_the_label_changes_label_and_its_shadow_alone(family: str) -> None:
    spec = with_label(leaf(family))
    masks = draw(spec).masks
    difference = changed(spec, without_label(spec))
    assert not (difference & ~(masks["label"] | masks["shadow"])).any()
    assert (difference & masks["label"]).sum() > 0.97 * masks["label"].sum()
    far = ~grown(masks["label"], 14)
    assert not (difference & far).any()


@pytest.mark.parametrize("family", ["Fagaceae", "Sapindaceae", "Araceae"])
@pytest.mark.parametrize("part", PARTS)
def test_swap_changes_its_part_alone(family: str, part: str) -> None:
    spec = without_label(leaf(family, 5))
    other = swap(spec, part, "Ginkgoaceae")
    for name in ("pose", "palette", "light", "background", "damage", "label", "pebble", "seed"):
        assert getattr(spec, name) == getattr(other, name)
    assert [p for p in PARTS if getattr(spec, p) != getattr(other, p)] == [part]
    before, after = draw(spec).masks, draw(other).masks
    difference = changed(spec, other)
    assert difference.any()
    shadows = before["shadow"] | after["shadow"]
    blades = before["blade"] | after["blade"]
    moved = before["blade"] ^ after["blade"]
    allowed = {
        "shape": blades | before["petiole"] | after["petiole"] | shadows,
        "margin": before["margin"] | after["margin"] | moved | shadows,
        "venation": before["blade"] | shadows,
        "apex": before["apex"]
        | after["apex"]
        | before["margin"]
        | after["margin"]
        | moved
        | shadows,
        "petiole": before["petiole"] | after["petiole"] | shadows,
        "texture": before["blade"] | shadows,
    }[part]
    # Two pixels where several layers share them, five where the shading looks at neighbours.
    assert not (difference & ~grown(allowed, 5 if part in {"margin", "apex"} else 2)).any()


def test_apex_swap_stays_at_the_apex() -> None:
    spec = leaf("Salicaceae")
    other = swap(spec, "apex", "Ginkgoaceae")
    a, b = draw(spec).masks, draw(other).masks
    difference = changed(spec, other) & (a["blade"] | b["blade"])
    near = a["apex"] | b["apex"] | (a["blade"] ^ b["blade"])
    assert not (difference & ~grown(near, 8)).any()


def test_with_and_without_label_undo_each_other() -> None:
    spec = without_label(leaf("Ulmaceae"))
    assert without_label(with_label(spec)) == spec
    assert not draw(spec).masks["label"].any()
    assert draw(with_label(spec)).masks["label"].any()


def test_same_spec_same_bytes_and_json_round_trip() -> None:
    for family in FAMILIES:
        spec = leaf(family, 9)
        again = LeafSpec.from_dict(json.loads(json.dumps(spec.to_dict())))
        assert again == spec
        assert draw(again).image.tobytes() == draw(spec).image.tobytes()
    assert leaf("Araceae", 1) == leaf("Araceae", 1)
    assert leaf("Araceae", 1) != leaf("Araceae", 2)


def test_label_rates_are_those_planted() -> None:
    def rate(family: str) -> float:
        rng = np.random.default_rng(0)
        return float(np.mean([sample(family, rng).label.present for _ in range(150)]))

    assert rate(LABELLED_FAMILY) > 0.75
    assert rate(LOOKALIKE_FAMILY) < 0.12
    assert rate("Fagaceae") < 0.18


def test_families_have_one_distribution_of_blade_area() -> None:
    """Else the amount of leaf colour would tell the family."""
    shares = {
        family: np.mean(
            [draw(without_label(leaf(family, s))).masks["blade"].mean() for s in range(6)]
        )
        for family in FAMILIES
    }
    middle = np.median(list(shares.values()))
    assert all(0.7 < share / middle < 1.3 for share in shares.values()), shares


def test_mistakes_are_named() -> None:
    spec = leaf("Araceae")
    with pytest.raises(LensError, match="no leaf family 'Rosaceae'"):
        sample("Rosaceae", np.random.default_rng(0))
    with pytest.raises(LensError, match="no part 'stem'"):
        swap(spec, "stem", "Fagaceae")
    with pytest.raises(LensError, match="Rosaceae"):
        swap(spec, "apex", "Rosaceae")
    data = spec.to_dict()
    data["pose"]["tilt"] = 1
    with pytest.raises(LensError, match=r"leaf\.pose.*tilt"):
        LeafSpec.from_dict(data)
