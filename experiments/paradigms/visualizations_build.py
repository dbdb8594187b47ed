"""Studies of reference pictures from an atlas, or from a table with one row a trial.

Columns of the table: ``item``, ``favoured`` and ``other`` (files: what the machine favours and what
it does not). Optional: ``references`` (files, ``;``), ``image`` (the whole photograph, if the two
are versions of it with parts hidden), ``method`` (how references were made), ``condition``, ``use``
(``test``, ``catch`` or ``practice``), ``strong`` and ``weak`` (what the model says of the two), and
``evidence`` (in SDs, for simulated observers; default 2).
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from experiments.candidates import History, Strata, capacity, draw_fresh
from experiments.design import Condition
from experiments.paradigms import craft_pictures as craft
from experiments.paradigms.base import BuildRequest
from experiments.paradigms.choice_template import ChoiceTemplate, Option, Panel
from experiments.paradigms.craft_pictures import Item, Pictures
from experiments.paradigms.files import design_from, make_config, plan_for, write_study
from experiments.paradigms.tables import (
    conditions_in,
    files_in,
    number_in,
    read_table,
    square,
    table_source,
    table_universe,
)
from experiments.paradigms.visualization_pictures import blurred, flat_visualization
from experiments.paradigms.visualizations import Kind, VisualizationsConfig, VisualizationsDesign
from experiments.paradigms.visualizations_texts import VISUALIZATIONS
from experiments.records import Phase
from experiments.schedule import generator, shuffled, spread
from experiments.stimuli import Cut, StimulusNames, cut_out, read_picture
from experiments.study import Study
from lens_core.atlas import Atlas, LensError, Track, no_track

LABELS: dict[Kind, str] = {
    "none": "No references",
    "natural": "Photographs",
    "optimized": "Feature visualization",
    "mixed": "Both",
    "blurred": "Blurred photographs",
}
PAINTED: tuple[Kind, ...] = ("optimized", "mixed")
USES: tuple[Phase, ...] = ("test", "catch", "practice")
FAVOURITES = "Favourites of the machine"


def from_atlas(request: BuildRequest, track: Track = no_track) -> Study:
    """Write the study folder.

    Raises
    ------
    LensError
        If a field is wrong, the atlases cannot carry the design, or the target is not free.
    """
    if not request.atlases:
        raise LensError("a study of visualizations needs --atlas ATLAS or --stimuli TABLE.csv")
    design = design_from(request, VisualizationsDesign)
    atlases = request.open_atlases()
    items = craft.read_items(
        atlases,
        view="crop",
        strong_quantile=design.strong_quantile,
        weak_quantile=design.weak_quantile,
        items_per_class=design.items_per_class,
        seed=request.seed,
        track=track,
    )
    notes: list[str] = []
    able = [item for item in items if _room(item) > craft.MIN_CROPS]
    if set(PAINTED) & set(design.kinds):
        by_hash = {atlas.hash: atlas for atlas in atlases}
        able = [i for i in able if _has_look(by_hash[i.universe.pool.atlas_hash], i)]
        notes.append("the atlas has one visualization of a concept: 'optimized' shows that one")
    if not able:
        raise LensError(
            "no concept has enough different held-out photographs"
            + (" and a visualization" if set(PAINTED) & set(design.kinds) else "")
            + ": build the atlas from more images a class, with visualizations, or leave them out "
            "with --set kinds=none,natural,blurred"
        )
    if len(able) < len(items):
        names = ", ".join(item.universe.item for item in items if item not in able)
        notes.append(f"left out for want of photographs or a visualization: {names}")
    n_references = min(design.n_references, *(_room(item) - 1 for item in able))
    if n_references < design.n_references:
        notes.append(
            f"{n_references} references instead of {design.n_references}: an item has no more "
            "different held-out photographs"
        )
        design = design.model_copy(update={"n_references": n_references})
    conditions = [Condition(name=kind, label=LABELS[kind]) for kind in design.kinds]
    pictures = Pictures(StimulusNames(request.seed))
    with tempfile.TemporaryDirectory() as folder:
        pool = _Pool(design, atlases, pictures, Path(folder), request.seed)
        templates, key = pool.templates(able)
        config = make_config(
            request, VisualizationsConfig, design, craft.atlas_source(atlases, notes), conditions,
            VISUALIZATIONS, plan_for(conditions, reference="none"),
        )  # fmt: skip
        universe = craft.universe_table(able, pictures)
        return write_study(
            request,
            config,
            [template.row() for template in templates],
            key,
            pictures.names,
            universe,
            size_px=design.stimulus_px,
            quality=design.webp_quality,
            track=track,
        )


def from_table(request: BuildRequest, table: Path, track: Track = no_track) -> Study:
    """Write the study folder from anybody's pictures.

    Raises
    ------
    LensError
        If the table lacks a column or names a picture that is not there.
    """
    optional = ("references", "image", "method", "condition", "use", "strong", "weak", "evidence")
    rows = read_table(table, ("item", "favoured", "other"), optional, USES)
    uses = [row["use"] for row in rows]
    design = design_from(request, VisualizationsDesign)
    design = design.model_copy(
        update={
            "n_catch": design.n_catch if "catch" in uses else 0,
            "n_practice": min(design.n_practice, uses.count("practice")),
        }
    )
    names = StimulusNames(request.seed)
    rng = generator(request.seed, "order in the pool")
    templates, key = [], {}
    for number, row in enumerate(rows):
        references = files_in(row.get("references", ""))
        right = names.name(_copy(square(table.parent / row["favoured"].strip())))
        wrong = names.name(_copy(square(table.parent / row["other"].strip())))
        image = row.get("image", "").strip()
        evidence = number_in(row, "evidence", 2.0)
        panel = Panel(FAVOURITES, tuple(names.name(square(table.parent / f)) for f in references))
        strong, weak = (number_in(row, which, float("nan")) for which in ("strong", "weak"))
        columns: dict[str, Any] = {"method": row.get("method", ""), "concept_id": row["item"]}
        if not np.isnan(strong - weak):
            columns |= {"strength_strong": strong, "strength_weak": weak}
        template = ChoiceTemplate(
            template=f"t{number:05d}",
            condition=row["condition"],
            use=USES[USES.index(row["use"])],
            item=row["item"],
            options=tuple(
                shuffled([Option(right, (right,), evidence=evidence), Option(wrong, (wrong,))], rng)
            ),
            panels=(panel,) if references else (),
            query=names.name(square(table.parent / image)) if image else "",
            source_image=image or row["favoured"].strip(),
            sources=(row["favoured"].strip(), row["other"].strip()),
            columns=columns,
        )
        templates.append(template)
        key[template.template] = right
    conditions = conditions_in(rows)
    config = make_config(
        request, VisualizationsConfig, design, table_source(table), conditions, VISUALIZATIONS,
        plan_for(conditions, reference="none"),
    )  # fmt: skip
    return write_study(
        request,
        config,
        [template.row() for template in templates],
        key,
        names,
        table_universe(table, names),
        size_px=design.stimulus_px,
        quality=design.webp_quality,
        track=track,
    )


@dataclass
class _Pool:
    """Draws trials; every condition gets the same, with references of its kind."""

    design: VisualizationsDesign
    atlases: Sequence[Atlas]
    pictures: Pictures
    folder: Path
    seed: int

    def templates(self, items: Sequence[Item]) -> tuple[list[ChoiceTemplate], dict[str, str]]:
        """The pool of trials, and its key."""
        design = self.design
        made: list[ChoiceTemplate] = []
        key: dict[str, str] = {}
        histories = {item.universe.item: History() for item in items}
        clearest = sorted(items, key=lambda item: -item.z(int(item.own[-1])))
        wanted: list[tuple[Item, Phase]] = [
            (item, "test") for item in items for _ in range(design.templates_per_item)
        ]
        rng = generator(self.seed, "catch and practice")
        wanted += [(item, "catch") for item in spread(items, 2 * design.n_catch, rng)]
        few = clearest[: max(1, design.n_practice)]
        wanted += [(item, "practice") for item in spread(few, design.n_practice, rng)]
        for number, (item, use) in enumerate(wanted):
            rng = generator(self.seed, use, number, item.universe.item)
            drawn = draw_fresh(
                item.universe,
                Strata(item.own, item.others),
                design.n_references,
                "extreme" if use == "practice" else "any",
                rng,
                histories[item.universe.item],
            )
            order = shuffled([True, False], rng)
            for kind in design.kinds:
                template, right = self._template(
                    f"t{len(made):05d}", item, use, kind, drawn.strong_query, drawn.weak_query,
                    drawn.strong, order,
                )  # fmt: skip
                made.append(template)
                key[template.template] = right
        return made, key

    def _template(
        self,
        name: str,
        item: Item,
        use: Phase,
        kind: Kind,
        strong: int,
        weak: int,
        references: Sequence[int],
        order: Sequence[bool],
    ) -> tuple[ChoiceTemplate, str]:
        right = self.pictures.stimulus(item, strong)
        wrong = self.pictures.stimulus(item, weak)
        references = references[:-1] if use == "catch" else references
        shown = self._references(item, kind, references)
        seen = 0
        if use == "catch":  # the right one is among the references, under another name
            shown = [*shown, self.pictures.stimulus(item, strong, copy=1)]
            seen = 1
        both = {
            True: Option(right, (right,), evidence=item.z(strong), seen=seen),
            False: Option(wrong, (wrong,), evidence=item.z(weak)),
        }
        photographs = () if kind in ("none", "optimized") else tuple(references)
        columns = item.columns() | {
            "strength_strong": float(item.universe.values[strong]),
            "strength_weak": float(item.universe.values[weak]),
            "strength_gap": item.z(strong) - item.z(weak),
            "method": "" if kind == "none" else kind,
        }
        del columns["parent_id"]
        template = ChoiceTemplate(
            template=name,
            condition=kind,
            use=use,
            item=item.universe.item,
            options=tuple(both[which] for which in order),
            panels=(Panel(FAVOURITES, tuple(shown)),) if shown else (),
            source_image=craft.source_of(item, strong),
            sources=tuple(craft.source_of(item, c) for c in (strong, weak, *photographs)),
            columns=columns,
        )
        return template, right

    def _references(self, item: Item, kind: Kind, drawn: Sequence[int]) -> list[str]:
        if kind == "none":
            return []
        if kind == "optimized":
            return [self._look(item)]
        if kind == "blurred":
            return [self._blurred(item, candidate) for candidate in drawn]
        natural = [self.pictures.stimulus(item, candidate) for candidate in drawn]
        return natural if kind == "natural" else [self._look(item), *natural[1:]]

    def _look(self, item: Item) -> str:
        file = self.folder / f"look-{item.universe.item.replace('/', '-')}.png"
        if not file.exists():
            atlas = next(a for a in self.atlases if a.hash == item.universe.pool.atlas_hash)
            look = flat_visualization(atlas, item)
            assert look is not None  # items without one were left out
            look.save(file)
        return self.pictures.names.name(Cut(file))

    def _blurred(self, item: Item, candidate: int) -> str:
        picture = item.universe.pool.pictures[candidate]
        place = f"{item.universe.pool.class_id}-{picture.image}-{picture.crop}"
        file = self.folder / f"blurred-{item.universe.pool.atlas_hash[-8:]}-{place}.png"
        if not file.exists():
            px = self.design.stimulus_px
            cut = cut_out(read_picture(picture.file), picture.box, px)
            blurred(cut, self.design.blur).save(file)
        return self.pictures.names.name(Cut(file))


def _room(item: Item) -> int:
    return capacity(item.universe, Strata(item.own, item.others))


def _has_look(atlas: Atlas, item: Item) -> bool:
    loaded = atlas.load_class(item.universe.pool.class_id)
    return loaded.concept(item.universe.concept_id).visualization is not None


def _copy(cut: Cut) -> Cut:
    """An answer may be one of the references, too: its name must not tell."""
    return Cut(cut.file, cut.box, 1)
