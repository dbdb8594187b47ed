"""Binary choices from an atlas, or from a table with one row a trial.

Columns of the table: ``item``, ``query`` (a file), ``subconcept`` and ``parent`` (files, ``;``).
Optional: ``condition``, ``use`` (``test``, ``catch`` or ``practice``), ``evidence`` (how much more
the query fits the sub-concept, in SDs, for simulated observers; default 1).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from experiments.design import Condition
from experiments.paradigms import binary_choice_brought as brought
from experiments.paradigms import craft_pictures as craft
from experiments.paradigms.base import BuildRequest
from experiments.paradigms.binary_choice import (
    LETTERS,
    TASK,
    BinaryChoiceConfig,
    BinaryChoiceDesign,
)
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
from experiments.paradigms.craft_texts import BINARY_CHOICE
from experiments.paradigms.files import design_from, plan_for, write_study
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
from experiments.schedule import generator, spread
from experiments.stimuli import Cut, StimulusNames
from experiments.study import Study
from lens_core.atlas import LensError, Track, no_track

USES: tuple[Phase, ...] = ("test", "catch", "practice")
CONDITION = Condition(name="subconcept", label="Sub-concept or parent")


def choice_from_atlas(request: BuildRequest, track: Track = no_track) -> Study:
    """Write the study folder.

    Raises
    ------
    LensError
        If a design field is wrong, no atlas has sub-concepts, or the target is not free.
    """
    design = design_from(request, BinaryChoiceDesign)
    atlases = request.open_atlases()
    items = craft.read_items(
        atlases,
        view=design.view,
        strong_quantile=design.strong_quantile,
        weak_quantile=design.strong_quantile,
        items_per_class=None,
        seed=request.seed,
        track=track,
    )
    wholes = {_key(item): item for item in items}
    parts = [item for item in items if item.level == "subconcept"]
    if not parts:
        raise LensError(
            "no atlas has sub-concepts, and this task asks about them: build one with "
            "'lens atlas build --divide'"
        )
    pairs = [(part, wholes[_parent_key(part)]) for part in parts if _parent_key(part) in wholes]
    pairs = _most_important(pairs, design.items_per_class)
    notes: list[str] = []
    explained = brought_in(request)
    groups = groups_in(explained)
    own = brought.pairs_of(groups)
    n_crops = design.n_crops
    while n_crops > 1 and not any(_room(part, whole, n_crops) for part, whole in pairs):
        n_crops -= 1
    while n_crops > 1 and own and not any(brought.room(pair, n_crops) for pair in own):
        n_crops -= 1
    own = [pair for pair in own if brought.room(pair, n_crops)]
    parts_brought = [part for part, _ in own]
    if request.explanations is not None:
        require_groups(parts_brought, [CONDITION.name], "METHOD/CLASS/CONCEPT/PART/")
    able = [(part, whole) for part, whole in pairs if _room(part, whole, n_crops)]
    if not able:
        raise LensError(
            "no sub-concept has three held-out photographs, one to ask about and one for each "
            "group: build the atlas from more images a class, or lower strong_quantile"
        )
    if n_crops < design.n_crops:
        notes.append(f"{n_crops} crops a group instead of {design.n_crops}: too few photographs")
        design = design.model_copy(update={"n_crops": n_crops})
    if len(able) < len(pairs):
        kept = {part.universe.item for part, _ in able}
        left = ", ".join(p.universe.item for p, _ in pairs if p.universe.item not in kept)
        notes.append(f"left out for want of different photographs: {left}")
    names = StimulusNames(request.seed)
    templates, key = _pool(able, design, names, request.seed)
    draw = partial(brought.draw_trial, wholes=dict(own), design=design, names=names)
    more, answers = trials_of_groups(parts_brought, draw, design, request.seed, len(templates))
    notes += craft.unasked([part.universe.item for part, _ in able], templates)
    conditions = [CONDITION]
    conditions += [Condition(name=name, label=name) for name in conditions_of(parts_brought)]
    shown = {id(item): item for pair in able for item in pair}.values()
    universe = with_brought(craft.universe_table(list(shown), names), parts_brought, names)
    return write_study(
        request, BinaryChoiceConfig, design, craft.atlas_source(atlases, notes, explained),
        conditions, BINARY_CHOICE, plan_for(conditions), [*templates, *more], key | answers,
        names, universe, track,
    )  # fmt: skip


def _key(item: Item) -> tuple[str, int, str]:
    pool = item.universe.pool
    return pool.atlas_hash, pool.class_id, item.universe.concept_id


def _parent_key(item: Item) -> tuple[str, int, str]:
    return (*_key(item)[:2], item.parent)


def _most_important(
    pairs: Sequence[tuple[Item, Item]], per_class: int | None
) -> list[tuple[Item, Item]]:
    kept: list[tuple[Item, Item]] = []
    count: dict[tuple[str, int], int] = {}
    for part, whole in pairs:
        of_class = _key(part)[:2]
        count[of_class] = count.get(of_class, 0) + 1
        if per_class is None or count[of_class] <= per_class:
            kept.append((part, whole))
    return kept


def _room(part: Item, whole: Item, n_crops: int) -> bool:
    """Whether a query and two groups of different photographs can be drawn."""
    photos = part.universe.pool.photos
    mine, all_ = set(photos[part.own].tolist()), set(photos[whole.own].tolist())
    both = len(set(photos[np.intersect1d(part.own, whole.own)].tolist()))
    return both > 0 and len(mine) > n_crops and len(mine | all_) > 2 * n_crops


def _pool(
    pairs: Sequence[tuple[Item, Item]],
    design: BinaryChoiceDesign,
    names: StimulusNames,
    seed: int,
) -> tuple[list[ChoiceTemplate], dict[str, str]]:
    made: list[ChoiceTemplate] = []
    key: dict[str, str] = {}

    def add(pair: tuple[Item, Item], use: Phase, rng: np.random.Generator) -> None:
        found = _draw(f"t{len(made):05d}", pair, use, design, names, rng)
        if found is not None:
            made.append(found[0])
            key[found[0].template] = found[1]

    for pair in pairs:
        rng = generator(seed, "test", pair[0].universe.item)
        for _ in range(design.templates_per_item):
            add(pair, "test", rng)
    rng = generator(seed, "catch")
    for pair in spread(pairs, 2 * design.n_catch, rng):
        add(pair, "catch", rng)
    rng = generator(seed, "practice")
    for pair in spread(pairs, design.n_practice, rng):
        add(pair, "practice", rng)
    return made, key


def _draw(
    name: str,
    pair: tuple[Item, Item],
    use: Phase,
    design: BinaryChoiceDesign,
    names: StimulusNames,
    rng: np.random.Generator,
) -> tuple[ChoiceTemplate, str] | None:
    """A trial; none if the photographs are too few for it."""
    part, whole = pair
    both = np.intersect1d(part.own, whole.own)
    fresh = [int(c) for c in both if int(c) not in part.used] or both.tolist()
    query = fresh[int(rng.integers(len(fresh)))]
    of_part = craft.draw_crops(part, design.n_crops, [query], rng)
    of_whole = craft.draw_crops(whole, design.n_crops, [query, *(of_part or [])], rng)
    if of_part is None or of_whole is None:
        return None
    part.used.add(query)
    copy, seen = 0, 0
    # Who looks finds the very picture in the group in a catch trial; practice is as clear, for
    # there must be a right answer to learn from.
    if use in ("catch", "practice"):
        of_part[-1], copy, seen = query, 1, 1
    letters = LETTERS if rng.integers(2) else LETTERS[::-1]
    groups = [
        Option(
            letters[0],
            tuple(craft.stimulus(names, part, candidate) for candidate in of_part),
            evidence=part.z(query),
            seen=seen,
        ),
        Option(
            letters[1],
            tuple(craft.stimulus(names, whole, candidate) for candidate in of_whole),
            evidence=whole.z(query),
        ),
    ]
    shown = dict.fromkeys((query, *of_part, *of_whole))
    template = ChoiceTemplate(
        template=name,
        condition=CONDITION.name,
        use=use,
        item=part.universe.item,
        options=tuple(sorted(groups, key=lambda option: option.name)),
        query=craft.stimulus(names, part, query, copy),
        source_image=craft.source_of(part, query),
        sources=tuple(craft.source_of(part, candidate) for candidate in shown),
        columns=part.columns()
        | {"task": TASK, "evidence_gap": groups[0].evidence - groups[1].evidence},
    )
    return template, letters[0]


def choice_from_table(request: BuildRequest, table: Path, track: Track = no_track) -> Study:
    """Write the study folder from anybody's pictures.

    Raises
    ------
    LensError
        If the table lacks a column or names a picture that is not there.
    """
    required = ("item", "query", "subconcept", "parent")
    rows = read_table(table, required, ("condition", "use", "evidence"), USES)
    uses = [row["use"] for row in rows]
    fitting = {
        "n_crops": max(len(files_in(row["subconcept"])) for row in rows),
        "n_catch": uses.count("catch") and design_from(request, BinaryChoiceDesign).n_catch,
        "n_practice": uses.count("practice"),
    }
    design = design_from(request, BinaryChoiceDesign).model_copy(update=fitting)
    names = StimulusNames(request.seed)
    rng = generator(request.seed, "letters")
    made = [_from_row(f"t{number:05d}", row, table, names, rng) for number, row in enumerate(rows)]
    conditions = conditions_in(rows)
    return write_study(
        request, BinaryChoiceConfig, design, table_source(table), conditions, BINARY_CHOICE,
        plan_for(conditions), [template for template, _ in made],
        {template.template: right for template, right in made}, names,
        table_universe(table, names), track,
    )  # fmt: skip


def _from_row(
    name: str,
    row: Mapping[str, str],
    table: Path,
    names: StimulusNames,
    rng: np.random.Generator,
) -> tuple[ChoiceTemplate, str]:
    query, parts, wholes = (
        row["query"].strip(),
        files_in(row["subconcept"]),
        files_in(row["parent"]),
    )
    letters = LETTERS if rng.integers(2) else LETTERS[::-1]
    evidence = number_in(row, "evidence", 1.0)

    def stimulus(file: str, copy: int = 0) -> str:
        cut = square(table.parent / file)
        return names.name(Cut(cut.file, cut.box, copy))

    options = [
        Option(letter, tuple(stimulus(file) for file in files), evidence=strength,
               seen=int(query in files))
        for letter, files, strength in zip(letters, (parts, wholes), (evidence, 0.0), strict=True)
    ]  # fmt: skip
    template = ChoiceTemplate(
        template=name,
        condition=row["condition"],
        use=USES[USES.index(row["use"])],
        item=row["item"],
        options=tuple(sorted(options, key=lambda option: option.name)),
        query=stimulus(query, int(query in (*parts, *wholes))),
        source_image=query,
        sources=tuple(dict.fromkeys((query, *parts, *wholes)))
        if row["use"] != "test"
        else (query, *parts, *wholes),
        columns={"task": TASK, "evidence_gap": evidence},
    )
    return template, letters[0]
