"""Studies of favourite pictures from an atlas, and from what was brought beside it."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from experiments.design import Condition
from experiments.paradigms import craft_pictures as craft
from experiments.paradigms.base import BuildRequest
from experiments.paradigms.brought import Brought, brought_in
from experiments.paradigms.choice_template import ChoiceTemplate, Option, Panel
from experiments.paradigms.craft_pictures import Item
from experiments.paradigms.files import Defaults, design_from, plan_for, write_study
from experiments.paradigms.visualization_pictures import blurred, looks_of, strongest_place
from experiments.paradigms.visualizations import Kind, VisualizationsConfig, VisualizationsDesign
from experiments.paradigms.visualizations_queries import Asked, Hidden, Photographs, Queries
from experiments.paradigms.visualizations_texts import HIDDEN, PUBLISHED_TRIALS, VISUALIZATIONS
from experiments.records import Phase
from experiments.schedule import generator, shuffled, spread
from experiments.stimuli import Cut, StimulusNames, cut_out, read_picture
from experiments.study import Study
from lens_core.atlas import Atlas, AtlasClass, LensError, Track, no_track

LABELS: dict[Kind, str] = {
    "none": "No favourites",
    "natural": "Photographs",
    "optimized": "Feature visualizations",
    "mixed": "Both",
    "blurred": "Blurred photographs",
}
PAINTED: tuple[Kind, ...] = ("optimized", "mixed")
FAVOURITES = "Favourites of the program"


@dataclass(frozen=True)
class Shown:
    """One condition: a kind of favourites, and by which method visualizations are made."""

    name: str
    label: str
    kind: Kind
    method: str = ""


def from_atlas(request: BuildRequest, track: Track = no_track) -> Study:
    """Write the study folder.

    Raises
    ------
    LensError
        If a field is wrong, the atlases cannot carry the design, or the target is not free.
    """
    design = design_from(request, VisualizationsDesign)
    atlases = request.open_atlases()
    explained = brought_in(request)
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
    if design.queries == "hidden" and not explained.hidden:
        notes.append(
            "asks about two photographs: for versions of one with a part hidden, make them with "
            "'lens atlas pictures' and add --explanations"
        )
        design = design.model_copy(update={"queries": "photographs"})
    queries: Queries = Hidden(explained) if design.queries == "hidden" else Photographs()
    shown = _conditions(design, items, explained)
    methods = {one.method for one in shown if one.method}
    able = [
        item
        for item in items
        if queries.room(item) >= design.min_photographs
        and methods <= set(looks_of(item.universe, explained))
    ]
    if not able:
        raise LensError(
            "no concept has enough different held-out photographs"
            + (f" and visualizations ({', '.join(sorted(methods))})" if methods else "")
            + (" and versions with a part hidden" if design.queries == "hidden" else "")
            + ": build the atlas from more images a class, with visualizations, or leave them out "
            "with --set kinds=none,natural,blurred"
        )
    if len(able) < len(items):
        left = ", ".join(item.universe.item for item in items if item not in able)
        notes.append(f"left out for want of photographs or pictures: {left}")
    design = _fitted(design, able, queries, explained, notes)
    conditions = [Condition(name=one.name, label=one.label) for one in shown]
    names = StimulusNames(request.seed)
    with tempfile.TemporaryDirectory() as folder:
        pool = _Pool(design, atlases, explained, names, Path(folder), request.seed)
        templates, key = pool.templates(able, shown, queries)
        return write_study(
            request, VisualizationsConfig, design, craft.atlas_source(atlases, notes, explained),
            conditions, texts_for(design),
            plan_for(conditions, reference="none"), templates, key, names,
            craft.universe_table(able, names), track,
        )  # fmt: skip


def texts_for(design: VisualizationsDesign) -> Defaults:
    """Texts and criteria for that question and so many trials."""
    texts = HIDDEN if design.queries == "hidden" else VISUALIZATIONS
    return texts.timed(design.n_trials + design.n_catch, PUBLISHED_TRIALS)


def _conditions(
    design: VisualizationsDesign, items: Sequence[Item], explained: Brought
) -> list[Shown]:
    """One for each kind of favourites; visualizations by several methods are several kinds."""
    methods = dict.fromkeys(m for item in items for m in looks_of(item.universe, explained))
    names = list(methods) or [""]
    if set(PAINTED) & set(design.kinds) and not methods:
        raise LensError(
            "no concept has a visualization: build the atlas with them, add --explanations, or "
            "leave them out with --set kinds=none,natural,blurred"
        )
    shown: list[Shown] = []
    for kind in design.kinds:
        if kind == "optimized" and len(names) > 1:
            shown += [Shown(f"{kind}-{m}", f"{LABELS[kind]} ({m})", kind, m) for m in names]
        else:
            shown.append(Shown(kind, LABELS[kind], kind, names[0] if kind in PAINTED else ""))
    return shown


def _fitted(
    design: VisualizationsDesign,
    items: Sequence[Item],
    queries: Queries,
    explained: Brought,
    notes: list[str],
) -> VisualizationsDesign:
    """The design with as many favourites as every item can have."""
    n_references = min(design.n_references, *(queries.room(item) for item in items))
    if n_references < design.n_references:
        notes.append(
            f"{n_references} photographs as favourites instead of {design.n_references}: an item "
            "has no more different held-out ones"
        )
    n_looks = design.n_visualizations
    if set(PAINTED) & set(design.kinds):
        there = [len(n) for i in items for n in looks_of(i.universe, explained).values()]
        n_looks = min(n_looks, *there)
    if n_looks < design.n_visualizations:
        notes.append(
            f"{n_looks} visualizations of a concept instead of {design.n_visualizations}: an "
            "atlas holds one, 'lens atlas pictures' makes more for --explanations"
        )
    return design.model_copy(update={"n_references": n_references, "n_visualizations": n_looks})


@dataclass
class _Pool:
    """Draws trials; every condition gets the same, with favourites of its kind."""

    design: VisualizationsDesign
    atlases: Sequence[Atlas]
    explained: Brought
    names: StimulusNames
    folder: Path
    seed: int
    classes: dict[tuple[str, int], AtlasClass] = field(default_factory=dict)

    def templates(
        self, items: Sequence[Item], conditions: Sequence[Shown], queries: Queries
    ) -> tuple[list[ChoiceTemplate], dict[str, str]]:
        """The pool of trials, and its key."""
        design = self.design
        made: list[ChoiceTemplate] = []
        key: dict[str, str] = {}
        wanted: list[tuple[Item, Phase]] = [
            (item, "test") for item in items for _ in range(design.templates_per_item)
        ]
        rng = generator(self.seed, "catch and practice")
        wanted += [(item, "catch") for item in spread(items, 2 * design.n_catch, rng)]
        few = sorted(items, key=lambda item: -queries.clearness(item))
        few = few[: max(1, design.n_practice)]
        wanted += [(item, "practice") for item in spread(few, design.n_practice, rng)]
        for number, (item, use) in enumerate(wanted):
            rng = generator(self.seed, use, number, item.universe.item)
            asked = queries.draw(item, use, design.n_references, rng)
            if asked is None:
                continue
            order = shuffled([True, False], rng)
            for condition in conditions:
                template, right = self._template(
                    f"t{len(made):05d}", item, use, condition, asked, order
                )
                made.append(template)
                key[template.template] = right
        return made, key

    def _template(
        self,
        name: str,
        item: Item,
        use: Phase,
        condition: Shown,
        asked: Asked,
        order: Sequence[bool],
    ) -> tuple[ChoiceTemplate, str]:
        names = self.names
        shown = self._favourites(item, condition, asked.references)
        other, seen = asked.wrong, int(use == "catch")
        if use == "catch" and (shown or asked.odd is None):
            # The right one is among the favourites, under another name.
            shown[-1:] = [Cut(asked.right.file, asked.right.box, copy=1)]
        elif use == "catch" and asked.odd is not None:
            other = asked.odd  # no version of this photograph: who looks sees it
        right, wrong = names.name(asked.right), names.name(other)
        scale = item.universe.scale
        both = {
            True: Option(right, (right,), evidence=asked.strong / scale, seen=seen),
            False: Option(wrong, (wrong,), evidence=asked.weak / scale),
        }
        photographs = () if condition.kind in ("none", "optimized") else asked.references
        columns = item.columns() | {
            "strength_strong": asked.strong,
            "strength_weak": asked.weak,
            "strength_gap": (asked.strong - asked.weak) / scale,
            "method": condition.method or ("" if condition.kind == "none" else condition.kind),
        }
        del columns["parent_id"]
        template = ChoiceTemplate(
            template=name,
            condition=condition.name,
            use=use,
            item=item.universe.item,
            options=tuple(both[which] for which in order),
            panels=(Panel(FAVOURITES, tuple(names.name(cut) for cut in shown)),) if shown else (),
            query=names.name(asked.whole) if asked.whole else "",
            caption="The whole photograph" if asked.whole else "",
            source_image=asked.sources[0],
            sources=(*asked.sources, *(craft.source_of(item, c) for c in photographs)),
            columns=columns,
        )
        return template, right

    def _favourites(self, item: Item, condition: Shown, drawn: Sequence[int]) -> list[Cut]:
        if condition.kind == "none":
            return []
        if condition.kind == "blurred":
            return [self._blurred(item, candidate) for candidate in drawn]
        pictures = item.universe.pool.pictures
        natural = [Cut(pictures[candidate].file, pictures[candidate].box) for candidate in drawn]
        if condition.kind == "natural":
            return natural
        looks = list(looks_of(item.universe, self.explained)[condition.method])
        looks = looks[: self.design.n_visualizations]
        if condition.kind == "optimized":
            return looks
        # At least one of each, however few there are.
        looks = looks[: max(1, min(self.design.n_mixed, len(natural) - 1))]
        return [*looks, *natural[len(looks) :]]

    def _blurred(self, item: Item, candidate: int) -> Cut:
        pool = item.universe.pool
        picture = pool.pictures[candidate]
        place = f"{pool.class_id}-{item.universe.concept_id}-{picture.image}-{picture.crop}"
        file = self.folder / f"blurred-{pool.atlas_hash[-8:]}-{place}.png"
        if not file.exists():
            design = self.design
            cut = cut_out(read_picture(picture.file), picture.box, design.stimulus_px)
            centre = strongest_place(self._map(item, picture.image), picture.box, design.sharp)
            blurred(cut, design.blur, design.sharp if centre else 0.0, centre or (0.5, 0.5)).save(
                file
            )
        return Cut(file)

    def _map(self, item: Item, image: int) -> NDArray[np.generic] | None:
        """Where the concept is in a photograph; none if the atlas does not say."""
        universe, pool = item.universe, item.universe.pool
        if (pool.atlas_hash, pool.class_id) not in self.classes:
            atlas = next(a for a in self.atlases if a.hash == pool.atlas_hash)
            self.classes[pool.atlas_hash, pool.class_id] = atlas.load_class(pool.class_id)
        one = self.classes[pool.atlas_hash, pool.class_id]
        name = f"{universe.dictionary}/maps"
        if name not in one.array_names():
            return None
        return np.asarray(one.array(name)[image, one.concept(universe.concept_id).index])
