"""A rehearsal: simulated participants go through the study's own schedules and scoring."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from experiments.checks import judge
from experiments.dataset import DatasetWriter
from experiments.observers import Observer, Person, Psychometric
from experiments.schedule import (
    ScheduledTrial,
    after_practice,
    draw_practice,
    draw_schedule,
    generator,
)
from experiments.study import Study
from experiments.truth import has_right_answers, truth
from lens_core.atlas import Track, no_track

BEGIN = datetime(2026, 1, 5, 9, tzinfo=UTC)
BETWEEN_ARRIVALS = timedelta(minutes=7)


def simulate(
    study: Study,
    n_participants: int,
    observer: Observer,
    seed: int,
    out: str | Path,
    track: Track = no_track,
    force: bool = False,
) -> Path:
    """Write a data set of ``n_participants`` simulated people.

    People are assigned to the condition with the fewest complete participants, ties at random.
    What was planted is written into ``dataset_description.json`` under ``simulation``.
    """
    planted: dict[str, Any] = {"observer": observer.name, "seed": seed}
    if isinstance(observer, Psychometric):
        parameters = asdict(observer)
        parameters.pop("timing")
        planted["parameters"] = parameters
        if has_right_answers(study):
            planted["truth"] = truth(study, observer).to_dict()
    complete = dict.fromkeys(study.cells, 0)
    ties = generator(seed, "assignment")
    with DatasetWriter(out, study, description={"simulation": planted}, force=force) as data:
        for number in track(range(n_participants), "simulating", n_participants):
            fewest = min(complete.values())
            open_cells = [cell for cell, count in complete.items() if count == fewest]
            cell = open_cells[int(ties.integers(len(open_cells)))]
            participant, trials = simulate_one(study, cell, observer, seed, number)
            complete[cell] += int(participant["status"] == "complete")
            data.participant(participant)
            for trial in trials:
                data.trial(trial)
    return Path(out)


def simulate_one(
    study: Study, cell: str, observer: Observer, seed: int, number: int
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """One participant's row and trials, as they would be exported."""
    person = observer.recruit(seed, number)
    schedule_seed = int(generator(seed, "schedule", number).integers(2**31))
    rng = generator(seed, "browser", number)
    consented = BEGIN + number * BETWEEN_ARRIVALS
    assigned = consented + timedelta(seconds=person.instruction_s)
    started = now = assigned + timedelta(seconds=3)
    base = {"participant": f"p{number:05d}", "study": study.name, "study_hash": study.hash}
    rows: list[dict[str, Any]] = []
    session = study.config.session
    visit = _Visit(study, cell, schedule_seed)
    for trial in visit:
        shown = now + timedelta(milliseconds=session.start_delay_ms)
        row = _answer(study, person, trial, rng)
        now = shown + timedelta(milliseconds=row["rt_ms"])
        rows.append(base | row | {"presented_at": iso(shown), "answered_at": iso(now)})
        visit.answered(row["correct"] != 0)
        now += timedelta(milliseconds=session.feedback_ms if session.feedback else 0)
    participant: dict[str, Any] = {
        "participant": base["participant"],
        "study": study.name,
        "condition": cell,
        "status": "screened_out" if visit.screened_out else "complete",
        "source": "simulated",
        "consent_version": study.config.consent.version,
        "consented_at": iso(consented),
        "assigned_at": iso(assigned),
        "started_at": iso(started),
        "finished_at": iso(now),
    }
    return participant | judge(study.config, participant, rows).columns(), rows


class _Visit:
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


def _answer(
    study: Study, person: Person, trial: ScheduledTrial, rng: np.random.Generator
) -> dict[str, Any]:
    """The exported columns of one answered trial, without identity and times of day."""
    answer = person.answer(study.task.percept(trial, study))
    scored = study.task.score(
        trial, study.task.raw_response(trial, answer.choice, answer.confidence)
    )
    return trial.row() | {
        "trial_uuid": str(uuid.UUID(bytes=rng.bytes(16), version=4)),
        "response": scored.response,
        "correct": None if scored.correct is None else int(scored.correct),
        "confidence": scored.confidence,
        "rt_ms": answer.rt_ms,
        "onset_error_ms": round(float(rng.normal(0.0, 1.5)), 2),
        "dropped_frames": int(rng.random() < 0.01),
        **scored.columns,
    }


def iso(moment: datetime) -> str:
    """ISO-8601 UTC with milliseconds."""
    text = moment.astimezone(UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")
