"""Generated stimuli as a table of trials, for paradigms that take one.

A generator for a paradigm is one function and one line here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from lens_core.atlas import LensError, Track, no_track


def leaves_for_intruder(folder: Path, design: Mapping[str, Any], seed: int, track: Track) -> Path:
    """Leaves of one family and one of another."""
    from experiments.generators.leaves.intruders import write_intruders
    from experiments.paradigms.intruder import IntruderDesign

    known = {name: design[name] for name in ("n_crops", "templates_per_item") if name in design}
    try:
        wanted = IntruderDesign(**known)
    except ValueError as error:
        raise LensError(f"--set: {error}") from error
    return write_intruders(
        folder,
        n_crops=wanted.n_crops,
        per_family=wanted.templates_per_item,
        seed=seed,
        track=track,
    )


GENERATORS: dict[tuple[str, str], Callable[[Path, Mapping[str, Any], int, Track], Path]] = {
    ("leaves", "intruder"): leaves_for_intruder,
}
"""Generator and paradigm to the function that writes the table."""


def generated_table(
    name: str,
    paradigm: str,
    folder: Path,
    design: Mapping[str, Any],
    seed: int,
    track: Track = no_track,
) -> Path:
    """Draw the stimuli of a study into a folder; returns the table that names them.

    Raises
    ------
    LensError
        If there is no such generator, or it has nothing for this paradigm.
    """
    if name not in {known for known, _ in GENERATORS}:
        known = ", ".join(sorted({each for each, _ in GENERATORS}))
        raise LensError(f"--generator {name}: there is no such generator, but {known}")
    if (name, paradigm) not in GENERATORS:
        takes = ", ".join(task for each, task in GENERATORS if each == name)
        raise LensError(
            f"--generator {name} has stimuli for {takes}; for {paradigm} give --atlas or --stimuli"
        )
    return GENERATORS[name, paradigm](folder, design, seed, track)
