from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis.dataset import from_frames, read_dataset
from analysis.errors import AnalysisError


def table(folder: Path, what: str, suffix: str) -> Path:
    (file,) = (folder / "data").glob(f"*{what}_data.{suffix}")
    return file


def test_reads_what_the_simulator_exports(exported: Path) -> None:
    data = read_dataset(exported)
    assert data.paradigm == "two_afc"
    assert data.simulated
    assert data.plan.confirmatory
    assert [criterion.check for criterion in data.plan.exclusions] == [
        "practice_attempts",
        "catch_accuracy",
        "instruction_s",
        "total_s",
    ]
    assert len(data.participants) == 16
    assert set(data.trials["phase"]) == {"practice", "catch", "test"}
    assert data.notes == ()


def test_csv_gives_the_same_as_parquet(exported_copy: Callable[[], Path]) -> None:
    folder = exported_copy()
    expected = read_dataset(folder)
    manifest = json.loads((folder / "manifest.json").read_text())
    for what in ("trials", "participants", "events"):
        file = table(folder, what, "parquet")
        del manifest["files"][f"data/{file.name}"]
        file.unlink()
    (folder / "manifest.json").write_text(json.dumps(manifest))
    found = read_dataset(folder)
    for name in ("participant", "condition", "correct", "item", "rt_ms", "strength_gap"):
        assert found.trials[name].tolist() == expected.trials[name].tolist()


@pytest.mark.parametrize("what", ["trials", "participants"])
def test_a_flipped_byte_is_found(exported_copy: Callable[[], Path], what: str) -> None:
    folder = exported_copy()
    file = table(folder, what, "csv")
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    with pytest.raises(AnalysisError, match=f"{what}_data.csv changed since it was exported"):
        read_dataset(folder)


def test_a_wrong_row_count_is_found(exported_copy: Callable[[], Path]) -> None:
    folder = exported_copy()
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["files"][f"data/{table(folder, 'trials', 'parquet').name}"]["rows"] += 1
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(AnalysisError, match="rows, the manifest says"):
        read_dataset(folder)


def test_a_missing_file_is_named(exported_copy: Callable[[], Path]) -> None:
    folder = exported_copy()
    (folder / "study.toml").unlink()
    with pytest.raises(AnalysisError, match=r"study\.toml is missing"):
        read_dataset(folder)


@pytest.mark.parametrize(
    ("manifest", "word"),
    [
        ("{", "damaged"),
        ("[]", "damaged"),
        ('{"files": {"a": 1}}', "damaged"),
        ('{"files": {}}', "no table of trials"),
        ('{"files": {}, "format_version": 9}', "format version 9"),
        ('{"files": {"../../etc/passwd": {"sha256": ""}}}', "outside"),
    ],
)
def test_bad_manifests(tmp_path: Path, manifest: str, word: str) -> None:
    (tmp_path / "manifest.json").write_text(manifest)
    with pytest.raises(AnalysisError, match=word):
        read_dataset(tmp_path)


def test_what_was_not_frozen_was_not_declared(exported_copy: Callable[[], Path]) -> None:
    folder = exported_copy()
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps(manifest | {"frozen": False}))
    data = read_dataset(folder)
    assert not data.plan.confirmatory
    assert "not frozen" in data.notes[0]


def test_columns_of_others(trials: pd.DataFrame) -> None:
    theirs = trials.rename(columns={"participant": "subj", "correct": "acc"})
    data = from_frames(theirs, columns={"participant": "subj", "correct": "acc"})
    assert data.trials["correct"].tolist() == trials["correct"].tolist()
    with pytest.raises(AnalysisError, match="no column 'nobody' to use as 'participant'"):
        from_frames(theirs, columns={"participant": "nobody"})


def test_needed_columns_are_asked_for(trials: pd.DataFrame) -> None:
    with pytest.raises(AnalysisError, match="'participant'"):
        from_frames(trials.drop(columns="participant"))
    with pytest.raises(AnalysisError, match="'correct'"):
        from_frames(trials.drop(columns="correct"))


def test_correct_is_told_from_the_answers() -> None:
    frame = pd.DataFrame(
        {"participant": "a", "response": ["l", "r", None], "correct_response": ["l", "l", "l"]}
    )
    data = from_frames(frame)
    assert data.trials["correct"].tolist()[:2] == [1.0, 0.0]
    assert np.isnan(data.trials["correct"].iloc[2])
    assert any("was told from" in note for note in data.notes)


def test_repeated_rows_are_set_aside_and_counted(trials: pd.DataFrame) -> None:
    twice = pd.concat([trials, trials.iloc[:7]])
    data = from_frames(twice)
    assert (len(data.trials), data.repeated, data.rows_read) == (len(trials), 7, len(trials) + 7)
    assert "7 rows repeat" in data.notes[0]
    changed = trials.iloc[:3].assign(correct=1 - trials["correct"].iloc[:3])
    data = from_frames(pd.concat([trials, changed]))
    assert "3 of them give another answer" in data.notes[0]
    assert data.trials["correct"].tolist() == trials["correct"].tolist()


def test_rows_without_identifiers_are_all_kept() -> None:
    frame = pd.DataFrame({"participant": ["a"] * 5, "correct": [1] * 5})
    assert len(from_frames(frame).trials) == 5


def test_unreadable_values_are_counted(trials: pd.DataFrame) -> None:
    odd = trials.astype({"correct": object, "rt_ms": object})
    odd.loc[0, "correct"], odd.loc[1, "rt_ms"] = "perhaps", "quick"
    odd.loc[2, "item"] = None
    odd.loc[3, "participant"] = None
    data = from_frames(odd)
    words = " ".join(data.notes)
    assert "neither 0 nor 1 (for example 'perhaps')" in words
    assert "1 values of 'rt_ms' are no numbers" in words
    assert "1 row name no item" in words
    assert "1 row name no participant" in words
    assert len(data.trials) == len(trials) - 1
