"""Meta-predictor studies: from photographs with a model's answers and explanations to a study.

The photographs come from an atlas (:mod:`.meta_predictor_atlas`) or from a table
(:mod:`.meta_predictor_table`); this module makes the trials of them.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd

from experiments.design import AnalysisPlan, Condition, Source
from experiments.paradigms.base import BuildRequest
from experiments.paradigms.brought import brought_in
from experiments.paradigms.choice_template import ChoiceTemplate, Option, Panel
from experiments.paradigms.explanations import control_overlay
from experiments.paradigms.files import design_from, write_study
from experiments.paradigms.meta_predictor import (
    BASELINE,
    CONTROL,
    N_AUDITED,
    MetaPredictorConfig,
    MetaPredictorDesign,
)
from experiments.paradigms.meta_predictor_photographs import Judged
from experiments.paradigms.meta_predictor_texts import defaults
from experiments.paradigms.reservoir import Cells, draw_sessions, imbalance
from experiments.paradigms.tables import table_source
from experiments.records import Phase
from experiments.schedule import generator, shuffled
from experiments.stimuli import Cut, StimulusNames, cut_out, read_picture
from experiments.study import Study
from lens_core.atlas import LensError, Track, no_track

PEOPLE = 30
"""Of each condition, as published."""
LABELS = {BASELINE: "No explanation", CONTROL: "Bottom-up control", "craft": "Concepts (CRAFT)"}


def from_atlas(request: BuildRequest, track: Track = no_track) -> Study:
    """Write the study folder from one atlas.

    Raises
    ------
    LensError
        If a field is wrong, the atlas lacks what the design needs, or the target is not free.
    """
    from experiments.paradigms.meta_predictor_atlas import judged_in, methods_of

    design = design_from(request, MetaPredictorDesign)
    if len(request.atlases) != 1:
        raise LensError(
            "a meta-predictor study needs stimuli: give one --atlas ATLAS or --stimuli TABLE.csv"
        )
    (atlas,) = request.open_atlases()
    explained = brought_in(request)
    with tempfile.TemporaryDirectory() as folder:
        methods = methods_of(atlas, design, explained)
        judged, source = judged_in(atlas, design, methods, explained, Path(folder), track)
        return _study(request, design, judged, list(methods), methods, source, Path(folder), track)


def from_table(request: BuildRequest, table: Path, track: Track = no_track) -> Study:
    """Write the study folder from anybody's photographs and explanations.

    Raises
    ------
    LensError
        If the table lacks a column, names a picture that is not there, or holds too few.
    """
    from experiments.paradigms.meta_predictor_table import judged_by

    design = design_from(request, MetaPredictorDesign)
    judged, names = judged_by(table, design)
    source = table_source(table)
    with tempfile.TemporaryDirectory() as folder:
        return _study(request, design, judged, names, {}, source, Path(folder), track)


def _study(
    request: BuildRequest,
    design: MetaPredictorDesign,
    judged: Sequence[Judged],
    methods: Sequence[str],
    labels: Mapping[str, str],
    source: Source,
    scratch: Path,
    track: Track,
) -> Study:
    """The study of photographs that can teach if they are explained by all methods."""
    answers = sorted({one.prediction for one in judged})
    if len(answers) != 2:
        raise LensError(f"the model must say two different things, not {len(answers)}: {answers}")
    conditions = [BASELINE] * design.baseline + [CONTROL] * design.control + list(methods)
    if not conditions:
        raise LensError("no condition is left: there is no method, baseline and control are off")
    teaching = {one.item for one in judged if set(methods) <= set(one.explained)}
    practice = _for_practice(judged, teaching, answers, design, request.seed)
    kept = _kept([o for o in judged if o not in practice], teaching, design, request.seed)
    _require(kept, teaching, design, answers)
    names = StimulusNames(request.seed)
    maker = _Maker(design, answers, names, scratch)
    templates = [
        template
        for condition in track(conditions, "explanations", len(conditions))
        for template in maker.templates(condition, kept, teaching, practice)
    ]
    scenario = design.scenario or " or ".join(answers)
    for template in templates:
        template.columns["scenario"] = scenario  # type: ignore[index]
    key = {t.template: t.columns["predicted_class"] if t.options else "" for t in templates}
    return write_study(
        request, MetaPredictorConfig, design, source,
        [Condition(name=n, label=labels.get(n) or LABELS.get(n, n)) for n in conditions],
        defaults(*answers),
        _plan(conditions),
        templates, key, names, _universe(judged, kept, practice), track,
    )  # fmt: skip


def _plan(conditions: Sequence[str]) -> AnalysisPlan:
    planned = PEOPLE * len(conditions)
    if len(conditions) == 1:
        return AnalysisPlan(formula="correct ~ 1", n_participants=planned)
    return AnalysisPlan(reference=conditions[0], correction="tukey", n_participants=planned)


class _Maker:
    """Makes templates, the same photographs for every condition."""

    def __init__(
        self,
        design: MetaPredictorDesign,
        answers: Sequence[str],
        names: StimulusNames,
        scratch: Path,
    ) -> None:
        self._design, self._answers, self._names = design, answers, names
        self._scratch = scratch
        self._count = 0
        self._controls: dict[str, Cut] = {}

    def templates(
        self,
        condition: str,
        kept: Sequence[Judged],
        teaching: set[str],
        practice: Sequence[Judged],
    ) -> list[ChoiceTemplate]:
        """Everything that people of a condition may meet."""
        made = []
        for one in kept:
            if one.item in teaching:
                made += [self._exhibit(condition, one, "training")]
                made += [self._question(condition, one, "catch")]
            made.append(self._question(condition, one, "test"))
        exhibits = [self._exhibit(condition, one, "practice") for one in practice]
        panels = tuple(Panel(e.caption, (e.query,), folded=True) for e in exhibits)
        asked = [self._question(condition, one, "practice", panels) for one in reversed(practice)]
        return made + exhibits + asked

    def _exhibit(self, condition: str, one: Judged, use: Phase) -> ChoiceTemplate:
        """The model's answer, and how it is explained."""
        plain = self._names.name(one.cut)
        shown = self._names.name(self._picture(condition, one))
        return ChoiceTemplate(
            template=self._name(),
            condition=condition,
            use=use,
            item=one.item,
            panels=() if shown == plain else (Panel("The photograph", (plain,)),),
            query=shown,
            caption=f"The program says: {one.prediction}",
            question="Look at what the program says.",
            source_image=one.item,
            sources=(one.item,),
            columns=self._columns(condition, one),
        )

    def _question(
        self, condition: str, one: Judged, use: Phase, panels: tuple[Panel, ...] = ()
    ) -> ChoiceTemplate:
        """The photograph alone."""
        return ChoiceTemplate(
            template=self._name(),
            condition=condition,
            use=use,
            item=one.item,
            options=tuple(
                Option(
                    name,
                    label=name,
                    evidence=one.evidence * (name == one.prediction),
                    # Whoever looks at the examples finds the photograph and the answer there.
                    seen=int(use != "test" and name == one.prediction),
                )
                for name in self._answers
            ),
            panels=panels,
            # A copy where the same picture is among the examples: its name must not tell.
            query=self._names.name(replace(one.cut, copy=int(use != "test"))),
            source_image=one.item,
            sources=(one.item,),
            columns=self._columns(condition, one),
        )

    def _columns(self, condition: str, one: Judged) -> dict[str, str | int | None]:
        return {
            "method": "" if condition == BASELINE else condition,
            "predicted_class": one.prediction,
            "true_class": one.truth,
            "model_correct": one.model_correct,
            "atlas_hash": one.atlas_hash,
        }

    def _picture(self, condition: str, one: Judged) -> Cut:
        if condition == BASELINE:
            return one.cut
        if condition != CONTROL:
            return one.explained[condition]
        if one.item not in self._controls:
            design = self._design
            picture = cut_out(read_picture(one.cut.file), one.cut.box, design.stimulus_px)
            file = self._scratch / f"control-{len(self._controls)}.png"
            control_overlay(
                picture, design.stimulus_px, design.opacity, design.strong_percentile
            ).save(file)
            self._controls[one.item] = Cut(file)
        return self._controls[one.item]

    def _name(self) -> str:
        self._count += 1
        return f"t{self._count - 1:05d}"


