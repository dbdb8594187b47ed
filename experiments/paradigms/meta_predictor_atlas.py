"""Photographs of an atlas with what the model says of them, and its maps as pictures.

An atlas explains the logit of the class that a photograph is listed under, so only photographs that
the model predicts as that class can be shown with a map; the others can be asked about. Whether the
model is right is known by the folder that a photograph comes from: the atlas lists mistakes if it
was built with ``--select anywhere`` (all that is predicted as the class, from whichever folder) or
``--select labelled`` (all of the class's folder).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from experiments.design import AtlasSource, Source
from experiments.paradigms.brought import NOTHING, Brought
from experiments.paradigms.explanations import CONCEPTS, Floats, concept_overlay, heat_overlay
from experiments.paradigms.meta_predictor import BASELINE, CONTROL, MetaPredictorDesign
from experiments.paradigms.meta_predictor_photographs import Judged, rendered
from experiments.selection import selected_of
from experiments.stimuli import Cut, read_picture
from lens_core.atlas import Atlas, AtlasClass, ClassEntry, DictionaryInfo, LensError, Track

CRAFT = "craft"


def methods_of(
    atlas: Atlas, design: MetaPredictorDesign, explained: Brought = NOTHING
) -> dict[str, str]:
    """Methods that both classes have maps of, with their titles.

    Maps of concepts follow those of the atlas, and what was brought beside it comes last.

    Raises
    ------
    LensError
        If the design names one that is not there, or one was brought that the atlas has, too.
    """
    entries = chosen_classes(atlas, design)
    first, *others = [
        {one.method: one.title for one in atlas.load_class(entry.id).info.attributions}
        for entry in entries
    ]
    there = {m: title for m, title in first.items() if all(m in other for other in others)}
    if _dictionary(atlas) is not None:
        there[CRAFT] = "Concepts (CRAFT)"
    for name in explained.maps:
        if name in {*there, BASELINE, CONTROL}:
            raise LensError(
                f"--explanations: {name!r} is a condition already; call your method otherwise"
            )
        there[name] = name
    for name in design.methods:
        if name not in there:
            raise LensError(
                f"methods: {atlas.store} stores no {name!r} of both classes, only "
                f"{', '.join(there) or 'none'}; build it with --attributions {name}, or bring its "
                "pictures with --explanations"
            )
    return {name: there[name] for name in design.methods or there}


def chosen_classes(atlas: Atlas, design: MetaPredictorDesign) -> list[ClassEntry]:
    """The two classes that the model decides between.

    Raises
    ------
    LensError
        If they are not named, not two, or not there.
    """
    if not design.classes:
        if len(atlas.classes) != 2:
            raise LensError(
                f"{atlas.store} has {len(atlas.classes)} classes: say which two people tell apart "
                "with --set classes=A,B"
            )
        return list(atlas.classes)
    found = []
    for name in design.classes:
        mine = [e for e in atlas.classes if name.casefold() in _called(e)]
        if not mine:
            known = ", ".join(entry.name for entry in atlas.classes)
            raise LensError(f"classes: {atlas.store} has no {name!r}; it has {known}")
        found.append(mine[0])
    if found[0].id == found[1].id:
        raise LensError(f"classes: {found[0].name!r} twice; name two")
    return found


def judged_in(
    atlas: Atlas,
    design: MetaPredictorDesign,
    methods: dict[str, str],
    explained: Brought,
    folder: Path,
    track: Track,
) -> tuple[list[Judged], Source]:
    """Photographs that the model takes for one of the two classes, explained as far as it goes.

    Parameters
    ----------
    folder : where pictures of explanations are written.
    """
    entries = chosen_classes(atlas, design)
    by_folder = {entry.folder: entry.name for entry in entries}
    names = {entry.id: entry.name for entry in entries}
    judged: dict[str, Judged] = {}
    for entry in track(entries, "photographs", len(entries)):
        loaded = atlas.load_class(entry.id)
        draw = _Drawing(atlas, loaded, design, methods, explained, folder)
        for row in loaded.images.to_dict("records"):
            folder_of = str(row["file"]).rpartition("/")[0]
            truth = by_folder.get(folder_of)
            if truth is None or int(row["predicted"]) not in names:
                continue
            mine = int(row["predicted"]) == entry.id
            if str(row["file"]) in judged and not mine:
                continue
            judged[str(row["file"])] = Judged(
                item=str(row["file"]),
                cut=Cut(loaded.path(str(row["picture"]))),
                prediction=names[int(row["predicted"])],
                truth=truth,
                explained=draw.explained(row) if mine else {},
                # What is certain to the model shows best what it goes by.
                evidence=1.0 + float(row["probability"]) if mine else 1.0,
                atlas_hash=atlas.hash,
            )
    source = Source(
        kind="atlas",
        atlases=(AtlasSource(hash=atlas.hash, title=atlas.title),),
        selected=selected_of([atlas]),
        explanations_sha256=explained.sha256 or None,
    )
    return list(judged.values()), source


class _Drawing:
    """Draws what methods say of a class's photographs; only where every method says something."""

    def __init__(
        self,
        atlas: Atlas,
        loaded: AtlasClass,
        design: MetaPredictorDesign,
        methods: dict[str, str],
        explained: Brought,
        folder: Path,
    ) -> None:
        self._loaded, self._design, self._folder = loaded, design, folder
        self._brought = explained
        self._methods = list(methods)
        self._place = {image: place for place, image in enumerate(loaded.info.attributed)}
        self._maps = {
            name: loaded.array(f"attributions/{name}/maps")
            for name in methods
            if name != CRAFT and name not in explained.maps
        }
        dictionary = _dictionary(atlas) if CRAFT in methods else None
        self._concepts = loaded.info.of_dictionary(dictionary.id) if dictionary else ()
        if dictionary:
            self._concept_maps = loaded.array(f"{dictionary.id}/maps")
            self._shares = loaded.array(f"{dictionary.id}/contributions")

    def explained(self, row: Mapping[Any, Any]) -> dict[str, Cut]:
        """Method to picture; empty unless all methods explain the photograph.

        Parameters
        ----------
        row : of the table of photographs.
        """
        image, design = int(row["image"]), self._design
        px, opacity, percentile = design.stimulus_px, design.opacity, design.strong_percentile
        brought = {
            name: self._brought.map_of(name, str(row["file"]))
            for name in self._methods
            if name in self._brought.maps
        }
        if (self._maps and image not in self._place) or None in brought.values():
            return {}
        shown = read_picture(self._loaded.path(str(row["picture"])))
        made = {}
        for name in self._methods:
            cut = brought.get(name)
            if cut is not None:
                made[name] = cut
                continue
            if name == CRAFT:
                overlay = concept_overlay(shown, *self._strongest(image), px, opacity, percentile)
            else:
                values = np.asarray(self._maps[name][self._place[image]], dtype=np.float64)
                overlay = heat_overlay(shown, values, px, opacity, percentile)
            made[name] = rendered(overlay, self._folder, f"{self._loaded.info.id}-{image}-{name}")
        return made

    def _strongest(self, image: int) -> tuple[list[Floats], list[int]]:
        """Maps of the concepts that contribute most to the decision, and their colours."""
        shares = np.asarray(self._shares[image], dtype=np.float64)
        ranked = sorted(self._concepts, key=lambda concept: -shares[concept.index])
        order = {concept.id: place for place, concept in enumerate(self._concepts)}
        chosen = [c for c in ranked[: self._design.n_concepts] if shares[c.index] > 0] or ranked[:1]
        maps = [np.asarray(self._concept_maps[image, c.index], dtype=np.float64) for c in chosen]
        return maps, [order[c.id] % len(CONCEPTS) for c in chosen]


def _dictionary(atlas: Atlas) -> DictionaryInfo | None:
    """The first dictionary of concepts that each class has of its own."""
    mine = (d for d in atlas.dictionaries if d.basis == "concepts" and d.scope == "class")
    return next((d for d in mine if not d.depth), None)


def _called(entry: ClassEntry) -> set[str]:
    names = (str(entry.id), entry.name, entry.folder, *entry.synonyms)
    return {name.casefold() for name in names}
