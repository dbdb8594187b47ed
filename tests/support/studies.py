"""A small strong/weak study made from the synthetic atlas."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from experiments.paradigms import BuildRequest, get_paradigm
from experiments.study import Study, freeze_study
from lens_core.atlas import Atlas

SMALL: dict[str, Any] = {"n_trials": 12, "n_catch": 3, "stimulus_px": 48, "templates_per_item": 2}


def make_study(
    path: Path,
    atlas: Atlas,
    *,
    name: str = "insects",
    seed: int = 0,
    frozen: bool = True,
    design: dict[str, Any] | None = None,
) -> Study:
    """Write a study of two conditions (concepts, units) and open it."""
    request = BuildRequest(
        out=path,
        name=name,
        title="Synthetic insects",
        atlases=(atlas.root,),
        seed=seed,
        design=SMALL | (design or {}),
    )
    get_paradigm("two_afc").build(request)
    if frozen:
        freeze_study(path)
    return Study.open(path, require_frozen=frozen)
