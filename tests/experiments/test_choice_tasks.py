"""The intruder and the binary choice: from an atlas or a table to data, and what may not be."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from experiments.audit import audit_study
from experiments.observers import Psychometric
from experiments.paradigms import BuildRequest, get_paradigm
from experiments.paradigms.choice_template import choice_pool
from experiments.schedule import draw_schedule
from experiments.simulate import simulate_one
from experiments.study import Study
from experiments.truth import calibrated, truth
from lens_core.atlas import Atlas, LensError
from tests.support.atlases import make_atlas

SMALL: dict[str, Any] = {"stimulus_px": 32}


def build(name: str, out: Path, **request: Any) -> Study:
    request["design"] = SMALL | request.get("design", {})
    return get_paradigm(name).build(BuildRequest(out=out, name="crops", title="Crops", **request))


@pytest.fixture(scope="module")
def divided(tmp_path_factory: pytest.TempPathFactory) -> Atlas:
    folder = tmp_path_factory.mktemp("divided")
    return make_atlas(folder / "atlas", n_classes=2, n_images=48, units=False, divided=True)


@pytest.fixture(scope="module")
def intruder(divided: Atlas, tmp_path_factory: pytest.TempPathFactory) -> Study:
    return build("intruder", tmp_path_factory.mktemp("i") / "study", atlases=(divided.root,))


@pytest.fixture(scope="module")
def choice(divided: Atlas, tmp_path_factory: pytest.TempPathFactory) -> Study:
    return build("binary_choice", tmp_path_factory.mktemp("b") / "study", atlases=(divided.root,))


def errors(study: Study) -> list[str]:
    return [f"{f.check}: {f.text}" for f in audit_study(study) if f.level == "error"]


def test_intruders_are_foreign_and_of_the_same_class(intruder: Study, divided: Atlas) -> None:
    assert errors(intruder) == []
    assert set(intruder.conditions) == {"concept", "subconcept"}
    n_tests = 0
    for template in choice_pool(intruder).by_name.values():
        if template.use != "test":
            continue
        n_tests += 1
        assert len(template.options) == 6
        assert len(set(template.sources)) == 6, "one crop of a photograph"
        folder = divided.load_class(template.columns["class_id"]).info.name
        assert all(source.startswith(f"{folder}/") for source in template.sources)
        # The crop that activates the concept least is the right answer, by the atlas' own values.
        right = intruder.key[template.template]
        assert max(template.options, key=lambda option: option.evidence).name == right
        assert not template.columns["concept_id"].startswith(template.columns["intruder_id"])
    assert n_tests >= 20


def test_positions_are_balanced_and_nothing_is_told_before_the_answer(intruder: Study) -> None:
    task = intruder.task
    trials = draw_schedule(intruder, "within", 5)
    tests = [trial for trial in trials if trial.phase == "test"]
    counts = Counter(trial.right for trial in tests)
    assert len(tests) == 12
    assert max(counts.values()) - min(counts[place] for place in range(6)) <= 2
    assert {trial.condition for trial in tests} == {"concept", "subconcept"}
    for trial in trials:
        told = task.public(trial, lambda stimulus: f"/{stimulus}.webp")
        assert told["kind"] == "choice"
        assert told["phase"] in ("practice", "test")
        words = str(told)
        for hidden in (trial.item, trial.source_image, "subconcept", "explanation", "evidence"):
            assert hidden not in words
    assert draw_schedule(intruder, "within", 5) == trials
    assert draw_schedule(intruder, "within", 6) != trials


def test_answers_are_scored_by_position(intruder: Study) -> None:
    task = intruder.task
    trial = next(t for t in draw_schedule(intruder, "within", 1) if t.phase == "test")
    assert trial.right is not None
    scored = task.score(trial, {"choice": trial.right, "confidence": 3})
    assert (scored.response, scored.correct, scored.confidence) == (str(trial.right), True, 3.0)
    assert task.score(trial, {"choice": (trial.right + 1) % 6, "confidence": 1}).correct is False
    for raw in ({}, {"choice": 6}, {"choice": "1"}, {"choice": True}, {"choice": 0, "x": 1}):
        with pytest.raises(LensError, match="trial"):
            task.score(trial, {"confidence": 2, **raw})
    with pytest.raises(LensError, match="confidence must be 1 to 3"):
        task.score(trial, {"choice": 0})


def test_simulated_people_find_intruders_as_often_as_planted(intruder: Study) -> None:
    observer = calibrated(intruder, Psychometric(participant_sd=0.2, item_sd=0.0), 0.65, 0.5)
    planted = truth(intruder, observer).accuracy
    assert planted["concept"] == pytest.approx(0.65)
    right: dict[str, list[int]] = {"concept": [], "subconcept": []}
    for number in range(120):
        for row in simulate_one(intruder, "within", observer, 3, number)[1]:
            if row["phase"] == "test":
                right[row["condition"]].append(row["correct"])
            if row["phase"] == "catch":
                assert row["n_options"] == 6
    for condition, answers in right.items():
        share = sum(answers) / len(answers)
        error = (0.25 / len(answers)) ** 0.5
        assert abs(share - planted[condition]) < 4 * error
    assert planted["subconcept"] > planted["concept"]


def test_without_divisions_there_are_concepts_alone(tmp_path: Path) -> None:
    atlas = make_atlas(tmp_path / "atlas", n_classes=2, n_images=48, units=False)
    study = build("intruder", tmp_path / "study", atlases=(atlas.root,))
    assert study.conditions == ("concept",)
    assert any("no sub-concepts" in note for note in study.config.source.notes)
    with pytest.raises(LensError, match="--divide"):
        build("binary_choice", tmp_path / "other", atlases=(atlas.root,))


def test_the_query_of_a_binary_choice_belongs_to_both(choice: Study) -> None:
    assert errors(choice) == []
    assert choice.config.session.feedback is False
    for template in choice_pool(choice).by_name.values():
        assert [option.name for option in template.options] == ["a", "b"]
        assert {len(option.stimuli) for option in template.options} == {6}
        if template.use == "test":
            assert len(set(template.sources)) == 13
        assert template.columns["concept_id"].startswith(template.columns["parent_id"] + ".")
    letters = Counter(choice.key.values())
    assert min(letters.values()) > 5, "the part is now a, now b"
    trials = draw_schedule(choice, "subconcept", 0)
    told = choice.task.public(trials[-1], lambda stimulus: f"/{stimulus}.webp")
    assert [len(option["pictures"]) for option in told["options"]] == [6, 6]
    assert told["query"]["picture"].endswith(".webp")
    # Practice says what is right, or it could never be learned; the rest does not.
    assert {trial.display["feedback"] for trial in trials if trial.phase == "practice"} == {True}
    assert {trial.display["feedback"] for trial in trials if trial.phase != "practice"} == {False}


def tiles(folder: Path, n: int) -> list[str]:
    names = []
    for number in range(n):
        name = f"p{number}.png"
        Image.new("RGB", (40, 40), (number * 11 % 256, 90, 200 - number)).save(folder / name)
        names.append(name)
    return names


def table(file: Path, rows: list[dict[str, str]]) -> Path:
    with file.open("w", newline="") as out:
        writer = csv.DictWriter(out, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return file


def test_bring_your_own_intruders(tmp_path: Path) -> None:
    names = tiles(tmp_path, 80)
    rows = [
        {
            "item": f"thing{n}",
            "crops": ";".join(names[4 * n : 4 * n + 3]),
            "intruder": names[4 * n + 3],
            "use": "practice" if n == 0 else "test",
        }
        for n in range(20)
    ]
    study = build("intruder", tmp_path / "s", table=table(tmp_path / "t.csv", rows))
    assert errors(study) == []
    assert study.config.design.model_dump()["n_crops"] == 3
    trials = draw_schedule(study, "within", 0)
    assert {trial.n_options for trial in trials} == {4}
    table(tmp_path / "trials.csv", rows)
    folder = build("intruder", tmp_path / "of-a-folder", table=tmp_path)
    assert folder.templates == study.templates
    with pytest.raises(LensError, match="no column 'intruder'"):
        build(
            "intruder",
            tmp_path / "x",
            table=table(tmp_path / "u.csv", [{"item": "a", "crops": "b"}]),
        )


def test_bring_your_own_binary_choices(tmp_path: Path) -> None:
    names = tiles(tmp_path, 84)
    rows = [
        {
            "item": f"thing{n}",
            "query": names[7 * n],
            "subconcept": ";".join(names[7 * n + 1 : 7 * n + 4]),
            "parent": ";".join(names[7 * n + 4 : 7 * n + 7]),
        }
        for n in range(12)
    ]
    study = build("binary_choice", tmp_path / "s", table=table(tmp_path / "t.csv", rows))
    assert errors(study) == []
    assert [t.n_options for t in draw_schedule(study, "all", 0)] == [2] * 12
    observer = calibrated(study, Psychometric(participant_sd=0.2, item_sd=0.0), 0.75)
    answers = [
        row["correct"]
        for number in range(80)
        for row in simulate_one(study, "all", observer, 3, number)[1]
    ]
    assert abs(sum(answers) / len(answers) - 0.75) < 4 * (0.25 / len(answers)) ** 0.5


def test_pictures_that_say_nothing_leave_people_at_chance(choice: Study) -> None:
    """The parts of the synthetic atlas are as strong as their wholes everywhere."""
    assert {trial.gap for trial in choice.task.asked(choice, "subconcept")} == {0.0}
    assert truth(choice, Psychometric()).accuracy["subconcept"] == pytest.approx(0.5)
    with pytest.raises(LensError, match="right by chance alone"):
        calibrated(choice, Psychometric(), 0.75)


def test_the_audit_names_what_gives_the_answer_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A picture twice in one view; right answers at one place."""
    names = tiles(tmp_path, 80)
    rows = [
        {"item": f"i{n}", "crops": ";".join(names[4 * n : 4 * n + 3]), "intruder": names[4 * n + 3]}
        for n in range(20)
    ]
    rows[3]["crops"] = ";".join([names[12], names[12], names[13]])
    study = build("intruder", tmp_path / "twice", table=table(tmp_path / "t.csv", rows))
    assert any(e.startswith("same photograph: trial t00003") for e in errors(study))
    rows[3]["crops"] = ";".join(names[12:15])
    study = build("intruder", tmp_path / "sides", table=table(tmp_path / "u.csv", rows))
    assert errors(study) == []
    monkeypatch.setattr(
        "experiments.paradigms.ordering.balanced_positions", lambda n, n_options, rng: [0] * n
    )
    assert any(e.startswith("sides:") for e in errors(study))
