from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from experiments.paradigms.two_afc_config import defaults_for
from experiments.study import Study, checksums, config_toml, freeze_study, read_config
from lens_core.atlas import Atlas, LensError
from tests.support.studies import make_study

CopyOf = Callable[[Study], Path]


def edit(root: Path, old: str, new: str) -> None:
    file = root / "study.toml"
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))


def test_config_survives_toml(draft: Study, tmp_path: Path) -> None:
    (tmp_path / "study.toml").write_bytes(config_toml(draft.config))
    assert read_config(tmp_path)[0] == draft.config
    text = (tmp_path / "study.toml").read_text()
    assert '{ check = "catch_accuracy", min = 0.8 }' in text


def test_published_numbers_are_fields(draft: Study) -> None:
    config = draft.config.model_dump()
    session, design = config["session"], type(draft.config).model_fields["design"].default
    assert (session["confidence_steps"], session["start_delay_ms"]) == (3, 1500)
    assert (session["feedback_ms"], session["min_viewport_px"]) == (1150, (940, 600))
    assert (design.n_references, design.n_trials, design.n_catch) == (9, 40, 5)
    assert (design.n_practice_obvious, design.n_practice_harder) == (4, 1)
    thresholds = {e["check"]: (e["min"], e["max"]) for e in config["exclusions"]}
    assert thresholds == {
        "practice_attempts": (None, 3),
        "catch_accuracy": (0.8, None),
        "instruction_s": (15, None),
        "total_s": (45, 833),
    }, "the published 135 to 2500 s are of 45 trials, and this study has 15"
    published = {e.check: (e.min, e.max) for e in defaults_for(design).exclusions}
    assert published["total_s"] == (135, 2500)


def test_freezing_keeps_the_hash_and_is_repeatable(draft: Study, copy_of: CopyOf) -> None:
    root = copy_of(draft)
    before = Study.open(root).hash
    assert before == draft.hash
    frozen = freeze_study(root, now=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))
    assert frozen.hash == before
    assert frozen.frozen_at == "2026-01-02T03:04:05Z"
    assert freeze_study(root) == frozen, "a second time changes nothing"
    opened = Study.open(root, require_frozen=True)
    assert opened.frozen
    assert opened.hash == before


def test_any_changed_byte_is_found_and_named(study: Study, copy_of: CopyOf) -> None:
    root = copy_of(study)
    for relative in checksums(root):
        if relative.startswith("stimuli/") and not relative.endswith("0.webp"):
            continue  # a sixteenth of the stimuli is proof enough
        file = root / relative
        whole = file.read_bytes()
        spoiled = bytearray(whole)
        spoiled[len(whole) // 2] ^= 1
        file.write_bytes(spoiled)
        with pytest.raises(LensError) as caught:
            Study.open(root)
        message = str(caught.value)
        if relative != "study.toml" or "not what was frozen" in message:
            assert f"{relative} changed" in message
        file.write_bytes(whole)
    Study.open(root, require_frozen=True)


def test_changed_removed_and_added_files_are_named(study: Study, copy_of: CopyOf) -> None:
    root = copy_of(study)
    edit(root, "max = 3.0", "max = 4.0")
    with pytest.raises(LensError, match=r"not what was frozen on .*: study\.toml changed;"):
        Study.open(root)
    edit(root, "max = 4.0", "max = 3.0")
    stimulus = root / "stimuli" / f"{study.stimulus_ids[0]}.webp"
    data = stimulus.read_bytes()
    stimulus.unlink()
    with pytest.raises(LensError, match=f"{stimulus.name} is missing;"):
        Study.open(root)
    stimulus.write_bytes(data)
    (root / "stimuli" / "extra.webp").write_bytes(data)
    with pytest.raises(LensError, match=r"stimuli/extra\.webp was added;"):
        Study.open(root)


def test_an_edited_list_of_checksums_is_found(study: Study, copy_of: CopyOf) -> None:
    root = copy_of(study)
    edit(root, "max = 3.0", "max = 4.0")
    content = json.loads((root / "frozen.json").read_text())
    content["files"]["study.toml"] = checksums(root)["study.toml"]
    (root / "frozen.json").write_text(json.dumps(content))
    with pytest.raises(LensError, match="its hash does not fit its list of files"):
        Study.open(root)
    (root / "frozen.json").write_text("{}")
    with pytest.raises(LensError, match=r"frozen\.json is damaged"):
        Study.open(root)


def test_parts_say_what_differs(draft: Study, copy_of: CopyOf) -> None:
    root = copy_of(draft)
    first = freeze_study(root).parts
    (root / "frozen.json").unlink()
    edit(root, "alpha = 0.05", "alpha = 0.01")
    second = freeze_study(root).parts
    assert {name for name in first if first[name] != second[name]} == {"analysis"}
    assert set(first) == {"analysis", "design", "exclusions", "key", "stimuli"}


def test_unfrozen_is_refused_where_it_matters(draft: Study) -> None:
    with pytest.raises(LensError, match=r"is not frozen: run 'lens study freeze"):
        Study.open(draft.root, require_frozen=True)


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("n_trials = 12", "n_trails = 12", r"design\.n_trails: Extra inputs are not permitted"),
        ("n_trials = 12", 'n_trials = "many"', r"design\.n_trials"),
        ("n_trials = 12", "n_trials = ", "not valid TOML"),
        ('paradigm = "two_afc"', 'paradigm = "tafc"', "no paradigm 'tafc'"),
        ('check = "total_s"', 'check = "mood"', "no check 'mood'; there are practice_attempts"),
        ('reference = "units"', 'reference = "pixels"', "'pixels' is no condition"),
        ('name = "units"', 'name = "concepts"', "two conditions have the same name"),
        ("answer = 0", "answer = 7", "answer 7 but only 3 options"),
    ],
)
def test_mistakes_in_the_file_are_one_line(
    draft: Study, copy_of: CopyOf, old: str, new: str, fault: str
) -> None:
    root = copy_of(draft)
    edit(root, old, new)
    with pytest.raises(LensError, match=fault) as caught:
        Study.open(root)
    assert "\n" not in str(caught.value)


def test_missing_folder_and_files(draft: Study, copy_of: CopyOf, tmp_path: Path) -> None:
    with pytest.raises(LensError, match=r"no study at .*study\.toml is missing"):
        Study.open(tmp_path / "nowhere")
    root = copy_of(draft)
    (root / "key.parquet").unlink()
    with pytest.raises(LensError, match=r"key\.parquet is missing"):
        Study.open(root)
    (root / "key.parquet").write_bytes(b"PAR1")
    with pytest.raises(LensError, match=r"key\.parquet cannot be read"):
        assert Study.open(root).key


def test_stimulus_path_leads_nowhere_else(study: Study) -> None:
    for name in ("../study", "../../key", "/etc/passwd", "", "0" * 16):
        with pytest.raises(LensError, match="has no stimulus"):
            study.stimulus_path(name)


def test_a_foreign_folder_is_not_overwritten(synthetic_atlas: Atlas, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("precious")
    with pytest.raises(LensError, match="is not empty: choose another folder"):
        make_study(tmp_path, synthetic_atlas)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]
