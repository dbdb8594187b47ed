"""References, paired choices and names: from an atlas or a table to answers."""

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
from lens_core.atlas import Atlas, LensError
from tests.support.atlases import make_atlas


def build(name: str, out: Path, *, design: dict[str, Any] | None = None, **request: Any) -> Study:
    asked = BuildRequest(
        out=out, name="v", title="V", design={"stimulus_px": 32, **(design or {})}, **request
    )
    return get_paradigm(name).build(asked)


@pytest.fixture(scope="module")
def atlas(tmp_path_factory: pytest.TempPathFactory) -> Atlas:
    return make_atlas(
        tmp_path_factory.mktemp("looks") / "atlas", n_classes=2, n_images=40, units=False
    )


def errors(study: Study) -> list[str]:
    return [f"{f.check}: {f.text}" for f in audit_study(study) if f.level == "error"]


def pictures(folder: Path, names: list[str]) -> None:
    for number, name in enumerate(names):
        Image.new("RGB", (40, 40), (5 * number, 90, 160)).save(folder / name)


def table(file: Path, rows: list[dict[str, str]]) -> Path:
    with file.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    return file


def test_conditions_ask_about_the_same_photographs(atlas: Atlas, tmp_path: Path) -> None:
    study = build("visualizations", tmp_path / "s", atlases=(atlas.root,))
    assert errors(study) == []
    assert study.conditions == ("none", "natural", "optimized", "mixed", "blurred")
    pool = choice_pool(study)
    queries, shown = {}, {}
    for kind in study.conditions:
        tests = pool.by_use[kind, "test"]
        queries[kind] = [[option.name for option in t.options] for t in tests]
        shown[kind] = [t.panels[0].stimuli if t.panels else () for t in tests]
    assert all(each == queries["none"] for each in queries.values())
    n = len(shown["natural"][0])
    assert n >= 3
    assert {len(one) for one in shown["none"]} == {0}
    assert {len(one) for one in shown["optimized"]} == {1}
    for natural, mixed, optimized, blurred in zip(
        shown["natural"], shown["mixed"], shown["optimized"], shown["blurred"], strict=True
    ):
        assert mixed == (*optimized, *natural[1:])
        assert len(blurred) == n
        assert not set(blurred) & set(natural)
    for template in pool.by_use["natural", "test"]:
        right = study.key[template.template]
        assert max(template.options, key=lambda option: option.evidence).name == right
        assert template.columns["strength_strong"] > template.columns["strength_weak"]
    trials = draw_schedule(study, "optimized", 2)
    assert Counter(t.phase for t in trials) == {"practice": 2, "test": 18, "catch": 3}
    rows = simulate_one(study, "blurred", Psychometric(), 1, 0)[1]
    assert {row["method"] for row in rows} == {"blurred"}
    assert {row["occluded_left"] for row in rows} == {None}


def test_hidden_parts_come_from_a_table(tmp_path: Path) -> None:
    pictures(tmp_path, [f"{what}{i}.png" for i in range(12) for what in ("a", "b", "whole", "r")])
    rows = [
        {
            "item": f"unit{i}", "favoured": f"a{i}.png", "other": f"b{i}.png",
            "image": f"whole{i}.png", "references": f"r{i}.png", "method": "maco",
        }
        for i in range(12)
    ]  # fmt: skip
    study = build("visualizations", tmp_path / "s", table=table(tmp_path / "t.csv", rows))
    assert errors(study) == []
    for trial in draw_schedule(study, "all", 0):
        assert trial.columns["occluded_left"] == int(trial.right == 1), "the right one hides less"


def test_pairs_meet_in_both_orders_and_are_named_by_method(atlas: Atlas, tmp_path: Path) -> None:
    study = build("plausibility", tmp_path / "s", atlases=(atlas.root,))
    assert errors(study) == []
    rows = [r for n in range(4) for r in simulate_one(study, "pairs", Psychometric(), 1, n)[1]]
    tests = [row for row in rows if row["phase"] == "test"]
    assert {(r["first"], r["second"]) for r in tests} == {
        ("crop", "visualization"), ("visualization", "crop"),
    }  # fmt: skip
    assert {row["correct"] for row in rows} == {None}
    for trial in draw_schedule(study, "pairs", 0):
        told = str(study.task.public(trial, lambda stimulus: stimulus))
        assert "crop" not in told
        assert "visualization" not in told
    with pytest.raises(LensError, match="nothing to compare"):
        build("plausibility", tmp_path / "t", design={"crops": False}, atlases=(atlas.root,))


def test_every_two_methods_of_a_table_meet(tmp_path: Path) -> None:
    methods = ("fourier", "maco", "mine")
    pictures(tmp_path, [f"{m}{i}.png" for i in range(3) for m in methods])
    rows = [
        {"item": f"unit{i}", "method": method, "file": f"{method}{i}.png"}
        for i in range(3)
        for method in methods
    ]
    study = build("plausibility", tmp_path / "s", table=table(tmp_path / "t.csv", rows))
    pairs = Counter(
        frozenset(option.name for option in template.options)
        for template in choice_pool(study).by_use["pairs", "test"]
    )
    assert pairs == {frozenset(p): 3 for p in (methods[:2], methods[1:], methods[::2])}


def test_a_card_is_named_in_words_of_a_vocabulary(atlas: Atlas, tmp_path: Path) -> None:
    words = {"vocabulary": "stem,leaf blade"}
    study = build("naming", tmp_path / "s", design=words, atlases=(atlas.root,))
    assert errors(study) == []
    task = study.task
    trial = next(t for t in draw_schedule(study, "card", 0) if t.phase == "test")
    told = task.public(trial, lambda stimulus: stimulus)
    assert told["response"] == {
        "kind": "vocabulary", "words": ["stem", "leaf blade"], "own_words": True,
        "hint": "choose or write a word",
    }  # fmt: skip
    assert told["query"]["picture"]
    assert len(told["panels"][0]["pictures"]) >= 3
    for text, word in (("Leaf  Blade", "leaf blade"), ("wing", "")):
        scored = task.score(trial, {"text": text, "confidence": 2})
        assert (scored.correct, scored.columns["word"]) == (None, word)
    free = build("naming", tmp_path / "free", design={"show": "crops"}, atlases=(atlas.root,))
    rows = simulate_one(free, "card", Psychometric(), 1, 0)[1]
    assert all(row["response"] and row["word"] == "" for row in rows)
