"""Do pictures of a concept help to see what excites it? Two pictures, by nine favourite ones.

People see favourite pictures of a concept and choose which of two it favours. A condition is a kind
of favourites: none at all, photographs (``natural``), feature visualizations (``optimized``; one
condition for each method if there are several), some of both (``mixed``), or photographs blurred
save where the concept is strongest (``blurred``). All conditions ask about the same pictures.

What is asked about, ``queries``, is one of two published forms. ``hidden``: a photograph and two
versions of it, each with a square hidden; the right one is that of which more is left to the
concept. What is left is what the *model* says, so the versions come from
``lens atlas pictures`` or from a table. ``photographs``: a strong and a weak crop, whose answer the
atlas itself holds. The same holds for nine visualizations; an atlas itself has one of a concept.

Sources: Zimmermann, Borowski, Geirhos, Bethge, Wallis and Brendel (2021), NeurIPS, for the
conditions, hidden squares, nine favourites (mixed: four visualizations and five photographs), 18
trials with 3 catch trials, and the criteria; Borowski et al. (2021), ICLR, for a strong and a weak
picture; Fel et al. (2023), MACO, NeurIPS. There a search by the model finds what stays sharp in
blurred photographs; here the concept's stored map does.
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
    """Which favourites are shown, and how hard the question is.

    Attributes
    ----------
    kinds : of favourites, one a condition; those with visualizations need such.
    queries : ``hidden`` (published 2021 at NeurIPS) or ``photographs`` (at ICLR).
    n_references : favourites of a kind; fewer where there are too few photographs.
    n_visualizations : of a concept, at most; 1 for a single one.
    n_mixed : visualizations among the favourites of ``mixed``, at most.
    items_per_class : the most important concepts of each class and dictionary; none for all.
    templates_per_item : different trials drawn for each concept.
    min_photographs : a concept with fewer for favourites is left out.
    strong_quantile, weak_quantile : a picture excites a concept if it activates it more than this
        share of pictures, and does not if less.
    view : photographs as crops, or whole; hidden squares are always of whole ones.
    blur : standard deviation of the blur, as a share of a picture's width.
    sharp : side of the square that stays sharp, as a share of a picture's; 0 for none.
    """

    question: str = "Which one does the program favour?"
    n_trials: int = Field(default=18, ge=1)
    n_catch: int = Field(default=3, ge=0)
    n_practice: int = Field(default=2, ge=0)
    kinds: tuple[Kind, ...] = KINDS
    queries: Literal["hidden", "photographs"] = "hidden"
    n_references: int = Field(default=9, ge=1, le=16)
    n_visualizations: int = Field(default=9, ge=1, le=16)
    n_mixed: int = Field(default=4, ge=1, le=16)
    items_per_class: int | None = Field(default=None, ge=1)
    templates_per_item: int = Field(default=2, ge=1)
    min_photographs: int = Field(default=3, ge=1)
    strong_quantile: float = Field(default=0.85, gt=0, lt=1)
    weak_quantile: float = Field(default=0.35, gt=0, lt=1)
    view: Literal["crop", "image"] = "crop"
    blur: float = Field(default=0.08, gt=0, le=0.5)
    sharp: float = Field(default=0.4, ge=0, lt=1)

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
    title: ClassVar[str] = "What does the program favour?"
    published_pay: ClassVar[str] = "$1.95"
    config_model = VisualizationsConfig

    def columns_of(self, template: ChoiceTemplate, order: Sequence[str]) -> Mapping[str, Any]:
        if not template.query:  # whole photographs, nothing is hidden
            return {"occluded_left": None}
        favoured = max(template.options, key=lambda option: option.evidence).name
        return {"occluded_left": int(order[0] != favoured)}

    def build(self, request: BuildRequest, track: Track = no_track) -> Study:
        from experiments.paradigms.visualizations_build import from_atlas
        from experiments.paradigms.visualizations_table import from_table

        if request.table is not None:
            return from_table(request, request.table, track)
        return from_atlas(request, track)
