"""Writing the folder of a strong/weak study, wherever its trials come from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from experiments.design import AnalysisPlan, Condition, Source
from experiments.folders import whole_folder
from experiments.paradigms.base import BuildRequest
from experiments.paradigms.two_afc import Template
from experiments.paradigms.two_afc_config import (
    CONSENT,
    EXCLUSIONS,
    INSTRUCTIONS,
    PRACTICE,
    QUIZ,
    SESSION,
    TwoAfcConfig,
    TwoAfcDesign,
)
from experiments.stimuli import StimulusNames, write_stimuli
from experiments.study import CONFIG, Study, config_toml, first_fault
from lens_core.atlas import LensError, Track, no_track
from lens_core.atlas.files import write_atomic

if TYPE_CHECKING:
    import pandas as pd


def design_from(request: BuildRequest) -> TwoAfcDesign:
    """The design that a request asks for.

    Raises
    ------
    LensError
        If it names a field that does not exist or a value that is not allowed.
    """
    try:
        return TwoAfcDesign.model_validate(dict(request.design))
    except ValidationError as error:
        raise LensError(f"design: {first_fault(error)}") from error


def make_config(
    request: BuildRequest,
    design: TwoAfcDesign,
    source: Source,
    conditions: Sequence[Condition],
) -> TwoAfcConfig:
    """``study.toml`` with the published texts and criteria, ready to be edited."""
    single = len(conditions) == 1
    formula = "correct ~ 1" if single else "correct ~ condition"
    reference = next((c.name for c in conditions if c.name == "units"), conditions[0].name)
    content: Mapping[str, Any] = {
        "name": request.name,
        "title": request.title,
        "seed": request.seed,
        "source": source,
        "design": design,
        "conditions": tuple(conditions),
        "consent": CONSENT,
        "instructions": INSTRUCTIONS,
        "quiz": QUIZ,
        "practice": PRACTICE,
        "session": SESSION,
        "exclusions": EXCLUSIONS,
        "analysis": AnalysisPlan(formula=formula, reference=None if single else reference),
    }
    try:
        return TwoAfcConfig.model_validate(content)
    except ValidationError as error:
        raise LensError(f"study {request.name!r}: {first_fault(error)}") from error


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
    design = config.design
    with whole_folder(request.out, what="study", force=request.force) as folder:
        write_stimuli(
            folder / "stimuli",
            names,
            size_px=design.stimulus_px,
            quality=design.webp_quality,
            track=track,
        )
        _write_rows(folder / "trials.parquet", [_row(template) for template in templates])
        answers = [{"template": name, "correct": correct} for name, correct in key.items()]
        _write_rows(folder / "key.parquet", answers)
        universe.to_parquet(folder / "universe.parquet", index=False, compression="zstd")
        write_atomic(folder / CONFIG, config_toml(config))
    return Study.open(request.out)


def _row(template: Template) -> dict[str, Any]:
    row = asdict(template)
    return row | {name: list(row[name]) for name in ("strong", "weak", "sources")}


def _write_rows(file: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.Table.from_pylist([dict(row) for row in rows]), file, compression="zstd")
