"""What do people call a concept? They see its card and name it, from a vocabulary or freely.

There is no right answer: agreement is scored, and the name that most people give becomes the
concept's label in the explorer. A concept is named without its class being told.

Sources: Snodgrass and Vanderwart (1980), Journal of Experimental Psychology: Human Learning and
Memory 6, for naming pictures and agreement; Fel et al. (2023), CRAFT, CVPR, for the card: a
visualization beside crops that activate the concept most.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import Field, field_validator, model_validator

from experiments.design import StudyConfig
from experiments.paradigms.asking import Ask
from experiments.paradigms.base import BuildRequest
from experiments.paradigms.choice import ChoiceDesign, ChoiceTask
from experiments.paradigms.choice_template import ChoiceTemplate
from experiments.schedule import ScheduledTrial
from experiments.study import Study
from lens_core.atlas import Track, no_track


class NamingDesign(ChoiceDesign):
    """Which cards are shown, and how they are named.

    Attributes
    ----------
    n_trials : concepts that one participant names.
    n_crops : of a card, at most.
    show : both the visualization and crops, or one of them.
    items_per_class : the most important concepts of each class and dictionary; none for all.
    vocabulary : words to choose from (``--set vocabulary=stem,midrib``); empty for free text.
    own_words : whether other words may be typed, too.
    min_photographs : a concept with crops of fewer is left out.
    strong_quantile : crops of a card activate the concept more than this share of crops.
    """

    question: str = "What do these pictures have in common?"
    n_trials: int = Field(default=20, ge=1)
    n_catch: int = Field(default=0, ge=0, le=0, description="no answer is right")
    n_practice: int = Field(default=1, ge=0)
    n_crops: int = Field(default=6, ge=1, le=12)
    show: Literal["both", "crops", "visualization"] = "both"
    items_per_class: int | None = Field(default=None, ge=1)
    vocabulary: tuple[str, ...] = ()
    own_words: bool = True
    min_photographs: int = Field(default=3, ge=1)
    strong_quantile: float = Field(default=0.95, gt=0, lt=1)

    @field_validator("vocabulary", mode="before")
    @classmethod
    def _from_text(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @model_validator(mode="after")
    def _words_differ(self) -> NamingDesign:
        if len({plain(word) for word in self.vocabulary}) < len(self.vocabulary):
            raise ValueError("two words of the vocabulary are the same")
        return self


class NamingConfig(StudyConfig):
    """``study.toml`` of a naming study."""

    paradigm: Literal["naming"] = "naming"
    design: NamingDesign = NamingDesign()


class Naming(ChoiceTask):
    """See the module."""

    name: ClassVar[str] = "naming"
    title: ClassVar[str] = "Name the concept"
    config_model = NamingConfig

    def ask(self, study: Study, template: ChoiceTemplate) -> Ask:
        design = study.config.design
        assert isinstance(design, NamingDesign)
        if design.vocabulary:
            return Ask(
                "vocabulary",
                words=design.vocabulary,
                own_words=design.own_words,
                hint="choose or write a word" if design.own_words else "choose a word",
            )
        words = ("something like this", "something else")
        return Ask("text", words=words, hint="one or two words")

    def answered(self, trial: ScheduledTrial, response: str) -> Mapping[str, Any]:
        words = Ask.from_dict(trial.display["ask"])
        if words.kind != "vocabulary":
            return {"word": ""}
        by_plain = {plain(word): word for word in words.words}
        return {"word": by_plain.get(plain(response), "")}

    def build(self, request: BuildRequest, track: Track = no_track) -> Study:
        from experiments.paradigms.naming_build import naming_from_atlas, naming_from_table

        if request.table is not None:
            return naming_from_table(request, request.table, track)
        return naming_from_atlas(request, track)


def plain(word: str) -> str:
    """A word as it is compared: no case, no accents, single spaces.

    Examples
    --------
    >>> plain("  Leaf  Blade") == plain("leaf blade"), plain("Pétiole")
    (True, 'petiole')
    """
    letters = unicodedata.normalize("NFKD", word.casefold())
    return " ".join("".join(c for c in letters if not unicodedata.combining(c)).split())
