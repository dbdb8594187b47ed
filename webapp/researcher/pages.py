"""What a study's page says, gathered from the frozen folder and the database."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from experiments.checks import CHECKS
from experiments.study import Study
from webapp.models import StudyRecord
from webapp.services import monitor

PICTURES = 12


@dataclass(frozen=True)
class Stimuli:
    """The pictures in numbers, and the first few of them."""

    n: int
    width_px: int | None
    height_px: int | None
    sizes_bytes: tuple[int, ...]
    sample: tuple[str, ...]


@dataclass(frozen=True)
class StudyPage:
    """A study for the console."""

    record: StudyRecord
    study: Study
    counts: monitor.Counts
    stimuli: Stimuli
    trials_per_person: int | None
    frozen_at: str

    def counts_json(self) -> str:
        """The numbers that change."""
        return json.dumps(self.counts.to_json() | {"state": self.record.state})


def cells_of(study: Study) -> list[tuple[str, str, int | None]]:
    """Condition, label and quota of each cell."""
    known = {condition.name: condition for condition in study.config.conditions}
    rows: list[tuple[str, str, int | None]] = []
    for cell in study.cells:
        condition = known.get(cell)
        label = (condition.label if condition else "all conditions, within each person") or cell
        rows.append((cell, label, condition.quota if condition else None))
    return rows


def study_page(db: Session, record: StudyRecord, study: Study) -> StudyPage:
    """Gather a study's page."""
    assert study.freeze is not None, "only frozen studies are published"
    return StudyPage(
        record=record,
        study=study,
        counts=monitor.count(db, record, cells_of(study)),
        stimuli=study.remember("console stimuli", lambda: _stimuli(study)),
        trials_per_person=study.remember("console trials", lambda: _trials_per_person(study)),
        frozen_at=study.freeze.frozen_at,
    )


def _stimuli(study: Study) -> Stimuli:
    from PIL import Image

    ids = study.stimulus_ids
    width = height = None
    if ids:
        with Image.open(study.stimulus_path(ids[0])) as picture:
            width, height = picture.size
    sizes = {study.stimulus_path(stimulus).stat().st_size for stimulus in ids}
    return Stimuli(len(ids), width, height, tuple(sorted(sizes)), ids[:PICTURES])


def _trials_per_person(study: Study) -> int | None:
    from experiments.schedule import draw_schedule

    return len(draw_schedule(study, study.cells[0], study.config.seed))


UNITS = ("ms", "s", "min", "px", "cm")
SOURCES = {"lab": "lab link", "prolific": "Prolific", "mturk": "Mechanical Turk", "sona": "SONA"}
TIMES = ("ms", "s", "min")


def plain(value: Any) -> str:
    """A value of a study file as a methods section would write it."""
    if value is None or value == "":
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, list | tuple):
        return ", ".join(plain(each) for each in value) or "none"
    if isinstance(value, dict):
        return ", ".join(f"{name} {plain(each)}" for name, each in value.items()) or "none"
    return str(value)


def rows_of(model: Any) -> list[tuple[str, str]]:
    """The fields of a part of the study file, name and value."""
    values: dict[str, Any] = model.model_dump(mode="json")
    rows = []
    for name, value in values.items():
        words, text = field(name, value)
        # Where a field and its duration are named alike, as feedback and feedback_ms.
        rows.append((f"{words} time" if words != name and words in values else words, text))
    return rows


def field(name: str, value: Any) -> tuple[str, str]:
    """Name and value of a field, the unit taken from the name to the value.

    >>> field("start_delay_ms", 1500)
    ('start delay', '1500 ms')
    >>> field("n_trials", 40)
    ('trials', '40')
    >>> field("min_viewport_px", (940, 600))
    ('min viewport', '940 × 600 px')
    """
    stem, _, unit = name.rpartition("_")
    if unit in UNITS and stem:
        size = isinstance(value, list | tuple) and unit == "px"
        number = " × ".join(map(plain, value)) if size else plain(value)
        words, text = stem, number if value is None else f"{number} {unit}"
    else:
        words, text = name, plain(value)
    return words.removeprefix("n_").replace("_", " "), text


def check_name(name: str) -> str:
    """A check as people read it; any other reason as it is.

    >>> check_name("median_rt_ms")
    'median response time'
    >>> check_name("n_test_trials")
    'test trials'
    """
    if name not in CHECKS:
        return name
    words = field(name, "")[0].removesuffix(" rt")
    if words != field(name, "")[0]:
        return f"{words} response time"
    return f"{words} time" if name.rpartition("_")[2] in TIMES else words


def source_name(name: str) -> str:
    """How people came, as people read it.

    >>> source_name("mturk")
    'Mechanical Turk'
    """
    return SOURCES.get(name, name)
