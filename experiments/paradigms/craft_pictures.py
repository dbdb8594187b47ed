"""Concepts and their parts as items: which crops belong to them, and which do not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from experiments.candidates import Universe, View, draw_side, read_universes
from experiments.design import AtlasSource, Source
from experiments.paradigms.brought import NOTHING, Brought
from experiments.paradigms.choice_template import ChoiceTemplate
from experiments.paradigms.universe_table import candidates_table
from experiments.selection import selected_of
from experiments.stimuli import Cut, StimulusNames
from lens_core.atlas import Atlas, LensError, Track

if TYPE_CHECKING:
    import pandas as pd

Level = Literal["concept", "subconcept"]


@dataclass(frozen=True)
class Item:
    """A concept or a part of one, with the crops that belong to it.

    Attributes
    ----------
    level : ``concept``, or ``subconcept`` for a part.
    parent : identifier of the concept that it is a part of, else empty.
    own : candidates at or above the strong quantile that activate it, weakest first.
    others : candidates at or below the weak quantile, weakest first.
    used : candidates that trials have asked about.
    """

    universe: Universe
    level: Level
    parent: str
    own: NDArray[np.int64]
    others: NDArray[np.int64]
    used: set[int] = field(default_factory=set)

    @property
    def n_photos(self) -> int:
        """Photographs with a crop of its own."""
        return len(set(self.universe.pool.photos[self.own].tolist()))

    def z(self, candidate: int) -> float:
        """Activation of a candidate in SDs from the mean."""
        universe = self.universe
        return float((universe.values[candidate] - universe.values.mean()) / universe.scale)

    def columns(self) -> dict[str, Any]:
        """Columns of the data that say which concept this is."""
        universe = self.universe
        return {
            "class_id": universe.pool.class_id,
            "concept_id": universe.concept_id,
            "atlas_hash": universe.pool.atlas_hash,
            "layer": universe.layer,
            "basis": universe.basis,
            "parent_id": self.parent,
        }


def read_items(
    atlases: Sequence[Atlas],
    *,
    view: View,
    strong_quantile: float,
    weak_quantile: float,
    items_per_class: int | None,
    seed: int,
    track: Track,
) -> list[Item]:
    """Concepts of the model's own dictionaries and, where the atlas divides them, their parts.

    Raises
    ------
    LensError
        If an atlas has no dictionary of concepts or no held-out images.
    """
    items: list[Item] = []
    for atlas in track(atlases, "candidates", len(atlases)):
        names = [d.id for d in atlas.dictionaries if d.basis == "concepts"]
        if not names:
            raise LensError(f"atlas {atlas.store} has units only; build one with --basis concepts")
        depth = {d.id: d.depth for d in atlas.dictionaries}
        parents = {
            (entry.id, concept.id): concept.parent or ""
            for entry in atlas.classes
            for concept in atlas.load_class(entry.id).info.concepts
        }
        for universe in read_universes(atlas, names, view, seed, items_per_class):
            if universe.scale <= 0:
                continue
            strong = universe.stratum(strong_quantile, 1.0)
            weak = universe.stratum(0.0, weak_quantile)
            floor = max(0.0, float(universe.values[weak].max(initial=0.0)))
            divided = depth[universe.dictionary] > 0
            items.append(
                Item(
                    universe=universe,
                    level="subconcept" if divided else "concept",
                    parent=parents[universe.pool.class_id, universe.concept_id] if divided else "",
                    own=strong[universe.values[strong] > floor],
                    others=weak,
                )
            )
    return items


def draw_crops(
    item: Item, n: int, taken: Sequence[int], rng: np.random.Generator
) -> list[int] | None:
    """``n`` crops of the item, of photographs that differ and are not those of ``taken``.

    Stratified by strength; none if there are too few.
    """
    photos = item.universe.pool.photos
    free = item.own[~np.isin(photos[item.own], photos[list(taken)])]
    if len(set(photos[free].tolist())) < n:
        return None
    drawn = draw_side(free, photos, n, rng)
    return drawn if len(drawn) == n else None


def stimulus(names: StimulusNames, item: Item, candidate: int, copy: int = 0) -> str:
    """The stimulus of a crop; copies have names of their own."""
    picture = item.universe.pool.pictures[candidate]
    return names.name(Cut(picture.file, picture.box, copy))


def source_of(item: Item, candidate: int) -> str:
    """The photograph that a candidate is part of."""
    return item.universe.pool.pictures[candidate].source


def atlas_source(
    atlases: Sequence[Atlas], notes: Sequence[str], explained: Brought = NOTHING
) -> Source:
    """What the study says of where its stimuli come from."""
    return Source(
        kind="atlas",
        atlases=tuple(AtlasSource(hash=atlas.hash, title=atlas.title) for atlas in atlases),
        selected=selected_of(atlases),
        explanations_sha256=explained.sha256 or None,
        notes=tuple(notes),
    )


def unasked(items: Sequence[str], templates: Sequence[ChoiceTemplate]) -> list[str]:
    """A note that names the items for which no test trial could be drawn; nothing if there are
    none."""
    asked = {template.item for template in templates if template.use == "test"}
    left = [item for item in items if item not in asked]
    return [f"left out, as no trial of it could be drawn: {', '.join(left)}"] if left else []


def universe_table(items: Sequence[Item], names: StimulusNames) -> pd.DataFrame:
    """Every candidate of every item, and the stimulus that it became, if any."""
    return candidates_table(((i.level, i.universe, i.own, i.others) for i in items), names)
