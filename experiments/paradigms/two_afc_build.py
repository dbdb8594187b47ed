"""From an atlas to a strong/weak study: conditions, trials, key, universe, stimuli."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from experiments.candidates import (
    History,
    Query,
    Strata,
    Universe,
    capacity,
    draw_fresh,
    read_universes,
    strata,
)
from experiments.design import Condition
from experiments.paradigms.base import BuildRequest
from experiments.paradigms.brought import Brought, brought_in
from experiments.paradigms.craft_pictures import atlas_source
from experiments.paradigms.files import design_from, write_study
from experiments.paradigms.tables import square
from experiments.paradigms.two_afc_config import TwoAfcDesign, defaults_for
from experiments.paradigms.two_afc_template import Template, Use
from experiments.paradigms.universe_table import candidates_table
from experiments.paradigms.visualization_pictures import with_look
from experiments.schedule import generator, spread
from experiments.stimuli import Cut, StimulusNames
from experiments.study import Study
from lens_core.atlas import Atlas, LensError, Track, no_track

if TYPE_CHECKING:
    from experiments.paradigms.two_afc import TwoAfc


@dataclass(frozen=True)
class Item:
    """An item that can carry trials, and which candidates its trials have used so far."""

    universe: Universe
    sides: Strata
    condition: str
    history: History = field(default_factory=History)


def build_two_afc(task: TwoAfc, request: BuildRequest, track: Track = no_track) -> Study:
    """Write the study folder.

    Raises
    ------
    LensError
        If a design field is wrong, the atlases cannot carry the design, or the target is not free.
    """
    design = design_from(request, task.design_model)
    atlases = request.open_atlases()
    conditions = default_conditions(atlases)
    explained = brought_in(request)
    _require_shown(explained, design)
    items, notes = _items(atlases, conditions, design, explained, request.seed, track)
    possible = min(capacity(item.universe, item.sides) - 1 for item in items)
    n_references = min(design.n_references, possible)
    if n_references < design.n_references:
        notes.append(
            f"{n_references} references a side instead of {design.n_references}: an item has "
            f"strong and weak crops of {possible + 1} different held-out photographs a side"
        )
        design = design.model_copy(update={"n_references": n_references})
    n_trials = _most_trials(items, conditions, design)
    if n_trials < design.n_trials:
        notes.append(
            f"{n_trials} trials a person instead of {design.n_trials}: nobody is asked the same "
            f"twice, and there are {design.items_per_layer} items of each layer with "
            f"{design.templates_per_item} trials each; see items_per_layer, templates_per_item"
        )
        design = design.model_copy(update={"n_trials": n_trials})
    source = atlas_source(atlases, notes, explained)
    names = StimulusNames(request.seed)
    templates, key = _templates(items, conditions, design, names, request.seed)
    universe = candidates_table(
        ((i.condition, i.universe, i.sides.strong, i.sides.weak) for i in items), names
    )
    return write_study(
        request, task.config_model, design, source, conditions, defaults_for(design),
        task.plan(conditions, templates), templates, key, names, universe, track,
    )  # fmt: skip


def _require_shown(explained: Brought, design: TwoAfcDesign) -> None:
    """Refuse pictures of the strong side that would not be shown as a visualization is.

    Raises
    ------
    LensError
        If the design shows none, or several methods were brought for the one picture.
    """
    methods = sorted({method for of_item in explained.looks.values() for method in of_item})
    if methods and design.visualizations == "none":
        raise LensError(
            "--explanations stand beside the strong pictures or instead of them: say which with "
            "--set visualizations=beside (or instead)"
        )
    if len(methods) > 1:
        raise LensError(
            f"--explanations: one picture stands for an item, and there are {len(methods)} methods "
            f"({', '.join(methods)}): make a study of each"
        )


def _most_trials(
    items: Sequence[Item], conditions: Sequence[Condition], design: TwoAfcDesign
) -> int:
    """Trials that one person can be asked where their items are limited; as designed elsewhere."""
    if design.items_per_layer is None:
        return design.n_trials
    possible = []
    for condition in conditions:
        layers = Counter(i.universe.layer for i in items if i.condition == condition.name)
        possible.append(sum(min(design.items_per_layer, n) for n in layers.values()))
    met = len(conditions) if design.assignment == "within" else 1
    return min(design.n_trials, met * min(possible) * design.templates_per_item)


def default_conditions(atlases: Sequence[Atlas]) -> tuple[Condition, ...]:
    """A condition for each basis, over all its layers; for each dictionary where that is not
    one dictionary a layer. Divisions of concepts are asked about only where a study names them."""
    by_basis: defaultdict[str, dict[str, str]] = defaultdict(dict)
    for atlas in atlases:
        for dictionary in atlas.dictionaries:
            if not dictionary.depth:
                by_basis[dictionary.basis][dictionary.id] = dictionary.layer
    one_a_layer = all(len(set(layers.values())) == len(layers) for layers in by_basis.values())
    if one_a_layer:
        return tuple(
            Condition(name=basis, label=basis.capitalize(), dictionaries=tuple(layers))
            for basis, layers in by_basis.items()
        )
    return tuple(
        Condition(name=dictionary, label=dictionary.capitalize(), dictionaries=(dictionary,))
        for layers in by_basis.values()
        for dictionary in layers
    )


def _items(
    atlases: Sequence[Atlas],
    conditions: Sequence[Condition],
    design: TwoAfcDesign,
    explained: Brought,
    seed: int,
    track: Track,
) -> tuple[list[Item], list[str]]:
    """Items of all conditions that can carry trials, and notes on those that cannot."""
    items: list[Item] = []
    notes: list[str] = []
    for condition in conditions:
        left_out: list[str] = []
        unseen: list[str] = []
        best = 0
        n_before = len(items)
        for atlas in track(atlases, f"candidates for {condition.name}", len(atlases)):
            known = {dictionary.id for dictionary in atlas.dictionaries}
            wanted = [name for name in condition.dictionaries if name in known]
            candidates = read_universes(atlas, wanted, design.view, seed, design.items_per_class)
            for universe in candidates:
                universe = with_look(universe, explained)
                sides = strata(universe, design.strong_quantile, design.weak_quantile)
                room = capacity(universe, sides)
                best = max(best, room)
                if design.visualizations != "none" and universe.visualization is None:
                    unseen.append(universe.item)
                elif room > design.min_references and universe.scale > 0:
                    items.append(Item(universe, sides, condition.name))
                else:
                    left_out.append(universe.item)
        if unseen and len(items) - n_before < design.min_items:
            raise LensError(
                f"condition {condition.name}: {len(unseen)} items have no feature visualization, "
                "which this design shows; build the atlas without --no-visualizations"
            )
        if unseen:
            notes.append(
                f"{len(unseen)} items of {condition.name} left out for want of a visualization: "
                + ", ".join(unseen)
            )
        if len(items) - n_before < design.min_items:
            raise LensError(
                f"condition {condition.name}: {len(items) - n_before} of "
                f"{len(items) - n_before + len(left_out)} items have "
                f"{design.min_references + 1} different held-out photographs a side (the best has "
                f"{best}); build the atlas from more images a class, or lower min_references "
                f"({design.min_references}) or strong_quantile ({design.strong_quantile})"
            )
        if left_out:
            notes.append(
                f"{len(left_out)} items of {condition.name} left out for want of different "
                f"photographs: {', '.join(left_out)}"
            )
    return items, notes


def _templates(
    items: Sequence[Item],
    conditions: Sequence[Condition],
    design: TwoAfcDesign,
    names: StimulusNames,
    seed: int,
) -> tuple[list[Template], dict[str, str]]:
    """The pool of trials, and its key."""
    templates: list[Template] = []
    key: dict[str, str] = {}

    def add(item: Item, use: Use, query: Query, rng: np.random.Generator) -> None:
        template, correct = _template(
            f"t{len(templates):05d}", item, use, query, design, names, rng
        )
        templates.append(template)
        key[template.template] = correct

    for condition in conditions:
        mine = [item for item in items if item.condition == condition.name]
        for item in mine:
            rng = generator(seed, "test", item.universe.item)
            for _ in range(design.templates_per_item):
                add(item, "test", design.queries, rng)
        rng = generator(seed, "catch", condition.name)
        for item in spread(mine, 2 * design.n_catch, rng):
            add(item, "catch", "any", rng)
        clearest = sorted(mine, key=lambda item: -_separation(item))
        rng = generator(seed, "practice", condition.name)
        n_practice = design.n_practice_obvious + design.n_practice_harder
        chosen = spread(clearest[: max(1, n_practice)], n_practice, rng)
        for place, item in enumerate(chosen):
            obvious = place < design.n_practice_obvious
            query: Query = "extreme" if obvious else "close"
            add(item, "obvious" if obvious else "harder", query, rng)
    return templates, key


def _template(
    name: str,
    item: Item,
    use: Use,
    query: Query,
    design: TwoAfcDesign,
    names: StimulusNames,
    rng: np.random.Generator,
) -> tuple[Template, str]:
    universe = item.universe
    drawn = draw_fresh(universe, item.sides, design.n_references, query, rng, item.history)
    strong_query, weak_query = drawn.strong_query, drawn.weak_query
    if use == "catch":
        strong_query = drawn.strong[int(rng.integers(len(drawn.strong)))]
        weak_query = drawn.weak[int(rng.integers(len(drawn.weak)))]
    strong_is_a = bool(rng.integers(2))
    a, b = (strong_query, weak_query) if strong_is_a else (weak_query, strong_query)
    pictures, values = universe.pool.pictures, universe.values

    def stimulus(candidate: int, copy: int = 0) -> str:
        return names.name(Cut(pictures[candidate].file, pictures[candidate].box, copy))

    copy = int(use == "catch")
    # Queries of a catch trial are references, so these stay even where the picture replaces them.
    alone = design.visualizations == "instead" and use != "catch"
    visualization = universe.visualization if design.visualizations != "none" else None
    template = Template(
        template=name,
        condition=item.condition,
        use=use,
        item=universe.item,
        atlas_hash=universe.pool.atlas_hash,
        class_id=universe.pool.class_id,
        concept_id=universe.concept_id,
        dictionary=universe.dictionary,
        layer=universe.layer,
        basis=universe.basis,
        strong=() if alone else tuple(stimulus(candidate) for candidate in drawn.strong),
        weak=tuple(stimulus(candidate) for candidate in drawn.weak),
        option_a=stimulus(a, copy),
        option_b=stimulus(b, copy),
        source_a=pictures[a].source,
        source_b=pictures[b].source,
        strength_a=float(values[a]),
        strength_b=float(values[b]),
        scale=universe.scale,
        sources=tuple(pictures[c].source for c in (*(() if alone else drawn.strong), *drawn.weak)),
        twin_a=stimulus(a) if use == "catch" else "",
        twin_b=stimulus(b) if use == "catch" else "",
        visualization=names.name(square(visualization)) if visualization else "",
        query_similarity=(
            float(universe.likeness([a], [b])[0, 0]) if universe.others.shape[1] else None
        ),
    )
    return template, "a" if strong_is_a else "b"


def _separation(item: Item) -> float:
    """Distance of the middle of the strong from the middle of the weak candidates, in SDs."""
    values = item.universe.values
    strong, weak = np.median(values[item.sides.strong]), np.median(values[item.sides.weak])
    return float(strong - weak) / item.universe.scale
