"""Every published mistake is found in every task: each is made here, one at a time.

Two of eighty-four units unused by a sampling mistake; right answers on one side; a picture twice in
one view; answers that follow from the size of a file, the order of options, or a name.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from experiments import audit
from experiments.audit import audit_study
from experiments.audit_universe import unasked_units
from experiments.observers import OBSERVERS, Psychometric, get_observer
from experiments.paradigms import BuildRequest, get_paradigm
from experiments.paradigms.base import AskedTrial
from experiments.schedule import ScheduledTrial, draw_schedule
from experiments.study import Study, config_toml, read_rows
from experiments.truth import calibrated
from lens_core.atlas import LensError
from tests.support.atlases import make_atlas
from tests.support.mistakes import make_mistaken

TASKS = (
    *("two_afc", "basis_layers", "meta_predictor", "intruder"),
    *("binary_choice", "visualizations", "plausibility", "naming"),
)
SIDED = ("two_afc", "basis_layers", "intruder", "binary_choice", "visualizations")
"""Tasks whose answers have places and a right one among them."""
NAMED = ("two_afc", "basis_layers", "intruder", "visualizations")
"""Tasks whose answers are pictures."""
DESIGNS: dict[str, dict[str, Any]] = {
    "meta_predictor": {"methods": "craft", "images_per_cell": 12},
    "visualizations": {"kinds": "none,optimized", "templates_per_item": 4},
    "intruder": {"n_crops": 3, "templates_per_item": 4},
    "binary_choice": {"n_crops": 3, "templates_per_item": 8},
}


@pytest.fixture(scope="module")
def drafts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Study]:
    """A sound study of each task."""
    folder = tmp_path_factory.mktemp("drafts")
    plain = make_atlas(folder / "plain", n_classes=2, n_images=48, divided=True).root
    mistaken = make_mistaken(folder / "mistaken").root
    studies = {}
    for task in TASKS:
        request = BuildRequest(
            out=folder / task,
            name="audited",
            title="Audited",
            atlases=(mistaken if task == "meta_predictor" else plain,),
            design={"stimulus_px": 32, **DESIGNS.get(task, {})},
        )
        studies[task] = get_paradigm(task).build(request)
    return studies


@pytest.fixture(autouse=True)
def few_schedules(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "N_SCHEDULES", 16)


def errors(study: Study) -> set[str]:
    return {f.check for f in audit_study(study) if f.level == "error"}


def spoiled(study: Study, folder: Path) -> Study:
    """A copy that a test may change."""
    return Study.open(shutil.copytree(study.root, folder / "copy"))


def rewrite(study: Study, table: str, change: Callable[[dict[str, Any]], None]) -> Study:
    file = study.root / f"{table}.parquet"
    rows = read_rows(file)
    for row in rows:
        change(row)
    pq.write_table(pa.Table.from_pylist(rows), file)
    return Study.open(study.root)


def asked_in(study: Study) -> Iterator[ScheduledTrial]:
    for cell in study.cells:
        for trial in draw_schedule(study, cell, 0):
            if trial.phase == "test":
                yield trial


@pytest.mark.parametrize("task", TASKS)
def test_what_is_sound_is_found_sound(task: str, drafts: dict[str, Study]) -> None:
    assert errors(drafts[task]) == set()


@pytest.mark.parametrize("task", TASKS)
def test_an_item_that_nobody_is_asked_about(
    task: str, drafts: dict[str, Study], monkeypatch: pytest.MonkeyPatch
) -> None:
    study = drafts[task]
    forgotten = next(asked_in(study)).item
    kind = type(study.task)
    whole = kind.schedule

    def forgetful(self: Any, study: Study, cell: str, seed: int) -> tuple[ScheduledTrial, ...]:
        return tuple(t for t in whole(self, study, cell, seed) if t.item != forgotten)

    monkeypatch.setattr(kind, "schedule", forgetful)
    found = [f for f in audit_study(study) if f.level == "error" and f.check == "items"]
    assert found
    assert forgotten in found[0].text


@pytest.mark.parametrize("task", TASKS)
def test_a_unit_that_was_forgotten_when_trials_were_made(
    task: str, drafts: dict[str, Study], tmp_path: Path
) -> None:
    """Nothing in the trials shows it; the recorded universe does."""
    study = spoiled(drafts[task], tmp_path)
    forgotten = next(asked_in(study)).item
    kept = {row["template"] for row in study.templates if row["item"] != forgotten}
    for table in ("trials", "key"):
        rows = [r for r in read_rows(study.root / f"{table}.parquet") if r["template"] in kept]
        pq.write_table(pa.Table.from_pylist(rows), study.root / f"{table}.parquet")
    study = Study.open(study.root)
    found = [f.text for f in audit_study(study) if (f.level, f.check) == ("error", "items")]
    assert any(
        f"1 of the recorded universe is in no test trial, e.g. {forgotten}" in t for t in found
    )
    source = study.config.source
    notes = (*source.notes, f"left out for want of different photographs: {forgotten}")
    told = {"source": source.model_copy(update={"notes": notes})}
    (study.root / "study.toml").write_bytes(config_toml(study.config.model_copy(update=told)))
    assert unasked_units(Study.open(study.root)) == []


@pytest.mark.parametrize("task", [*SIDED, "plausibility"])
def test_right_answers_on_one_side(
    task: str, drafts: dict[str, Study], monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("two_afc", "ordering"):
        monkeypatch.setattr(
            f"experiments.paradigms.{module}.balanced_positions", lambda n, n_options, rng: [0] * n
        )
    assert "sides" in errors(drafts[task])


def test_a_model_that_says_one_thing_more_often(
    drafts: dict[str, Study], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the meta-predictor, whose answers are words with no side."""
    from experiments.paradigms import meta_predictor

    whole = meta_predictor.sessions_of

    def lopsided(study: Study, condition: str, seed: int) -> list[Any]:
        from experiments.paradigms.reservoir import SessionImages

        cells = meta_predictor.cells_of(study, condition)
        name = sorted(cells, key=str)[0]
        own = [*cells[name][0], *cells[name][1]]
        return [
            SessionImages(tuple(own[:2]), tuple(own[2:4])) for _ in whole(study, condition, seed)
        ]

    monkeypatch.setattr(meta_predictor, "sessions_of", lopsided)
    assert "balance" in errors(drafts["meta_predictor"])


