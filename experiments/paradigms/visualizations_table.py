"""Studies of favourite pictures from a table with one row a trial.

Columns: ``item``, ``favoured`` and ``other`` (files: what the machine favours and what it does
not). Optional: ``references`` (files, ``;``), ``image`` (the whole photograph, if the two are
versions of it with parts hidden), ``method`` (how references were made), ``condition``, ``use``
(``test``, ``catch`` or ``practice``), ``strong`` and ``weak`` (what the model says of the two), and
``evidence`` (in SDs, for simulated observers; default 2).
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from experiments.paradigms.base import BuildRequest
from experiments.paradigms.choice_template import ChoiceTemplate, Option, Panel
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
from experiments.paradigms.visualizations import VisualizationsConfig, VisualizationsDesign
from experiments.paradigms.visualizations_build import FAVOURITES, texts_for
from experiments.records import Phase
from experiments.schedule import generator, shuffled
from experiments.stimuli import Cut, StimulusNames
from experiments.study import Study
from lens_core.atlas import Track, no_track

OPTIONAL = ("references", "image", "method", "condition", "use", "strong", "weak", "evidence")
USES: tuple[Phase, ...] = ("test", "catch", "practice")


def from_table(request: BuildRequest, table: Path, track: Track = no_track) -> Study:
    """Write the study folder from anybody's pictures.

    Raises
    ------
    LensError
        If the table lacks a column or names a picture that is not there.
    """
    rows = read_table(table, ("item", "favoured", "other"), OPTIONAL, USES)
    uses = [row["use"] for row in rows]
    hidden = any(row.get("image", "").strip() for row in rows)
    design = design_from(request, VisualizationsDesign)
    design = design.model_copy(
        update={
            "n_catch": design.n_catch if "catch" in uses else 0,
            "n_practice": min(design.n_practice, uses.count("practice")),
            "queries": "hidden" if hidden else "photographs",
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
        if not math.isnan(strong - weak):
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
            caption="The whole photograph" if image else "",
            source_image=image or row["favoured"].strip(),
            sources=(row["favoured"].strip(), row["other"].strip(), *references),
            columns=columns,
        )
        templates.append(template)
        key[template.template] = right
    conditions = conditions_in(rows)
    return write_study(
        request, VisualizationsConfig, design, table_source(table), conditions,
        texts_for(design), plan_for(conditions, reference="none"), templates,
        key, names, table_universe(table, names), track,
    )  # fmt: skip


def _copy(cut: Cut) -> Cut:
    """An answer may be one of the references, too: its name must not tell."""
    return Cut(cut.file, cut.box, 1)
