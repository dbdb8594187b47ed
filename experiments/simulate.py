"""A rehearsal offline: simulated people go through the study's own schedules and scoring."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from experiments.dataset import DatasetWriter
from experiments.observers import Observer, Psychometric
from experiments.records import Status
from experiments.schedule import generator
from experiments.study import Study
from experiments.truth import has_right_answers, truth
from experiments.visits import Itinerary, Visit
from lens_core.atlas import Track, no_track


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
    complete = dict.fromkeys(study.cells, 0)
    ties = generator(seed, "assignment")
    description = {"simulation": planted(study, observer, seed)}
    with DatasetWriter(out, study, description=description, force=force) as data:
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


def planted(study: Study, observer: Observer, seed: int) -> dict[str, Any]:
    """What a simulation put into its data, for ``dataset_description.json``."""
    facts: dict[str, Any] = {"observer": observer.name, "seed": seed}
    if isinstance(observer, Psychometric):
        parameters = asdict(observer)
        parameters.pop("timing")
        facts["parameters"] = parameters
        if has_right_answers(study):
            facts["truth"] = truth(study, observer).to_dict()
    return facts


def simulate_one(
    study: Study, cell: str, observer: Observer, seed: int, number: int
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """One participant's row and trials, as they would be exported."""
    visit = Visit(study, observer, seed, number)
    if not visit.passes_quiz():
        return visit.participant("screened_out", None), []
    itinerary = Itinerary(study, cell, visit.schedule_seed)
    status: Status = "complete"
    for trial in itinerary:
        departure = visit.person.leaves()
        if departure is not None:
            status = departure
            break
        itinerary.answered(visit.answer(trial).correct is not False)
    if itinerary.screened_out:
        status = "screened_out"
    return visit.participant(status, cell), visit.rows