@pytest.mark.parametrize("task", TASKS)
def test_a_picture_twice_in_one_view_under_two_names(
    task: str, drafts: dict[str, Study], tmp_path: Path
) -> None:
    study = spoiled(drafts[task], tmp_path)
    views = ([s for group in t.stimuli.values() for s in group] for t in asked_in(study))
    first, second, *_ = next(view for view in views if len(view) > 1)
    shutil.copyfile(study.stimulus_path(first), study.stimulus_path(second))
    assert errors(study) == {"same photograph"}


@pytest.mark.parametrize("task", TASKS)
def test_a_larger_file(task: str, drafts: dict[str, Study], tmp_path: Path) -> None:
    study = spoiled(drafts[task], tmp_path)
    file = study.stimulus_path(study.stimulus_ids[0])
    file.write_bytes(file.read_bytes() + b"\0\0")
    assert errors(study) == {"file size"}


@pytest.mark.parametrize("task", SIDED)
def test_the_right_option_first_in_the_pool(
    task: str, drafts: dict[str, Study], tmp_path: Path
) -> None:
    study = spoiled(drafts[task], tmp_path)
    key = dict(study.key)
    strong_weak = task in ("two_afc", "basis_layers")

    def sort(row: dict[str, Any]) -> None:
        right = key[row["template"]]
        if strong_weak and right == "b":
            for what in ("option", "source", "strength", "twin"):
                row[f"{what}_a"], row[f"{what}_b"] = row[f"{what}_b"], row[f"{what}_a"]
        elif not strong_weak:
            options = json.loads(row["options"])
            row["options"] = json.dumps(sorted(options, key=lambda o: o["name"] != right))

    study = rewrite(study, "trials", sort)
    if strong_weak:
        study = rewrite(study, "key", lambda row: row.update(correct="a"))
    assert errors(study) == {"order"}


def rename(study: Study, early: set[str]) -> Study:
    """Give stimuli names that begin with 0 if they are of ``early``, else with f."""
    new = {s: f"{'0' if s in early else 'f'}{s[1:]}" for s in study.stimulus_ids}
    for old, name in new.items():
        study.stimulus_path(old).rename(study.root / "stimuli" / f"{name}.webp")

    def replace(row: dict[str, Any]) -> None:
        for column, value in row.items():
            if isinstance(value, list):
                row[column] = [new.get(one, one) for one in value]
            elif isinstance(value, str):
                for old, name in new.items():
                    value = value.replace(old, name) if old in value else value
                row[column] = value

    rewrite(study, "trials", replace)
    return rewrite(study, "key", replace)


@pytest.mark.parametrize("task", NAMED)
def test_names_of_the_right_pictures_come_first(
    task: str, drafts: dict[str, Study], tmp_path: Path
) -> None:
    study = spoiled(drafts[task], tmp_path)
    right = set()
    for row in study.templates:
        answer = study.key[row["template"]]
        right.add(row.get(f"option_{answer}", answer))
    assert "file names" in errors(rename(study, right))


