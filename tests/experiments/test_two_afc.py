from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from experiments.paradigms import BuildRequest, get_paradigm
from experiments.schedule import draw_schedule
from experiments.study import Study, read_rows
from lens_core.atlas import Atlas, LensError
from tests.support.atlases import make_atlas
from tests.support.studies import make_study

SECRETS = ("correct", "condition", "strength", "key", "item", "concept", "units", "basis", "layer")
SECRETS += ("source", "atlas", "catch", "option_a", "option_b", "template", "gap")


def leaves(value: Any) -> Iterator[str]:
    """Every key and every text in nested JSON."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield str(key)
            yield from leaves(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from leaves(inner)
    else:
        yield str(value)


@given(st.integers(0, 10_000), st.sampled_from(["concepts", "units"]))
@settings(max_examples=20, deadline=None)
def test_public_tells_nothing(study: Study, seed: int, cell: str) -> None:
    for trial in draw_schedule(study, cell, seed):
        tokens = iter(range(1000))
        public = study.task.public(trial, lambda _, tokens=tokens: f"/s/{next(tokens)}")
        texts = [text.lower() for text in leaves(public)]
        told = [(s, text) for s in SECRETS for text in texts if s in text]
        assert told == []
        assert set(public) == {
            "index", "phase", "block", "attempt", "kind", "references", "options", "strong_side",
            "labels", "confidence_steps", "start_delay_ms", "feedback", "feedback_ms",
        }  # fmt: skip
        assert not {trial.item, trial.source_image, trial.condition} & set(leaves(public))


def test_public_is_the_same_whichever_option_is_right(study: Study) -> None:
    """Flipping the key of a trial changes nothing that the browser sees."""
    from dataclasses import replace

    for trial in draw_schedule(study, "units", 2):
        other = replace(trial, correct_response=str(1 - int(trial.correct_response)), columns={})
        assert study.task.public(trial, str) == study.task.public(other, str)


def test_no_photograph_twice_in_a_view(study: Study) -> None:
    for row in study.templates:
        shown = list(row["sources"])
        if row["use"] != "catch":
            shown += [row["source_a"], row["source_b"]]
        assert len(set(shown)) == len(shown)
        pictures = [*row["strong"], *row["weak"], row["option_a"], row["option_b"]]
        assert len(set(pictures)) == len(pictures), "names of catch trials' queries differ too"


def test_a_query_is_new_in_every_trial_of_its_item(study: Study) -> None:
    for item in {row["item"] for row in study.templates}:
        rows = [r for r in study.templates if r["item"] == item and r["use"] == "test"]
        shown = [s for r in rows for s in (*r["strong"], *r["weak"], r["option_a"], r["option_b"])]
        for row in rows:
            assert shown.count(row["option_a"]) == shown.count(row["option_b"]) == 1


def test_catch_trials_ask_about_references(study: Study) -> None:
    catches = [row for row in study.templates if row["use"] == "catch"]
    assert len(catches) == 12
    for row in catches:
        right = row["option_a"] if study.key[row["template"]] == "a" else row["option_b"]
        twin = row["twin_a"] if study.key[row["template"]] == "a" else row["twin_b"]
        assert twin in row["strong"]
        assert study.stimulus_path(twin).read_bytes() == study.stimulus_path(right).read_bytes()
    assert all(row["twin_a"] == "" for row in study.templates if row["use"] != "catch")


def test_the_stronger_option_is_right_and_the_pool_tells_no_letter(study: Study) -> None:
    letters = []
    for row in study.templates:
        stronger = "a" if row["strength_a"] > row["strength_b"] else "b"
        assert study.key[row["template"]] == stronger
        letters.append(stronger)
    assert 0.2 < letters.count("a") / len(letters) < 0.8
    assert "correct" not in study.templates[0]


def test_stimuli_come_from_held_out_images(study: Study, synthetic_atlas: Atlas) -> None:
    held_out = set()
    for entry in synthetic_atlas.classes:
        images = synthetic_atlas.load_class(entry.id).images
        held_out |= set(images.loc[images["split"] == "held_out", "file"])
    used = {source for row in study.templates for source in row["sources"]}
    assert used <= held_out
    universe = read_rows(study.root / "universe.parquet")
    assert {row["source_image"] for row in universe} == held_out
    drawn = {row["stimulus"] for row in universe if row["stimulus"]}
    assert {s for row in study.templates for s in (*row["strong"], *row["weak"])} <= drawn


def test_practice_is_easier_than_the_test(study: Study) -> None:
    def gap(use: str) -> float:
        rows = [row for row in study.templates if row["use"] == use]
        gaps = [abs(row["strength_a"] - row["strength_b"]) / row["scale"] for row in rows]
        return sum(gaps) / len(gaps)

    assert gap("obvious") > gap("test")
    assert gap("obvious") > gap("harder")


@pytest.mark.parametrize(
    ("raw", "fault"),
    [
        ({}, "choice must be 0 or 1, not None"),
        ({"choice": 2, "confidence": 1}, "choice must be 0 or 1, not 2"),
        ({"choice": True, "confidence": 1}, "choice must be 0 or 1, not True"),
        ({"choice": "0", "confidence": 1}, "choice must be"),
        ({"choice": 0}, "confidence must be 1 to 3, not None"),
        ({"choice": 0, "confidence": 4}, "confidence must be 1 to 3, not 4"),
        ({"choice": 0, "confidence": 1.5}, "confidence must be 1 to 3"),
        ({"choice": 0, "confidence": 1, "correct": True}, "no field 'correct'"),
    ],
)
def test_impossible_responses_are_refused(study: Study, raw: dict[str, Any], fault: str) -> None:
    trial = draw_schedule(study, "concepts", 0)[6]
    with pytest.raises(LensError, match=fault):
        study.task.score(trial, raw)


def test_score(study: Study) -> None:
    for trial in draw_schedule(study, "concepts", 0):
        right = int(trial.correct_response)
        scored = study.task.score(trial, {"choice": right, "confidence": 2})
        assert (scored.correct, scored.response, scored.confidence) == (True, str(right), 2.0)
        assert not study.task.score(trial, {"choice": 1 - right, "confidence": 1}).correct


def test_references_shrink_with_the_atlas_and_say_so(study: Study) -> None:
    assert study.config.model_dump()["design"]["n_references"] < 9
    assert any("references a side instead of 9" in note for note in study.config.source.notes)


def test_enough_photographs_give_all_nine_references(tmp_path: Path) -> None:
    atlas = make_atlas(tmp_path / "atlas", n_classes=1, n_concepts=3, n_images=140, units=False)
    study = make_study(tmp_path / "study", atlas)
    assert study.conditions == ("concepts",)
    assert study.config.analysis.formula == "correct ~ 1"
    assert all(len(row["strong"]) == len(row["weak"]) == 9 for row in study.templates)
    assert study.config.source.notes == ()


def test_too_few_photographs_are_refused_with_numbers(tmp_path: Path) -> None:
    atlas = make_atlas(tmp_path / "atlas", n_classes=1, n_concepts=3, n_images=8)
    with pytest.raises(LensError, match=r"0 of 3 items have 4 different held-out photographs"):
        make_study(tmp_path / "study", atlas)
    assert not (tmp_path / "study").exists()


def test_whole_images_can_be_shown(synthetic_atlas: Atlas, tmp_path: Path) -> None:
    design = {"view": "image", "strong_quantile": 0.6, "min_references": 1}
    study = make_study(tmp_path / "whole", synthetic_atlas, design=design)
    assert {row["crop"] for row in read_rows(study.root / "universe.parquet")} == {-1}


def test_items_can_be_the_most_important_ones(synthetic_atlas: Atlas, tmp_path: Path) -> None:
    study = make_study(tmp_path / "few", synthetic_atlas, design={"items_per_class": 2})
    expected = {
        f"{entry.id:05d}/{concept.id}"
        for entry in synthetic_atlas.classes
        for dictionary in ("concepts", "units")
        for concept in synthetic_atlas.load_class(entry.id).info.of_dictionary(dictionary)[:2]
    }
    assert {row["item"] for row in study.templates} == expected


def test_same_request_same_study(synthetic_atlas: Atlas, tmp_path: Path) -> None:
    first = make_study(tmp_path / "one", synthetic_atlas, seed=5)
    second = make_study(tmp_path / "two", synthetic_atlas, seed=5)
    other = make_study(tmp_path / "three", synthetic_atlas, seed=6)
    assert first.hash == second.hash
    assert first.hash != other.hash


def test_wrong_design_fields_are_one_line(synthetic_atlas: Atlas, tmp_path: Path) -> None:
    for design, fault in (
        ({"n_trails": 3}, "design: n_trails: Extra inputs are not permitted"),
        ({"weak_quantile": 0.9}, "weak_quantile must be below strong_quantile"),
        ({"n_trials": 0}, "n_trials"),
    ):
        with pytest.raises(LensError, match=fault) as caught:
            make_study(tmp_path / "study", synthetic_atlas, design=design)
        assert "\n" not in str(caught.value)


def test_a_damaged_atlas_is_one_line(tmp_path: Path) -> None:
    atlas = make_atlas(tmp_path / "atlas", n_classes=1)
    arrays = atlas.load_class(0).path("arrays.safetensors")
    arrays.write_bytes(arrays.read_bytes()[:100])
    with pytest.raises(LensError, match="array concepts/crop_values cannot be read"):
        make_study(tmp_path / "study", atlas)
    arrays.unlink()
    with pytest.raises(LensError, match="cannot be read"):
        make_study(tmp_path / "study", atlas)


def test_bad_name_and_unknown_paradigm(synthetic_atlas: Atlas, tmp_path: Path) -> None:
    with pytest.raises(LensError, match="name: String should match pattern"):
        make_study(tmp_path / "study", synthetic_atlas, name="Not A Name")
    with pytest.raises(LensError, match="no paradigm 'three_afc'; there are two_afc, "):
        get_paradigm("three_afc")
    with pytest.raises(LensError, match="give --atlas"):
        get_paradigm("two_afc").build(BuildRequest(out=tmp_path / "x", name="x", title="x"))
