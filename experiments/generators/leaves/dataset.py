"""Write the leaves to a folder that `lens model train` and `lens atlas build` read.

::

    DIR/train/<family>/0001.webp …     for training
    DIR/test/<family>/0001.webp …      held out
    DIR/masks/<split>/<family>/0001.png
    DIR/leaves.json                    format, seed, names of the masks, every leaf's parameters
"""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from experiments.generators.leaves.families import FAMILIES
from experiments.generators.leaves.render import MASKS, draw
from experiments.generators.leaves.sampling import sample
from experiments.generators.leaves.spec import PARTS, LeafSpec
from experiments.generators.leaves.storage import encode_masks, encode_picture, write_file
from lens_core.atlas import LensError, Track, no_track
from lens_core.atlas.files import disk_errors, pretty_json, write_atomic

DEFAULT_PER_CLASS = 100
"""Training pictures a family."""

TEST_SHARE = 0.3
"""Held-out pictures per training picture."""

SPLITS = ("train", "test")
FORMAT = 1


@dataclass(frozen=True)
class Leaf:
    """One picture of a written data set; paths are relative to its folder."""

    split: str
    picture: str
    masks: str
    spec: LeafSpec


def write_dataset(
    out: Path,
    per_class: int = DEFAULT_PER_CLASS,
    seed: int = 0,
    track: Track = no_track,
    *,
    families: Sequence[str] = FAMILIES,
    force: bool = False,
    workers: int = 2,
) -> list[Leaf]:
    """Write `per_class` training and `TEST_SHARE` as many held-out pictures of each family.

    A family's pictures do not depend on which others are drawn.

    What is there already from the same settings is kept, so an interrupted run goes on where it
    stopped. The bytes do not depend on `workers` (processes; 1 draws in this one).

    Raises
    ------
    LensError
        If `out` holds something else and `force` is not set, a number is not positive, or there is
        no such family.
    """
    if per_class < 1:
        raise LensError(f"--per-class is {per_class}: give at least 1 picture a family")
    if seed < 0:
        raise LensError(f"--seed is {seed}: give a whole number from 0 on")
    unknown = [family for family in families if family not in FAMILIES]
    if unknown or not families:
        raise LensError(
            f"--families: {', '.join(unknown) or 'none'}; there are {', '.join(FAMILIES)}"
        )
    chosen = [family for family in FAMILIES if family in families]
    header = {
        "format": FORMAT,
        "seed": seed,
        "per_class": per_class,
        "per_class_test": max(1, round(per_class * TEST_SHARE)),
        "families": chosen,
        "parts": list(PARTS),
        "masks": list(MASKS),
    }
    started = out / ".leaves-started.json"
    _claim(out, header, started, force)
    leaves = _plan(per_class, seed, chosen)
    missing = [
        leaf
        for leaf in leaves
        if not ((out / leaf.masks).exists() and (out / leaf.picture).exists())
    ]
    with disk_errors(out):
        if missing:
            _write_pictures(out, missing, track, workers)
        document = header | {"leaves": [_entry(leaf) for leaf in leaves]}
        if not (out / "leaves.json").exists():
            write_atomic(out / "leaves.json", json.dumps(document).encode())
        started.unlink(missing_ok=True)
    return leaves


def read_dataset(folder: Path) -> list[Leaf]:
    """The leaves of a written data set.

    Raises
    ------
    LensError
        If `folder` has no whole `leaves.json`.
    """
    document = _json(folder / "leaves.json")
    if document is None or document.get("format") != FORMAT:
        raise LensError(f"{folder} holds no leaves: write them with `lens data leaves --out DIR`")
    return [
        Leaf(e["split"], e["picture"], e["masks"], LeafSpec.from_dict(e["spec"]))
        for e in document["leaves"]
    ]


def _entry(leaf: Leaf) -> dict[str, Any]:
    return {
        "split": leaf.split,
        "picture": leaf.picture,
        "masks": leaf.masks,
        "spec": leaf.spec.to_dict(),
    }


def _json(path: Path) -> dict[str, Any] | None:
    try:
        document = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return document if isinstance(document, dict) else None


def _claim(out: Path, header: dict[str, Any], started: Path, force: bool) -> None:
    """Make `out` ours: new, empty, or holding (part of) the same leaves."""
    if out.exists() and not out.is_dir():
        raise LensError(f"--out {out} is a file: name a folder")
    for path in (out / "leaves.json", started):
        found = _json(path)
        if found is not None and {k: found.get(k) for k in header} == header:
            return
    if out.is_dir() and any(out.iterdir()):
        if not force:
            raise LensError(
                f"--out {out} is not empty and holds no leaves of these settings: "
                "name another folder, or add --force to write into it"
            )
        # Only what a former run may have written is replaced.
        for path in [out / "leaves.json", *_our_files(out)]:
            path.unlink(missing_ok=True)
    with disk_errors(out):
        out.mkdir(parents=True, exist_ok=True)
        write_atomic(started, pretty_json(header))


def _our_files(out: Path) -> Iterator[Path]:
    for split in SPLITS:
        for family in FAMILIES:
            yield from sorted((out / split / family).glob("[0-9]*.webp"))
            yield from sorted((out / "masks" / split / family).glob("[0-9]*.png"))


def _plan(per_class: int, seed: int, families: Sequence[str]) -> list[Leaf]:
    counts = {"train": per_class, "test": max(1, round(per_class * TEST_SHARE))}
    leaves = []
    for s, split in enumerate(SPLITS):
        for family in families:
            f = FAMILIES.index(family)
            for i in range(1, counts[split] + 1):
                spec = sample(family, np.random.default_rng([seed, s, f, i]))
                stem = f"{split}/{family}/{i:04d}"
                leaves.append(Leaf(split, f"{stem}.webp", f"masks/{stem}.png", spec))
    return leaves


def _write_pictures(out: Path, leaves: list[Leaf], track: Track, workers: int) -> None:
    for leaf in leaves:
        (out / leaf.picture).parent.mkdir(parents=True, exist_ok=True)
        (out / leaf.masks).parent.mkdir(parents=True, exist_ok=True)
    jobs = [(out, leaf) for leaf in leaves]
    label = "drawing leaves"
    if workers <= 1 or len(jobs) < 24:
        for job in track(jobs, label, len(jobs)):
            _write_one(job)
        return
    # Spawned rather than forked: the caller may run threads (torch, a server). Ctrl-C, once or
    # often, is for this process alone: leaving the block ends the workers wherever they are.
    context = get_context("spawn")
    ignore = (signal.SIGINT, signal.SIG_IGN)
    try:
        with context.Pool(workers, signal.signal, ignore) as pool:
            for _ in track(pool.imap(_write_one, jobs, chunksize=8), label, len(jobs)):
                pass
    finally:
        for folder in {(out / leaf.picture).parent for leaf in leaves}:
            _sweep(folder)
        for folder in {(out / leaf.masks).parent for leaf in leaves}:
            _sweep(folder)


def _sweep(folder: Path) -> None:
    """Remove what an ended worker had half written."""
    for path in folder.glob(".*.partial"):
        path.unlink(missing_ok=True)


def _write_one(job: tuple[Path, Leaf]) -> None:
    out, leaf = job
    rendered = draw(leaf.spec)
    write_file(out / leaf.picture, encode_picture(rendered))
    # The masks come last: where they are, the picture is whole.
    write_file(out / leaf.masks, encode_masks(rendered.masks))
