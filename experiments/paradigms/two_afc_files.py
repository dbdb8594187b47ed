"""The folder of a strong/weak study, wherever its trials come from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from experiments.design import Condition, Source
from experiments.paradigms import files
from experiments.paradigms.base import BuildRequest
from experiments.paradigms.two_afc_config import DEFAULTS, TwoAfcDesign
from experiments.paradigms.two_afc_template import Template
from experiments.stimuli import StimulusNames
from experiments.study import Study
from lens_core.atlas import Track, no_track

if TYPE_CHECKING:
    import pandas as pd

    from experiments.paradigms.two_afc import TwoAfc


def write_study(
    task: TwoAfc,
    request: BuildRequest,
    design: TwoAfcDesign,
    source: Source,
    conditions: Sequence[Condition],
    templates: Sequence[Template],
    key: Mapping[str, str],
    names: StimulusNames,
    universe: pd.DataFrame,
    track: Track = no_track,
) -> Study:
    """Write all files, whole or not at all, with the published texts and criteria; open the study.

    Raises
    ------
    LensError
        If the trials cannot answer the task's question, or the target is not free.
    """
    plan = task.plan(conditions, templates)
    config = files.make_config(
        request, task.config_model, design, source, conditions, DEFAULTS, plan
    )
    return files.write_study(
        request,
        config,
        [_row(template) for template in templates],
        key,
        names,
        universe,
        size_px=design.stimulus_px,
        quality=design.webp_quality,
        track=track,
    )


def _row(template: Template) -> dict[str, Any]:
    row = asdict(template)
    return row | {name: list(row[name]) for name in ("strong", "weak", "sources")}
