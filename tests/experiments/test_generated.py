"""Studies of generated stimuli: every leaf new, the intruder of another family, no label."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from click.testing import CliRunner

from experiments import cli
from experiments.audit import audit_study
from experiments.generators.leaves.families import FAMILIES
from experiments.generators.leaves.intruders import N_PRACTICE, write_intruders
from experiments.generators.tables import generated_table
from experiments.study import Study
from lens_core.atlas import LensError
from webapp.cli import Terminal


def test_a_table_of_leaves(tmp_path: Path) -> None:
    table = write_intruders(tmp_path, n_crops=2, per_family=1, seed=3)
    with table.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["use"] for row in rows].count("practice") == N_PRACTICE
    assert {row["item"] for row in rows if row["use"] == "test"} == set(FAMILIES)
    shown = [name for row in rows for name in (*row["crops"].split(";"), row["intruder"])]
    pictures = {(tmp_path / name).read_bytes() for name in shown}
    assert len(pictures) == len(shown) == 3 * len(rows), "no leaf comes twice"


def test_a_study_of_leaves(tmp_path: Path) -> None:
    arguments = ["intruder", "--out", str(tmp_path / "study"), "--generator", "leaves"]
    arguments += ["--set", "n_crops=2", "--set", "templates_per_item=1", "--set", "stimulus_px=48"]
    done = CliRunner().invoke(cli.new, arguments, obj=Terminal(), catch_exceptions=False)
    assert done.exit_code == 0, done.output
    study = Study.open(tmp_path / "study")
    assert {row["item"] for row in study.templates} == set(FAMILIES)
    assert [finding for finding in audit_study(study) if finding.level == "error"] == []


@pytest.mark.parametrize(
    ("name", "paradigm", "message"),
    [("clouds", "intruder", "no such generator, but leaves"), ("leaves", "two_afc", "intruder")],
)
def test_what_there_is_not(tmp_path: Path, name: str, paradigm: str, message: str) -> None:
    with pytest.raises(LensError, match=message):
        generated_table(name, paradigm, tmp_path, {}, 0)
