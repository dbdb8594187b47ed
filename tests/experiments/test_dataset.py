from __future__ import annotations

import csv
import hashlib
import json
import math
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.checks import check_columns
from experiments.dataset import DatasetWriter, escape_cell, table_stem
from experiments.records import EVENTS, PARTICIPANTS, Column, names, trial_columns
from experiments.study import Study, read_rows
from lens_core.atlas import LensError

ANSWERED: dict[str, Any] = {
    "participant": "p1",
    "trial": 3,
    "phase": "test",
    "option_order": ["aa", "bb"],
    "response": "1",
    "correct": True,
    "rt_ms": -12.5,
    "confidence": None,
    "strength_gap": float("nan"),
    "item": "=HYPERLINK(1)",
}


def write(out: Path, study: Study, **options: Any) -> Path:
    with DatasetWriter(out, study, **options) as data:
        data.participant({"participant": "p1", "condition": "units", "checks_failed": []})
        data.participant({"participant": "-2+3", "exclusion_reason": "@cmd", "excluded": 1})
        data.trial(ANSWERED)
        data.event({"participant": "p1", "at_ms": 12, "kind": "blur", "detail": {"n": 1}})
    return out


def csv_rows(out: Path, table: str) -> list[dict[str, str]]:
    (file,) = (out / "data").glob(f"*-{table}_data.csv")
    with file.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def test_round_trip(study: Study, tmp_path: Path) -> None:
    out = write(tmp_path / "data", study)
    (trial,) = csv_rows(out, "trials")
    assert list(trial) == names(trial_columns("two_afc"))
    assert trial["option_order"] == '["aa","bb"]'
    assert (trial["correct"], trial["rt_ms"], trial["trial"]) == ("1", "-12.5", "3")
    assert (trial["confidence"], trial["strength_gap"], trial["block"]) == ("", "", "")
    (same,) = read_rows(out / "data" / "study-insects_table-trials_data.parquet")
    assert same["rt_ms"] == -12.5
    assert same["correct"] == 1
    assert same["item"] == "=HYPERLINK(1)", "Parquet holds what was given"
    assert same["confidence"] is None
    assert same["strength_gap"] is None
    people = csv_rows(out, "participants")
    expected = names((*PARTICIPANTS, *check_columns(study.config)))
    assert list(people[0]) == expected
    (event,) = csv_rows(out, "events")
    assert list(event) == names(EVENTS)
    assert json.loads(event["detail"]) == {"n": 1}


def test_formulas_are_escaped_and_numbers_never(study: Study, tmp_path: Path) -> None:
    out = write(tmp_path / "data", study)
    (trial,) = csv_rows(out, "trials")
    assert trial["item"] == "'=HYPERLINK(1)"
    assert trial["rt_ms"] == "-12.5"
    person = csv_rows(out, "participants")[1]
    assert person["participant"] == "'-2+3"
    assert person["exclusion_reason"] == "'@cmd"


@pytest.mark.parametrize("text", ["=1+1", "+1+1", "-1+1", "@SUM(A1)", "\t=1", " =1", "\r=1", "-a"])
def test_what_a_spreadsheet_would_run_is_escaped(text: str) -> None:
    assert escape_cell(text) == "'" + text


@given(st.floats(allow_nan=False, allow_infinity=False) | st.integers())
def test_numbers_are_never_escaped(number: float) -> None:
    assert escape_cell(repr(number)) == repr(number)


@given(st.text())
def test_escaping_leaves_no_formula_and_loses_nothing(text: str) -> None:
    escaped = escape_cell(text)
    assert escaped in (text, "'" + text)
    if escaped.lstrip()[:1] in {"=", "@"}:
        pytest.fail(f"{text!r} would run")
    if escaped[:1] in {"+", "-"}:
        assert math.isfinite(float(escaped))


def test_manifest_counts_and_checksums(study: Study, tmp_path: Path) -> None:
    out = write(tmp_path / "data", study)
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["rows"] == {"participants": 2, "trials": 1, "events": 1}
    assert manifest["study_hash"] == study.hash
    assert manifest["frozen"] is True
    files = {p.relative_to(out).as_posix() for p in out.rglob("*") if p.is_file()}
    assert set(manifest["files"]) == files - {"manifest.json"}
    for name, entry in manifest["files"].items():
        data = (out / name).read_bytes()
        assert hashlib.sha256(data).hexdigest() == entry["sha256"]
        assert len(data) == entry["size"]
    assert manifest["files"]["data/study-insects_table-trials_data.csv"]["rows"] == 1


