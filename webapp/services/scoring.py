"""What is stored of an answer, and what the browser may know once it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from experiments.paradigms.base import Scored
from experiments.schedule import ScheduledTrial
from experiments.study import Study
from lens_core.atlas import LensError
from webapp.clock import utc_now

from .answers import Answer
from .errors import Unusable


@dataclass(frozen=True, slots=True)
class Saved:
    """What is stored for a trial, and what comes next."""

    index: int
    next: int | None
    correct: bool | None
    feedback: bool
    message: str
    score: tuple[int, int] | None


@dataclass(frozen=True, slots=True)
class Tally:
    """The counters of a session."""

    next: int | None
    n_right: int
    n_scored: int

    def after(self, scored: Scored, following: int | None) -> Tally:
        """With one answer more, and another trial coming next."""
        if scored.correct is None:
            return Tally(following, self.n_right, self.n_scored)
        return Tally(following, self.n_right + scored.correct, self.n_scored + 1)


def score(study: Study, trial: ScheduledTrial, answer: Answer) -> Scored:
    """An answer as the paradigm judges it.

    Raises
    ------
    Unusable
        If the trial does not allow the response.
    """
    try:
        return study.asking(trial).score(trial, answer.response)
    except LensError as error:
        raise Unusable(str(error)) from error


def row(session_id: int, index: int, answer: Answer, scored: Scored) -> dict[str, Any]:
    """An answer as the table of responses has it."""
    return {
        "session_id": session_id,
        "index": index,
        "trial_uuid": answer.trial_uuid.lower(),
        "digest": answer.digest(),
        "saved_at": utc_now(),
        "raw": answer.response,
        "response": scored.response,
        "correct": None if scored.correct is None else int(scored.correct),
        "confidence": scored.confidence,
        "rt_ms": answer.rt_ms,
        "onset_error_ms": answer.onset_error_ms,
        "dropped_frames": answer.dropped_frames,
        "presented_at": answer.presented_at,
        "answered_at": answer.answered_at,
        "columns": dict(scored.columns),
    }


def told(
    study: Study, trial: ScheduledTrial, correct: int | None, tally: Tally, *, active: bool = True
) -> Saved:
    """What the browser may know once the answer is stored.

    Parameters
    ----------
    correct : as it is stored.
    active : whether the visit goes on.
    """
    # Nothing is right or wrong about an answer that only the person can give.
    shows = feedback_of(study, trial) and correct is not None
    running = shows and study.config.session.running_score
    return Saved(
        index=trial.index,
        next=tally.next if active else None,
        correct=bool(correct) if shows else None,
        feedback=shows,
        message=str(trial.display.get("explanation", "")) if shows else "",
        score=(tally.n_right, tally.n_scored) if running else None,
    )


def feedback_of(study: Study, trial: ScheduledTrial) -> bool:
    """Whether a trial says if the answer was right: the trial's own word, else the study's."""
    return bool(trial.display.get("feedback", study.config.session.feedback))
