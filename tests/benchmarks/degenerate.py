"""Spoiled data of every programme through ``lens analyze``: a word, a report, and no failure.

Nine kinds of spoiled data (no condition, one person, columns missing, rows twice, everything right,
nothing answered …) of each programme are written as an export and analysed by the command. Counted
are runs that fail or write no report, runs that say nothing of what is wrong, and runs in which
people or rows get lost between the file and ``results.json``.

    python tests/benchmarks/degenerate.py [--quick] [--programme NAME] [--figures]
"""

from __future__ import annotations

import argparse
import hashlib
import json
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from click.testing import CliRunner

import analysis.output
from analysis.cli import analyze
from analysis.programmes.registry import PROGRAMMES, Known

OWN = {
    "meta_predictor": ["session", "model_correct"],
    "basis_layers": ["basis", "layer"],
    "visualizations": ["confidence"],
    "plausibility": ["first", "second", "response"],
    "drawings": ["agent"],
    "odd_one_out": ["rule", "rule_kind"],
    "naming": ["response", "word"],
    "rating": ["rating", "method"],
    "click_maps": ["clicks", "source_image"],
}
COMMON = ["participant", "condition", "phase", "trial", "item", "n_options", "rt_ms", "correct"]
STUDY = """name = "spoiled"
title = "Spoiled"
paradigm = "{}"
[analysis]
formula = "correct ~ condition"
outcome = "correct"
method = "two_way_cluster_logit"
"""


def answers(known: Known) -> pd.DataFrame:
    """Twelve people, half of them in each condition, twelve test and two catch trials each."""
    rng = np.random.default_rng(0)
    who, trial = (index.ravel() for index in np.indices((12, 14)))
    options = np.array(["a", "b", "c"])
    even = trial % 2 == 0
    frame = pd.DataFrame(
        {
            "participant": np.char.add("p", who.astype(str)),
            "condition": np.where(who % 2 == 1, "map", "baseline"),
            "phase": np.where(trial >= 12, "catch", "test"),
            "trial": trial,
            "item": np.char.add("i", (trial % 12).astype(str)),
            "n_options": 4,
            "rt_ms": rng.gamma(3, 700, len(who)),
            "correct": (rng.random(len(who)) < 0.7).astype(int),
            "session": 1 + trial % 2,
            "model_correct": trial // 2 % 2,
            "basis": np.where(even, "units", "concepts"),
            "layer": np.char.add("layer", (trial % 3).astype(str)),
            "confidence": rng.integers(1, 4, len(who)),
            "agent": np.where(even, "people", "machine"),
            "rule": np.char.add("rule", (trial % 12).astype(str)),
            "rule_kind": np.where(trial % 3 == 0, "elementary", "composition"),
            "first": options[trial % 3],
            "second": options[(trial + 1) % 3],
            "word": np.where(even, "stem", "leaf"),
            "rating": rng.integers(1, 6, len(who)),
            "method": np.where(even, "maps", "none"),
            "clicks": [f"[[{x:.2f}, {y:.2f}]]" for x, y in rng.random((len(who), 2))],
            "source_image": np.char.add("img", (trial % 4).astype(str)),
        }
    )
    chosen = np.where(rng.random(len(who)) < 0.5, frame["first"], frame["second"])
    frame["response"] = frame["word"] if known.name == "naming" else chosen
    frame = frame[list(dict.fromkeys(COMMON + OWN.get(known.name, [])))]
    return frame if known.scored else frame.assign(correct=np.nan)


