"""Which trials a participant meets, and in which order, for all paradigms of kind ``choice``."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from experiments.paradigms.choice_template import ChoicePool, ChoiceTemplate
from experiments.records import Phase
from experiments.schedule import balanced_positions, generator, shuffled, spaced, spread

T = TypeVar("T")


@dataclass(frozen=True)
class Placed:
    """A trial, what it counts as, and where its right answer goes (where answers have places)."""

    template: ChoiceTemplate
    phase: Phase
    place: int = 0


@dataclass(frozen=True)
class Block:
    """Trials without a break between them.

    ``session`` counts from 1; several blocks may belong to one.
    """

    trials: tuple[Placed, ...]
    session: int = 1


def placed(
    templates: Sequence[ChoiceTemplate], phase: Phase, rng: np.random.Generator
) -> list[Placed]:
    """The templates in their order, right answers balanced over places.

    Trials with equally many options are balanced among themselves.
    """
    places = [0] * len(templates)
    sizes = [len(template.options) for template in templates]
    for size in sorted(set(sizes) - {0}):
        mine = [number for number, each in enumerate(sizes) if each == size]
        for number, place in zip(mine, balanced_positions(len(mine), size, rng), strict=True):
            places[number] = place
    return [Placed(t, phase, place) for t, place in zip(templates, places, strict=True)]


def draw_tests(
    templates: Sequence[ChoiceTemplate], n_trials: int, rng: np.random.Generator
) -> list[ChoiceTemplate]:
    """``n_trials`` in random order: items alike often, an item's templates in turn, never the same
    item twice running if that can be."""
    by_item: defaultdict[str, list[ChoiceTemplate]] = defaultdict(list)
    for template in templates:
        by_item[template.item].append(template)
    queues = {item: shuffled(by_item[item], rng) for item in sorted(by_item)}
    drawn = []
    for item in spread(sorted(by_item), n_trials, rng):
        template = queues[item].pop(0)
        queues[item].append(template)
        drawn.append(template)
    return spaced(drawn, [template.item for template in drawn], rng)


def with_catches(trials: Sequence[T], catches: Sequence[T], rng: np.random.Generator) -> list[T]:
    """The trials, with one catch trial somewhere in each of equal stretches."""
    order = list(trials)
    stretches = np.array_split(np.arange(1, len(order) + 1), max(1, len(catches)))
    # From the last stretch to the first, so that places already drawn stay right.
    for stretch, each in reversed(list(zip(stretches, catches, strict=False))):
        order.insert(int(rng.choice(stretch)) if len(stretch) else len(order), each)
    return order


def plain_blocks(
    pool: ChoicePool,
    conditions: Sequence[str],
    seed: int,
    *,
    n_trials: int,
    n_catch: int,
    n_blocks: int,
) -> list[Block]:
    """Each condition's test trials with its catch trials in between, condition by condition.

    Parameters
    ----------
    conditions : that the person meets, in order; they share ``n_trials`` and ``n_catch``.
    n_blocks : for each condition.
    """
    shares = spread(conditions, n_trials, generator(seed, "shares"))
    catch_shares = spread(conditions, n_catch, generator(seed, "catch shares"))
    blocks: list[Block] = []
    for condition in conditions:
        rng = generator(seed, "trials", condition)
        tests = draw_tests(pool.by_use[condition, "test"], shares.count(condition), rng)
        there = pool.by_use[condition, "catch"]
        catches = spread(there, catch_shares.count(condition), rng) if there else []
        order = with_catches(placed(tests, "test", rng), placed(catches, "catch", rng), rng)
        for part in np.array_split(np.arange(len(order)), n_blocks):
            if len(part):
                blocks.append(Block(tuple(order[int(place)] for place in part)))
    return blocks
