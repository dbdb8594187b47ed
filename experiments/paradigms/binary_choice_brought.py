"""Parts of another method's concepts and their wholes, brought beside an atlas."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from experiments.paradigms.binary_choice import LETTERS, TASK, BinaryChoiceDesign
from experiments.paradigms.brought_crops import EVIDENCE, Drawn, Group
from experiments.paradigms.choice_template import ChoiceTemplate, Option
from experiments.records import Phase
from experiments.stimuli import Cut, StimulusNames

Pair = tuple[Group, Group]
"""A part and its whole."""


def pairs_of(groups: Sequence[Group]) -> list[Pair]:
    """Every part with its whole, whose crops it shares."""
    by_name = {(group.method, group.name): group for group in groups}
    return [(part, by_name[part.method, part.parent]) for part in groups if part.parent]


def room(pair: Pair, n_crops: int) -> bool:
    """Whether a query and two groups of different photographs can be drawn."""
    part, whole = pair
    return (
        len(part.photographs) > n_crops
        and len(whole.photographs) > 2 * n_crops
        and bool(whole.photographs - part.photographs)
    )


def draw_trial(
    name: str,
    part: Group,
    use: Phase,
    rng: np.random.Generator,
    *,
    wholes: Mapping[Group, Group],
    design: BinaryChoiceDesign,
    names: StimulusNames,
) -> Drawn | None:
    """A trial about a part and its whole; none if the photographs are too few for it."""
    whole = wholes[part]
    query = part.fresh(part.crops, rng)
    of_part = part.draw(design.n_crops, [query.photograph], rng) or ()
    taken = [query.photograph, *(crop.photograph for crop in of_part)]
    of_whole = whole.draw(design.n_crops, taken, rng)
    if not of_part or of_whole is None:
        return None
    copy, seen = 0, 0
    if use in ("catch", "practice"):  # the very picture is in the part's group
        of_part, copy, seen = (*of_part[:-1], query), 1, 1
    letters = LETTERS if rng.integers(2) else LETTERS[::-1]
    groups = [
        Option(
            letters[0], tuple(names.name(crop.cut) for crop in of_part), evidence=EVIDENCE,
            seen=seen,
        ),
        Option(letters[1], tuple(names.name(crop.cut) for crop in of_whole)),
    ]  # fmt: skip
    shown = dict.fromkeys((query, *of_part, *of_whole))
    template = ChoiceTemplate(
        template=name,
        condition=part.condition,
        use=use,
        item=part.item,
        options=tuple(sorted(groups, key=lambda option: option.name)),
        query=names.name(Cut(query.cut.file, query.cut.box, copy)),
        source_image=query.photograph,
        sources=tuple(crop.photograph for crop in shown),
        columns={
            "task": TASK,
            "concept_id": part.name,
            "parent_id": part.parent,
            "evidence_gap": EVIDENCE,
        },
    )
    return template, letters[0]
