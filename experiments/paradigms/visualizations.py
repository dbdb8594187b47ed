"""Do pictures of a concept help to see what excites it? One of two photographs, by references.

People see reference pictures of a concept and choose which of two photographs excites it more. A
condition is a kind of references: none at all, photographs (``natural``), the atlas's feature
visualization (``optimized``), both (``mixed``), or photographs blurred beyond recognition
(``blurred``). All conditions ask about the same photographs.

The published later form hides parts of one photograph in two ways and asks which hides less of what
excites the unit. Its right answer is what the *model* says of the two hidden versions, which a
study cannot know from an atlas: concept maps are no substitute, because a place of a map sees far
beyond its square, and an occluder excites concepts of its own. So from an atlas this is the earlier
published form, whose answers the atlas holds; from a table it is either, see
:mod:`experiments.paradigms.visualizations_build`.

Sources: Borowski, Zimmermann, Schepers, Geirhos, Wallis, Bethge and Brendel (2021), ICLR, for a
strong and a weak photograph under nine references; Zimmermann et al. (2021), NeurIPS, for the
conditions, hidden parts, 18 trials with 3 catch trials, and the criteria; Fel et al. (2023), MACO,
NeurIPS.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

from pydantic import Field, field_validator, model_validator

from experiments.design import StudyConfig
from experiments.paradigms.base import BuildRequest
from experiments.paradigms.choice import ChoiceDesign, ChoiceTask
from experiments.paradigms.choice_template import ChoiceTemplate
from experiments.study import Study
from lens_core.atlas import Track, no_track

Kind = Literal["none", "natural", "optimized", "mixed", "blurred"]
KINDS: tuple[Kind, ...] = ("none", "natural", "optimized", "mixed", "blurred")


class VisualizationsDesign(ChoiceDesign):
    """Which references are shown, and how hard the question is.

    Attributes
    ----------
    kinds : of references, one a condition; those with visualizations need an atlas that has them.
    n_references : of a kind, at most; an atlas holds one visualization of a concept.
    items_per_class : the most important concepts of each class and dictionary; none for all.
    templates_per_item : different trials drawn for each concept.
    strong_quantile, weak_quantile : a crop excites a concept if it activates it more than this
        share of crops, and does not if less.
    blur : standard deviation of the blur, as a share of a picture's width.
    """

    question: str = "Which one does the machine favour?"
    n_trials: int = Field(default=18, ge=1)
    n_catch: int = Field(default=3, ge=0)
    n_practice: int = Field(default=2, ge=0)
    kinds: tuple[Kind, ...] = KINDS
    n_references: int = Field(default=9, ge=1, le=16)
    items_per_class: int | None = Field(default=None, ge=1)
    templates_per_item: int = Field(default=2, ge=1)
    strong_quantile: float = Field(default=0.85, gt=0, lt=1)
    weak_quantile: float = Field(default=0.35, gt=0, lt=1)
    blur: float = Field(default=0.08, gt=0, le=0.5)

    @field_validator("kinds", mode="before")
    @classmethod
    def _from_text(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @model_validator(mode="after")
    def _makes_sense(self) -> VisualizationsDesign:
        if self.weak_quantile >= self.strong_quantile:
            raise ValueError("weak_quantile must be below strong_quantile")
        if not self.kinds or len(set(self.kinds)) < len(self.kinds):
            raise ValueError("kinds must be different ones, at least one")
        return self


class VisualizationsConfig(StudyConfig):
    """``study.toml`` of it."""

    paradigm: Literal["visualizations"] = "visualizations"
    design: VisualizationsDesign = VisualizationsDesign()


class Visualizations(ChoiceTask):
    """See the module."""

    name: ClassVar[str] = "visualizations"
    title: ClassVar[str] = "What does the machine favour?"
    config_model = VisualizationsConfig

    def columns_of(self, template: ChoiceTemplate, order: Sequence[str]) -> Mapping[str, Any]:
        if not template.query:  # whole photographs, nothing is hidden
            return {"occluded_left": None}
        favoured = max(template.options, key=lambda option: option.evidence).name
        return {"occluded_left": int(order[0] != favoured)}

    def build(self, request: BuildRequest, track: Track = no_track) -> Study:
        from experiments.paradigms.visualizations_build import from_atlas, from_table

        if request.table is not None:
            return from_table(request, request.table, track)
        return from_atlas(request, track)
