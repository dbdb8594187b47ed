"""The benchmarks of the analysis run, and what does not depend on the clock is right."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
ROOT = BENCHMARKS.parents[1]

pytestmark = pytest.mark.slow


def run(script: str, *arguments: str) -> dict[str, Any]:
    command = [sys.executable, str(BENCHMARKS / script), "--quick", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_coverage(tmp_path: Path) -> None:
    found = run("coverage.py", "--table", str(tmp_path / "table.md"))
    for people in ("20", "40"):
        assert found["coverage"]["odds_ratio"][people] >= 0.9
        assert found["type_i"]["odds_ratio"][people] <= 0.1
    assert len(found["cells"]) == 6 * 4
    assert found["n_rows"] == 2 * 3
    assert "| 20 | 10 | 0.5 |" in (tmp_path / "table.md").read_text()
    # The first study of every cell was held against the modules that the programmes call.
    methods = {row["method"] for row in found["programmes"]}
    assert methods == {
        "basis", "basis_by_depth", "rating", "preference_of_two", "preference_of_three"
    }  # fmt: skip
    assert all(row["coverage"] >= 0.9 for row in found["programmes"])


def test_report() -> None:
    found = run("report.py")
    assert found["people"] == [20, 20]
    assert found["seconds_560x40"] > 0
    assert 0 < found["peak_gb_million"] < 4


def test_split_half() -> None:
    found = run("split_half.py")
    assert found["seconds"] > 0
    assert found["spearman_brown"] > found["null"]


def test_bootstrap() -> None:
    assert {"seconds_560", "seconds_5600"} <= run("bootstrap.py").keys()


def test_spoiled_data_of_a_programme_through_the_command() -> None:
    found = run("degenerate.py", "--programme", "rating")
    assert found["runs"] == 8
    assert found["problems"] == {}
