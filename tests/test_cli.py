"""The command's root: one line for mistakes, exit codes that scripts can lean on, lazy loading."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import entry_points

import click
import pytest

from lens_core.atlas import LensError
from webapp import cli


def lens(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "webapp.cli", *arguments], capture_output=True, text=True
    )


@pytest.mark.parametrize("point", entry_points(group=cli.GROUP), ids=lambda point: point.name)
def test_every_command_has_help(point: object) -> None:
    done = lens(*point.name.split("."), "--help")  # type: ignore[attr-defined]
    assert done.returncode == 0, done.stderr
    assert "Usage: lens" in done.stdout


def test_help_lists_the_commands_without_loading_torch() -> None:
    code = (
        "import sys\n"
        "sys.modules['torch'] = sys.modules['flask'] = None\n"
        "from webapp.cli import run\n"
        "sys.exit(run(['--help']))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "analyze" in done.stdout
    assert "atlas" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("atlas", "paint"), "no command 'paint'; there are:"),
        (("atlas", "build", "--color", "red"), "No such option"),
        (("analyze", "--out"), "requires an argument"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_code_2(arguments: tuple[str, ...], said: str) -> None:
    done = lens(*arguments)
    assert done.returncode == 2
    assert said in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert done.stdout == ""


def _root_with(command: click.Command, monkeypatch: pytest.MonkeyPatch) -> None:
    group = click.Group("lens")
    group.add_command(command)
    monkeypatch.setattr(cli, "root", lambda: group)


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (LensError("no folder 'x': give one"), 2, "error: no folder 'x': give one\n"),
        (KeyboardInterrupt(), 130, "interrupted"),
        (click.ClickException("taken"), 2, "error: taken\n"),
        (SystemExit(1), 1, ""),
    ],
)
def test_errors_become_exit_codes(
    error: BaseException,
    code: int,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    @click.command()
    def fail() -> None:
        raise error

    _root_with(fail, monkeypatch)
    try:
        got = cli.run(["fail"])
    except SystemExit as leave:
        got = leave.code  # type: ignore[assignment]
    assert got == code
    assert capsys.readouterr().err.strip().startswith(said.strip())


def test_a_defect_of_ours_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    @click.command()
    def fail() -> None:
        raise ZeroDivisionError

    _root_with(fail, monkeypatch)
    with pytest.raises(ZeroDivisionError):
        cli.run(["fail"])


def test_progress_is_plain_lines_where_there_is_no_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(cli.Terminal, "SECONDS_BETWEEN_LINES", 0.0)
    assert list(cli.Terminal().track([1, 2], "counting")) == [1, 2]
    assert capsys.readouterr().err == "counting: 1 of 2\ncounting: 2 of 2\n"