@pytest.mark.parametrize("task", ["meta_predictor", "visualizations"])
def test_names_that_tell_the_condition(task: str, drafts: dict[str, Study], tmp_path: Path) -> None:
    study = spoiled(drafts[task], tmp_path)
    shown: dict[str, set[str]] = {condition: set() for condition in study.conditions}
    for row in study.templates:
        shown[row["condition"]] |= set(study.task.stimuli_of(row))
    *others, condition = study.conditions
    early = shown[condition].difference(*(shown[other] for other in others))
    found = [f.text for f in audit_study(rename(study, early)) if f.level == "error"]
    assert f"names of the pictures of {condition} come elsewhere in the alphabet" in found


@pytest.mark.parametrize("task", ["meta_predictor", "binary_choice"])
def test_names_of_pictures_asked_about_tell_the_answer(
    task: str, drafts: dict[str, Study], tmp_path: Path
) -> None:
    study = spoiled(drafts[task], tmp_path)
    answers = sorted({t.option_order[t.right] for t in asked_in(study) if t.right is not None})
    early = {
        row["query"]
        for row in study.templates
        if row["use"] == "test" and study.key[row["template"]] == answers[0]
    }
    assert errors(rename(study, early)) == {"file names"}


@pytest.mark.parametrize("name", OBSERVERS)
@pytest.mark.parametrize("task", TASKS)
def test_everybody_goes_through_every_task_without_the_key(
    task: str, name: str, drafts: dict[str, Study], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Observers are given what the pictures carry; to read the key is an error here."""
    study = Study.open(drafts[task].root)
    cell = study.cells[-1]
    seen = []

    class Locked(dict[str, str]):
        def __getitem__(self, template: str) -> str:
            raise AssertionError("the key was read")

        get = __getitem__  # type: ignore[assignment]

    trials = draw_schedule(study, cell, 1)
    monkeypatch.setattr(Study, "key", Locked())
    person = get_observer(name).recruit(0, 0)
    for trial in trials:
        blind = replace(trial, correct_response="", columns={})
        asking = study.asking(trial)
        percept = asking.percept(blind, study)
        given = person.answer(percept)
        seen.append((given.choice, len(percept.strengths)))
        asking.score(trial, asking.raw_response(trial, given.choice, given.confidence))
    assert all(0 <= choice < n for choice, n in seen)
    assert len(seen) == len(trials)


def test_a_condition_without_trials_and_pay_that_is_not_named(
    drafts: dict[str, Study], tmp_path: Path
) -> None:
    study = spoiled(drafts["visualizations"], tmp_path)
    notes = [f.text for f in audit_study(study) if f.check == "pay"]
    assert len(notes) == 1
    assert "the source paid $1.95 a person" in notes[0]
    file = study.root / "study.toml"
    text = file.read_text().replace('name = "optimized"', 'name = "ours"')
    file.write_text(text.replace('reward = ""', 'reward = "2 euros"'))
    findings = audit_study(Study.open(study.root))
    assert "ours has no test trial" in [f.text for f in findings if f.level == "error"]
    assert not [f for f in findings if f.check == "pay"]


def test_the_same_question_twice_is_warned_of(drafts: dict[str, Study], tmp_path: Path) -> None:
    study = spoiled(drafts["basis_layers"], tmp_path)
    assert not [f for f in audit_study(study) if f.check == "repeated trials"]
    file = study.root / "study.toml"
    text = file.read_text()
    assert "n_trials = 8" in text, "two items of one layer with four trials each"
    file.write_text(text.replace("n_trials = 8", "n_trials = 40"))
    found = [f for f in audit_study(Study.open(study.root)) if f.check == "repeated trials"]
    assert [f.level for f in found] == ["warning", "warning"]
    assert "up to 5 times" in found[0].text


def test_pictures_that_say_nothing_for_the_right_answer(
    drafts: dict[str, Study], monkeypatch: pytest.MonkeyPatch
) -> None:
    study = drafts["binary_choice"]
    monkeypatch.setattr(
        type(study.task), "asked", lambda *_: [AskedTrial(gap, 0.5, 2) for gap in (-1.0, 0.8)]
    )
    warned = [f.text for f in audit_study(study) if (f.level, f.check) == ("warning", "evidence")]
    assert len(warned) == 1
    assert "not do better than by guessing" in warned[0]
    with pytest.raises(LensError, match="right by chance alone"):
        calibrated(study, Psychometric(), accuracy=0.7)
