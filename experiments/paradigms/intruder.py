"""Which crop does not belong? Several crops of one concept and one of another of the same class.

People find the intruder among crops of a concept, and of a part of a concept, if those crops have
something in common that they see. Chance is one over the number of crops shown.

Source: Fel, Picard, Béthune, Boissin, Vigouroux, Colin, Cadène and Serre (2023), CRAFT, CVPR,
section 4.2. Crops, trials, and where the intruder comes from are fields; see the design.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field, model_validator

from experiments.design import StudyConfig
from experiments.paradigms.base import BuildRequest
from experiments.paradigms.choice import ChoiceDesign, ChoiceTask
from experiments.study import Study
from lens_core.atlas import Track, no_track

TASK = "intruder"
"""In the data's column of that name."""


class IntruderDesign(ChoiceDesign):
    """Which crops are shown how often.

    Attributes
    ----------
    n_crops : of the item, beside the intruder.
    items_per_class : the most important concepts of each class and dictionary; none for all.
    templates_per_item : different trials drawn for each item.
    min_photographs : an item with crops of fewer is left out: they show nothing in common.
    strong_quantile : a crop belongs to a concept if it activates it more than this share of crops.
    weak_quantile : an intruder activates the item less than this share of crops.
    intruder_from : another concept of the class (for parts as for wholes), or for parts another
        part of the same concept, which is harder.
    view : crops of photographs, or whole ones.
    """

    assignment: Literal["between", "within"] = "within"
    question: str = "Which picture does not belong?"
    n_crops: int = Field(default=5, ge=2, le=19)
    items_per_class: int | None = Field(default=None, ge=1)
    templates_per_item: int = Field(default=2, ge=1)
    min_photographs: int = Field(default=3, ge=1)
    strong_quantile: float = Field(default=0.85, gt=0, lt=1)
    weak_quantile: float = Field(default=0.5, gt=0, lt=1)
    intruder_from: Literal["class", "siblings"] = "class"
    view: Literal["crop", "image"] = "crop"

    @model_validator(mode="after")
    def _quantiles_apart(self) -> IntruderDesign:
        if self.weak_quantile >= self.strong_quantile:
            raise ValueError("weak_quantile must be below strong_quantile")
        return self


class IntruderConfig(StudyConfig):
    """``study.toml`` of an intruder study."""

    paradigm: Literal["intruder"] = "intruder"
    design: IntruderDesign = IntruderDesign()


class Intruder(ChoiceTask):
    """See the module."""

    name: ClassVar[str] = "intruder"
    title: ClassVar[str] = "Find the intruder"
    config_model = IntruderConfig

    def build(self, request: BuildRequest, track: Track = no_track) -> Study:
        from experiments.paradigms.intruder_build import intruder_from_atlas, intruder_from_table

        if request.table is not None:
            return intruder_from_table(request, request.table, track)
        return intruder_from_atlas(request, track)
