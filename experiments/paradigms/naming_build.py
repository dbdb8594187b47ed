"""Naming studies from an atlas, or from a table with one card a row.

Columns of the table: ``item`` (the concept's name in the data), ``crops`` (files, ``;``). Optional:
``visualization`` (a file), ``use`` (``test`` or ``practice``), ``condition``.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from experiments.design import Condition, Consent, Exclusion, Instruction, QuizQuestion, Session
from experiments.paradigms import craft_pictures as craft
from experiments.paradigms.base import BuildRequest
from experiments.paradigms.brought import Brought, brought_in
from experiments.paradigms.choice_template import ChoiceTemplate, Panel, unscored
from experiments.paradigms.craft_pictures import Item
from experiments.paradigms.files import Defaults, design_from, plan_for, write_study
from experiments.paradigms.naming import NamingConfig, NamingDesign
from experiments.paradigms.tables import (
    conditions_in,
    files_in,
    read_table,
    square,
    table_source,
    table_universe,
)
from experiments.paradigms.visualization_pictures import looks_of
from experiments.records import Phase
from experiments.schedule import generator, spread
from experiments.stimuli import StimulusNames
from experiments.study import Study
from lens_core.atlas import LensError, Track, no_track

CARD = Condition(name="card", label="Card")
USES: tuple[Phase, ...] = ("test", "practice")

TEXTS = Defaults(
    consent=Consent(
        version="1",
        markdown=(
            "You are invited to a study about how people name what they see. You will look at "
            "groups of small pictures and say what they have in common.\n\n"
            "- It takes about {minutes} minutes.\n"
            "- Taking part is voluntary. You may stop at any time by closing the page.\n"
            "- We store your answers and how long they took, under a number and without your "
            "name. Please write nothing about yourself.\n"
            "- There are no known risks.\n"
        ),
    ),
    instructions=(
        Instruction(
            title="What this is about",
            picture="detector",
            markdown=(
                "A computer program has learned to look at pictures. It pays attention to certain "
                "things in them: a texture, a part, a colour.\n\n"
                "You will see small pictures that show something the program takes for the same. "
                "Sometimes there is also a picture that the program dreamed up of it."
            ),
        ),
        Instruction(
            title="What to do",
            picture="name-card",
            markdown=(
                "Say in **one or two words** what the pictures have in common: the **part** or "
                "the **look** that they share, as exactly as you can. There is no right or wrong "
                "answer. Then say how sure you are, from 1 (a guess) to 3 (certain)."
            ),
        ),
    ),
    quiz=(
        QuizQuestion(
            question="What do you write?",
            options=(
                "A short name for what all the pictures share",
                "Which picture is the most beautiful",
                "A story about the pictures",
            ),
            answer=0,
            explanation="A short name for what they share is asked for.",
        ),
    ),
    exclusions=(Exclusion(check="instruction_s", min=10),),
    session=Session(feedback=False, running_score=False, start_delay_ms=300, full_screen=False),
)


def naming_from_atlas(request: BuildRequest, track: Track = no_track) -> Study:
    """Write the study folder.

    Raises
    ------
    LensError
        If a field is wrong, no concept can be shown, or the target is not free.
    """
    design = design_from(request, NamingDesign)
    atlases = request.open_atlases()
    items = craft.read_items(
        atlases,
        view="crop",
        strong_quantile=design.strong_quantile,
        weak_quantile=min(0.5, design.strong_quantile / 2),
        items_per_class=design.items_per_class,
        seed=request.seed,
        track=track,
    )
    able = [item for item in items if item.n_photos >= design.min_photographs]
    notes = []
    if len(able) < len(items):
        left = ", ".join(item.universe.item for item in items if item not in able)
        notes.append(f"left out for want of different photographs: {left}")
    names = StimulusNames(request.seed)
    explained = brought_in(request)
    templates = _cards(able, explained, design, names, request.seed)
    if not templates:
        raise LensError(
            "no concept can be shown: build the atlas from more images a class or with "
            "visualizations, or lower min_photographs or strong_quantile"
        )
    return write_study(
        request, NamingConfig, design, craft.atlas_source(atlases, notes, explained), [CARD],
        TEXTS, plan_for([CARD]), templates, unscored(templates), names,
        craft.universe_table(able, names), track,
    )  # fmt: skip


def naming_from_table(request: BuildRequest, table: Path, track: Track = no_track) -> Study:
    """Write the study folder from anybody's cards.

    Raises
    ------
    LensError
        If the table lacks a column or names a picture that is not there.
    """
    rows = read_table(table, ("item", "crops"), ("visualization", "use", "condition"), USES)
    design = design_from(request, NamingDesign)
    n_practice = min(design.n_practice, sum(row["use"] == "practice" for row in rows))
    design = design.model_copy(update={"n_practice": n_practice})
    names = StimulusNames(request.seed)
    templates = []
    for number, row in enumerate(rows):
        crops = files_in(row["crops"])
        look = files_in(row.get("visualization", ""))
        templates.append(
            ChoiceTemplate(
                template=f"t{number:05d}",
                condition=row["condition"],
                use=USES[USES.index(row["use"])],
                item=row["item"],
                panels=(Panel("", tuple(names.name(square(table.parent / one)) for one in crops)),),
                query=names.name(square(table.parent / look[0])) if look else "",
                source_image=crops[0],
                sources=tuple(crops),
                columns={"concept_id": row["item"], "atlas_hash": "", "class_id": 0},
            )
        )
    conditions = conditions_in(rows)
    return write_study(
        request, NamingConfig, design, table_source(table), conditions, TEXTS,
        plan_for(conditions), templates, unscored(templates), names,
        table_universe(table, names), track,
    )  # fmt: skip


def _cards(
    items: Sequence[Item],
    explained: Brought,
    design: NamingDesign,
    names: StimulusNames,
    seed: int,
) -> list[ChoiceTemplate]:
    """A card of each concept that has what the design shows; practice has cards of its own."""
    shown: list[tuple[Item, str]] = []
    for item in items:
        looks = list(looks_of(item.universe, explained).values()) if design.show != "crops" else []
        if looks or design.show != "visualization":
            shown.append((item, names.name(looks[0][0]) if looks else ""))
    made: list[ChoiceTemplate] = []

    def add(item: Item, look: str, use: Phase) -> None:
        rng = generator(seed, use, item.universe.item)
        n_crops = 0 if design.show == "visualization" else min(design.n_crops, item.n_photos)
        crops = craft.draw_crops(item, n_crops, [], rng) or [] if n_crops else []
        panels = (Panel("", tuple(craft.stimulus(names, item, crop) for crop in crops)),)
        sources = tuple(craft.source_of(item, crop) for crop in crops)
        columns = item.columns()
        del columns["parent_id"]
        made.append(
            ChoiceTemplate(
                template=f"t{len(made):05d}",
                condition=CARD.name,
                use=use,
                item=item.universe.item,
                panels=panels if crops else (),
                query=look,
                source_image=sources[0] if sources else "",
                sources=sources,
                columns=columns,
            )
        )

    for item, look in shown:
        add(item, look, "test")
    if shown:
        for item, look in spread(shown, design.n_practice, generator(seed, "practice cards")):
            add(item, look, "practice")
    return made
