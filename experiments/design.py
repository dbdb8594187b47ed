"""What a study file says: every number of a design is a field here, never a constant in code.

``study.toml`` is read into these models once, at the edge. A paradigm narrows :class:`Design` and
:class:`StudyConfig` with fields of its own.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

NAME_PATTERN = r"^[a-z0-9-]{1,64}$"
FORMAT_VERSION: Literal[1] = 1


class Strict(BaseModel):
    """Immutable, and refuses fields that it does not know, so that a typo is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class AtlasSource(Strict):
    """An atlas that stimuli were drawn from."""

    hash: str
    title: str = ""


class Selected(Strict):
    """Which part of the atlases was asked about, and how it was chosen.

    Attributes
    ----------
    how : whole classes, concepts drawn by seed from strata of importance, or picked by hand.
    classes : ids; empty for all.
    concepts : picked by hand, as ``CLASS/CONCEPT``.
    per_class : concepts of each class and dictionary that were drawn.
    """

    how: Literal["classes", "stratified sample", "by hand"]
    classes: tuple[int, ...] = ()
    concepts: tuple[str, ...] = ()
    per_class: int | None = None


class Source(Strict):
    """Where the stimuli come from, and what had to be adapted when they were drawn."""

    kind: Literal["atlas", "table"] = "atlas"
    atlases: tuple[AtlasSource, ...] = ()
    selected: Selected | None = None
    table_sha256: str | None = None
    explanations_sha256: str | None = None
    notes: tuple[str, ...] = ()


class Condition(Strict):
    """One experimental condition.

    Attributes
    ----------
    name : written into the data, never shown to participants.
    label : what reports call it.
    dictionaries : the dictionaries of the atlas whose concepts it asks about.
    quota : participants wanted, none for no limit.
    """

    name: str = Field(pattern=r"^[A-Za-z0-9_.-]{1,64}$")
    label: str = ""
    dictionaries: tuple[str, ...] = ()
    quota: int | None = Field(default=None, ge=1)


class Consent(Strict):
    """What a participant agrees to. ``markdown`` is sanitised when it is shown."""

    version: str = "1"
    protocol: str = ""
    min_age: int = Field(default=18, ge=0)
    markdown: str


class Instruction(Strict):
    """One step of the instructions, and the name of the built-in picture beside it."""

    title: str
    markdown: str
    picture: str = Field(default="", pattern=r"^[a-z0-9-]{0,64}$")


class QuizQuestion(Strict):
    """A comprehension question that says nothing of the condition."""

    question: str
    options: tuple[str, ...] = Field(min_length=2)
    answer: int = Field(ge=0, description="position of the right option, from 0")
    explanation: str = ""

    @model_validator(mode="after")
    def _answer_exists(self) -> QuizQuestion:
        if self.answer >= len(self.options):
            raise ValueError(f"answer {self.answer} but only {len(self.options)} options")
        return self


class Practice(Strict):
    """Practice is shown again, whole, until every answer is right or the limit is reached."""

    until_correct: bool = True
    max_attempts: int = Field(default=5, ge=1)
    on_failure: Literal["screen_out", "continue"] = "screen_out"


class Session(Strict):
    """How a visit runs. Times in milliseconds unless the name says otherwise.

    Attributes
    ----------
    resume : what follows when the task's page is opened again; every opening counts, a reload a
        second later too. ``resume`` goes on with the first trial that has no answer.
        ``checkpoint`` begins the present block anew: its answers stay, and its trials are shown
        again in the same order as a further ``attempt``. Practice is never begun anew, since its
        attempts are limited, nor is a block without answers. ``refuse`` ends the visit.
        Outside practice the first answer to a trial counts, in the running score, bonuses,
        exclusion criteria and the analysis: a later one may know the feedback to the first, and
        nobody shall gain by a reload. The others are exported with their ``attempt``.
    resume_max_age_min : whoever comes back longer than this after the first opening is refused.
    """

    feedback: bool = True
    feedback_ms: int = Field(default=1150, ge=0)
    start_delay_ms: int = Field(default=1500, ge=0)
    confidence_steps: int = Field(default=3, ge=0, description="0: confidence is not asked")
    confidence_scale: Literal["steps", "percent"] = Field(
        default="steps", description="percent: a slider from 0 to 100 instead of steps"
    )
    confidence_with_answer: bool = Field(
        default=False, description="steps under each of two options, so that one press says both"
    )
    running_score: bool = True
    remark: str = Field(default="", description="question for free text; empty: not asked")
    remark_after: Literal["block", "last_block"] = "block"
    full_screen: bool = True
    min_viewport_px: tuple[int, int] = (940, 600)
    allow_phones: bool = False
    quiz_attempts: int = Field(default=2, ge=1)
    resume: Literal["resume", "checkpoint", "refuse"] = "resume"
    resume_max_age_min: int = Field(default=1440, ge=1)
    lease_min: int = Field(default=60, ge=1, description="an unfinished place is free again after")
    calibrate: bool = Field(default=False, description="ask for the screen's size with a bank card")
    viewing_cm: float = Field(
        default=57.0, gt=0, le=500, description="asked-for distance of the eyes"
    )