def _for_practice(
    judged: Sequence[Judged],
    teaching: set[str],
    answers: Sequence[str],
    design: MetaPredictorDesign,
    seed: int,
) -> list[Judged]:
    """Photographs for practice, the model's answers in turn, from the largest cells."""
    rng = generator(seed, "practice photographs")
    able = shuffled([one for one in judged if one.item in teaching], rng)
    sizes = pd.Series([str(one.cell) for one in able]).value_counts()
    able.sort(key=lambda one: -int(sizes[str(one.cell)]))
    chosen: list[Judged] = []
    for place in range(design.n_practice // 2):
        wanted = answers[place % 2]
        free = [one for one in able if one not in chosen and one.prediction == wanted]
        chosen += free[:1]
    return chosen


def _kept(
    judged: Sequence[Judged], teaching: set[str], design: MetaPredictorDesign, seed: int
) -> list[Judged]:
    """At most so many photographs of a cell, those that can teach first, drawn by seed."""
    kept: list[Judged] = []
    cells = sorted({one.cell for one in judged}, key=str)
    at_most = design.images_per_cell * 4 // max(1, len(cells))  # fewer kinds, more of each
    for cell in cells:
        rng = generator(seed, "photographs", str(cell))
        mine = shuffled([one for one in judged if one.cell == cell], rng)
        mine.sort(key=lambda one: one.item not in teaching)
        kept += mine[:at_most]
    return kept


def _require(
    kept: Sequence[Judged], teaching: set[str], design: MetaPredictorDesign, answers: Sequence[str]
) -> None:
    """Refuse what cannot make the sessions, or cannot balance them unless that is allowed."""
    cells: Cells = {}
    for one in kept:
        cells.setdefault(one.cell, ([], []))[one.item not in teaching].append(one.item)
    told = _told(cells, answers)
    allow = "or allow it with --set require_balance=false"
    if design.require_balance and not any(right == 0 for _, right in cells):
        raise LensError(
            "sessions cannot balance whether the model is right: it is never wrong about these "
            f"photographs, or the truth is not known ({told}); build an atlas of a model that errs "
            f"with --select anywhere, which keeps its mistakes, {allow}"
        )
    try:
        drawn = [
            images
            for seed in range(N_AUDITED)
            for images in draw_sessions(
                cells, design.n_training, design.tests, generator(seed, "sessions")
            )
        ]
    except ValueError:
        raise LensError(
            f"too few photographs for {design.n_sessions} sessions of {design.n_training} with an "
            f"explanation and {design.n_trials} questions in all: {told}; add photographs (for an "
            "atlas, --attributed-images), or ask for fewer"
        ) from None
    if design.require_balance and max(imbalance(images, cells) for images in drawn) > 1:
        raise LensError(
            f"sessions cannot balance what the model says and whether it is right: {told}; add "
            f"photographs of the rare kinds, ask for fewer, {allow}"
        )


def _told(cells: Cells, answers: Sequence[str]) -> str:
    words: dict[int | None, str] = {1: "right", 0: "wrong", None: "right or wrong unknown"}
    known = any(right is not None for _, right in cells)
    parts = []
    for answer in answers:
        for right in (1, 0) if known else (None,):
            shown, asked = cells.get((answer, right), ([], []))
            parts.append(
                f"{answer} {words[right]} {len(shown) + len(asked)} ({len(shown)} explained)"
            )
    return ", ".join(parts)


def _universe(
    judged: Sequence[Judged], kept: Sequence[Judged], practice: Sequence[Judged]
) -> pd.DataFrame:
    """Every photograph that could have been used."""
    asked, practised = {one.item for one in kept}, {one.item for one in practice}
    rows = [
        {
            "item": one.item,
            "predicted_class": one.prediction,
            "true_class": one.truth,
            "explained_by": ";".join(one.explained),
            "use": "practice" if one.item in practised else "pool" if one.item in asked else "",
        }
        for one in judged
    ]
    return pd.DataFrame(rows)
