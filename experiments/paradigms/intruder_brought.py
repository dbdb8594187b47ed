"""Intruders among crops of another method's concepts, brought beside an atlas."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from experiments.paradigms.brought_crops import EVIDENCE, Crop, Drawn, Group
from experiments.paradigms.choice_template import ChoiceTemplate, Option
from experiments.paradigms.intruder import TASK, IntruderDesign
from experiments.records import Phase
from experiments.schedule import shuffled
from experiments.stimuli import Cut, StimulusNames


def strangers(group: Group, groups: Sequence[Group], design: IntruderDesign) -> list[Group]:
    """Groups whose crops can be intruders: of the same method and class, foreign to the group."""
    siblings = bool(group.parent) and design.intruder_from == "siblings"
    return [
        other
        for other in groups
        if (other.method, other.of_class) == (group.method, group.of_class)
        and other is not group
        and (other.parent == group.parent if siblings else not other.parent)
        and not other.contains(group)
        and _foreign(group, other)
    ]


def _foreign(group: Group, other: Group) -> list[Crop]:
    mine = {crop.cut for crop in group.crops}
    return [crop for crop in other.crops if crop.cut not in mine]


def draw_trial(
    name: str,
    group: Group,
    use: Phase,
    rng: np.random.Generator,
    *,
    groups: Sequence[Group],
    design: IntruderDesign,
    names: StimulusNames,
) -> Drawn | None:
    """A trial about a group that has strangers among all groups; none if the photographs are too
    few for it."""
    for other in shuffled(strangers(group, groups, design), rng):
        intruder = group.fresh(_foreign(group, other), rng)
        crops = group.draw(design.n_crops, [intruder.photograph], rng)
        if crops is None:
            continue
        if use == "catch":  # the same picture again and again, and one other
            crops = crops[-1:] * design.n_crops
        right = names.name(intruder.cut)
        options = [Option(right, (right,), evidence=EVIDENCE)]
        for copy, crop in enumerate(crops):
            cut = Cut(crop.cut.file, crop.cut.box, copy + 1 if use == "catch" else 0)
            stimulus = names.name(cut)
            options.append(Option(stimulus, (stimulus,), seen=-1 if use == "catch" else 0))
        template = ChoiceTemplate(
            template=name,
            condition=group.condition,
            use=use,
            item=group.item,
            options=tuple(shuffled(options, rng)),
            source_image=intruder.photograph,
            sources=(intruder.photograph, *dict.fromkeys(crop.photograph for crop in crops)),
            columns={
                "task": TASK,
                "concept_id": group.name,
                "parent_id": group.parent,
                "intruder_id": other.name,
                "evidence_gap": EVIDENCE,
            },
        )
        return template, right
    return None
