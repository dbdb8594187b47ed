"""One simulated person's visit, on a clock of its own: shared by simulation and rehearsal."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from experiments.checks import judge
from experiments.observers import Observer
from experiments.records import Status
from experiments.schedule import (
    ScheduledTrial,
    after_practice,
    draw_practice,
    draw_schedule,
    generator,
)
from experiments.study import Study

BEGIN = datetime(2026, 1, 5, 9, tzinfo=UTC)
BETWEEN_ARRIVALS = timedelta(minutes=7)


class Itinerary:
    """The trials that a person meets, practice repeated as the study says."""

    def __init__(self, study: Study, cell: str, seed: int) -> None:
        self.screened_out = False
        self._study, self._cell, self._seed = study, cell, seed
        self._correct: list[bool] = []

    def answered(self, correct: bool) -> None:
        """Tell whether the last trial went well; one without a right answer always does."""
        self._correct.append(correct)

    def __iter__(self) -> Iterator[ScheduledTrial]:
        schedule = draw_schedule(self._study, self._cell, self._seed)
        practice = tuple(trial for trial in schedule if trial.phase == "practice")
        n_drawn, attempt = len(schedule), 1
        while practice:
            self._correct.clear()
            yield from practice
            outcome = after_practice(self._study, attempt, self._correct)
            if outcome == "screen_out":
                self.screened_out = True
                return
            if outcome == "go_on":
                break
            attempt += 1
            practice = draw_practice(self._study, self._cell, self._seed, attempt, n_drawn)
            n_drawn += len(practice)
        yield from (trial for trial in schedule if trial.phase != "practice")


@dataclass(frozen=True)
class Given:
    """An answer: ``row`` as it is exported, ``raw`` as the browser sends it; ``correct`` is none
    where no answer is right."""

    row: dict[str, Any]
    raw: dict[str, Any]
    correct: bool | None


class Visit:
    """A simulated person and what would be exported of the visit.

    Parameters
    ----------
    observer : the kind of person.
    seed, number : of the simulation, and of the person within it; people arrive every few minutes
        of an imagined morning.
    nonce : makes the trials' identifiers this visit's own where many end in one database, of other
        studies and of the same seed again; else they follow from the seed.
    """

    def __init__(
        self, study: Study, observer: Observer, seed: int, number: int, nonce: str = ""
    ) -> None:
        self.study = study
        self.person = observer.recruit(seed, number)
        self.schedule_seed = int(generator(seed, "schedule", number).integers(2**31))
        self.rows: list[dict[str, Any]] = []
        self._rng = generator(seed, "browser", number)
        self._nonce = nonce.encode()
        self._name = f"p{number:05d}"
        self._consented = BEGIN + number * BETWEEN_ARRIVALS
        self._assigned = self._consented + timedelta(seconds=self.person.instruction_s)
        self._started = self._now = self._assigned + timedelta(seconds=3)

    def understands_quiz(self) -> bool:
        """Whether one attempt at the quiz succeeds."""
        answers = [self.person.understands() for _ in self.study.config.quiz]
        return all(answers)

    def passes_quiz(self) -> bool:
        """Whether one of the attempts that the study allows succeeds."""
        attempts = self.study.config.session.quiz_attempts
        return any(self.understands_quiz() for _ in range(attempts))

    def answer(self, trial: ScheduledTrial) -> Given:
        """Look at a trial and answer it; its row is kept."""
        task, session = self.study.asking(trial), self.study.config.session
        seen = self.person.answer(task.percept(trial, self.study))
        raw = task.raw_response(trial, seen.choice, seen.confidence)
        scored = task.score(trial, raw)
        shown = self._now + timedelta(milliseconds=session.start_delay_ms)
        done = shown + timedelta(milliseconds=seen.rt_ms)
        row = trial.row() | {
            "trial_uuid": self._identifier(),
            "participant": self._name,
            "study": self.study.name,
            "study_hash": self.study.hash,
            "response": scored.response,
            "correct": None if scored.correct is None else int(scored.correct),
            "confidence": scored.confidence,
            "rt_ms": seen.rt_ms,
            "onset_error_ms": round(float(self._rng.normal(0.0, 1.5)), 2),
            "dropped_frames": int(self._rng.random() < 0.01),
            "presented_at": iso(shown),
            "answered_at": iso(done),
            **scored.columns,
        }
        self.rows.append(row)
        self._now = done + timedelta(milliseconds=session.feedback_ms if session.feedback else 0)
        return Given(row, raw, scored.correct)

    def _identifier(self) -> str:
        drawn = self._rng.bytes(16)
        if self._nonce:
            drawn = hashlib.sha256(self._nonce + drawn).digest()[:16]
        return str(uuid.UUID(bytes=drawn, version=4))

    def participant(self, status: Status, condition: str | None) -> dict[str, Any]:
        """The participant's row; ``condition`` is none where the visit ended before one was drawn.

        Whoever leaves has no moment of finishing, as at a server.
        """
        assigned = condition is not None
        finished = assigned and status in ("complete", "screened_out")
        row: dict[str, Any] = {
            "participant": self._name,
            "study": self.study.name,
            "condition": condition,
            "status": status,
            "source": "simulated",
            "consent_version": self.study.config.consent.version,
            "consented_at": iso(self._consented),
            "assigned_at": iso(self._assigned) if assigned else None,
            "started_at": iso(self._started) if assigned else None,
            "finished_at": iso(self._now) if finished else None,
        }
        return row | judge(self.study.config, row, self.rows).columns()


def iso(moment: datetime) -> str:
    """ISO-8601 UTC with milliseconds."""
    text = moment.astimezone(UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")