Spoil = Callable[[pd.DataFrame, Known], pd.DataFrame]
KINDS: dict[str, tuple[Spoil, tuple[str, ...]]] = {
    "good": (lambda frame, known: frame, ()),
    "no condition": (
        lambda frame, known: frame.drop(columns="condition"),
        ("No column 'condition'",),
    ),
    "one person": (
        lambda frame, known: frame[frame["participant"] == "p0"],
        ("One person answered", "1 person cannot", "one person", "rated twice", "two people"),
    ),
    "columns missing": (
        lambda frame, known: frame.drop(columns=["item", "trial", "n_options", "rt_ms"]),
        ("column 'item'", "do not name the stimuli", "these stimuli only"),
    ),
    "own columns missing": (
        lambda frame, known: frame.drop(columns=OWN.get(known.name, ["item"])),
        ("column '", "columns '", "these stimuli only"),
    ),
    "rows twice": (
        lambda frame, known: pd.concat([frame, frame]),
        ("168 rows of 336 (50.0\u00a0%) repeat a trial",),
    ),
    "rows twice, unnumbered": (
        lambda frame, known: pd.concat([frame, frame]).drop(columns="trial"),
        ("check that no file was read twice",),
    ),
    "everything right": (
        lambda frame, known: frame.assign(correct=1),
        ("always right", "answered everything right"),
    ),
    "nothing answered": (
        lambda frame, known: frame.assign(**dict.fromkeys(("correct", *known.answers))),
        ("Nobody is left to analyse",),
    ),
}
"""How data are spoiled, and sentences of which one has to be said."""
UNTOLD = {
    ("drawings", "own columns missing"),
    ("visualizations", "own columns missing"),
    ("click_maps", "columns missing"),
}
"""What these lack is not needed: conditions tell who drew, nobody was asked how sure they are, and
images are told apart by ``source_image``."""


class Told:
    """A terminal that keeps what it is told."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def track(self, items: Iterable[Any], *_: object) -> Iterator[Any]:
        return iter(items)

    def note(self, text: str) -> None:
        self.said.append(text)


def write(root: Path, known: Known, frame: pd.DataFrame) -> None:
    """An export of a frozen study."""
    (root / "data").mkdir(parents=True)
    (root / "study.toml").write_text(STUDY.format(known.paradigms[0]), encoding="utf-8")
    frame.to_csv(root / "data" / "study-spoiled_trials_data.csv", index=False)
    files = {
        file.relative_to(root).as_posix(): {"sha256": hashlib.sha256(file.read_bytes()).hexdigest()}
        for file in root.rglob("*")
        if file.is_file()
    }
    manifest = {"format_version": 1, "study": "spoiled", "files": files, "frozen": True}
    (root / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")


def problem(folder: Path, known: Known, kind: str) -> str:
    """What is wrong with the run of a kind; empty if nothing."""
    spoil, words = KINDS[kind]
    frame = spoil(answers(known), known)
    write(folder / "data", known, frame)
    terminal = Told()
    arguments = [str(folder / "data"), "--out", str(folder / "out")]
    done = CliRunner().invoke(analyze, arguments, obj=terminal)
    if done.exit_code or not (folder / "out" / "report.html").is_file():
        return f"failed: {done.exception!r}"
    results = json.loads((folder / "out" / "results.json").read_text(encoding="utf-8"))
    rows, people = results["dataset"], results["exclusions"]
    if sum(rows["rows_by_phase"].values()) + rows["rows_repeated"] != len(frame):
        return "lost rows"
    if people["n_arrived"] != frame["participant"].nunique():
        return "lost people"
    said = " ".join([*terminal.said, done.output, (folder / "out" / "report.html").read_text()])
    untold = words and not any(word in said for word in words)
    return "says nothing of it" if untold and (known.name, kind) not in UNTOLD else ""


def main() -> None:
    """Run all and print one JSON object."""
    parser = argparse.ArgumentParser(description="Spoiled data through the command.")
    parser.add_argument("--quick", action="store_true", help="two programmes")
    parser.add_argument("--programme", help="one programme alone")
    parser.add_argument("--figures", action="store_true", help="draw them, too (takes longer)")
    options = parser.parse_args()
    if not options.figures:
        analysis.output.render = lambda figure, kind: b"<svg/>"  # type: ignore[assignment]
    chosen = [known for known in PROGRAMMES if options.programme in (None, known.name)]
    chosen = chosen[::6] if options.quick else chosen
    found, runs = {}, 0
    with tempfile.TemporaryDirectory() as root:
        for known in chosen:
            for place, kind in enumerate(KINDS):
                # Without a key, "correct" makes another task of these.
                if kind == "everything right" and not known.scored:
                    continue
                runs += 1
                if wrong := problem(Path(root) / f"{known.name}{place}", known, kind):
                    found[f"{known.name}, {kind}"] = wrong
    print(json.dumps({"runs": runs, "problems": found}))


if __name__ == "__main__":
    main()
