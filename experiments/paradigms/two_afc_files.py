"""The folder of a strong/weak study, wherever its trials come from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from experiments.design import Condition, Source
from experiments.paradigms import files
from experiments.paradigms.base import BuildRequest
from experiments.paradigms.two_afc import Template
from experiments.paradigms.two_afc_config import DEFAULTS, TwoAfcConfig, TwoAfcDesign
from experiments.stimuli import StimulusNames
from experiments.study import Study
from lens_core.atlas import Track, no_track

if TYPE_CHECKING:
    import pandas as pd


def design_from(request: BuildRequest) -> TwoAfcDesign:
    """The design that a request asks for; see :func:`experiments.paradigms.files.design_from`."""
    return files.design_from(request, TwoAfcDesign)


def make_config(
    request: BuildRequest,
    design: TwoAfcDesign,
    source: Source,
    conditions: Sequence[Condition],
) -> TwoAfcConfig:
    """``study.toml`` with the published texts and criteria, ready to be edited."""
    plan = files.plan_for(conditions, reference="units")
    return files.make_config(request, TwoAfcConfig, design, source, conditions, DEFAULTS, plan)


def write_study(
    request: BuildRequest,
    config: TwoAfcConfig,
    templates: Sequence[Template],
    key: Mapping[str, str],
    names: StimulusNames,
    universe: pd.DataFrame,
    track: Track = no_track,
) -> Study:
    """Write all files, whole or not at all, and open the study."""
    return files.write_study(
        request,
        config,
        [_row(template) for template in templates],
        key,
        names,
        universe,
        size_px=config.design.stimulus_px,
        quality=config.design.webp_quality,
        track=track,
    )


def _row(template: Template) -> dict[str, Any]:
    row = asdict(template)
    return row | {name: list(row[name]) for name in ("strong", "weak", "sources")}
