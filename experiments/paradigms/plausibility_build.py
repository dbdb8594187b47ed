"""Paired choices between pictures of a concept, from atlases or from a table of pictures.

Several atlases of the same dictionaries (built with the same seed from the same photographs, but
other visualizations) compete by their titles. Columns of the table: ``item``, ``method``, ``file``,
one row a picture; every two methods of an item meet. Optional: ``references`` (files, ``;``),
``use`` (``test`` or ``practice``), ``evidence`` (how well it shows the item, in SDs, for simulated
observers; default 0).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from experiments.design import AnalysisPlan, Condition, Source
from experiments.paradigms import craft_pictures as craft
from experiments.paradigms.base import BuildRequest
from experiments.paradigms.brought import brought_in
from experiments.paradigms.choice_template import ChoiceTemplate, Option, Panel, unscored
from experiments.paradigms.craft_pictures import Item
from experiments.paradigms.files import design_from, write_study
from experiments.paradigms.plausibility import PlausibilityConfig, PlausibilityDesign
from experiments.paradigms.tables import (
    files_in,
    number_in,
    read_table,
    square,
    table_source,
    table_universe,
)
from experiments.paradigms.visualization_pictures import STORED
from experiments.paradigms.visualizations_texts import PLAUSIBILITY
from experiments.records import Phase
from experiments.schedule import generator, shuffled, spread
from experiments.stimuli import Cut, StimulusNames
from experiments.study import Study
from lens_core.atlas import Atlas, LensError, Track, no_track

CONDITION = Condition(name="pairs", label="Pairs")
CROP = "crop"
OPTIONAL = ("references", "use", "condition", "evidence")
USES: tuple[Phase, ...] = ("test", "practice")


def from_atlases(request: BuildRequest, track: Track = no_track) -> Study:
    """Write the study folder.

    Raises
    ------
    LensError
        If a field is wrong, fewer than two methods are there, or the target is not free.
    """
    design = design_from(request, PlausibilityDesign)
    atlases = request.open_atlases()
    explained = brought_in(request)
    if len(atlases) < 2 and not design.crops and not explained.looks:
        raise LensError(
            "nothing to compare: give a second --atlas, --explanations, or --set crops=true"
        )
    methods = _method_names(atlases)
    items = craft.read_items(
        atlases[:1],
        view="crop",
        strong_quantile=design.strong_quantile,
        weak_quantile=design.strong_quantile / 2,
        items_per_class=design.items_per_class,
        seed=request.seed,
        track=track,
    )
    names = StimulusNames(request.seed)
    maker = _Maker()
    left_out: list[str] = []
    for item in items:
        n_shown = min(design.n_references, item.n_photos - int(design.crops))
        if n_shown < 1:
            left_out.append(item.universe.item)
            continue
        rng = generator(request.seed, "pairs", item.universe.item)
        drawn = craft.draw_crops(item, n_shown + int(design.crops), [], rng) or []
        brought = explained.looks.get(item.universe.item, {})
        evidence: dict[str, float] = {}
        competing = _looks(atlases, methods, item, names)
        competing |= {method: names.name(cuts[0]) for method, cuts in brought.items()}
        if design.crops and drawn:
            crop = drawn.pop(int(rng.integers(len(drawn))))
            competing[CROP] = craft.stimulus(names, item, crop)
            evidence[CROP] = item.z(crop)  # of visualizations the atlas does not say it
        columns = item.columns()
        del columns["parent_id"]
        shown = tuple(craft.stimulus(names, item, one) for one in drawn)
        source = craft.source_of(item, drawn[-1]) if drawn else ""
        if len(competing) < 2:
            left_out.append(item.universe.item)
        maker.add(item.universe.item, competing, evidence, shown, source, columns, rng)
    notes = [f"left out, as fewer than two pictures compete: {left_out}"] if left_out else []
    return _write(
        request, design, maker, craft.atlas_source(atlases, notes, explained), names,
        craft.universe_table(items, names), track,
    )  # fmt: skip


def from_table(request: BuildRequest, table: Path, track: Track = no_track) -> Study:
    """Write the study folder from anybody's pictures.

    Raises
    ------
    LensError
        If the table lacks a column, names a picture that is not there, or has no pair.
    """
    rows = read_table(table, ("item", "method", "file"), OPTIONAL, USES)
    design = design_from(request, PlausibilityDesign)
    names = StimulusNames(request.seed)
    by_item: defaultdict[tuple[str, Phase], list[dict[str, str]]] = defaultdict(list)
    for row in rows:
        by_item[row["item"], USES[USES.index(row["use"])]].append(row)
    maker = _Maker()
    for (item, use), mine in by_item.items():
        methods = [row["method"].strip() for row in mine]
        if len(set(methods)) < len(methods):
            raise LensError(f"{table}: item {item} has two pictures of one method")
        shown = list(dict.fromkeys(f for row in mine for f in files_in(row.get("references", ""))))
        competing = {
            row["method"].strip(): names.name(square(table.parent / row["file"].strip()))
            for row in mine
        }
        maker.add(
            item,
            competing,
            {row["method"].strip(): number_in(row, "evidence", 0.0) for row in mine},
            tuple(names.name(square(table.parent / one)) for one in shown[: design.n_references]),
            mine[0]["file"],
            {"concept_id": item},
            generator(request.seed, "pairs", item),
            use,
        )
    return _write(
        request, design, maker, table_source(table), names, table_universe(table, names), track
    )


class _Maker:
    """Makes a trial of every two pictures of an item."""

    def __init__(self) -> None:
        self.templates: list[ChoiceTemplate] = []

    def add(
        self,
        item: str,
        competing: Mapping[str, str],
        evidence: Mapping[str, float],
        shown: tuple[str, ...],
        source: str,
        columns: Mapping[str, Any],
        rng: np.random.Generator,
        use: Phase = "test",
    ) -> None:
        """``competing`` is method to stimulus, ``evidence`` what it says to simulated observers."""
        for pair in combinations(sorted(competing), 2):
            # No answer is right, and names of options are not sent to the browser.
            options = [
                Option(method, (competing[method],), evidence=evidence.get(method, 0.0))
                for method in shuffled(pair, rng)
            ]
            self.templates.append(
                ChoiceTemplate(
                    template=f"t{len(self.templates):05d}",
                    condition=CONDITION.name,
                    use=use,
                    item=item,
                    options=tuple(options),
                    panels=(Panel("", shown),) if shown else (),
                    source_image=source,
                    columns=columns,
                )
            )


def _write(
    request: BuildRequest,
    design: PlausibilityDesign,
    maker: _Maker,
    source: Source,
    names: StimulusNames,
    universe: Any,
    track: Track,
) -> Study:
    tests = [template for template in maker.templates if template.use == "test"]
    if not tests:
        raise LensError("nothing to compare: no concept has pictures of two methods")
    if len(tests) == len(maker.templates):  # practice shows what any trial looks like
        rng = generator(request.seed, "practice pairs")
        for template in spread(tests, design.n_practice, rng):
            name = f"t{len(maker.templates):05d}"
            row = template.row() | {"template": name, "use": "practice"}
            maker.templates.append(ChoiceTemplate.from_row(row))
    return write_study(
        request, PlausibilityConfig, design, source, [CONDITION], PLAUSIBILITY,
        AnalysisPlan(outcome="response", formula="response ~ 1"), maker.templates,
        unscored(maker.templates), names, universe, track,
    )  # fmt: skip


def _method_names(atlases: Sequence[Atlas]) -> list[str]:
    if len(atlases) == 1:
        return [STORED]
    titles = [atlas.title for atlas in atlases]
    if len(set(titles)) < len(titles):
        raise LensError(f"two atlases are called {titles[0]!r}: build one with another --title")
    return titles


def _looks(
    atlases: Sequence[Atlas], methods: Sequence[str], item: Item, names: StimulusNames
) -> dict[str, str]:
    """Method to stimulus, of the atlases that have a picture of this very concept.

    Raises
    ------
    LensError
        If an atlas has another dictionary under the same name.
    """
    found = {}
    class_id, dictionary = item.universe.pool.class_id, item.universe.dictionary
    mine = atlases[0].load_class(class_id).array(f"{dictionary}/dictionary")
    for atlas, method in zip(atlases, methods, strict=True):
        loaded = atlas.load_class(class_id)
        other = loaded.array(f"{dictionary}/dictionary")
        if mine.shape != other.shape or not np.allclose(mine, other, atol=1e-4):
            raise LensError(
                f"{atlas.store} has other concepts than {atlases[0].store}: build both from the "
                "same photographs with the same --seed"
            )
        look = loaded.concept(item.universe.concept_id).visualization
        if look is not None:
            found[method] = names.name(Cut(loaded.path(look)))
    return found
