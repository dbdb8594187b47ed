"""The demo: made of public commands, and it runs."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import click
import pytest

from webapp import cli
from webapp.demo import FULL, claim, steps


def _command(words: tuple[str, ...]) -> tuple[click.Command, list[str]]:
    command: click.Command | None = cli.root()
    rest = list(words)
    while isinstance(command, click.Group):
        command = command.get_command(click.Context(command), rest.pop(0))
    assert command is not None, words
    return command, rest


def test_each_step_is_a_command_that_accepts_its_options(tmp_path: Path) -> None:
    for step in steps(tmp_path, FULL, seed=0):
        command, rest = _command(step.command)
        # Paths that earlier steps make are not there, and commands check them when they run.
        context = command.make_context(command.name, rest, resilient_parsing=True)
        known = {name for option in command.params for name in option.opts}
        assert {word for word in rest if word.startswith("--")} <= known, step.title
        assert context.args == [], step.title


def test_foreign_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(click.ClickException, match="not empty and holds no demo"):
        claim(tmp_path, quick=False)


def test_another_size_is_refused(tmp_path: Path) -> None:
    claim(tmp_path / "demo", quick=True)
    claim(tmp_path / "demo", quick=True)
    with pytest.raises(click.ClickException, match="another size"):
        claim(tmp_path / "demo", quick=False)


@pytest.mark.slow
def test_the_whole_line_runs_and_runs_again(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "webapp.cli", "demo", "--quick", "--no-serve"]
    command += ["--dir", str(tmp_path / "demo")]
    first = subprocess.run(command, capture_output=True, text=True)
    assert first.returncode == 0, first.stderr[-2000:]
    folder = tmp_path / "demo"
    results = json.loads((folder / "report" / "results.json").read_text())
    assert results["concepts"]
    assert (folder / "report" / "report.html").stat().st_size > 10_000
    assert "http://127.0.0.1:8000/study/" in first.stdout
    again = subprocess.run(command, capture_output=True, text=True)
    assert again.returncode == 0
    assert again.stdout == first.stdout
    assert again.stderr.count("there already") == len(steps(folder, FULL, 0))
