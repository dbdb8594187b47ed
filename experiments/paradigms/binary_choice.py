"""Which group fits better, the sub-concept's or its parent's? One crop that belongs to both.

Below the crop stand crops of the part and crops of the whole, without names. "Right" is the part,
so that accuracy is the share of choices for it; there is no feedback, for nothing is wrong.

Source: Fel, Picard, Béthune, Boissin, Vigouroux, Colin, Cadène and Serre (2023), CRAFT, CVPR,
section 4.2. Sizes, trials and quantiles are fields; see the design.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from experiments.design import StudyConfig
from experiments.paradigms.base import BuildRequest
from experiments.paradigms.choice import ChoiceDesign, ChoiceTask
from experiments.study import Study
from lens_core.atlas import Track, no_track

TASK = "binary_choice"
"""In the data's column of that name."""
LETTERS = ("a", "b")
"""Names of the two groups in the key; which one the part has is drawn."""


class BinaryChoiceDesign(ChoiceDesign):
    """Which crops are shown how often.

    Attributes
    ----------
    n_crops : in each of the two groups.
    items_per_class : the most important sub-concepts of each class; none for all.
    templates_per_item : different trials drawn for each sub-concept.
    strong_quantile : a crop belongs to a concept if it activates it more than this share of crops.
    view : crops of photographs, or whole ones.
    """

    question: str = "Which group does the picture fit better?"
    n_crops: int = Field(default=6, ge=1, le=12)
    items_per_class: int | None = Field(default=None, ge=1)
    templates_per_item: int = Field(default=2, ge=1)
    strong_quantile: float = Field(default=0.75, gt=0, lt=1)
    view: Literal["crop", "image"] = "crop"


class BinaryChoiceConfig(StudyConfig):
    """``study.toml`` of a binary choice."""

    paradigm: Literal["binary_choice"] = "binary_choice"
    design: BinaryChoiceDesign = BinaryChoiceDesign()


class BinaryChoice(ChoiceTask):
    """See the module."""

    name: ClassVar[str] = "binary_choice"
    title: ClassVar[str] = "Which group fits better"
    config_model = BinaryChoiceConfig

    def build(self, request: BuildRequest, track: Track = no_track) -> Study:
        from experiments.paradigms.binary_choice_build import choice_from_atlas, choice_from_table

        if request.table is not None:
            return choice_from_table(request, request.table, track)
        return choice_from_atlas(request, track)
