"""What a human task is: one file a paradigm, one line in the registry."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from experiments.design import StudyConfig
from experiments.records import PARADIGM_COLUMNS, Column
from experiments.schedule import ScheduledTrial
from experiments.selection import EVERYTHING, Selection, open_selected
from lens_core.atlas import Atlas, LensError, Track, no_track

if TYPE_CHECKING:
    from experiments.audit import Finding
    from experiments.study import Study

Asked = Literal["choice", "rating", "text", "vocabulary", "continue"]
"""Kinds of answers: an option, a point of a scale, free text, a word of a list, only to go on."""

OptionOrder = Literal["trial", "participant", "fixed"]
"""A new order of the options each trial, one for all trials of a participant, or always the same"""

TRIALS = "trials.csv"
"""What a table of trials is called in a folder of stimuli."""

UrlOf = Callable[[str], str]
"""Stimulus id to the address that the browser is given."""


@dataclass(frozen=True)
class Scored:
    """An answer, judged.

    Attributes
    ----------
    response : as it is exported.
    correct : whether it equals the trial's correct response; none where no answer is right.
    confidence : 1 … the number of steps, none where it is not asked.
    columns : further columns that depend on the answer.
    """

    response: str
    correct: bool | None
    confidence: float | None = None
    columns: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Percept:
    """What a simulated observer may use: what the pictures themselves carry, never the key.

    Whatever is asked, an observer picks one of the answers that are possible: the options from left
    to right, the points of a rating scale from low to high, or the words of a vocabulary. A trial
    that is only looked at has a single one.

    Attributes
    ----------
    strengths : evidence for each possible answer; of pictures in SDs of the item's activations.
    seen_among_references : for each answer, whether the same picture is on the screen already,
        together with what that tells about it: 1 strong, -1 weak, 0 not there.
    item, condition, phase, attempt : for random and planted effects, and for memory.
    confidence_steps : 0 if confidence is not asked.
    asks : what kind of answer is wanted.
    """

    strengths: tuple[float, ...]
    seen_among_references: tuple[int, ...]
    item: str
    condition: str
    phase: str
    attempt: int
    confidence_steps: int
    asks: Asked = "choice"


@dataclass(frozen=True)
class AskedTrial:
    """How hard a test trial of the pool is, for the expected accuracy of simulated observers.

    Attributes
    ----------
    gap : evidence for the right answer minus that for the strongest other one; negative where the
        pictures speak against the key.
    share : of the condition's trials that it makes up.
    n_options : answers to choose from.
    """

    gap: float
    share: float
    n_options: int


class Asking(ABC):
    """How scheduled trials are shown, answered and judged."""

    @abstractmethod
    def public(self, trial: ScheduledTrial, url_of: UrlOf) -> dict[str, Any]:
        """What the browser may know before the answer: no key, no condition, no strength."""

    @abstractmethod
    def score(self, trial: ScheduledTrial, raw: Mapping[str, Any]) -> Scored:
        """Judge what the browser sent.

        Raises
        ------
        LensError
            If the response is not one that this trial allows.
        """

    @abstractmethod
    def raw_response(
        self, trial: ScheduledTrial, choice: int, confidence: int | None
    ) -> dict[str, Any]:
        """What the browser would send for the answer at position ``choice`` of the percept's."""

    @abstractmethod
    def percept(self, trial: ScheduledTrial, study: Study) -> Percept:
        """What the pictures of a trial carry, for simulated observers."""


class Paradigm(Asking):
    """One human task, from its stimuli to the columns that its analysis needs.

    Methods get everything through their arguments; a paradigm has no state.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    config_model: ClassVar[type[StudyConfig]]
    option_order: ClassVar[OptionOrder] = "trial"
    published_pay: ClassVar[str] = ""
    """What the source paid a person; what people are paid is ``completion.reward``."""

    @property
    def columns(self) -> tuple[Column, ...]:
        """The paradigm's own trial columns."""
        return PARADIGM_COLUMNS[self.name]

    @abstractmethod
    def build(self, request: BuildRequest, track: Track = no_track) -> Study:
        """Write a study folder: configuration, pool of trials, key, universe, stimuli."""

    @abstractmethod
    def stimuli_of(self, template: Mapping[str, Any]) -> list[str]:
        """Stimuli that a row of the pool of trials shows."""

    @abstractmethod
    def schedule(self, study: Study, cell: str, seed: int) -> tuple[ScheduledTrial, ...]:
        """All trials of one participant; practice (first attempt) comes first."""

    @abstractmethod
    def practice(
        self, study: Study, cell: str, seed: int, *, attempt: int, first_index: int
    ) -> tuple[ScheduledTrial, ...]:
        """One attempt at practice."""

    @abstractmethod
    def asked(self, study: Study, condition: str) -> tuple[AskedTrial, ...]:
        """The test trials that a condition's participants may meet; none without a right answer."""

    @abstractmethod
    def audit(self, study: Study) -> list[Finding]:
        """What is wrong with the design beyond what every paradigm is checked for."""


@dataclass(frozen=True)
class BuildRequest:
    """What ``lens study new`` was asked for.

    Attributes
    ----------
    out : study folder to write.
    name, title : of the study; the name goes into addresses and file names.
    atlases : atlas folders to draw stimuli from.
    table : table of trials instead of atlases, or a folder that has it as ``trials.csv``.
    explanations : table or folder of pictures of the atlases' concepts and photographs.
    seed : of everything that is drawn.
    design : fields of the paradigm's design that differ from its defaults.
    force : replace what is there.
    selection : classes and concepts of the atlases; everything by default.

    Raises
    ------
    LensError
        If both atlases and a table are given, or explanations of no atlas.
    """

    out: Path
    name: str
    title: str
    atlases: tuple[Path, ...] = ()
    table: Path | None = None
    explanations: Path | None = None
    seed: int = 0
    design: Mapping[str, Any] = field(default_factory=dict)
    force: bool = False
    selection: Selection = EVERYTHING

    def __post_init__(self) -> None:
        if self.table is not None and self.atlases:
            raise LensError("give either --atlas or --stimuli, not both")
        if self.table is not None and self.table.is_dir():
            object.__setattr__(self, "table", self.table / TRIALS)
        if self.explanations is not None and not self.atlases:
            raise LensError(
                "--explanations are of an atlas's concepts or photographs: give --atlas; a table "
                "of --stimuli names its own pictures"
            )

    def open_atlases(self) -> list[Atlas]:
        """The atlases, with no more in them than was selected.

        Raises
        ------
        LensError
            If none is named, or one cannot be opened.
        """
        if not self.atlases:
            raise LensError("a study needs stimuli: give --atlas ATLAS or --stimuli TABLE.csv")
        return [open_selected(path, self.selection, self.seed) for path in self.atlases]
