"""What goes back to the explorer: scores and names of concepts, as a file."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
from click.testing import CliRunner

from analysis.cli import analyze
from analysis.concepts import concept_names, plain_name
from tests.analysis.test_cli import Quiet

NAMED = pd.DataFrame(
    {
        "atlas_hash": "sha256:a",
        "class_id": [1] * 6,
        "concept_id": ["concepts-0"] * 5 + ["concepts-1"],
        "participant": ["p", "q", "r", "s", "p", "p"],
        "response": ["leaf blade", "the Leaf-blade", "Leaf blade", "stem", "Leaf blade", None],
    }
)


def test_names_agree_that_differ_in_spelling_alone() -> None:
    table = concept_names(NAMED, "naming")
    assert table.to_dict("records") == [
        {
            "atlas_hash": "sha256:a",
            "class_id": 1,
            "concept_id": "concepts-0",
            "name": "Leaf blade",
            "agreement": 0.75,
            "n": 4,
        }
    ]


def test_answers_of_other_tasks_are_no_names() -> None:
    assert concept_names(NAMED, "two_afc").empty
    assert concept_names(NAMED.drop(columns="concept_id"), "naming").empty


def test_plain_names() -> None:
    assert plain_name("  A  Nervure_médiane ") == "nervure mediane"
    assert plain_name(None) == ""
    assert plain_name("anther") == "anther"


def test_the_analysis_writes_a_sidecar_where_it_is_told(
    exported: Path, tmp_path: Path, drawn_only: None
) -> None:
    arguments = [str(exported), "--out", str(tmp_path / "r"), "--sidecar-dir", str(tmp_path / "s")]
    terminal = Quiet()
    done = CliRunner().invoke(analyze, arguments, obj=terminal)
    assert done.exit_code == 0, done.output
    (written,) = (tmp_path / "s").iterdir()
    assert written.name.endswith("-simulated.json")
    assert str(written) in terminal.notes[0]
    content = json.loads(written.read_text())
    assert written.read_text() == (tmp_path / "r" / "sidecar.json").read_text()
    results = json.loads((tmp_path / "r" / "results.json").read_text())
    keys = ("atlas_hash", "class_id", "concept_id", "score", "n")
    assert [{key: row[key] for key in keys} for row in content["concepts"]] == results["concepts"]
    assert content["simulated"] is True
    assert content["chance"] == 0.5
    assert all(row["low"] <= row["score"] <= row["high"] for row in content["concepts"])
