"""The README's commands exist and take the options it gives them; its pictures are there."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest

from webapp import cli

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
SHELL = "\n".join(re.findall(r"```sh\n(.*?)```", README, re.DOTALL)).replace("\\\n", " ")
COMMANDS = [
    words
    for line in SHELL.splitlines()
    for part in line.split("&&")
    if (words := shlex.split(part, comments=True)) and Path(words[0]).name == "lens"
]


def test_the_readme_names_commands() -> None:
    assert len(COMMANDS) >= 10


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_commands_exist_and_take_their_options(words: list[str]) -> None:
    command: click.Command | None = cli.root()
    rest = words[1:]
    while isinstance(command, click.Group):
        command = command.get_command(click.Context(command), rest.pop(0))
    assert command is not None, words
    known = {option for parameter in command.params for option in parameter.opts}
    assert {word for word in rest if word.startswith("--")} <= known


@pytest.mark.parametrize("picture", re.findall(r"!\[[^]]+\]\(([^)]+)\)", README))
def test_pictures_are_there(picture: str) -> None:
    assert (ROOT / picture).stat().st_size < 300_000


@pytest.mark.parametrize("code", re.findall(r"```python\n(.*?)```", README, re.DOTALL))
def test_python_examples_compile(code: str) -> None:
    compile(code, "README.md", "exec")


def test_ci_runs_the_command_that_the_readme_gives_for_tests() -> None:
    script = (ROOT / ".ci" / "run").read_text()
    line = next(line for line in SHELL.splitlines() if "pytest" in line)
    make, install, run = (part.strip() for part in line.split("&&"))
    assert make in script
    # The same things installed: compiled later, by whoever needs them.
    assert install.replace("pip install", "pip install -q --no-compile") in script
    assert run in script
