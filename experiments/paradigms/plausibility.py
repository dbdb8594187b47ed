"""Which of two pictures shows a concept better? Paired choices, scaled by Bradley and Terry.

Pictures by other methods compete if they are brought (``--explanations``) or lie in other atlases.

Photographs that excite the concept stand beside two pictures of it, made by different methods;
people choose the one that shows better what the photographs have in common. No answer is right.

Sources: Fel et al. (2023), MACO, NeurIPS, for judging visualizations; Bradley and Terry (1952),
Biometrika 39, for the scale.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

from pydantic import Field

from experiments.design import StudyConfig
from experiments.paradigms.base import BuildRequest
from experiments.paradigms.choice import ChoiceDesign, ChoiceTask
from experiments.paradigms.choice_template import ChoiceTemplate
from experiments.study import Study
from lens_core.atlas import Track, no_track


class PlausibilityDesign(ChoiceDesign):
    """Which pictures meet.

    Attributes
    ----------
    n_references : photographs of the concept beside the two, at most.
    items_per_class : the most important concepts of each class and dictionary; none for all.
    strong_quantile : photographs activate the concept more than this share of crops.
    crops : a crop of a photograph competes with the visualizations, too; with one atlas it is what
        its visualizations are compared with.
    """

    question: str = "Which one shows better what these have in common?"
    n_trials: int = Field(default=20, ge=1)
    n_catch: int = Field(default=0, ge=0, le=0, description="no answer is right")
    n_practice: int = Field(default=1, ge=0)
    n_references: int = Field(default=6, ge=1, le=16)
    items_per_class: int | None = Field(default=None, ge=1)
    strong_quantile: float = Field(default=0.95, gt=0, lt=1)
    crops: bool = True


class PlausibilityConfig(StudyConfig):
    """``study.toml`` of it."""

    paradigm: Literal["plausibility"] = "plausibility"
    design: PlausibilityDesign = PlausibilityDesign()


class Plausibility(ChoiceTask):
    """See the module."""

    name: ClassVar[str] = "plausibility"
    title: ClassVar[str] = "Which shows it better?"
    config_model = PlausibilityConfig

    def columns_of(self, template: ChoiceTemplate, order: Sequence[str]) -> Mapping[str, Any]:
        return {"first": order[0], "second": order[1]}  # options are called by their methods

    def build(self, request: BuildRequest, track: Track = no_track) -> Study:
        from experiments.paradigms.plausibility_build import from_atlases, from_table

        if request.table is not None:
            return from_table(request, request.table, track)
        return from_atlases(request, track)
