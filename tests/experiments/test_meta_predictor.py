"""Predicting a model: balanced sessions, the truth never told, explanations in training alone."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from experiments.audit import audit_study
from experiments.observers import Psychometric
from experiments.paradigms import BuildRequest, get_paradigm
from experiments.paradigms.choice_template import choice_pool
from experiments.paradigms.explanations import concept_overlay, heat_overlay
from experiments.paradigms.meta_predictor import MetaPredictorDesign
from experiments.schedule import draw_schedule
from experiments.simulate import simulate_one
from experiments.study import Study
from experiments.truth import calibrated, truth
from lens_core.atlas import Atlas, LensError
from tests.support.atlases import make_atlas
from tests.support.mistakes import make_mistaken


def build(out: Path, *, design: dict[str, Any] | None = None, **request: Any) -> Study:
    asked = BuildRequest(
        out=out, name="m", title="M", design={"stimulus_px": 32, **(design or {})}, **request
    )
    return get_paradigm("meta_predictor").build(asked)


@pytest.fixture(scope="module")
def mistaken(tmp_path_factory: pytest.TempPathFactory) -> Atlas:
    return make_mistaken(tmp_path_factory.mktemp("mistaken") / "atlas")


@pytest.fixture(scope="module")
def study(mistaken: Atlas, tmp_path_factory: pytest.TempPathFactory) -> Study:
    out = tmp_path_factory.mktemp("meta") / "study"
    return build(out, design={"methods": "craft", "images_per_cell": 12}, atlases=(mistaken.root,))


def test_sessions_are_balanced_and_nothing_comes_twice(study: Study) -> None:
    assert [f for f in audit_study(study) if f.level == "error"] == []
    assert study.conditions == ("baseline", "control", "craft")
    trials = draw_schedule(study, "craft", 3)
    main = [trial for trial in trials if trial.phase != "practice"]
    assert Counter(trial.session for trial in main) == {1: 13, 2: 13, 3: 13}
    seen = [trial.item for trial in trials if trial.phase in ("training", "test")]
    assert len(seen) == len(set(seen)) == 36
    for session in (1, 2, 3):
        mine = [t for t in main if t.session == session and t.phase != "catch"]
        assert [t.phase for t in mine] == ["training"] * 5 + ["test"] * 7
        kinds = Counter((t.columns["predicted_class"], t.columns["model_correct"]) for t in mine)
        assert set(kinds.values()) == {3}, "what the model says × whether it is right"
        (catch,) = [t for t in main if t.session == session and t.phase == "catch"]
        assert catch.item in [t.item for t in mine[:5]], "asked again"


def test_conditions_differ_in_the_explanation_alone(study: Study) -> None:
    pool = choice_pool(study)
    by_item = {
        condition: {t.item: t for t in pool.by_use[condition, "training"]}
        for condition in study.conditions
    }
    for item, plain in by_item["baseline"].items():
        assert plain.panels == ()
        for condition in ("control", "craft"):
            other = by_item[condition][item]
            assert other.caption == plain.caption
            assert other.panels[0].stimuli == (plain.query,)
            assert other.query != plain.query
    same = [[t.item for t in draw_schedule(study, c, 5)] for c in study.conditions]
    assert same[0] == same[1] == same[2]


def test_the_browser_learns_no_truth_and_sees_no_explanation_at_test(study: Study) -> None:
    task, pool = study.task, choice_pool(study)
    photographs = {t.item: t.query for t in pool.by_use["craft", "test"]}
    for trial in draw_schedule(study, "craft", 1):
        told = task.public(trial, lambda stimulus: stimulus)
        assert not {"true_class", "model_correct", "predicted_class"} & set(told)
        if trial.phase == "training":
            said = f"The program says: {trial.columns['predicted_class']}"
            assert told["query"]["caption"] == said
            assert told["response"]["kind"] == "continue"
            assert trial.correct_response == ""
        elif trial.phase == "test":
            assert told["query"] == {"picture": photographs[trial.item], "caption": ""}
            assert trial.correct_response == trial.columns["predicted_class"]
            assert {panel["folded"] for panel in told["panels"]} == {True}
            assert sum(len(panel["pictures"]) for panel in told["panels"]) == 5


def test_simulated_people_answer_it_and_are_scored_against_the_model(study: Study) -> None:
    observer = calibrated(study, Psychometric(), 0.6, 0.8)
    assert truth(study, observer).accuracy["baseline"] == pytest.approx(0.6)
    assert truth(study, observer).accuracy["craft"] > 0.7
    answered = [r for r in simulate_one(study, "craft", observer, 3, 0)[1] if r["phase"] == "test"]
    assert len(answered) == 21
    for row in answered:
        assert row["correct"] == int(row["response"] == row["predicted_class"])
        assert (row["method"], row["scenario"]) == ("craft", "ant or bee")


def test_a_model_that_is_always_right_is_refused_unless_allowed(tmp_path: Path) -> None:
    atlas = make_atlas(tmp_path / "atlas", n_classes=2, n_images=24, units=False)
    with pytest.raises(LensError, match=r"never wrong.*--select anywhere.*require_balance=false"):
        build(tmp_path / "s", atlases=(atlas.root,))
    allowed = {"require_balance": False}
    study = build(tmp_path / "s", design=allowed, atlases=(atlas.root,))
    levels = {f.check: f.level for f in study.task.audit(study)}
    assert levels["balance"] == "warning"


def test_what_an_edited_file_cannot_ask_for_is_one_line(study: Study) -> None:
    edited = Study.open(study.root)
    design = edited.config.model_dump()["design"] | {"n_trials": 60}
    edited.config = edited.config.model_copy(update={"design": MetaPredictorDesign(**design)})
    with pytest.raises(LensError, match=r"48 photographs, too few for 3 sessions of 5 .* 60"):
        audit_study(edited)
    with pytest.raises(ValueError, match="must be between: explanations teach"):
        MetaPredictorDesign(assignment="within")


def test_a_table_brings_its_own_methods(tmp_path: Path) -> None:
    rows = []
    for number in range(48):
        Image.new("RGB", (40, 40), (5 * number, 80, 80)).save(tmp_path / f"i{number}.png")
        row = {
            "image": f"i{number}.png",
            "prediction": ("wolf", "husky")[number % 2],
            "truth": ("wolf", "husky")[number // 2 % 2],
            "method": "mine",
            "file": f"e{number}.png",
        }
        Image.new("RGB", (40, 40), (5 * number, 200, 80)).save(tmp_path / f"e{number}.png")
        rows.append(row if number < 28 else row | {"method": "", "file": ""})
    table = tmp_path / "own.csv"
    with table.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    study = build(tmp_path / "s", design={"control": False}, table=table)
    assert study.conditions == ("baseline", "mine")
    assert [f for f in study.task.audit(study) if f.level == "error"] == []
    with pytest.raises(LensError, match="has no 'other'; it has mine"):
        build(tmp_path / "t", design={"methods": "other"}, table=table)


def test_overlays_cover_what_matters() -> None:
    picture = Image.new("RGB", (64, 64), (90, 90, 90))
    values = np.zeros((8, 8))
    values[:4, :4] = 1
    pixels = np.asarray(heat_overlay(picture, values, 32, 0.8, 99), dtype=float)
    assert abs(pixels[28, 28] - 90).max() <= 1, "nothing is drawn where the map says nothing"
    assert abs(pixels[4, 4] - 90).max() > 60
    against = np.asarray(heat_overlay(picture, -values, 32, 0.8, 99), dtype=float)
    assert against[4, 4, 2] > against[4, 4, 0], "blue speaks against"
    two = np.asarray(concept_overlay(picture, [values, values[::-1]], [0, 1], 32, 1.0, 99))
    assert tuple(two[4, 4]) == (230, 159, 0)
    assert tuple(two[28, 4]) == (86, 180, 233)
