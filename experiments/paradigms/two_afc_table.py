"""A strong/weak study from anybody's pictures: a table with one row a trial.

Columns: ``item``, ``correct`` and ``distractor`` (the two options' files), ``strong`` and ``weak``
(the references' files, separated by ``;``). Optional: ``condition`` (default ``all``), ``use``
(``test``, ``catch``, ``obvious`` or ``harder``; default ``test``), ``strength_correct`` and
``strength_distractor`` (default 1 and 0), ``layer``, ``basis``, ``visualization`` (a picture of
what the item stands for, shown with the strong references). Files are relative to the table.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import numpy as np

from experiments.paradigms.base import BuildRequest
from experiments.paradigms.files import design_from, write_study
from experiments.paradigms.tables import (
    conditions_in,
    files_in,
    number_in,
    read_table,
    square,
    table_source,
    table_universe,
)
from experiments.paradigms.two_afc_config import defaults_for
from experiments.paradigms.two_afc_template import Template, Use
from experiments.schedule import generator
from experiments.stimuli import Cut, StimulusNames
from experiments.study import Study
from lens_core.atlas import Track, no_track

if TYPE_CHECKING:
    from experiments.paradigms.two_afc import TwoAfc

REQUIRED = ("item", "correct", "distractor", "strong", "weak")
OPTIONAL = (
    *("condition", "use", "strength_correct", "strength_distractor"),
    *("layer", "basis", "visualization"),
)


def build_from_table(
    task: TwoAfc, request: BuildRequest, table: Path, track: Track = no_track
) -> Study:
    """Write the study folder.

    Raises
    ------
    LensError
        If the table lacks a column, names a picture that is not there, or has an unknown use.
    """
    rows = read_table(table, REQUIRED, OPTIONAL, get_args(Use))
    design = design_from(request, task.design_model)
    uses = [row["use"] for row in rows]
    fitting = {
        "n_references": max(len(files_in(row["strong"])) for row in rows),
        "n_catch": design.n_catch if "catch" in uses else 0,
        "n_practice_obvious": uses.count("obvious"),
        "n_practice_harder": uses.count("harder"),
    }
    design = design.model_copy(update=fitting | {"min_references": 1})
    names = StimulusNames(request.seed)
    rng = generator(request.seed, "letters")
    templates: list[Template] = []
    key: dict[str, str] = {}
    for number, row in enumerate(rows):
        template, correct = _template(f"t{number:05d}", row, table, names, rng)
        templates.append(template)
        key[template.template] = correct
    conditions = conditions_in(rows)
    return write_study(
        request, task.config_model, design, table_source(table), conditions, defaults_for(design),
        task.plan(conditions, templates), templates, key, names, table_universe(table, names),
        track,
    )  # fmt: skip


def _template(
    name: str,
    row: Mapping[str, str],
    table: Path,
    names: StimulusNames,
    rng: np.random.Generator,
) -> tuple[Template, str]:
    strong, weak = files_in(row["strong"]), files_in(row["weak"])
    correct_is_a = bool(rng.integers(2))
    options = [row["correct"].strip(), row["distractor"].strip()]
    strengths = [
        number_in(row, "strength_correct", 1.0),
        number_in(row, "strength_distractor", 0.0),
    ]
    if not correct_is_a:
        options.reverse()
        strengths.reverse()
    references = {*strong, *weak}
    picture = row.get("visualization", "").strip()
    cuts = {file: square(table.parent / file) for file in (*strong, *weak, *options)}

    def twin(file: str) -> str:
        return names.name(cuts[file]) if file in references else ""

    def option(file: str) -> str:
        cut = cuts[file]
        return names.name(Cut(cut.file, cut.box, copy=int(file in references)))

    template = Template(
        template=name,
        condition=row["condition"],
        use=_use(row["use"]),
        item=row["item"],
        atlas_hash="",
        class_id=-1,
        concept_id="",
        dictionary="",
        layer=row.get("layer", ""),
        basis=row.get("basis", ""),
        strong=tuple(names.name(cuts[file]) for file in strong),
        weak=tuple(names.name(cuts[file]) for file in weak),
        option_a=option(options[0]),
        option_b=option(options[1]),
        source_a=options[0],
        source_b=options[1],
        strength_a=strengths[0],
        strength_b=strengths[1],
        scale=1.0,
        sources=(*strong, *weak),
        twin_a=twin(options[0]),
        twin_b=twin(options[1]),
        visualization=names.name(square(table.parent / picture)) if picture else "",
    )
    return template, "a" if correct_is_a else "b"


def _use(text: str) -> Use:
    uses: Sequence[Use] = get_args(Use)
    return uses[uses.index(text)]
