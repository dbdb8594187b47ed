"""``lens demo``: the main job, end to end, with the public commands on the built-in leaves.

Every step is a command that a user could type; each is printed, timed, and left out when what it
makes is already there. All of it lies in one folder.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from webapp.cli import Terminal

STUDY = "leaves-basis"
TITLE = "Which picture does the machine see it in?"
HELD_OUT = 0.4
"""Share of images kept for the study: nine references a side need many photographs."""
EFFECT = 0.7
"""Planted log odds of concepts minus units: the simulated people are better at concepts."""


@dataclass(frozen=True)
class Size:
    """How much of everything the demo makes; None is the command's own default."""

    leaves_per_class: int | None
    families: str | None
    epochs: int | None
    input_px: int | None
    concepts: int
    visualization_px: int
    visualization_steps: int
    participants: int


FULL = Size(
    leaves_per_class=None,
    families=None,
    epochs=None,
    input_px=None,
    concepts=10,
    visualization_px=192,
    visualization_steps=48,
    participants=60,
)
QUICK = Size(
    leaves_per_class=48,
    families="Ulmaceae,Betulaceae,Ginkgoaceae,Fagaceae",
    epochs=20,
    input_px=64,
    concepts=4,
    visualization_px=64,
    visualization_steps=4,
    participants=12,
)


@dataclass(frozen=True)
class Step:
    """One command and what it leaves behind.

    Attributes
    ----------
    title : what the user reads.
    command : arguments of ``lens``.
    leaves : file that is there once the command has finished, and not before.
    """

    title: str
    command: tuple[str, ...]
    leaves: Path


def lens(name: str, /, *arguments: object, **options: object) -> tuple[str, ...]:
    """Words of a command; an option ``per_class=3`` becomes ``--per-class 3``, None is left out."""
    words = [*name.split(), *map(str, arguments)]
    for option, value in options.items():
        for one in value if isinstance(value, tuple) else (value,):
            if one is None:
                continue
            words += [f"--{option.replace('_', '-')}", str(one)]
    return tuple(words)


def steps(folder: Path, size: Size, seed: int) -> tuple[Step, ...]:
    """The demo as commands, in order."""
    leaves, model, study = folder / "leaves", folder / "model", folder / "study"
    server, dataset, report = folder / "server", folder / "dataset", folder / "report"
    atlas = server / "atlases" / "leaves"
    return (
        Step(
            "Drawing leaves",
            lens(
                "data leaves",
                out=leaves,
                per_class=size.leaves_per_class,
                families=size.families,
                seed=seed,
            ),
            leaves / "leaves.json",
        ),
        Step(
            "Training a classifier",
            lens(
                "model train",
                images=leaves,
                out=model,
                epochs=size.epochs,
                px=size.input_px,
                seed=seed,
            ),
            model / "model.json",
        ),
        Step(
            "Building the atlas",
            lens(
                "atlas build",
                images=leaves / "train",
                model=model,
                out=atlas,
                concepts=size.concepts,
                held_out=HELD_OUT,
                title="Leaf families",
                basis=("concepts", "units"),
                visualization_px=size.visualization_px,
                visualization_steps=size.visualization_steps,
                seed=seed,
            ),
            atlas / "atlas.json",
        ),
        Step(
            "Designing a study",
            lens("study new two_afc", atlas=atlas, out=study, name=STUDY, title=TITLE, seed=seed),
            study / "study.toml",
        ),
        Step("Freezing it", lens("study freeze", study), study / "frozen.json"),
        Step(
            "Simulating participants",
            lens(
                "study simulate",
                study,
                participants=size.participants,
                observer="psychometric",
                effect=EFFECT,
                out=dataset,
                seed=seed,
            ),
            dataset / "manifest.json",
        ),
        Step(
            "Analysing their answers",
            lens("analyze", dataset, out=report, sidecar_dir=server / "sidecars", seed=seed),
            report / "report.html",
        ),
        Step(
            "Publishing the study",
            lens("study publish", study, server_dir=server),
            server / "studies" / STUDY / "frozen.json",
        ),
    )


