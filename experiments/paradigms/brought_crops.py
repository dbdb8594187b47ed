"""Crops of concepts that an atlas does not hold: of another method, cut by whoever brings them.

In a folder: one folder for each method, in it one for each class, in it one for each concept, in it
its crops (``METHOD/bee/stripes/1.png``); a part of a concept is a folder within the concept's
(``METHOD/bee/stripes/thorax/2.png``). In a table: ``method``, ``item`` (``bee/stripes``), ``file``,
and if it is known ``image``, the photograph that a crop was cut from. Without it each crop counts
as a photograph of its own.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import numpy as np

from experiments.paradigms.brought import Brought
from experiments.paradigms.choice_template import ChoiceTemplate
from experiments.records import Phase
from experiments.schedule import generator, shuffled, spread
from experiments.stimuli import Cut, StimulusNames
from lens_core.atlas import LensError

if TYPE_CHECKING:
    import pandas as pd

EVIDENCE = 2.0
"""What a right answer's pictures say for it to simulated observers, in SDs: as in tables that do
not say it."""
PARTS = "-subconcept"
"""What the condition of a method's parts is called after the method."""

Drawn = tuple[ChoiceTemplate, str]
"""A trial and its right answer."""


class CropDesign(Protocol):
    """How many trials are made of each group, and of each condition to catch and to practise."""

    @property
    def templates_per_item(self) -> int: ...
    @property
    def n_catch(self) -> int: ...
    @property
    def n_practice(self) -> int: ...


@dataclass(frozen=True)
class Crop:
    """A picture, and the photograph that it was cut from."""

    cut: Cut
    photograph: str


@dataclass(frozen=True, eq=False)
class Group:
    """A concept of a method, or a part of one, with all its crops.

    Attributes
    ----------
    method, name : the name is ``CLASS/CONCEPT``, of a part ``CLASS/CONCEPT/PART``.
    crops : of its parts, too.
    used : crops that trials have asked about.
    """

    method: str
    name: str
    crops: tuple[Crop, ...]
    used: set[Crop] = field(default_factory=set)

    @property
    def item(self) -> str:
        """As in the data: concepts of two methods are two items."""
        return f"{self.method}/{self.name}"

    @property
    def of_class(self) -> str:
        """The class that it is a concept of."""
        return self.name.partition("/")[0]

    @property
    def parent(self) -> str:
        """Name of the concept that it is a part of; empty for a concept."""
        above = self.name.rpartition("/")[0]
        return above if "/" in above else ""

    @property
    def condition(self) -> str:
        """Concepts of a method are one condition, their parts another."""
        return self.method + PARTS * bool(self.parent)

    @property
    def photographs(self) -> frozenset[str]:
        """Photographs with a crop of it."""
        return frozenset(crop.photograph for crop in self.crops)

    def contains(self, other: Group) -> bool:
        """Whether the other is a part (of a part …) of it."""
        return self.method == other.method and other.name.startswith(f"{self.name}/")

    def draw(
        self, n: int, taken: Iterable[str], rng: np.random.Generator
    ) -> tuple[Crop, ...] | None:
        """``n`` crops of photographs that differ and are none of ``taken``; none if too few."""
        seen = set(taken)
        drawn: list[Crop] = []
        for crop in shuffled(self.crops, rng):
            if crop.photograph not in seen and len(drawn) < n:
                drawn.append(crop)
                seen.add(crop.photograph)
        return tuple(drawn) if len(drawn) == n else None

    def fresh(self, crops: Sequence[Crop], rng: np.random.Generator) -> Crop:
        """One of the crops, if possible one that no trial has asked about."""
        new = [crop for crop in crops if crop not in self.used] or list(crops)
        chosen = new[int(rng.integers(len(new)))]
        self.used.add(chosen)
        return chosen


def groups_in(explained: Brought) -> list[Group]:
    """The concepts of all methods that were brought, by condition and name."""
    own: defaultdict[tuple[str, str], list[Crop]] = defaultdict(list)
    for name, by_method in explained.looks.items():
        for method, cuts in by_method.items():
            above = explained.looks.get(name.rpartition("/")[0], {}).get(method, ())
            if "/" not in name or (len(cuts) == 1 and cuts[0] in above):
                continue  # a picture of a folder is no concept
            own[method, name] += [Crop(cut, explained.cut_from[cut.file]) for cut in cuts]
    crops: defaultdict[tuple[str, str], dict[Crop, None]] = defaultdict(dict)
    for (method, name), mine in own.items():
        while "/" in name:
            crops[method, name] |= dict.fromkeys(mine)
            name = name.rpartition("/")[0]
    groups = [Group(method, name, tuple(mine)) for (method, name), mine in crops.items()]
    return sorted(groups, key=lambda group: (group.condition, group.name))


def require_groups(groups: Sequence[Group], taken: Iterable[str], folder: str) -> None:
    """Refuse what cannot be asked about, or a method called like a condition that there is.

    Parameters
    ----------
    groups : that can be asked about.
    folder : where the task looks for crops.

    Raises
    ------
    LensError
        In either case.
    """
    if not groups:
        raise LensError(
            f"--explanations hold no concept that can be asked about: put its crops, of several "
            f"photographs, into {folder}, beside others of the class; or name them in a table with "
            "method, item, file and image"
        )
    both = sorted({group.condition for group in groups} & set(taken))
    if both:
        raise LensError(
            f"--explanations: {both[0]!r} is a condition already; call your method otherwise"
        )


def trials_of_groups(
    groups: Sequence[Group],
    draw: Callable[[str, Group, Phase, np.random.Generator], Drawn | None],
    design: CropDesign,
    seed: int,
    first: int,
) -> tuple[list[ChoiceTemplate], dict[str, str]]:
    """The trials about some groups, each condition with catch trials and practice; and their key.

    Parameters
    ----------
    groups : that are asked about, those of a condition in their order.
    draw : makes the trial of a name about a group and its right answer; none if it cannot.
    first : number of the first trial.
    """
    made: list[ChoiceTemplate] = []
    key: dict[str, str] = {}

    def add(group: Group, use: Phase, rng: np.random.Generator) -> None:
        found = draw(f"t{first + len(made):05d}", group, use, rng)
        if found is not None:
            made.append(found[0])
            key[found[0].template] = found[1]

    for condition in conditions_of(groups):
        mine = [group for group in groups if group.condition == condition]
        for group in mine:
            rng = generator(seed, "test", group.item)
            for _ in range(design.templates_per_item):
                add(group, "test", rng)
        uses: tuple[tuple[Phase, int], ...] = (
            ("catch", 2 * design.n_catch),
            ("practice", design.n_practice),
        )
        for use, n in uses:
            rng = generator(seed, use, condition)
            for group in spread(mine, n, rng):
                add(group, use, rng)
    return made, key


def conditions_of(groups: Sequence[Group]) -> list[str]:
    """Names of the conditions of the groups, each once."""
    return list(dict.fromkeys(group.condition for group in groups))


def with_brought(
    universe: pd.DataFrame, groups: Sequence[Group], names: StimulusNames
) -> pd.DataFrame:
    """The recorded universe, and below it every crop that was brought."""
    import pandas as pd

    if not groups:
        return universe
    drawn: Mapping[Cut, str] = dict(names.items())
    rows = [
        {
            "condition": group.condition,
            "item": group.item,
            "source_image": crop.photograph,
            "stratum": "strong",
            "stimulus": drawn.get(crop.cut, ""),
        }
        for group in groups
        for crop in group.crops
    ]
    return pd.concat([universe, pd.DataFrame(rows)], ignore_index=True)
