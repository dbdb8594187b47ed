"""Fields of the strong/weak task. Defaults are those of Zimmermann et al. (2023) where published.

Zimmermann, R. S., Klein, T., Brendel, W. (2023). Scale alone does not improve mechanistic
interpretability in vision models. NeurIPS. References, trials, catch trials, practice, delays and
exclusion criteria below are that study's; quantiles are ours.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from pydantic import Field, model_validator

from experiments.design import (
    Consent,
    Exclusion,
    Instruction,
    PictureDesign,
    QuizQuestion,
    StudyConfig,
)
from experiments.paradigms.files import Defaults


class TwoAfcDesign(PictureDesign):
    """Which pictures are shown how often.

    Attributes
    ----------
    n_references : on each side; fewer are used where the atlas has too few photographs.
    min_references : items that cannot have so many are left out.
    min_items : a condition with fewer is refused: it says nothing of other items.
    n_trials, n_catch : of one participant. In a catch trial the queries are themselves references.
    n_practice_obvious, n_practice_harder : practice trials with extreme and with closer queries.
    items_per_class : the most important concepts (units) of each class and layer are items; none
        for all of them.
    items_per_layer : items that one participant is asked about in each layer; none for as many as
        there are trials for.
    templates_per_item : different trials drawn for each item.
    strong_quantile, weak_quantile : crops at least (at most) so strong among all of the item's
        crops count as strong (weak).
    view : crops of photographs, or whole ones.
    queries : any two candidates, or of those drawn the two that activate all other concepts of the
        class most alike, so that they differ in little but the item.
    visualizations : none, the item's feature visualization beside the strong references, or
        instead of them.
    strong_side : side of the strong references, kept for all of a participant's trials.
    """

    n_references: int = Field(default=9, ge=1)
    min_references: int = Field(default=3, ge=1)
    min_items: int = Field(default=2, ge=1)
    n_trials: int = Field(default=40, ge=1)
    n_catch: int = Field(default=5, ge=0)
    n_practice_obvious: int = Field(default=4, ge=0)
    n_practice_harder: int = Field(default=1, ge=0)
    items_per_class: int | None = Field(default=None, ge=1)
    items_per_layer: int | None = Field(default=None, ge=1)
    templates_per_item: int = Field(default=4, ge=1)
    strong_quantile: float = Field(default=0.85, gt=0, lt=1)
    weak_quantile: float = Field(default=0.4, gt=0, lt=1)
    view: Literal["crop", "image"] = "crop"
    queries: Literal["any", "alike"] = "any"
    visualizations: Literal["none", "beside", "instead"] = "none"
    strong_side: Literal["left", "right", "random"] = "random"
    question: str = "Which of the two pictures goes with the strong side?"
    label_strong: str = "Strong"
    label_weak: str = "Weak"

    @property
    def n_shown(self) -> int:
        practice = self.n_practice_obvious + self.n_practice_harder
        return self.n_trials + self.n_catch + practice

    @model_validator(mode="after")
    def _quantiles_apart(self) -> TwoAfcDesign:
        if self.weak_quantile >= self.strong_quantile:
            raise ValueError("weak_quantile must be below strong_quantile")
        if self.min_references > self.n_references:
            raise ValueError("min_references is larger than n_references")
        return self


class StrongWeakConfig(StudyConfig):
    """What the studies of this task have in common."""

    design: TwoAfcDesign = TwoAfcDesign()

    @model_validator(mode="after")
    def _one_press_says_both(self) -> StrongWeakConfig:
        if self.session.confidence_scale != "steps":
            raise ValueError(
                "session.confidence_scale must be steps: each picture has a button for every step"
            )
        return self


class TwoAfcConfig(StrongWeakConfig):
    """``study.toml`` of a strong/weak study."""

    paradigm: Literal["two_afc"] = "two_afc"


EXCLUSIONS = (
    Exclusion(check="practice_attempts", max=3),
    Exclusion(check="catch_accuracy", min=0.8),
    Exclusion(check="instruction_s", min=15),
    Exclusion(check="total_s", min=135, max=2500),
)

CONSENT = Consent(
    version="1",
    markdown=(
        "You are invited to a study about how people see pictures. You will look at groups of "
        "pictures and choose which of two further pictures belongs to one group.\n\n"
        "- It takes about {minutes} minutes.\n"
        "- Taking part is voluntary. You may stop at any time by closing the page.\n"
        "- We store your answers and how long they took, under a number and without your name.\n"
        "- There are no known risks.\n"
    ),
)

INSTRUCTIONS = (
    Instruction(
        title="What this is about",
        picture="detector",
        markdown=(
            "A computer program has learned to look at pictures. Inside it are many small "
            "detectors. Each of them responds strongly to some pictures and weakly to others.\n\n"
            "You will find out what a detector responds to."
        ),
    ),
    Instruction(
        title="What you will see",
        picture="strong-weak-groups",
        markdown=(
            "One group of pictures is marked **Strong**: the detector responds strongly to them. "
            "The other group is marked **Weak**: the detector hardly responds to them.\n\n"
            "Two more pictures lie between the groups. The detector responds strongly to **one** "
            "of these two."
        ),
    ),
    Instruction(
        title="What to do",
        picture="strong-weak-answer",
        markdown=(
            "Compare the groups and choose the picture that goes with the **Strong** group. "
            "Choose by how sure you are, from 1 (a guess) to 3 (certain).\n\n"
            "The detector changes from trial to trial. First come a few trials to practise. They "
            "are repeated until you have them all right."
        ),
    ),
)

QUIZ = (
    QuizQuestion(
        question="What do you choose in each trial?",
        options=(
            "The picture that goes with the strong group",
            "The picture that goes with the weak group",
            "The more beautiful picture",
        ),
        answer=0,
        explanation="One of the two pictures belongs to the strong group. That one is asked for.",
    ),
    QuizQuestion(
        question="What does a 3 mean when you answer?",
        options=("I guessed", "I am certain", "There are three right pictures"),
        answer=1,
        explanation="1 is a guess, 3 means that you are certain.",
    ),
)

DEFAULTS = Defaults(CONSENT, INSTRUCTIONS, QUIZ, EXCLUSIONS)
PUBLISHED_TRIALS = 45
"""With catch trials; what the bounds on total time were published for."""


LOOKS = {
    "beside": (
        "The large picture on top of the **Strong** group was made by the program itself: it shows "
        "what excites the detector most."
    ),
    "instead": (
        "There are no photographs on the **Strong** side, but one picture that the program made "
        "itself: it shows what excites the detector most. The other group is marked **Weak**: "
        "photographs to which the detector hardly responds."
    ),
}
"""What is said of a feature visualization, by where it stands."""


def defaults_for(design: TwoAfcDesign) -> Defaults:
    """Texts and criteria for a study of that many trials, with the pictures that it shows."""
    defaults = DEFAULTS.timed(design.n_trials + design.n_catch, PUBLISHED_TRIALS)
    if design.visualizations == "none":
        return defaults
    what, see, do = defaults.instructions
    groups, queries = see.markdown.split("\n\n")
    look = LOOKS[design.visualizations]
    told = f"{groups}\n\n{look}" if design.visualizations == "beside" else look
    between = queries.replace("between the groups", "in the middle")
    see = see.model_copy(update={"markdown": f"{told}\n\n{between}"})
    return replace(defaults, instructions=(what, see, do))
