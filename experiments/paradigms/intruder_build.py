"""Intruder studies from an atlas, or from a table with one row a trial.

Columns of the table: ``item``, ``crops`` (files, ``;``), ``intruder``. Optional: ``condition``,
``use`` (``test``, ``catch`` or ``practice``), ``evidence`` (how clearly the intruder differs, in
SDs, for simulated observers; default 2).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np

from experiments.design import Condition
from experiments.paradigms import craft_pictures as craft
from experiments.paradigms import intruder_brought
from experiments.paradigms.base import BuildRequest
from experiments.paradigms.brought import brought_in
from experiments.paradigms.brought_crops import (
    conditions_of,
    groups_in,
    require_groups,
    trials_of_groups,
    with_brought,
)
from experiments.paradigms.choice_template import ChoiceTemplate, Option
from experiments.paradigms.craft_pictures import Item
from experiments.paradigms.craft_texts import INTRUDER
from experiments.paradigms.files import design_from, plan_for, write_study
from experiments.paradigms.intruder import TASK, IntruderConfig, IntruderDesign
from experiments.paradigms.tables import (
    conditions_in,
    files_in,
    number_in,
    read_table,
    square,
    table_source,
    table_universe,
)
from experiments.records import Phase
from experiments.schedule import generator, shuffled, spread
from experiments.stimuli import Cut, StimulusNames
from experiments.study import Study
from lens_core.atlas import LensError, Track, no_track

LABELS = {"concept": "Concept", "subconcept": "Sub-concept"}
USES: tuple[Phase, ...] = ("test", "catch", "practice")


def intruder_from_atlas(request: BuildRequest, track: Track = no_track) -> Study:
    """Write the study folder.

    Raises
    ------
    LensError
        If a design field is wrong, the atlases cannot carry the design, or the target is not free.
    """
    design = design_from(request, IntruderDesign)
    atlases = request.open_atlases()
    items = craft.read_items(
        atlases,
        view=design.view,
        strong_quantile=design.strong_quantile,
        weak_quantile=design.weak_quantile,
        items_per_class=design.items_per_class,
        seed=request.seed,
        track=track,
    )
    notes: list[str] = []
    able = [item for item in items if item.n_photos >= design.min_photographs]
    if len(able) < len(items):
        left = ", ".join(
            item.universe.item for item in items if item.n_photos < design.min_photographs
        )
        notes.append(f"left out for want of different photographs: {left}")
    if not able:
        raise LensError(
            f"no concept has crops of {design.min_photographs} held-out photographs above the "
            f"quantile {design.strong_quantile}: build the atlas from more images a class, or "
            "lower strong_quantile"
        )
    explained = brought_in(request)
    groups = [g for g in groups_in(explained) if len(g.photographs) >= design.min_photographs]
    groups = [g for g in groups if intruder_brought.strangers(g, groups, design)]
    if request.explanations is not None:
        require_groups(groups, LABELS, "METHOD/CLASS/CONCEPT/")
    sizes = [item.n_photos for item in able] + [len(group.photographs) for group in groups]
    n_crops = min(design.n_crops, *sizes)
    if n_crops < design.n_crops:
        notes.append(
            f"{n_crops} crops beside the intruder instead of {design.n_crops}: an item has crops "
            f"of {n_crops} different photographs"
        )
        design = design.model_copy(update={"n_crops": n_crops})
    names = StimulusNames(request.seed)
    pool = _Pool(able, design, names, request.seed)
    levels = [level for level in LABELS if pool.has(level)]
    if not levels:
        raise LensError(
            "no class has an intruder for its concepts: it needs two concepts of different "
            "photographs; build the atlas with more concepts or more images a class"
        )
    if "subconcept" not in levels:
        notes.append("the atlas has no sub-concepts (lens atlas build --divide), only concepts")
    conditions = [Condition(name=level, label=LABELS[level]) for level in levels]
    conditions += [Condition(name=name, label=name) for name in conditions_of(groups)]
    templates, key = pool.templates(levels)
    draw = partial(intruder_brought.draw_trial, groups=groups, design=design, names=names)
    more, answers = trials_of_groups(groups, draw, design, request.seed, len(templates))
    notes += [*pool.notes, *craft.unasked([item.universe.item for item in able], templates)]
    universe = with_brought(craft.universe_table(able, names), groups, names)
    return write_study(
        request, IntruderConfig, design, craft.atlas_source(atlases, notes, explained),
        conditions, INTRUDER, plan_for(conditions, reference="concept"),
        [*templates, *more], key | answers, names, universe, track,
    )  # fmt: skip


class _Pool:
    """Draws the trials of all items."""

    def __init__(
        self, items: Sequence[Item], design: IntruderDesign, names: StimulusNames, seed: int
    ) -> None:
        self.notes: list[str] = []
        self._design, self._names, self._seed = design, names, seed
        self._strangers = {item.universe.item: _strangers(item, items, design) for item in items}
        without = [i.universe.item for i in items if not self._strangers[i.universe.item]]
        if without:
            self.notes.append(f"left out, as no other concept is foreign to it: {without}")
        self._items = [item for item in items if self._strangers[item.universe.item]]

    def has(self, level: str) -> bool:
        """Whether there is an item of that level."""
        return any(item.level == level for item in self._items)

    def templates(self, levels: Sequence[str]) -> tuple[list[ChoiceTemplate], dict[str, str]]:
        """The pool of trials, and its key."""
        design, seed = self._design, self._seed
        made: list[ChoiceTemplate] = []
        key: dict[str, str] = {}

        def add(item: Item, use: Phase, rng: np.random.Generator) -> None:
            found = self._draw(f"t{len(made):05d}", item, use, rng)
            if found is not None:
                template, right = found
                made.append(template)
                key[template.template] = right

        for level in levels:
            mine = [item for item in self._items if item.level == level]
            for item in mine:
                rng = generator(seed, "test", item.universe.item)
                for _ in range(design.templates_per_item):
                    add(item, "test", rng)
            rng = generator(seed, "catch", level)
            for item in spread(mine, 2 * design.n_catch, rng):
                add(item, "catch", rng)
            rng = generator(seed, "practice", level)
            clearest = sorted(mine, key=lambda item: -item.z(int(item.own[-1])))
            for item in spread(clearest[: max(1, design.n_practice)], design.n_practice, rng):
                add(item, "practice", rng)
        return made, key

    def _draw(
        self, name: str, item: Item, use: Phase, rng: np.random.Generator
    ) -> tuple[ChoiceTemplate, str] | None:
        """A trial, none if the photographs are too few for it."""
        for other in shuffled(self._strangers[item.universe.item], rng):
            foreign = np.intersect1d(other.own, item.others)
            fresh = [int(c) for c in foreign if int(c) not in item.used] or foreign.tolist()
            intruder = fresh[int(rng.integers(len(fresh)))]
            crops = craft.draw_crops(item, self._design.n_crops, [intruder], rng)
            if crops is not None:
                item.used.add(intruder)
                return self._template(name, item, other, use, intruder, crops, rng)
        return None

    def _template(
        self,
        name: str,
        item: Item,
        other: Item,
        use: Phase,
        intruder: int,
        crops: Sequence[int],
        rng: np.random.Generator,
    ) -> tuple[ChoiceTemplate, str]:
        if use == "catch":  # the same picture again and again, and one other
            crops = [crops[-1]] * len(crops)
        right = craft.stimulus(self._names, item, intruder)
        options = [Option(right, (right,), evidence=-item.z(intruder))]
        for copy, crop in enumerate(crops):
            stimulus = craft.stimulus(self._names, item, crop, copy + 1 if use == "catch" else 0)
            seen = -1 if use == "catch" else 0
            options.append(Option(stimulus, (stimulus,), evidence=-item.z(crop), seen=seen))
        gap = options[0].evidence - max(option.evidence for option in options[1:])
        shown = (intruder, *dict.fromkeys(crops))
        template = ChoiceTemplate(
            template=name,
            condition=item.level,
            use=use,
            item=item.universe.item,
            options=tuple(shuffled(options, rng)),
            source_image=craft.source_of(item, intruder),
            sources=tuple(craft.source_of(item, candidate) for candidate in shown),
            columns=item.columns()
            | {"task": TASK, "intruder_id": other.universe.concept_id, "evidence_gap": gap},
        )
        return template, right


def _strangers(item: Item, items: Sequence[Item], design: IntruderDesign) -> list[Item]:
    """Items whose crops can be intruders: of the same class, foreign to the item."""
    mine = item.universe
    siblings = item.level == "subconcept" and design.intruder_from == "siblings"
    found = []
    for other in items:
        if other.universe.pool is not mine.pool or other is item:
            continue
        if siblings and other.parent != item.parent:
            continue
        if not siblings and (other.level == "subconcept" or _within(item, other)):
            continue
        if len(np.intersect1d(other.own, item.others)):
            found.append(other)
    return found


def _within(item: Item, other: Item) -> bool:
    """Whether the item is a part (of a part …) of the other; parts' names go on their wholes'."""
    return item.universe.concept_id.startswith(f"{other.universe.concept_id}.")


def intruder_from_table(request: BuildRequest, table: Path, track: Track = no_track) -> Study:
    """Write the study folder from anybody's pictures.

    Raises
    ------
    LensError
        If the table lacks a column or names a picture that is not there.
    """
    rows = read_table(table, ("item", "crops", "intruder"), ("condition", "use", "evidence"), USES)
    design = design_from(request, IntruderDesign)
    uses = [row["use"] for row in rows]
    fitting = {
        "n_crops": max(len(files_in(row["crops"])) for row in rows),
        "n_catch": design.n_catch if "catch" in uses else 0,
        "n_practice": uses.count("practice"),
    }
    design = design.model_copy(update=fitting)
    names = StimulusNames(request.seed)
    rng = generator(request.seed, "letters")
    templates: list[ChoiceTemplate] = []
    key: dict[str, str] = {}
    for number, row in enumerate(rows):
        crops, intruder = files_in(row["crops"]), row["intruder"].strip()
        copies: dict[str, int] = {}
        options = []
        for file in (intruder, *crops):
            cut = square(table.parent / file)
            copies[file] = copies.get(file, -1) + 1
            stimulus = names.name(Cut(cut.file, cut.box, copies[file]))
            alike = crops.count(file) > 1
            options.append(Option(stimulus, (stimulus,), seen=-1 if alike else 0))
        right = options[0].name
        evidence = number_in(row, "evidence", 2.0)
        options[0] = Option(right, (right,), evidence=evidence)
        template = ChoiceTemplate(
            template=f"t{number:05d}",
            condition=row["condition"],
            use=USES[USES.index(row["use"])],
            item=row["item"],
            options=tuple(shuffled(options, rng)),
            source_image=intruder,
            sources=(intruder, *crops),
            columns={"task": TASK, "evidence_gap": evidence},
        )
        templates.append(template)
        key[template.template] = right
    conditions = conditions_in(rows)
    return write_study(
        request, IntruderConfig, design, table_source(table), conditions, INTRUDER,
        plan_for(conditions, reference="concept"), templates, key, names,
        table_universe(table, names), track,
    )  # fmt: skip
