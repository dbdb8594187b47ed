"""Can people learn to predict a model? They see what it says of some photographs, then are asked.

A condition is what training shows beside the model's answer: nothing (``baseline``), a map that
knows no model (``control``), or the maps of an explanation method. Tests show the photograph alone,
else the explanation would tell the answer; the truth is never shown, else people would learn that
instead. A condition has people of its own, because who has seen one explanation has learned.

Every session balances what the model says × whether it is right, within one photograph: a model
that is mostly right lets people score by naming the object.

Source: Colin, Fel, Cadène and Serre (2022), What I Cannot Predict, I Do Not Understand: A
Human-Centered Evaluation Framework for Explainability Methods, NeurIPS. Ours: the practice session,
and one photograph of the session's training asked again as its catch trial.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
from pydantic import Field, field_validator, model_validator

from experiments.design import StudyConfig
from experiments.paradigms.asking import Ask
from experiments.paradigms.base import BuildRequest
from experiments.paradigms.choice import ChoiceDesign, ChoiceTask
from experiments.paradigms.choice_template import ChoiceTemplate, Panel, choice_pool
from experiments.paradigms.ordering import Block, Placed, with_catches
from experiments.paradigms.reservoir import Cell, Cells, SessionImages, draw_sessions, imbalance
from experiments.schedule import generator, shuffled
from experiments.study import Study
from lens_core.atlas import LensError, Track, no_track

if TYPE_CHECKING:
    from experiments.audit import Finding

BASELINE, CONTROL = "baseline", "control"
"""Conditions that are no method of explanation."""
N_AUDITED = 20
"""Participants of each condition whose sessions ``lens study check`` draws."""


class MetaPredictorDesign(ChoiceDesign):
    """What is learned, from what, and what is asked.

    Attributes
    ----------
    n_sessions, n_training : sessions, and photographs with the model's answer in each.
    n_trials, n_catch, n_practice : of one participant; sessions share them. Practice shows half of
        its photographs with the model's answer and then asks about the same.
    scenario : what the report calls this pair of classes and model; by default the classes.
    classes : names or ids of the two classes; may be empty if the atlas has just two.
    methods : of the atlas, in order; empty for all that it stores, with ``craft`` for maps of
        concepts.
    baseline, control : whether there are these two conditions.
    n_concepts : of one photograph in a picture of ``craft``.
    opacity : of the strongest places of a map.
    strong_percentile : of a map's sizes, what is drawn at full strength, since gradients have a
        few extreme places.
    min_view_ms : shortest time that a photograph of training stays.
    images_per_cell : of what the model says × whether it is right, at most.
    require_balance : refuse photographs that cannot balance every session.
    """

    assignment: Literal["between", "within"] = "between"
    question: str = "What will the program say?"
    n_trials: int = Field(default=21, ge=1)
    n_catch: int = Field(default=3, ge=0)
    n_practice: int = Field(default=4, ge=0)
    stimulus_px: int = Field(default=256, ge=16, le=2048)
    n_sessions: int = Field(default=3, ge=1)
    n_training: int = Field(default=5, ge=1)
    scenario: str = ""
    classes: tuple[str, ...] = ()
    methods: tuple[str, ...] = ()
    baseline: bool = True
    control: bool = True
    n_concepts: int = Field(default=3, ge=1, le=7)
    opacity: float = Field(default=0.75, gt=0, le=1)
    strong_percentile: float = Field(default=99.0, gt=0, le=100)
    min_view_ms: int = Field(default=1500, ge=0)
    images_per_cell: int = Field(default=14, ge=1)
    require_balance: bool = True

    @field_validator("classes", "methods", mode="before")
    @classmethod
    def _from_text(cls, value: object) -> object:
        """``--set classes=husky,wolf`` gives a text."""
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @model_validator(mode="after")
    def _makes_sense(self) -> MetaPredictorDesign:
        if self.n_practice % 2:
            raise ValueError("n_practice must be even: half is shown, and then asked")
        if self.n_trials < self.n_sessions:
            raise ValueError("n_trials must be at least n_sessions: every session asks")
        if len(self.classes) not in (0, 2):
            raise ValueError("classes must be two")
        if self.assignment == "within":
            raise ValueError("assignment must be between: explanations teach")
        return self

    @property
    def n_shown(self) -> int:
        return super().n_shown + self.n_sessions * self.n_training

    @property
    def tests(self) -> tuple[int, ...]:
        """Test trials of each session."""
        return tuple(len(part) for part in np.array_split(range(self.n_trials), self.n_sessions))

    @property
    def catches(self) -> tuple[int, ...]:
        """Catch trials of each session."""
        return tuple(len(part) for part in np.array_split(range(self.n_catch), self.n_sessions))


class MetaPredictorConfig(StudyConfig):
    """``study.toml`` of a meta-predictor study."""

    paradigm: Literal["meta_predictor"] = "meta_predictor"
    design: MetaPredictorDesign = MetaPredictorDesign()


class MetaPredictor(ChoiceTask):
    """See the module."""

    name: ClassVar[str] = "meta_predictor"
    title: ClassVar[str] = "Predict the model"
    published_pay: ClassVar[str] = "$1.40"
    config_model = MetaPredictorConfig
    option_order = "participant"

    def ask(self, study: Study, template: ChoiceTemplate) -> Ask:
        if template.options:
            return Ask()
        return Ask("continue", min_view_ms=meta_design(study).min_view_ms)

    def blocks(self, study: Study, cell: str, seed: int) -> Sequence[Block]:
        pool, design = choice_pool(study), meta_design(study)
        shown = {t.item: t for t in pool.by_use[cell, "training"]}
        asked = {t.item: t for t in pool.by_use[cell, "test"]}
        again = {t.item: t for t in pool.by_use[cell, "catch"]}
        blocks = []
        for number, images in enumerate(sessions_of(study, cell, seed)):
            rng = generator(seed, "session", number)
            training = [shown[item] for item in images.training]
            panels = reservoir(training)
            tests = [Placed(replace(asked[i], panels=panels), "test") for i in images.tests]
            drawn = shuffled([i for i in images.training if i in again], rng)
            catches = [
                Placed(replace(again[item], panels=panels), "catch")
                for item in drawn[: design.catches[number]]
            ]
            order = with_catches(tests, catches, rng)
            trials = (*(Placed(one, "training") for one in training), *order)
            blocks.append(Block(trials, session=number + 1))
        return blocks

    def audit(self, study: Study) -> list[Finding]:
        from experiments.audit import Finding

        findings = super().audit(study)
        level: Literal["error", "warning"] = (
            "error" if meta_design(study).require_balance else "warning"
        )
        for cell in study.cells:
            cells = cells_of(study, cell)
            drawn = [draw for seed in range(N_AUDITED) for draw in sessions_of(study, cell, seed)]
            worst = max((imbalance(images, cells) for images in drawn), default=0)
            if worst > 1:
                text = (
                    f"{cell}: in a session one of predicted class × model right or wrong has "
                    f"{worst} photographs more than another; people can score without knowing the "
                    "model"
                )
                findings.append(Finding(level, "balance", text))
        return findings

    def build(self, request: BuildRequest, track: Track = no_track) -> Study:
        from experiments.paradigms.meta_predictor_build import from_atlas, from_table

        if request.table is not None:
            return from_table(request, request.table, track)
        return from_atlas(request, track)


def meta_design(study: Study) -> MetaPredictorDesign:
    """The design, as this paradigm has it."""
    assert isinstance(study.config.design, MetaPredictorDesign)
    return study.config.design


def cells_of(study: Study, condition: str) -> Cells:
    """Photographs by what the model says and whether it is right; those of training apart."""

    def make() -> Cells:
        pool = choice_pool(study)
        trainable = {t.item for t in pool.by_use[condition, "training"]}
        cells: Cells = {}
        for template in pool.by_use[condition, "test"]:
            right = template.columns.get("model_correct")
            name: Cell = (template.columns["predicted_class"], right)
            both = cells.setdefault(name, ([], []))
            both[0 if template.item in trainable else 1].append(template.item)
        return cells

    return study.remember(f"meta_predictor.cells.{condition}", make)


def sessions_of(study: Study, condition: str, seed: int) -> list[SessionImages]:
    """What one participant is shown and asked, alike in all conditions.

    Raises
    ------
    LensError
        If ``study.toml`` asks for more than there is.
    """
    design = meta_design(study)
    cells = cells_of(study, condition)
    try:
        return draw_sessions(cells, design.n_training, design.tests, generator(seed, "sessions"))
    except ValueError:
        n = sum(len(part) for both in cells.values() for part in both)
        raise LensError(
            f"study {study.name}: {condition} has {n} photographs, too few for {design.n_sessions} "
            f"sessions of {design.n_training} to learn from and {design.n_trials} questions in all"
        ) from None


def reservoir(training: Sequence[ChoiceTemplate]) -> tuple[Panel, ...]:
    """The session's training once more, for whoever wants to look: a panel for each answer."""
    by_answer: dict[str, list[str]] = {}
    for template in training:
        by_answer.setdefault(template.caption, []).append(template.query)
    return tuple(
        Panel(caption, tuple(by_answer[caption]), folded=True) for caption in sorted(by_answer)
    )
