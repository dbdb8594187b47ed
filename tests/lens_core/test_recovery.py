"""The scores of the recovery benchmark on made-up accounts whose worth is known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from experiments.generators.leaves import LABELLED_FAMILY, draw, sample
from tests.support.interventions import REGIONS, change, draw_case
from tests.support.recovery import (
    auc,
    best_of,
    chance_overlap,
    enlarged,
    gain,
    lost_share,
    overlap,
    thickness_px,
)

Mask = NDArray[np.bool_]


def square(side: int, start: int, stop: int) -> Mask:
    mask = np.zeros((side, side), dtype=bool)
    mask[start:stop, start:stop] = True
    return mask


def test_auc_is_the_chance_to_rank_a_true_case_above_a_false_one() -> None:
    rng = np.random.default_rng(0)
    scores, truth = rng.normal(size=60).round(1), rng.random(60) < 0.3
    pairs = [(a > b) + 0.5 * (a == b) for a in scores[truth] for b in scores[~truth]]
    assert auc(scores, truth) == pytest.approx(np.mean(pairs))
    assert auc(np.zeros(60), truth) == 0.5
    assert math.isnan(auc(scores, np.ones(60, dtype=bool)))


def test_thickness_is_the_width_of_a_strip() -> None:
    for width in (3, 8, 20):
        strip = np.zeros((200, 200), dtype=bool)
        strip[:, 50 : 50 + width] = True
        assert thickness_px(strip) == pytest.approx(width, abs=1.0)


def test_overlap_of_a_perfect_a_wrong_and_a_flat_map() -> None:
    mask = square(32, 8, 16)
    rng = np.random.default_rng(0)
    noise = 0.1 * rng.random((32, 32))
    assert overlap(mask + noise, mask) == (1.0, 1.0)
    assert overlap(noise - mask, mask) == (0.0, 0.0)
    assert overlap(np.ones((32, 32)), mask) == (0.0, 0.0)
    region = square(32, 12, 20).astype(float)
    assert overlap(region, mask) == (16 / 112, 16 / 64), "a region keeps its own size"
    shifted = np.roll(mask, 4, axis=1) + noise * 0.01
    assert overlap(shifted, mask)[0] == pytest.approx(32 / 96)


def test_noise_scores_what_chance_is_said_to_score() -> None:
    rng = np.random.default_rng(0)
    mask = square(48, 4, 30)
    found = np.mean([overlap(rng.random((48, 48)), mask) for _ in range(400)], axis=0)
    assert found[0] == pytest.approx(chance_overlap(mask)[0], abs=0.01)
    assert found[1] == pytest.approx(chance_overlap(mask)[1], abs=0.08)


def test_maps_are_enlarged_in_place() -> None:
    maps = np.zeros((1, 4, 4))
    maps[0, 1, 2] = 1.0
    large = enlarged(maps, 64)[0]
    assert large.shape == (64, 64)
    y, x = np.unravel_index(int(large.argmax()), large.shape)
    assert 16 <= y < 32
    assert 32 <= x < 48


def test_the_lost_share() -> None:
    before, after = np.array([[2.0, 2.0, -1.0, 0.0]]), np.array([[0.0, 3.0, -0.5, 0.0]])
    assert lost_share(before, after)[0].tolist() == pytest.approx([1.0, -0.5, 0.5, 0.0])


class Planted:
    """Pairs of leaf and part, where the classifier's use of concepts is known.

    Each part takes some concepts along; the drop is what these contribute.
    """

    def __init__(self, seed: int = 0, n: int = 600, r: int = 10) -> None:
        rng = np.random.default_rng(seed)
        self.importance = rng.gamma(0.3, size=(n, r))
        self.about = (rng.random((n, r)) < 0.3) * rng.random((n, r))
        drop = (self.importance * self.about).sum(1) / self.importance.sum(1)
        self.truth = drop > 0.2
        self.rng = rng

    def score(self, importance: NDArray[np.float64]) -> float:
        gains = [gain(i, a) for i, a in zip(importance, self.about, strict=True)]
        return auc(np.array(gains), self.truth)


def test_true_importances_recover_what_interventions_show() -> None:
    planted = Planted()
    assert planted.score(planted.importance) > 0.9
    assert planted.score(-planted.importance) < 0.2
    assert planted.score(3.0 * planted.importance) == planted.score(planted.importance)


def test_shuffled_importances_are_at_chance() -> None:
    planted = Planted()
    found = [planted.score(planted.rng.permuted(planted.importance, axis=1)) for _ in range(20)]
    assert np.mean(found) == pytest.approx(0.5, abs=0.03)


def test_even_importances_are_at_chance() -> None:
    planted = Planted()
    assert planted.score(np.ones_like(planted.importance)) == pytest.approx(0.5, abs=0.03)
    assert gain(np.zeros(4), np.ones(4)) == 0.0


def test_concepts_are_chosen_and_scored_on_different_leaves() -> None:
    """Of concepts of pure noise the best one must not look better than noise."""
    rng = np.random.default_rng(0)
    scores = []
    for _ in range(200):
        found = {k: np.hstack([rng.random((31, 1)), rng.random((31, 1))]) for k in range(12)}
        scores += best_of(found)
    assert np.mean([iou for iou, _ in scores]) == pytest.approx(0.5, abs=0.02)
    assert best_of({0: np.zeros((3, 2))}) == [], "one leaf cannot do both"


def test_an_intervention_changes_its_part_alone() -> None:
    rng = np.random.default_rng(4)
    leaf = next(s for s in (sample(LABELLED_FAMILY, rng) for _ in range(20)) if s.label.present)
    case = draw_case(leaf, ("label", "pebble", "background"), 128, seed=0)
    assert "pebble" not in case.changed, "a picture with a label has no pebble"
    masks = draw(leaf).masks
    small = {name: masks[name][::2, ::2] for name in ("label", "shadow", "blade")}
    moved = np.abs(case.picture.astype(int) - case.changed["label"]).max(2) > 20
    assert moved[small["label"]].mean() > 0.5
    assert moved[small["blade"]].mean() < 0.02
    moved = np.abs(case.picture.astype(int) - case.changed["background"]).max(2) > 20
    assert moved[small["label"]].mean() < 0.05
    again = draw_case(leaf, ("label", "pebble", "background"), 128, seed=0)
    assert (again.changed["background"] == case.changed["background"]).all()


def test_every_part_has_a_change_and_a_region() -> None:
    rng = np.random.default_rng(0)
    leaf = sample("Fagaceae", rng)
    masks = draw(leaf).masks
    for part, names in REGIONS.items():
        assert all(name in masks for name in names)
        changed = change(leaf, part, np.random.default_rng(1))
        assert changed is None or changed != leaf
        assert changed is not None or part in ("label", "pebble")
