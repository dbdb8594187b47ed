from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis.concepts import concept_scores
from analysis.contents import plain
from analysis.dataset import from_frames, read_dataset
from analysis.output import write_analysis
from analysis.plan import Plan
from analysis.results import analyze_dataset
from analysis.summary import summary_lines
from tests.analysis.conftest import simulated_trials

Spoil = Callable[[pd.DataFrame], pd.DataFrame]


def test_concept_scores_go_back_to_the_explorer(trials: pd.DataFrame) -> None:
    results = analyze_dataset(from_frames(trials)).results
    assert [list(row) for row in results["concepts"][:1]] == [
        ["atlas_hash", "class_id", "concept_id", "score", "n"]
    ]
    assert sum(row["n"] for row in results["concepts"]) == len(trials)
    first = results["concepts"][0]
    own = trials[trials["concept_id"] == first["concept_id"]]["correct"]
    assert first["score"] == pytest.approx(own.mean())
    assert first["n"] == len(own)
    assert concept_scores(trials.drop(columns="atlas_hash")).empty


def test_only_a_declared_test_is_confirmatory(trials: pd.DataFrame) -> None:
    def status(plan: Plan) -> str:
        results = analyze_dataset(from_frames(trials, plan=plan)).results
        return str(results["differences"]["status"])

    assert status(Plan()) == "exploratory"
    assert status(Plan(declared=True)) == "confirmatory"
    assert status(Plan(declared=True, formula="correct ~ basis * layer")) == "exploratory"
    assert status(Plan(declared=True, method="glmm")) == "exploratory"


def test_claims_follow_the_corrected_p_value(trials: pd.DataFrame) -> None:
    third = trials["condition"].where(trials["participant"].str[-1] != "5", "blurred")
    plan = Plan(declared=True, alpha=0.05)
    data = from_frames(trials.assign(condition=third), plan=plan)
    rows = analyze_dataset(data).results["differences"]["comparisons"]
    for row in rows:
        assert row["claim"] == bool(row["primary"] and row["p_holm"] < 0.05)
    assert {row["primary"] for row in rows} == {True, False}


def test_same_seed_same_bytes(exported: Path, tmp_path: Path) -> None:
    for name in ("first", "second"):
        write_analysis(analyze_dataset(read_dataset(exported), seed=4), tmp_path / name)
    files = sorted(path for path in (tmp_path / "first").rglob("*") if path.is_file())
    assert len(files) > 12
    for path in files:
        other = tmp_path / "second" / path.relative_to(tmp_path / "first")
        assert path.read_bytes() == other.read_bytes(), path.name


def test_plain_holds_no_strange_numbers() -> None:
    frame = pd.DataFrame({"a": [1.0, np.nan], "b": pd.array([1, None], dtype="Int64")})
    found = plain({"frame": frame, "n": np.int64(3), "x": np.inf, "t": (np.float64(0.5),)})
    assert found == {
        "frame": [{"a": 1.0, "b": 1}, {"a": None, "b": None}],
        "n": 3,
        "x": None,
        "t": [0.5],
    }


SPOILED: dict[str, tuple[Spoil, str]] = {
    "no condition": (lambda t: t.drop(columns="condition"), "only one condition"),
    "one participant": (lambda t: t[t["participant"] == "p000"], "nothing can be said about other"),
    "one each": (lambda t: t[t["participant"].isin(["p000", "p001"])], "cannot be computed"),
    "nothing but people and answers": (
        lambda t: t[["participant", "correct"]],
        "No column 'condition'",
    ),
    "no items": (lambda t: t.drop(columns="item"), "do not name the stimuli"),
    "one item": (lambda t: t.assign(item="i"), "1 item cannot carry"),
    "no times": (lambda t: t.assign(rt_ms=np.nan), ""),
    "no strengths": (lambda t: t.drop(columns="strength_gap"), "no stimulus strengths"),
    "repeated rows": (lambda t: pd.concat([t, t]), "rows repeat a trial"),
    "all right": (lambda t: t.assign(correct=1), "everybody in concepts was always right"),
    "all wrong": (lambda t: t.assign(correct=0), "always wrong"),
    "all missing": (lambda t: t.assign(correct=np.nan), "nothing to analyse"),
    "some missing": (
        lambda t: t.assign(correct=t["correct"].where(t.index % 5 > 0)),
        "160 test trials without an answer: left out",
    ),
    "practice only": (lambda t: t.assign(phase="practice"), "nothing to analyse"),
    "no rows": (lambda t: t.iloc[:0], "nothing to analyse"),
}


