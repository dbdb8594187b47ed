"""What trials with favourite pictures ask about: two photographs, or two versions of one."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from experiments.candidates import History, Strata, capacity, draw_fresh
from experiments.paradigms import craft_pictures as craft
from experiments.paradigms.brought import Brought, Version
from experiments.paradigms.craft_pictures import Item
from experiments.records import Phase
from experiments.stimuli import Cut


@dataclass(frozen=True)
class Asked:
    """The two pictures of a trial and the candidates that are favourites beside them.

    Attributes
    ----------
    right, wrong : of which the concept favours the first.
    strong, weak : what the model says of the two.
    references : candidates of the item.
    sources : photographs of the two.
    whole : the photograph that they are versions of, if they are.
    odd : for catch trials without favourites, a version of another photograph.
    """

    right: Cut
    wrong: Cut
    strong: float
    weak: float
    references: tuple[int, ...]
    sources: tuple[str, ...]
    whole: Cut | None = None
    odd: Cut | None = None


class Queries(Protocol):
    """A form of the question."""

    def room(self, item: Item) -> int:
        """How many photographs can be favourites beside the two; 0 if it cannot be asked."""
        ...

    def clearness(self, item: Item) -> float:
        """How clear its clearest trial is, for practice."""
        ...

    def draw(
        self, item: Item, use: Phase, n_references: int, rng: np.random.Generator
    ) -> Asked | None:
        """A trial; none if there is no fresh one for a test."""
        ...


@dataclass
class Photographs:
    """A strong and a weak picture of different photographs."""

    histories: defaultdict[str, History] = field(default_factory=lambda: defaultdict(History))

    def room(self, item: Item) -> int:
        return max(0, capacity(item.universe, Strata(item.own, item.others)) - 1)

    def clearness(self, item: Item) -> float:
        return item.z(int(item.own[-1]))

    def draw(
        self, item: Item, use: Phase, n_references: int, rng: np.random.Generator
    ) -> Asked | None:
        universe = item.universe
        drawn = draw_fresh(
            universe,
            Strata(item.own, item.others),
            n_references,
            "extreme" if use == "practice" else "any",
            rng,
            self.histories[universe.item],
        )
        strong, weak = drawn.strong_query, drawn.weak_query
        shown = universe.pool.pictures
        return Asked(
            Cut(shown[strong].file, shown[strong].box),
            Cut(shown[weak].file, shown[weak].box),
            strong=float(universe.values[strong]),
            weak=float(universe.values[weak]),
            references=drawn.strong,
            sources=(craft.source_of(item, strong), craft.source_of(item, weak)),
        )


@dataclass
class Hidden:
    """Two versions of a photograph, each with a part hidden."""

    explained: Brought
    used: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))

    def room(self, item: Item) -> int:
        return max(0, item.n_photos - 1) if self._pairs(item) else 0

    def clearness(self, item: Item) -> float:
        gaps = [first.value - second.value for first, second in self._pairs(item).values()]
        return max(gaps) / item.universe.scale

    def draw(
        self, item: Item, use: Phase, n_references: int, rng: np.random.Generator
    ) -> Asked | None:
        pairs, used = self._pairs(item), self.used[item.universe.item]
        fresh = sorted(set(pairs) - used)
        if not fresh and use == "test":
            return None  # the same question again would be remembered
        names = fresh or sorted(pairs)
        if use == "practice":
            name = max(names, key=lambda one: pairs[one][0].value - pairs[one][1].value)
        else:
            name = names[int(rng.integers(len(names)))]
        used.add(name)
        pool = item.universe.pool
        of_photo = [n for n, picture in enumerate(pool.pictures) if picture.source == name]
        references = craft.draw_crops(item, n_references, of_photo, rng)
        if references is None:
            return None
        first, second = pairs[name]
        return Asked(
            first.cut,
            second.cut,
            strong=first.value,
            weak=second.value,
            references=tuple(references),
            sources=(name,),
            whole=Cut(pool.pictures[of_photo[0]].file),
            odd=next((pairs[other][1].cut for other in sorted(pairs) if other != name), None),
        )

    def _pairs(self, item: Item) -> dict[str, tuple[Version, Version]]:
        """Of held-out photographs alone: the concept was not found on them."""
        held_out = {picture.source for picture in item.universe.pool.pictures}
        of_item = self.explained.hidden.get(item.universe.item, {})
        return {name: pair for name, pair in of_item.items() if name in held_out}