def run_steps(todo: tuple[Step, ...], say: Callable[[str], None]) -> None:
    """Run what is not there yet, each command in a process of its own.

    Raises
    ------
    SystemExit
        With the exit code of a command that failed; it has said why itself.
    """
    for number, step in enumerate(todo, start=1):
        head = f"[{number}/{len(todo)}] {step.title}"
        if step.leaves.is_file():
            say(f"{head}: there already")
            continue
        say(f"{head}\n      $ lens {shlex.join(step.command)}")
        started = time.monotonic()
        code = subprocess.run(
            [sys.executable, "-m", "webapp.cli", *step.command], stdout=sys.stderr
        ).returncode
        if code:
            raise SystemExit(code if code > 0 else 130)
        say(f"      done in {time.monotonic() - started:.0f} s")


def console_account(server: Path) -> tuple[str, str]:
    """Name and password of the demo's owner; made at the first run and kept beside the server.

    The password opens a made-up study on this machine, so it may lie in a file of the folder, which
    only its owner can read.
    """
    file = server / "demo-account.json"
    if not file.is_file():
        import secrets

        password = secrets.token_urlsafe(9)
        command = ["user", "add", "demo", "--role", "owner", "--dir", str(server)]
        done = subprocess.run(
            [sys.executable, "-m", "webapp.cli", *command, "--password-stdin"],
            input=password,
            text=True,
            stdout=sys.stderr,
        )
        if done.returncode:
            raise SystemExit(done.returncode)
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as out:
            json.dump({"name": "demo", "password": password}, out)
    account = json.loads(file.read_text())
    return account["name"], account["password"]


@click.command()
@click.option(
    "--dir",
    "folder",
    type=click.Path(path_type=Path),
    default=Path("lens-demo"),
    show_default=True,
    help="Where everything goes.",
)
@click.option("--no-serve", is_flag=True, help="Leave when all files are made.")
@click.option("--port", default=8000, show_default=True, help="Port of the server.")
@click.option("--seed", default=0, show_default=True, help="Same seed, same result.")
@click.option("--quick", is_flag=True, help="Everything at a tiny size, to see the line run.")
@click.pass_obj
def demo(
    terminal: Terminal, folder: Path, no_serve: bool, port: int, seed: int, quick: bool
) -> None:
    """Do everything once: leaves, classifier, atlas, study, participants, report, server.

    Needs no network and no GPU. Run again, it keeps what is there.
    """
    claim(folder, quick)
    started = time.monotonic()
    run_steps(steps(folder, QUICK if quick else FULL, seed), terminal.note)
    name, password = console_account(folder / "server")
    terminal.note(f"Everything is there after {time.monotonic() - started:.0f} s.")
    for label, path in (
        ("atlas", folder / "server" / "atlases" / "leaves"),
        ("study", folder / "study"),
        ("data set", folder / "dataset"),
        ("report", folder / "report" / "report.html"),
    ):
        click.echo(f"{label:12}{path}")
    address = f"http://127.0.0.1:{port}"
    click.echo(f"{'explorer':12}{address}/")
    click.echo(f"{'participant':12}{address}/study/{STUDY}/")
    click.echo(f"{'console':12}{address}/console/   (name {name}, password {password})")
    if no_serve:
        terminal.note(f"Serve it with: lens serve --dir {shlex.quote(str(folder / 'server'))}")
        return
    command = ["serve", "--dir", str(folder / "server"), "--port", str(port)]
    try:
        raise SystemExit(subprocess.run([sys.executable, "-m", "webapp.cli", *command]).returncode)
    except KeyboardInterrupt:
        terminal.note("stopped; run the same command again to serve it")


def claim(folder: Path, quick: bool) -> None:
    """Refuse a folder that holds something else, or a demo of another size."""
    marker = folder / "demo.json"
    content = {"demo": "lens-lab", "size": "quick" if quick else "full"}
    if marker.is_file():
        if json.loads(marker.read_text()) != content:
            raise click.ClickException(
                f"{folder} holds a demo of another size: choose another folder with --dir"
            )
        return
    if folder.is_file() or (folder.is_dir() and any(folder.iterdir())):
        raise click.ClickException(
            f"{folder} is not empty and holds no demo: choose another folder with --dir"
        )
    folder.mkdir(parents=True, exist_ok=True)
    marker.write_text(json.dumps(content) + "\n")