def test_the_study_travels_with_its_data(study: Study, draft: Study, tmp_path: Path) -> None:
    out = write(tmp_path / "data", study, description={"simulation": {"seed": 1}})
    assert (out / "study.toml").read_bytes() == (study.root / "study.toml").read_bytes()
    assert json.loads((out / "frozen.json").read_text())["hash"] == study.hash
    described = json.loads((out / "dataset_description.json").read_text())
    assert described["simulation"] == {"seed": 1}
    assert described["study"]["hash"] == study.hash
    variables = {entry["name"] for entry in described["variableMeasured"]}
    for file in (out / "data").glob("*.csv"):
        with file.open() as lines:
            assert set(next(csv.reader(lines))) <= variables
    with (out / "codebook.csv").open() as lines:
        described_columns = {(row["table"], row["column"]) for row in csv.DictReader(lines)}
    assert ("trials", "strength_gap") in described_columns
    assert ("participants", "check_catch_accuracy") in described_columns
    unfrozen = write(tmp_path / "draft", draft)
    assert not (unfrozen / "frozen.json").exists()
    assert json.loads((unfrozen / "manifest.json").read_text())["frozen"] is False


def test_names_follow_psych_ds() -> None:
    legal = re.compile(r"([a-z]+-[a-zA-Z0-9]+)(_[a-z]+-[a-zA-Z0-9]+)*_data\.csv")
    for study in ("insects", "ants-and-bees-2", "7"):
        for what in ("participants", "trials", "events"):
            assert legal.fullmatch(f"{table_stem(study, what)}.csv")


def test_extra_columns_and_unknown_ones(study: Study, tmp_path: Path) -> None:
    age = Column("age_years", "integer", "Age.")
    with DatasetWriter(tmp_path / "data", study, extra_participant_columns=[age]) as data:
        data.participant({"participant": "p", "age_years": 30})
        with pytest.raises(LensError, match="column 'shoe_size' is not defined"):
            data.participant({"participant": "p", "shoe_size": 40})
        with pytest.raises(LensError, match="age_years holds integer values, not 'old'"):
            data.participant({"participant": "p", "age_years": "old"})
    assert csv_rows(tmp_path / "data", "participants")[0]["age_years"] == "30"
    assert len(csv_rows(tmp_path / "data", "participants")) == 1


def test_nothing_is_left_when_it_fails(study: Study, tmp_path: Path) -> None:
    with (
        pytest.raises(KeyboardInterrupt),
        DatasetWriter(tmp_path / "data", study) as data,
    ):
        data.trial(ANSWERED)
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


def test_targets(study: Study, tmp_path: Path) -> None:
    out = write(tmp_path / "data", study)
    before = (out / "manifest.json").read_bytes()
    with pytest.raises(LensError, match="is not empty: choose another folder for the data set"):
        write(out, study)
    assert (out / "manifest.json").read_bytes() == before
    assert write(out, study, force=True) == out
    (tmp_path / "file").write_text("x")
    with pytest.raises(LensError, match="is a file: give a folder"):
        write(tmp_path / "file", study, force=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "file"]


def test_empty_tables_are_readable(study: Study, tmp_path: Path) -> None:
    with DatasetWriter(tmp_path / "data", study):
        pass
    assert csv_rows(tmp_path / "data", "trials") == []
    assert read_rows(tmp_path / "data" / "data" / "study-insects_table-trials_data.parquet") == []


MEMORY = """
import resource, sys
from pathlib import Path
from experiments.dataset import DatasetWriter
from experiments.study import Study
study, out, n = Study.open(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
row = {"participant": "p1", "item": "i", "rt_ms": 1.5, "correct": 1, "option_order": ["a", "b"]}
with DatasetWriter(out, study) as data:
    for number in range(n):
        data.trial(row | {"trial": number, "trial_uuid": f"{number:036d}"})
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""


@pytest.mark.slow
def test_memory_does_not_grow_with_rows(study: Study, tmp_path: Path) -> None:
    def peak_mb(n: int) -> float:
        done = subprocess.run(
            [sys.executable, "-c", MEMORY, str(study.root), str(tmp_path / str(n)), str(n)],
            check=True,
            capture_output=True,
            text=True,
        )
        return float(done.stdout)

    small, large = peak_mb(10_000), peak_mb(100_000)
    manifest = json.loads((tmp_path / "100000" / "manifest.json").read_text())
    assert manifest["rows"]["trials"] == 100_000
    assert large - small < 12, f"{small:.0f} MB for 10,000 trials, {large:.0f} MB for 100,000"
