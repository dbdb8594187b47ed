"""Writing the folder of a study, whatever its paradigm and wherever its trials come from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from pydantic import ValidationError

from experiments.design import (
    AnalysisPlan,
    Condition,
    Consent,
    Design,
    Exclusion,
    Instruction,
    PictureDesign,
    Practice,
    QuizQuestion,
    Session,
    Source,
    StudyConfig,
)
from experiments.paradigms.base import BuildRequest
from experiments.stimuli import StimulusNames, write_stimuli
from experiments.study import CONFIG, Study, config_toml, first_fault
from lens_core.atlas import LensError, Track, no_track
from lens_core.atlas.files import write_atomic
from lens_core.atlas.folders import whole_folder

if TYPE_CHECKING:
    import pandas as pd

D = TypeVar("D", bound=Design)


class Row(Protocol):
    """A trial of the pool."""

    def row(self) -> dict[str, Any]:
        """As a row of a table; what is nested is JSON text."""
        ...


READING_MIN, TRIAL_MIN = 1.5, 0.18
"""Minutes for texts and for a trial: the strong/weak task as published takes about ten. They fill
in a sentence of the consent form, which the study file holds and a lab corrects."""


@dataclass(frozen=True)
class Defaults:
    """What a new study of a paradigm says until somebody edits it."""

    consent: Consent
    instructions: tuple[Instruction, ...]
    quiz: tuple[QuizQuestion, ...]
    exclusions: tuple[Exclusion, ...] = ()
    practice: Practice = field(default_factory=Practice)
    session: Session = field(default_factory=Session)
    trial_min: float = TRIAL_MIN

    def timed(self, n_trials: int, published: int) -> Defaults:
        """The same with bounds on the time of all trials in proportion to their number.

        Bounds that were published for a longer study would exclude everybody from a short one.

        Examples
        --------
        >>> bounds = Defaults(Consent(markdown=""), (), (), (Exclusion(check="total_s", min=90),))
        >>> bounds.timed(7, 21).exclusions[0].min
        30.0
        """
        share = n_trials / published
        scaled = tuple(
            one
            if one.check != "total_s"
            else one.model_copy(
                update={"min": _times(one.min, share), "max": _times(one.max, share)}
            )
            for one in self.exclusions
        )
        return replace(self, exclusions=scaled)


def timed_consent(consent: Consent, n_trials: int, trial_min: float = TRIAL_MIN) -> Consent:
    """The form with the minutes that so many trials take; a lab corrects it after its pilot.

    Examples
    --------
    >>> timed_consent(Consent(markdown="About {minutes} minutes."), 50).markdown
    'About 10 minutes.'
    """
    minutes = max(2, round(READING_MIN + n_trials * trial_min))
    text = consent.markdown.replace("{minutes}", str(minutes))
    return consent.model_copy(update={"markdown": text})


def _times(seconds: float | None, share: float) -> float | None:
    return None if seconds is None else float(round(seconds * share))


def design_from(request: BuildRequest, kind: type[D]) -> D:
    """The design that a request asks for.

    Raises
    ------
    LensError
        If it names a field that does not exist or a value that is not allowed.
    """
    try:
        return kind.model_validate(dict(request.design))
    except ValidationError as error:
        raise LensError(f"design: {first_fault(error)}") from error


def plan_for(conditions: Sequence[Condition], reference: str | None = None) -> AnalysisPlan:
    """Accuracy of every condition against the reference, or against chance if there is only one.

    ``reference`` is taken if it is a condition, else the first condition is.
    """
    names = [condition.name for condition in conditions]
    if len(names) == 1:
        return AnalysisPlan(formula="correct ~ 1")
    return AnalysisPlan(reference=reference if reference in names else names[0])


def write_study(
    request: BuildRequest,
    kind: type[StudyConfig],
    design: PictureDesign,
    source: Source,
    conditions: Sequence[Condition],
    defaults: Defaults,
    analysis: AnalysisPlan,
    templates: Sequence[Row],
    key: Mapping[str, str],
    names: StimulusNames,
    universe: pd.DataFrame,
    track: Track = no_track,
) -> Study:
    """Write all files, whole or not at all, and open the study.

    Parameters
    ----------
    kind : of ``study.toml``, which gets the paradigm's texts and criteria, ready to be edited.
    templates : the pool of trials.
    key : trial to the name of its right option; empty where none is right.
    universe : every candidate stimulus, and what became of it.

    Raises
    ------
    LensError
        If the study's name or a condition's is not allowed, or the target is not free.
    """
    content: Mapping[str, Any] = {
        "name": request.name,
        "title": request.title,
        "seed": request.seed,
        "source": source,
        "design": design,
        "conditions": tuple(conditions),
        "consent": timed_consent(defaults.consent, design.n_shown, defaults.trial_min),
        "instructions": defaults.instructions,
        "quiz": defaults.quiz,
        "practice": defaults.practice,
        "session": defaults.session,
        "exclusions": defaults.exclusions,
        "analysis": analysis,
    }
    try:
        config = kind.model_validate(content)
    except ValidationError as error:
        raise LensError(f"study {request.name!r}: {first_fault(error)}") from error
    with whole_folder(request.out, what="study", force=request.force) as folder:
        write_stimuli(
            folder / "stimuli",
            names,
            size_px=design.stimulus_px,
            quality=design.webp_quality,
            track=track,
        )
        write_rows(folder / "trials.parquet", [template.row() for template in templates])
        answers = [{"template": name, "correct": correct} for name, correct in key.items()]
        write_rows(folder / "key.parquet", answers)
        universe.to_parquet(folder / "universe.parquet", index=False, compression="zstd")
        write_atomic(folder / CONFIG, config_toml(config))
    return Study.open(request.out)


def write_rows(file: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write a Parquet table."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.Table.from_pylist([dict(row) for row in rows]), file, compression="zstd")
