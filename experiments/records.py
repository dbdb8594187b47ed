"""The columns of exported data, defined once.

The exporter, the simulator and the analysis all read this module, so it imports nothing but the
standard library. A column is a name, a kind, and one sentence that goes into the codebook.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

Kind = Literal["string", "integer", "number", "time", "json"]
"""What a cell holds. ``time`` is ISO-8601 UTC text; ``json`` is JSON text; empty means missing."""

Phase = Literal["practice", "training", "test", "catch", "remark"]
PHASES: tuple[Phase, ...] = ("practice", "training", "test", "catch", "remark")

Status = Literal[
    "arrived",
    "consented",
    "active",
    "complete",
    "screened_out",
    "returned",
    "timed_out",
    "withdrawn",
    "excluded",
]
STATUSES: tuple[Status, ...] = get_args(Status)
"""Where a visit can be, in the order in which they are told."""


@dataclass(frozen=True)
class Column:
    """One column of a table.

    Attributes
    ----------
    name : column name, units included (``rt_ms``).
    kind : what a cell holds.
    description : one sentence for the codebook.
    levels : the allowed values of a categorical column, empty if free.
    """

    name: str
    kind: Kind
    description: str
    levels: tuple[str, ...] = ()


TRIALS: tuple[Column, ...] = (
    Column("trial_uuid", "string", "Identifier that the browser gave to the answer."),
    Column("participant", "string", "Participant's identifier within the study."),
    Column("study", "string", "Name of the study."),
    Column("study_hash", "string", "Hash of the frozen study that the trial was run with."),
    Column("condition", "string", "Experimental condition of the trial."),
    Column("session", "integer", "Session within the participant's visit, from 1."),
    Column("block", "integer", "Block within the session, from 1; 0 is practice."),
    Column("phase", "string", "What the trial counts as.", PHASES),
    Column("trial", "integer", "Position in the participant's schedule, from 0."),
    Column("attempt", "integer", "How often this trial had been shown, from 1."),
    Column("item", "string", "The random factor of the stimuli: concept, unit, image or rule."),
    Column("source_image", "string", "Source photograph of the queried stimulus."),
    Column("n_options", "integer", "Number of answers to choose from."),
    Column("option_order", "json", "Order in which the options were shown."),
    Column("response", "string", "The participant's answer."),
    Column("correct_response", "string", "The answer that counts as correct; empty if none."),
    Column("correct", "integer", "1 if the answer was correct, else 0; empty if none is."),
    Column("rt_ms", "number", "Time from the onset of the options to the answer, milliseconds."),
    Column("confidence", "number", "Confidence given with the answer."),
    Column("onset_error_ms", "number", "Deviation of the measured from the intended onset, ms."),
    Column("dropped_frames", "integer", "Display frames dropped while the trial was shown."),
    Column("presented_at", "time", "When the options appeared, by the participant's clock."),
    Column("answered_at", "time", "When the answer was given, by the participant's clock."),
)

PARTICIPANTS: tuple[Column, ...] = (
    Column("participant", "string", "Participant's identifier within the study."),
    Column("study", "string", "Name of the study."),
    Column("condition", "string", "Condition drawn after the comprehension quiz."),
    Column("status", "string", "Where the participant's visit ended.", STATUSES),
    Column("source", "string", "How the participant came: lab link, provider, or simulated."),
    Column("consent_version", "string", "Version of the consent text agreed to."),
    Column("consented_at", "time", "When consent was given."),
    Column("assigned_at", "time", "When the condition was drawn."),
    Column("started_at", "time", "When the first trial was shown."),
    Column("finished_at", "time", "When the last trial was answered."),
    Column("checks_failed", "json", "Names of the checks that the participant did not pass."),
    Column("excluded", "integer", "1 if the study's criteria or a researcher exclude the person."),
    Column(
        "exclusion_reason",
        "string",
        "A researcher's reason, or else the first criterion that excludes.",
    ),
)

EVENTS: tuple[Column, ...] = (
    Column("participant", "string", "Participant's identifier within the study."),
    Column("at_ms", "number", "Time since the task was opened, milliseconds."),
    Column("kind", "string", "What happened: blur, focus, hidden, resize, reload, error …"),
    Column("detail", "json", "Further facts about the event."),
)


CONCEPT: tuple[Column, ...] = (
    Column("class_id", "integer", "Class of the atlas that the concept belongs to."),
    Column("concept_id", "string", "Concept or unit, as named in the atlas."),
    Column("atlas_hash", "string", "Hash of the atlas that the stimuli came from."),
    Column("layer", "string", "Layer of the model that the concept lives in."),
    Column("basis", "string", "Whether the item is a dictionary direction or a single unit."),
)
"""What a trial about one concept is about; scores by concept are counted over these."""

STRENGTHS: tuple[Column, ...] = (
    Column("strength_strong", "number", "Activation of the strongly activating query."),
    Column("strength_weak", "number", "Activation of the weakly activating query."),
    Column("strength_gap", "number", "Strong minus weak, in SDs of the item's activations."),
)

TASK = Column("task", "string", "Which of its programme's tasks the trial belongs to.")
EVIDENCE_GAP = Column(
    "evidence_gap", "number", "Evidence for the right option minus the best other one, in SDs."
)

PARADIGM_COLUMNS: dict[str, tuple[Column, ...]] = {
    "two_afc": (*CONCEPT, *STRENGTHS),
    "basis_layers": (
        *CONCEPT,
        *STRENGTHS,
        Column("experiment", "string", "Plain, queries of one meaning, or visualizations shown."),
        Column(
            "query_similarity", "number", "Cosine of the queries' activations of other concepts."
        ),
    ),
    "meta_predictor": (
        Column("scenario", "string", "Data set and model that people learn to predict."),
        Column("method", "string", "Explanation shown in training, empty if none."),
        Column("predicted_class", "string", "Class that the model predicts for the image."),
        Column("true_class", "string", "Class of the image; never shown."),
        Column("model_correct", "integer", "1 if the model is right about the image, else 0."),
        Column("atlas_hash", "string", "Hash of the atlas that the stimuli came from."),
    ),
    "intruder": (
        *CONCEPT,
        TASK,
        Column("parent_id", "string", "Concept that the sub-concept is a part of, else empty."),
        Column("intruder_id", "string", "Concept that the intruder was cut for."),
        EVIDENCE_GAP,
    ),
    "binary_choice": (
        *CONCEPT,
        TASK,
        Column("parent_id", "string", "Concept that the sub-concept is a part of."),
        EVIDENCE_GAP,
    ),
    "visualizations": (
        *CONCEPT,
        *STRENGTHS,
        Column("method", "string", "How the reference pictures were made, empty if none."),
        Column("occluded_left", "integer", "1 if the left query hides more of what is favoured."),
    ),
    "plausibility": (
        *CONCEPT,
        Column("first", "string", "Method of the picture on the left."),
        Column("second", "string", "Method of the picture on the right."),
    ),
    "naming": (
        *CONCEPT,
        Column("word", "string", "The answer as a word of the vocabulary, empty if it is none."),
    ),
    "drawings": (
        TASK,
        Column("agent", "string", "Who drew: people, or the name of a machine."),
        Column("category", "string", "What was to be drawn."),
        Column("drawing", "string", "The drawing that is asked about."),
    ),
    "click_maps": (
        Column("clicks", "json", "Places marked, [x, y] as shares of the picture's width, height."),
    ),
    "odd_one_out": (
        Column("rule", "string", "Rule that all pictures but one obey."),
        Column("rule_kind", "string", "Whether the rule is elementary or a composition."),
        Column("n_samples", "integer", "Examples that a learner was trained on; empty for people."),
        Column("comment", "string", "What people wrote after the block, in its last trial."),
    ),
    "rating": (
        *CONCEPT,
        Column("method", "string", "Explanation or picture that is rated."),
        Column("question", "string", "What was asked."),
        Column("points", "integer", "Points of the scale."),
        Column("rating", "integer", "Point chosen, from 1."),
    ),
}
"""Further trial columns of each paradigm, in the order in which they are exported."""


def trial_columns(paradigm: str) -> tuple[Column, ...]:
    """All trial columns of a paradigm: the common ones, then its own.

    Raises
    ------
    KeyError
        If no paradigm of that name is known.
    """
    return TRIALS + PARADIGM_COLUMNS[paradigm]


def names(columns: tuple[Column, ...]) -> list[str]:
    """Column names in order."""
    return [column.name for column in columns]
