"""Builds one draft, in a process of its own so that no request waits: ``python -m`` this module."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Iterable
from pathlib import Path
from typing import TypeVar

from lens_core.atlas import LensError

from .store import (
    BEAT_S,
    LOG,
    REQUEST,
    STUDY,
    Asked,
    FoundView,
    Status,
    read_status,
    touch,
    write_status,
)

T = TypeVar("T")
SAY_EVERY_S = 0.3


def start(folder: Path) -> None:
    """Begin to build a draft. The worker outlives the request, and a restart of the server."""
    with (folder / LOG).open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "webapp.drafts.worker", str(folder)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    # Somebody has to ask for the exit code, or its entry stays in the table of processes.
    threading.Thread(target=process.wait, daemon=True).start()


class _Progress:
    """Writes how far the work is, a few times a second."""

    def __init__(self, folder: Path, built: dict[str, object]) -> None:
        self.folder = folder
        self.built = built
        self.said = 0.0

    def say(self, step: str, done: int = 0, total: int = 0, *, now: bool = False) -> None:
        if now or time.monotonic() - self.said >= SAY_EVERY_S:
            self.said = time.monotonic()
            status = Status(state="building", step=step, done=done, total=total, built=self.built)
            write_status(self.folder, status)

    def track(self, items: Iterable[T], label: str, total: int | None = None) -> Iterable[T]:
        self.say(label, 0, total or 0, now=True)
        for done, item in enumerate(items, start=1):
            yield item
            self.say(label, done, total or 0)


def work(folder: Path) -> Status:
    """Build what is asked for, audit it, and say so in the draft's folder."""
    asked = Asked.model_validate_json((folder / REQUEST).read_bytes())
    progress = _Progress(folder, read_status(folder).built)
    progress.say("reading the atlas", now=True)
    finished = threading.Event()

    def beat() -> None:
        while not finished.wait(BEAT_S):
            touch(folder)

    touch(folder)
    threading.Thread(target=beat, daemon=True).start()
    try:
        status = _made(folder, asked, progress)
    except LensError as error:
        status = Status(state="failed", problem=str(error))
    except Exception as error:
        traceback.print_exc()
        status = Status(state="failed", problem=f"{type(error).__name__}: {error}")
    finally:
        finished.set()
    if (folder / REQUEST).exists():  # else it was deleted meanwhile
        write_status(folder, status)
    return status


def _made(folder: Path, asked: Asked, progress: _Progress) -> Status:
    from experiments.audit import audit_study
    from experiments.paradigms import BuildRequest, get_paradigm
    from experiments.study import CONFIG, Study

    target = folder / STUDY
    if progress.built != asked.stimuli or not (target / CONFIG).is_file():
        progress.built = {}
        request = BuildRequest(
            out=target,
            name=asked.name,
            title=asked.title,
            atlases=(Path(asked.atlas_dir),),
            seed=asked.seed,
            design=asked.design,
            force=True,
            selection=asked.selection,
        )
        get_paradigm(asked.paradigm).build(request, progress.track)
        progress.built = asked.stimuli
    progress.say("writing the study file", now=True)
    _write_numbers(target, asked)
    progress.say("checking the design", now=True)
    found = audit_study(Study.open(target))
    return Status(
        state="ready",
        findings=tuple(FoundView(level=f.level, check=f.check, text=f.text) for f in found),
        built=progress.built,
    )


def _write_numbers(target: Path, asked: Asked) -> None:
    """What does not touch the stimuli, written into ``study.toml``."""
    from experiments.study import CONFIG, config_toml, read_config
    from lens_core.atlas.files import write_atomic

    config, _ = read_config(target)
    changed = config.model_copy(
        update={
            "title": asked.title,
            "conditions": tuple(
                condition.model_copy(update={"quota": asked.quota})
                for condition in config.conditions
            ),
            "analysis": config.analysis.model_copy(update={"n_participants": asked.n_participants}),
            "consent": config.consent.model_copy(update={"protocol": asked.protocol}),
            "completion": config.completion.model_copy(update={"reward": asked.reward}),
        }
    )
    write_atomic(target / CONFIG, config_toml(changed))


if __name__ == "__main__":
    if hasattr(os, "nice"):  # not on Windows
        os.nice(5)  # people who are taking part go first
    sys.exit(0 if work(Path(sys.argv[1])).state == "ready" else 1)
