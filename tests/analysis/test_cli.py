from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from click.testing import CliRunner, Result

from analysis.cli import analyze
from analysis.errors import AnalysisError


class Quiet:
    """A terminal that remembers what it was told."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)

    def track(self, items: Iterable[Any], label: str, total: int | None = None) -> Iterable[Any]:
        return items


def run(*arguments: object) -> Result:
    return CliRunner().invoke(analyze, [str(argument) for argument in arguments], obj=Quiet())


def test_writes_everything(exported: Path, tmp_path: Path, drawn_only: None) -> None:
    out = tmp_path / "report"
    result = run(exported, "--out", out)
    assert result.exit_code == 0, result.output
    results = json.loads((out / "results.json").read_text())
    assert results["dataset"]["simulated"]
    assert results["differences"]["status"] == "confirmatory"
    names = {path.name for path in (out / "tables").iterdir()}
    assert {"accuracy.csv", "differences.csv", "participants.csv", "flow.csv"} <= names
    for name in ("accuracy", "items", "response_times"):
        assert (out / "figures" / f"{name}.png").is_file()
        assert (out / "figures" / f"{name}.svg").is_file()
    assert (out / "report.html").read_text().startswith("<!doctype html>")
    assert f"report: {out / 'report.html'}" in result.output
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_refuses_a_folder_in_use(exported: Path, tmp_path: Path, drawn_only: None) -> None:
    out = tmp_path / "mine"
    out.mkdir()
    (out / "thesis.txt").write_text("years")
    result = run(exported, "--out", out)
    assert isinstance(result.exception, AnalysisError)
    assert "--force" in str(result.exception)
    assert (out / "thesis.txt").read_text() == "years"
    assert run(exported, "--out", out, "--force").exit_code == 0
    assert not (out / "thesis.txt").exists()
    file = tmp_path / "file"
    file.write_text("")
    assert "is a file" in str(run(exported, "--out", file, "--force").exception)


def test_never_writes_over_the_data(exported_copy: Callable[[], Path]) -> None:
    folder = exported_copy()
    for out in (folder, folder.parent, folder / "report"):
        result = run(folder, "--out", out, "--force")
        assert isinstance(result.exception, AnalysisError)
        assert "data never change" in str(result.exception)
    assert (folder / "manifest.json").is_file()


@pytest.mark.parametrize("force", [True, False])
def test_a_failure_leaves_nothing(
    exported: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, force: bool
) -> None:
    def full(*_: object) -> bytes:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("analysis.output.render", full)
    out = tmp_path / "report"
    result = run(exported, "--out", out, *(["--force"] if force else []))
    assert isinstance(result.exception, AnalysisError)
    assert "No space left on device" in str(result.exception)
    assert list(tmp_path.iterdir()) == []


def test_wrong_input_is_one_line(tmp_path: Path) -> None:
    for folder, word in ((tmp_path / "nowhere", "is no folder"), (tmp_path, "manifest.json")):
        result = run(folder, "--out", tmp_path / "out")
        if folder == tmp_path:
            assert isinstance(result.exception, AnalysisError)
            result = run(tmp_path, "--out", tmp_path.parent / "elsewhere")
        assert word in str(result.exception)
        assert "\n" not in str(result.exception)


def test_a_table_from_elsewhere(tmp_path: Path, drawn_only: None) -> None:
    table = pd.DataFrame(
        {
            "worker": [f"w{i}" for i in range(8) for _ in range(6)],
            "arm": ["maps", "none"] * 24,
            "picture": [f"{i % 6}.png" for i in range(48)],
            "hit": [1, 1, 0, 1, 0, 1, 1, 0] * 6,
            "mood": "fine",
        }
    )
    file = tmp_path / "answers.csv"
    table.to_csv(file, index=False)
    ours = ("participant=worker", "item=picture", "correct=hit")
    options = [word for pair in ours for word in ("--column", pair)]
    out = tmp_path / "report"
    result = run(file, "--out", out, *options)
    assert result.exit_code == 0, result.output
    columns = pd.read_csv(out / "columns.csv").set_index("theirs")["how"]
    assert columns["worker"] == "given"
    assert columns["arm"] == "guessed"
    assert columns["mood"] == "left"
    notes = json.loads((out / "results.json").read_text())["notes"]
    assert "Guessed from the values: condition is 'arm'." in notes
    assert notes[0] in (out / "report.html").read_text()
    wrong = run(file, "--out", tmp_path / "o", "--column", "participant=nobody")
    assert isinstance(wrong.exception, AnalysisError)
    assert "--column participant=" in str(run(file, "--out", tmp_path / "o").exception)
    assert run(file, "--out", tmp_path / "o", "--column", "item").exit_code == 2
    assert "choose one of jspsych" in str(
        run(file, "--out", tmp_path / "o", "--tool", "paper", *options).exception
    )
    (tmp_path / "folder").mkdir()
    folder = run(tmp_path / "folder", "--out", tmp_path / "o", *options)
    assert "names its columns itself" in str(folder.exception)


def test_needs_neither_torch_nor_flask() -> None:
    code = (
        "import sys\n"
        "class Absent:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.split('.')[0] in ('torch', 'flask', 'lens_core', 'webapp'):\n"
        "            raise ImportError(name)\n"
        "sys.meta_path.insert(0, Absent())\n"
        "import analysis.output, analysis.results, analysis.cli, analysis.dataset\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[2])