@pytest.mark.filterwarnings("error::RuntimeWarning")
@pytest.mark.parametrize("case", SPOILED)
def test_poor_data_get_a_clear_word(
    trials: pd.DataFrame, case: str, tmp_path: Path, drawn_only: None
) -> None:
    spoil, words = SPOILED[case]
    spoiled = spoil(trials)
    analysis = analyze_dataset(from_frames(spoiled))
    out = write_analysis(analysis, tmp_path / "out")
    report = (out / "report.html").read_text()
    text = (out / "results.json").read_text()
    assert words in json.loads(text).__repr__()
    assert words.replace("'", "&#39;") in report
    assert "nan" not in report.lower().replace("nano", "")
    assert summary_lines(analysis.results)
    # Nobody disappears: every person stands in the decisions, every row in a phase.
    assert len(analysis.exclusions.decisions) == spoiled["participant"].nunique()
    dataset = analysis.results["dataset"]
    counted = sum(dataset["rows_by_phase"].values()) + dataset["rows_repeated"]
    assert counted == dataset["rows_read"] == len(spoiled)


@pytest.fixture
def differences_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many studies are analysed for one number each, which nothing stands beside."""
    monkeypatch.setattr("analysis.results.beside", lambda *arguments, **options: [])


@pytest.mark.parametrize(("effect", "claims"), [(0.8, None), (0.0, 3)])
def test_planted_effects_are_found_again(
    effect: float, claims: int | None, differences_only: None
) -> None:
    """Twenty studies: the planted log odds lie in the interval at least 17 times (a true coverage
    of .95 fails this once in 60), and without an effect at most 3 studies claim one."""
    spread = math.hypot(0.6, 0.5)
    nodes, weights = np.polynomial.hermite_e.hermegauss(60)

    def marginal(logit: float) -> float:
        p = float((weights / (1 + np.exp(-logit - spread * nodes))).sum() / weights.sum())
        return math.log(p / (1 - p))

    truth = marginal(1.0 + effect) - marginal(1.0)
    held, claimed = 0, 0
    for seed in range(20):
        trials = simulated_trials(1000 + seed, effect=effect)
        plan = Plan(declared=True, reference="concepts")
        columns = ["participant", "condition", "item", "correct"]
        differences = analyze_dataset(from_frames(trials[columns], plan=plan)).results[
            "differences"
        ]
        (row,) = [row for row in differences["comparisons"] if row["primary"]]
        held += math.log(row["odds_ratio_low"]) <= truth <= math.log(row["odds_ratio_high"])
        claimed += row["claim"]
    assert held >= 17
    if claims is not None:
        assert claimed <= claims
    else:
        assert claimed >= 10


@pytest.mark.slow
@pytest.mark.parametrize("effect", [0.9, 0.0])
def test_effects_planted_by_the_simulator(
    exported: Path, effect: float, differences_only: None
) -> None:
    """The same through study, observer, export columns and exclusions."""
    from experiments.observers import Psychometric
    from experiments.simulate import simulate_one
    from experiments.study import Study
    from experiments.truth import calibrated, truth

    study = Study.open(exported.parent / "study")
    observer = calibrated(study, Psychometric(), 0.75, effect)
    planted = truth(study, observer)
    (other,) = planted.log_odds
    plan = Plan(declared=True, reference=planted.reference)
    held = claimed = 0
    for seed in range(20):
        people = [
            simulate_one(study, study.cells[number % 2], observer, seed, number)
            for number in range(24)
        ]
        trials = pd.DataFrame([row for _, rows in people for row in rows])
        columns = ["participant", "condition", "item", "correct", "phase"]
        data = from_frames(
            trials[columns], participants=pd.DataFrame([row for row, _ in people]), plan=plan
        )
        rows = analyze_dataset(data).results["differences"]["comparisons"]
        (row,) = [row for row in rows if row["primary"]]
        assert row["condition"] == other
        if row["odds_ratio_low"] is not None:
            low, high = math.log(row["odds_ratio_low"]), math.log(row["odds_ratio_high"])
            held += low <= planted.log_odds[other] <= high
        claimed += row["claim"]
    assert held >= 17
    if effect == 0:
        assert claimed <= 3


@pytest.mark.slow
def test_the_observers_function_is_recovered() -> None:
    """Guess, lapse and slope of simulated people come back within a tenth, from their answers."""
    from analysis.psychometric import fit_psychometric
    from experiments.observers import Psychometric
    from experiments.paradigms.base import Percept

    observer = Psychometric(
        guess=0.5, lapse=0.04, slope=1.1, threshold=1.2, participant_sd=0.0, item_sd=0.0
    )
    rng = np.random.default_rng(0)
    gaps = rng.uniform(0.0, 6.0, 60_000)
    correct = np.empty(len(gaps))
    for number, part in enumerate(np.array_split(np.arange(len(gaps)), 100)):
        person = observer.recruit(5, number)
        for i in part:
            percept = Percept(
                strengths=(0.0, float(gaps[i])),
                seen_among_references=(0, 0),
                item="i",
                condition="c",
                phase="test",
                attempt=1,
                confidence_steps=0,
            )
            correct[i] = person.answer(percept).choice == 1
    people = np.repeat(np.arange(100), 600)
    fit = fit_psychometric(gaps, correct, cluster=people, guess=0.5)
    assert fit.value("lapse") == pytest.approx(0.04, rel=0.1)
    assert fit.value("slope") == pytest.approx(1.1, rel=0.1)
    assert fit.value("threshold") == pytest.approx(1.2, rel=0.1)
