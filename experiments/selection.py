"""Part of an atlas: which classes and concepts a study asks about, and how they were chosen.

What was not chosen is not there for whoever opens the atlas through :func:`open_selected`, so a
paradigm need not know of it. Concepts picked by hand are recorded as such: a study of pretty ones
says little of the others.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from experiments.design import Selected
from experiments.schedule import generator
from lens_core.atlas import Atlas, AtlasClass, ClassEntry, ClassInfo, LensError

__all__ = ["EVERYTHING", "Selection", "open_selected", "selected_of"]


@dataclass(frozen=True)
class Selection:
    """What to ask about.

    Attributes
    ----------
    classes : ids of classes; empty for all.
    concepts : picked by hand, as ``CLASS/CONCEPT`` (``310/concepts-4``); empty for no such choice.
    per_class : concepts of each class and dictionary, drawn by seed: one from each of as many
        strata of equal size by importance. None for all.
    """

    classes: tuple[int, ...] = ()
    concepts: tuple[str, ...] = ()
    per_class: int | None = None

    def __bool__(self) -> bool:
        return bool(self.classes or self.concepts) or self.per_class is not None

    def describe(self) -> Selected | None:
        """As the study file records it; None if everything is in."""
        if not self:
            return None
        how = "by hand" if self.concepts else "stratified sample" if self.per_class else "classes"
        return Selected(
            how=how,
            classes=self.classes,
            concepts=self.concepts,
            per_class=None if self.concepts else self.per_class,
        )


EVERYTHING = Selection()


def open_selected(place: str | Path, selection: Selection, seed: int) -> Atlas:
    """An atlas of which no more is there than was selected.

    Raises
    ------
    LensError
        If there is no atlas, or it lacks a class or concept that was selected.
    """
    atlas = Atlas.open(place)
    if not selection:
        return atlas
    if selection.per_class is not None and selection.per_class < 1:
        raise LensError(f"{selection.per_class} concepts of each class: ask for at least 1")
    by_hand: dict[int, set[str]] = {}
    for name in selection.concepts:
        class_id, concept = _parse(name)
        atlas.entry(class_id)  # says so if there is none
        by_hand.setdefault(class_id, set()).add(concept)
    wanted = selection.classes or tuple(by_hand) or tuple(entry.id for entry in atlas.classes)
    for class_id in wanted:
        atlas.entry(class_id)
    if selection.concepts:
        wanted = tuple(class_id for class_id in wanted if class_id in by_hand)
    kept = {}
    for class_id in wanted:
        info = atlas.load_class(class_id).info
        chosen = by_hand.get(class_id)
        if chosen is not None:
            missing = sorted(chosen - {concept.id for concept in info.concepts})
            if missing:
                raise LensError(f"class {class_id} of {place} has no concept {missing[0]!r}")
        elif selection.per_class is not None:
            chosen = _sample(atlas, info, selection.per_class, seed)
        kept[class_id] = _with_parts(info, chosen)
    return _Part(atlas, kept, selection)


def selected_of(atlases: Iterable[Atlas]) -> Selected | None:
    """What was selected of opened atlases, as the study file records it; None for everything."""
    parts = (atlas.selection.describe() for atlas in atlases if isinstance(atlas, _Part))
    return next(parts, None)


def _parse(name: str) -> tuple[int, str]:
    number, slash, concept = name.partition("/")
    if not slash or not number.isdigit() or not concept:
        raise LensError(f"concept {name!r}: write CLASS/CONCEPT, e.g. 310/concepts-4")
    return int(number), concept


def _sample(atlas: Atlas, info: ClassInfo, n: int, seed: int) -> set[str]:
    """Of each dictionary, one concept from each of ``n`` strata by importance."""
    chosen: set[str] = set()
    for dictionary in atlas.dictionaries:
        if dictionary.depth:
            continue
        ranked = info.of_dictionary(dictionary.id)
        rng = generator(seed, "concepts", atlas.hash, str(info.id), dictionary.id)
        for stratum in np.array_split(np.arange(len(ranked)), min(n, len(ranked))):
            chosen.add(ranked[int(rng.choice(stratum))].id)
    return chosen


def _with_parts(info: ClassInfo, chosen: set[str] | None) -> ClassInfo:
    """The class with the chosen concepts alone, and what these divide into."""
    if chosen is None:
        return info
    names = set(chosen)
    while True:
        more = {c.id for c in info.concepts if c.parent in names} - names
        if not more:
            break
        names |= more
    kept = [concept for concept in info.concepts if concept.id in names]
    return info.model_copy(update={"concepts": tuple(kept)})


class _Part(Atlas):
    """An atlas with some of its classes, and in each some of its concepts."""

    def __init__(self, atlas: Atlas, kept: dict[int, ClassInfo], selection: Selection) -> None:
        self.selection = selection
        classes = tuple(_entry(e, kept[e.id]) for e in atlas.classes if e.id in kept)
        super().__init__(atlas.store, atlas.manifest.model_copy(update={"classes": classes}))
        self._kept = kept

    def load_class(self, class_id: int) -> AtlasClass:
        """One class with what was selected of it."""
        return _ClassPart(super().load_class(class_id), self._kept[class_id])


def _entry(entry: ClassEntry, info: ClassInfo) -> ClassEntry:
    names = {concept.id for concept in info.concepts}
    return entry.model_copy(update={"concepts": tuple(c for c in entry.concepts if c.id in names)})


class _ClassPart(AtlasClass):
    """A class with some of its concepts; tables and arrays stay whole, so rows stay right."""

    def __init__(self, whole: AtlasClass, info: ClassInfo) -> None:
        super().__init__(whole.store, whole.folder)
        self._selected = info

    @cached_property
    def info(self) -> ClassInfo:
        """What ``class.json`` says of what was selected."""
        return self._selected
