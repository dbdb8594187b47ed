from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from scipy.integrate import quad

from experiments.observers import (
    OBSERVERS,
    Answer,
    Guesser,
    Observer,
    Person,
    Psychometric,
    StraightLiner,
    get_observer,
)
from experiments.schedule import draw_schedule
from experiments.simulate import simulate, simulate_one
from experiments.study import Study, read_rows
from experiments.truth import calibrated, gaps_asked, truth
from lens_core.atlas import LensError


def answers_of(study: Study, observer: Observer, cell: str, n: int, seed: int = 0) -> np.ndarray:
    """(n, trials) of 0 and 1: test trials answered right by n people."""
    people = (simulate_one(study, cell, observer, seed, number)[1] for number in range(n))
    return np.array([[t["correct"] for t in rows if t["phase"] == "test"] for rows in people])


def rows_of(dataset: Path, table: str) -> list[dict[str, Any]]:
    (file,) = (dataset / "data").glob(f"*-{table}_data.parquet")
    return read_rows(file)


def test_observers_never_read_the_key(
    draft: Study, copy_of: Callable[[Study], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With every answer of the key turned round, everybody does the same and is just wrong."""
    root = copy_of(draft)
    rows = read_rows(root / "key.parquet")
    for row in rows:
        row["correct"] = {"a": "b", "b": "a"}[row["correct"]]
    pq.write_table(pa.Table.from_pylist(rows), root / "key.parquet")
    poisoned = Study.open(root)
    for observer in (get_observer(name) for name in OBSERVERS):
        for trial in draw_schedule(draft, "concepts", 0):
            other = replace(
                trial,
                correct_response=str(1 - int(trial.correct_response)),
                columns=dict.fromkeys(trial.columns),
            )
            percept = poisoned.task.percept(other, poisoned)
            assert percept == draft.task.percept(trial, draft)
            first = observer.recruit(1, 2).answer(percept)
            assert first == observer.recruit(1, 2).answer(draft.task.percept(trial, draft))

    class Locked(dict[str, str]):
        def __getitem__(self, name: str) -> str:
            raise AssertionError("the key was read")

    trials = draw_schedule(draft, "units", 3)
    locked = Study.open(draft.root)
    monkeypatch.setattr(Study, "key", Locked())
    person = Psychometric().recruit(0, 0)
    for trial in trials:
        person.answer(locked.task.percept(trial, locked))


def test_guesser_is_at_chance(draft: Study) -> None:
    right = answers_of(draft, Guesser(), "concepts", 150)
    error = math.sqrt(0.25 / right.size)
    assert abs(right.mean() - 0.5) < 4 * error


def test_straight_liner_gives_one_answer_and_is_at_chance(draft: Study) -> None:
    sides = set()
    for number in range(12):
        rows = simulate_one(draft, "units", StraightLiner(), 0, number)[1]
        tests = [row for row in rows if row["phase"] == "test"]
        assert len({row["response"] for row in tests}) == 1
        assert sum(row["correct"] for row in tests) == 6, "sides are balanced within a person"
        sides.add(tests[0]["response"])
    assert sides == {"0", "1"}


def test_truth_agrees_with_direct_integration(draft: Study) -> None:
    observer = Psychometric(participant_sd=0.9, item_sd=0.5, effects={"concepts": 0.7})
    gaps, weights = gaps_asked(draft, "concepts")
    spread = math.hypot(0.9, 0.5)

    def at(gap: float) -> float:
        def density(z: float) -> float:
            logit = 0.8 * (gap - 1.5) + 0.7 + spread * z
            return math.exp(-z * z / 2) / math.sqrt(2 * math.pi) / (1 + math.exp(-logit))

        return float(quad(density, -9, 9)[0])

    expected = 0.5 + 0.48 * sum(w * at(g) for g, w in zip(gaps, weights, strict=True))
    assert truth(draft, observer).accuracy["concepts"] == pytest.approx(expected, abs=1e-8)


def test_truth_without_noise_is_the_psychometric_function(draft: Study) -> None:
    flat = Psychometric(slope=1e-9, participant_sd=0, item_sd=0, lapse=0, effects={"units": 1.0})
    found = truth(draft, flat)
    assert found.accuracy["concepts"] == pytest.approx(0.75)
    assert found.accuracy["units"] == pytest.approx(0.5 + 0.5 / (1 + math.exp(-1)))
    assert found.reference == "units"
    assert found.difference["concepts"] == pytest.approx(0.75 - found.accuracy["units"])


@pytest.mark.parametrize("gap", [0.5, 2.0, 5.0])
def test_choices_follow_the_psychometric_function(draft: Study, gap: float) -> None:
    observer = Psychometric(participant_sd=0, item_sd=0, lapse=0.04, effects={"units": 0.5})
    trial = next(t for t in draw_schedule(draft, "units", 0) if t.phase == "test")
    person = observer.recruit(0, 0)
    n, right = 4000, 0
    for number in range(n):
        strengths = (0.3, 0.3 + gap) if number % 2 else (0.3 + gap, 0.3)
        percept = replace(draft.task.percept(trial, draft), strengths=strengths)
        right += person.answer(percept).choice == number % 2
    expected = 0.5 + 0.46 / (1 + math.exp(-(0.8 * (gap - 1.5) + 0.5)))
    assert abs(right / n - expected) < 4 * math.sqrt(expected * (1 - expected) / n)


@pytest.mark.slow
def test_people_are_as_accurate_as_the_truth_says(draft: Study) -> None:
    """Fresh people and fresh items in each of 40 simulations; errors from between simulations."""
    observer = Psychometric(threshold=2.0, item_sd=0.6, participant_sd=0.6)
    expected = truth(draft, observer).accuracy
    for cell in draft.conditions:
        means = [answers_of(draft, observer, cell, 12, seed=seed).mean() for seed in range(40)]
        error = np.std(means, ddof=1) / math.sqrt(len(means))
        assert error < 0.01
        assert abs(np.mean(means) - expected[cell]) < 3.5 * error


def test_calibration_plants_what_was_asked(draft: Study) -> None:
    observer = calibrated(draft, Psychometric(), accuracy=0.7, effect=0.6)
    found = truth(draft, observer)
    assert found.accuracy["units"] == pytest.approx(0.7, abs=1e-8)
    assert found.log_odds["concepts"] == pytest.approx(0.6, abs=1e-7)
    none = truth(draft, calibrated(draft, Psychometric(), accuracy=0.7))
    assert none.difference["concepts"] == pytest.approx(0.0, abs=1e-8)
    for accuracy, effect in ((0.5, 0.0), (0.99, 0.0), (0.7, 9.0)):
        with pytest.raises(LensError, match="out of reach"):
            calibrated(draft, Psychometric(), accuracy, effect)


def test_simulated_data_set(study: Study, tmp_path: Path) -> None:
    observer = calibrated(study, Psychometric(), 0.75, 0.5)
    simulate(study, 31, observer, seed=4, out=tmp_path / "data")
    people, trials = (
        rows_of(tmp_path / "data", "participants"),
        rows_of(tmp_path / "data", "trials"),
    )
    assert len(people) == len({person["participant"] for person in people}) == 31
    complete = Counter(p["condition"] for p in people if p["status"] == "complete")
    assert abs(complete["concepts"] - complete["units"]) <= 1, "least-filled cell first"
    assert len({trial["trial_uuid"] for trial in trials}) == len(trials)
    for person in people:
        mine = [t for t in trials if t["participant"] == person["participant"]]
        assert {t["condition"] for t in mine} == {person["condition"]}
        assert len({t["trial"] for t in mine}) == len(mine)
        attempts = max(t["attempt"] for t in mine)
        assert person["check_practice_attempts"] == attempts
        if person["status"] == "complete":
            counts = Counter(t["phase"] for t in mine)
            assert counts == {"practice": 5 * attempts, "test": 12, "catch": 3}
        times = [t["answered_at"] for t in mine]
        assert times == sorted(times)
        assert person["consented_at"] < person["assigned_at"] < times[0]
    for trial in trials:
        assert trial["correct"] == int(trial["response"] == trial["correct_response"])
        assert trial["study_hash"] == study.hash
        assert trial["confidence"] in (1.0, 2.0, 3.0)


def test_same_seed_same_data(study: Study, tmp_path: Path) -> None:
    for out, seed in (("a", 1), ("b", 1), ("c", 2)):
        simulate(study, 4, Psychometric(), seed=seed, out=tmp_path / out)
    first, again, other = (rows_of(tmp_path / out, "trials") for out in "abc")
    assert first == again
    assert first != other


def test_catch_trials_are_easy_for_those_who_look(draft: Study) -> None:
    blind = Psychometric(slope=1e-9, threshold=0, effects={"units": -9.0}, lapse=0.02)
    rows = [row for n in range(120) for row in simulate_one(draft, "units", blind, 0, n)[1]]
    catch = [row["correct"] for row in rows if row["phase"] == "catch"]
    test = [row["correct"] for row in rows if row["phase"] == "test"]
    assert abs(np.mean(catch) - 0.98) < 4 * math.sqrt(0.98 * 0.02 / len(catch))
    assert abs(np.mean(test) - 0.5) < 4 * math.sqrt(0.25 / len(test))


def test_response_times_are_log_normal(draft: Study) -> None:
    rows = [row for n in range(80) for row in simulate_one(draft, "units", Guesser(), 0, n)[1]]
    logs = np.log([row["rt_ms"] for row in rows])
    assert np.exp(np.median(logs)) == pytest.approx(1100, rel=0.15)
    skew = float(np.mean(((logs - logs.mean()) / logs.std()) ** 3))
    assert abs(skew) < 0.3


def test_people_who_fail_practice_are_screened_out(study: Study) -> None:
    class Contrary(Guesser):
        name = "contrary"

        def recruit(self, seed: int, number: int) -> Any:
            class Wrong(Person):
                instruction_s = 30.0

                def answer(self, percept: Any) -> Answer:
                    return Answer(int(np.argmin(percept.strengths)), 1, 500.0)

            return Wrong()

    person, rows = simulate_one(study, "units", Contrary(), 0, 0)
    assert person["status"] == "screened_out"
    assert [row["phase"] for row in rows] == ["practice"] * 25
    assert person["exclusion_reason"] == "practice_attempts"


def test_unknown_observers_and_impossible_parameters() -> None:
    with pytest.raises(LensError, match="no observer 'ghost'; there are psychometric, guesser"):
        get_observer("ghost")
    with pytest.raises(LensError, match="leave nothing to see with"):
        Psychometric(guess=0.5, lapse=0.6)