class Exclusion(Strict):
    """A criterion: a named check and the values that pass it, ends included."""

    check: str
    min: float | None = None
    max: float | None = None

    @model_validator(mode="after")
    def _has_a_threshold(self) -> Exclusion:
        if self.min is None and self.max is None:
            raise ValueError(f"check {self.check!r} has neither min nor max")
        return self


class AnalysisPlan(Strict):
    """What the report counts as confirmatory. Part of the frozen hash."""

    outcome: str = "correct"
    formula: str = "correct ~ condition"
    method: str = "two_way_cluster_logit"
    cluster: tuple[str, ...] = ("participant", "item")
    reference: str | None = Field(default=None, description="condition compared against")
    alpha: float = Field(default=0.05, gt=0, lt=1)
    correction: Literal["holm", "tukey", "none"] = "holm"
    n_participants: int | None = Field(default=None, ge=1, description="planned, all conditions")
    notes: str = ""


class Bonus(Strict):
    """What is earned beside the reward, by a rule that is fixed before anybody takes part.

    Attributes
    ----------
    currency : as recruiters write it, such as ``GBP``.
    completed : for everybody who finishes.
    per_correct : for each right answer of a test trial, of those who finish.
    most : no more than this in all.
    """

    currency: str = Field(pattern=r"^[A-Z]{3}$")
    completed: float = Field(default=0.0, ge=0)
    per_correct: float = Field(default=0.0, ge=0)
    most: float | None = Field(default=None, ge=0)


class Completion(Strict):
    """The end: thanks, explanation, pay. Codes are secrets of the server, not of this file."""

    markdown: str = "Thank you for taking part."
    reward: str = ""
    bonus: Bonus | None = None


class Design(Strict):
    """What every paradigm's design has."""

    assignment: Literal["between", "within"] = "between"
    n_blocks: int = Field(default=1, ge=1)
    break_s: int = Field(default=0, ge=0, description="shortest break between blocks")


class PictureDesign(Design):
    """A design whose stimuli are pictures.

    Attributes
    ----------
    stimulus_px, webp_quality : of every picture.
    """

    stimulus_px: int = Field(default=160, ge=16, le=2048)
    webp_quality: int = Field(default=88, ge=1, le=100)

    @property
    def n_shown(self) -> int:
        """Trials of one participant, practice passed at once and catch trials included."""
        return 0


class StudyConfig(Strict):
    """``study.toml``. A paradigm's own class narrows ``design``."""

    format_version: Literal[1] = FORMAT_VERSION
    name: str = Field(pattern=NAME_PATTERN)
    title: str
    paradigm: str
    seed: int = Field(ge=0)
    source: Source
    design: Design
    conditions: tuple[Condition, ...] = Field(min_length=1)
    consent: Consent
    instructions: tuple[Instruction, ...] = ()
    quiz: tuple[QuizQuestion, ...] = ()
    practice: Practice = Practice()
    session: Session = Session()
    exclusions: tuple[Exclusion, ...] = ()
    analysis: AnalysisPlan = AnalysisPlan()
    completion: Completion = Completion()

    @model_validator(mode="after")
    def _names_agree(self) -> StudyConfig:
        names = [condition.name for condition in self.conditions]
        if len(set(names)) < len(names):
            raise ValueError("two conditions have the same name")
        if self.analysis.reference is not None and self.analysis.reference not in names:
            raise ValueError(f"analysis.reference {self.analysis.reference!r} is no condition")
        return self
