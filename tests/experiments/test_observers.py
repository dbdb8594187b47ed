"""Simulated people who tire, leave or hurry, and everybody's answers to every kind of question."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from experiments.observers import (
    OBSERVERS,
    Fatigued,
    Impatient,
    Psychometric,
    Quitter,
    get_observer,
)
from experiments.paradigms.base import Percept
from experiments.simulate import simulate, simulate_one
from experiments.study import Study, read_rows

SEEN = Percept(
    strengths=(0.0, 2.0),
    seen_among_references=(0, 0),
    item="one",
    condition="concepts",
    phase="test",
    attempt=1,
    confidence_steps=3,
)
KINDS = [
    replace(SEEN, asks="choice", strengths=(0.1, 0.4, 2.0, 0.3)),
    replace(SEEN, asks="rating", strengths=(0.0, 0.5, 1.0, 0.5, 0.0), confidence_steps=0),
    replace(SEEN, asks="vocabulary", strengths=(0.0, 1.0, 0.2)),
    replace(SEEN, asks="text", strengths=(0.0, 1.0)),
    replace(SEEN, asks="continue", strengths=(0.0,), confidence_steps=0),
]


@pytest.mark.parametrize("name", OBSERVERS)
def test_everybody_answers_every_kind_of_question(name: str) -> None:
    for percept in KINDS:
        for attempt in (1, 2):
            person = get_observer(name).recruit(0, attempt)
            for _ in range(20):
                given = person.answer(replace(percept, attempt=attempt))
                assert 0 <= given.choice < len(percept.strengths)
                assert (given.confidence is None) == (percept.confidence_steps == 0)
                assert given.confidence is None or 1 <= given.confidence <= 3
                assert given.rt_ms > 0


def test_skill_falls_with_every_trial() -> None:
    """Accuracy at trial n is that of the psychometric function n losses further down."""
    fresh = Psychometric(participant_sd=0.0, item_sd=0.0, lapse=0.0)
    kind = Fatigued(fresh, loss_per_trial=0.1)
    n_people, n_trials = 300, 21
    right = np.zeros(n_trials)
    for number in range(n_people):
        person = kind.recruit(0, number)
        right += [person.answer(SEEN).choice == 1 for _ in range(n_trials)]
    for trial in (0, 10, 20):
        expected = fresh.probability(fresh.logit(2.0, "concepts") - 0.1 * trial)
        error = math.sqrt(expected * (1 - expected) / n_people)
        assert abs(right[trial] / n_people - expected) < 4 * error


def test_who_leaves_answered_like_others_until_then() -> None:
    kind = Quitter(hazard=0.1)
    lengths, ways = [], Counter[str]()
    for number in range(120):
        quitter, stays = kind.recruit(3, number), Psychometric().recruit(3, number)
        answered = 0
        while (way := quitter.leaves()) is None:
            assert quitter.answer(SEEN) == stays.answer(SEEN)
            answered += 1
        lengths.append(answered)
        ways[way] += 1
    # The number of trials before leaving is geometric, with mean (1 - h) / h.
    error = math.sqrt(0.9) / 0.1 / math.sqrt(len(lengths))
    assert abs(np.mean(lengths) - 9.0) < 4 * error
    assert abs(ways["returned"] - 60) < 4 * math.sqrt(30)


def test_a_data_set_keeps_the_trials_of_who_left(study: Study, tmp_path: Path) -> None:
    simulate(study, 20, Quitter(hazard=0.08), seed=1, out=tmp_path / "data")
    people, trials = (
        read_rows(next((tmp_path / "data" / "data").glob(f"*-{table}_data.parquet")))
        for table in ("participants", "trials")
    )
    status = {person["participant"]: person["status"] for person in people}
    assert set(status.values()) == {"complete", "returned", "timed_out"}
    answered = Counter(trial["participant"] for trial in trials)
    complete = min(answered[name] for name in status if status[name] == "complete")
    left = [name for name in status if status[name] in ("returned", "timed_out")]
    assert 0 < sum(answered[name] for name in left) < complete * len(left)
    for person in people:
        assert (person["finished_at"] is None) == (person["participant"] in left)


def test_the_impatient_fail_what_the_checks_look_at(study: Study) -> None:
    """And some do not get past the quiz, as often as guessing it would have it."""
    kind = Impatient()
    people = [simulate_one(study, "units", kind, 0, number) for number in range(40)]
    turned_away = [person for person, _ in people if person["condition"] is None]
    once = kind.understood ** len(study.config.quiz)
    expected = (1 - once) ** study.config.session.quiz_attempts
    error = math.sqrt(expected * (1 - expected) / len(people))
    assert abs(len(turned_away) / len(people) - expected) < 4 * error
    assert {person["status"] for person in turned_away} <= {"screened_out"}
    inside = [(person, trials) for person, trials in people if person["condition"] is not None]
    assert all(person["check_instruction_s"] < 15 for person, _ in inside)
    assert all(person["excluded"] == 1 for person, _ in inside)
    times = [trial["rt_ms"] for _, trials in inside for trial in trials]
    assert np.median(times) < 500
