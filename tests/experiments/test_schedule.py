from __future__ import annotations

import json
from collections import Counter
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from experiments.schedule import (
    ScheduledTrial,
    after_practice,
    balanced_positions,
    draw_practice,
    draw_schedule,
    generator,
    spaced,
    spread,
)
from experiments.study import Study
from lens_core.atlas import Atlas, LensError
from tests.support.studies import make_study

seeds = st.integers(0, 2**31 - 1)


@given(seeds)
@settings(max_examples=25, deadline=None)
def test_same_seed_same_schedule(study: Study, seed: int) -> None:
    assert draw_schedule(study, "concepts", seed) == draw_schedule(study, "concepts", seed)
    assert draw_schedule(study, "concepts", seed) != draw_schedule(study, "concepts", seed + 1)


@given(seeds)
@settings(max_examples=25, deadline=None)
def test_schedule_has_what_the_design_says(study: Study, seed: int) -> None:
    schedule = draw_schedule(study, "units", seed)
    assert [trial.index for trial in schedule] == list(range(len(schedule)))
    assert Counter(trial.phase for trial in schedule) == {"practice": 5, "test": 12, "catch": 3}
    phases = [trial.phase for trial in schedule]
    assert phases[:5] == ["practice"] * 5
    assert phases[5] == "test", "the first trial must not be a catch trial"
    assert {trial.condition for trial in schedule} == {"units"}


@given(seeds)
@settings(max_examples=25, deadline=None)
def test_sides_and_items_are_balanced(study: Study, seed: int) -> None:
    schedule = draw_schedule(study, "concepts", seed)
    for phase, most in (("test", 0), ("catch", 1), ("practice", 1)):
        sides = Counter(trial.correct_response for trial in schedule if trial.phase == phase)
        assert abs(sides["0"] - sides["1"]) <= most
    items = Counter(trial.item for trial in schedule if trial.phase == "test")
    assert len(items) == 12
    assert max(items.values()) - min(items.values()) <= 1


def test_many_seeds_use_both_sides_for_the_strong_references(study: Study) -> None:
    sides = Counter(
        draw_schedule(study, "concepts", s)[0].display["strong_side"] for s in range(60)
    )
    assert min(sides["left"], sides["right"]) > 10
    schedule = draw_schedule(study, "concepts", 4)
    assert len({trial.display["strong_side"] for trial in schedule}) == 1, "kept for one person"


def test_json_round_trip(study: Study) -> None:
    for trial in draw_schedule(study, "concepts", 7):
        again = ScheduledTrial.from_dict(json.loads(json.dumps(trial.to_dict())))
        assert again == trial


def test_unknown_condition_is_one_clear_line(study: Study) -> None:
    with pytest.raises(LensError, match="no condition 'neurons'; it has concepts, units"):
        draw_schedule(study, "neurons", 0)


def test_practice_is_repeated_with_other_sides(study: Study) -> None:
    first = [t for t in draw_schedule(study, "concepts", 3) if t.phase == "practice"]
    again = draw_practice(study, "concepts", 3, attempt=2, first_index=20)
    assert [trial.index for trial in again] == [20, 21, 22, 23, 24]
    assert {trial.attempt for trial in again} == {2}
    assert [trial.item for trial in again] == [trial.item for trial in first]
    further = [draw_practice(study, "concepts", 3, attempt=a, first_index=20) for a in range(2, 9)]
    assert len({tuple(t.correct_response for t in attempt) for attempt in further}) > 1


def test_after_practice(study: Study) -> None:
    assert after_practice(study, 1, [True] * 5) == "go_on"
    assert after_practice(study, 1, [True] * 4 + [False]) == "repeat"
    assert after_practice(study, 5, [False]) == "screen_out"


def test_within_design_meets_every_condition(synthetic_atlas: Atlas, tmp_path: Path) -> None:
    study = make_study(
        tmp_path / "within",
        synthetic_atlas,
        design={"assignment": "within", "n_catch": 4, "n_blocks": 2},
    )
    assert study.cells == ("within",)
    orders = set()
    for seed in range(12):
        schedule = [t for t in draw_schedule(study, "within", seed) if t.phase != "practice"]
        counts = Counter((t.condition, t.phase) for t in schedule)
        assert counts == {
            (c, p): n for c in study.conditions for p, n in (("test", 6), ("catch", 2))
        }
        assert sorted({t.block for t in schedule}) == [1, 2, 3, 4]
        orders.add(schedule[0].condition)
    assert orders == {"concepts", "units"}


def test_items_per_layer_limits_what_one_person_sees(
    synthetic_atlas: Atlas, tmp_path: Path
) -> None:
    study = make_study(
        tmp_path / "few",
        synthetic_atlas,
        design={"items_per_layer": 2},
    )
    seen = [
        {t.item for t in draw_schedule(study, "units", seed) if t.phase == "test"}
        for seed in range(40)
    ]
    assert {len(items) for items in seen} == {2}
    assert len(set.union(*seen)) == 12, "over people every item is used"


@given(st.integers(0, 60), st.integers(1, 6), seeds)
def test_balanced_positions(n: int, n_options: int, seed: int) -> None:
    positions = balanced_positions(n, n_options, np.random.default_rng(seed))
    counts = [positions.count(place) for place in range(n_options)]
    assert sum(counts) == n
    assert max(counts) - min(counts) <= 1


@given(st.lists(st.integers(), min_size=1, max_size=8, unique=True), st.integers(0, 40), seeds)
def test_spread_uses_all_before_repeating(values: list[int], n: int, seed: int) -> None:
    drawn = spread(values, n, np.random.default_rng(seed))
    counts = [drawn.count(value) for value in values]
    assert len(drawn) == n
    assert max(counts) - min(counts) <= 1


@given(st.dictionaries(st.sampled_from("abcdef"), st.integers(1, 5), min_size=1), seeds)
def test_spaced_separates_equal_keys_where_possible(counts: dict[str, int], seed: int) -> None:
    keys = [key for key, count in counts.items() for _ in range(count)]
    order = spaced(keys, keys, np.random.default_rng(seed))
    assert sorted(order) == sorted(keys)
    if max(counts.values()) <= (len(keys) + 1) // 2:
        assert all(first != second for first, second in pairwise(order))


def test_random_streams_do_not_touch_each_other() -> None:
    draws = {
        (seed, purpose): generator(seed, purpose).random() for seed in range(30) for purpose in "ab"
    }
    assert len(set(draws.values())) == 60
    assert generator(1, "a", 2).random() != generator(1, "a2").random()
    many = np.array([generator(seed, "person", seed % 7).random() for seed in range(4000)])
    assert abs(many.mean() - 0.5) < 4 * np.sqrt(1 / 12 / 4000)
