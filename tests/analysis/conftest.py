from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from tests.support.atlases import make_atlas
from tests.support.studies import make_study


def simulated_trials(
    seed: int,
    *,
    people: int = 40,
    items: int = 20,
    answers: int = 20,
    effect: float = 0.0,
    participant_sd: float = 0.6,
    item_sd: float = 0.5,
    base: float = 1.0,
) -> pd.DataFrame:
    """Two conditions between people, each with items of its own, as in the strong/weak task."""
    rng = np.random.default_rng(seed)
    person = np.repeat(np.arange(people), answers)
    in_second = person % 2
    item = rng.integers(items, size=people * answers) + items * in_second
    logit = (
        base
        + effect * in_second
        + rng.normal(0, participant_sd, people)[person]
        + rng.normal(0, item_sd, 2 * items)[item]
    )
    return pd.DataFrame(
        {
            "trial_uuid": [f"t{i}" for i in range(len(person))],
            "participant": [f"p{i:03d}" for i in person],
            "condition": np.where(in_second == 1, "units", "concepts"),
            "phase": "test",
            "item": [f"i{i}" for i in item],
            "n_options": 2,
            "correct": (rng.random(len(person)) < expit(logit)).astype(int),
            "rt_ms": np.exp(rng.normal(7.5, 0.4, len(person))).round(1),
            "strength_gap": rng.uniform(0.2, 4.0, len(person)).round(4),
            "atlas_hash": "sha256:00",
            "class_id": 3,
            "concept_id": [f"concepts-{i}" for i in item],
        }
    )


@pytest.fixture
def trials() -> pd.DataFrame:
    return simulated_trials(0, effect=0.6)


@pytest.fixture(scope="session")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set as the simulator exports it, of a frozen study with criteria."""
    from experiments.observers import Psychometric
    from experiments.simulate import simulate
    from experiments.truth import calibrated

    root = tmp_path_factory.mktemp("analysis")
    atlas = make_atlas(root / "atlas")
    study = make_study(root / "study", atlas)
    observer = calibrated(study, Psychometric(), 0.7, 0.8)
    return simulate(study, 16, observer, 3, root / "data")


@pytest.fixture
def exported_copy(exported: Path, tmp_path: Path) -> Callable[[], Path]:
    """Makes copies of the data set that may be spoiled."""

    def copy() -> Path:
        target = tmp_path / "data"
        shutil.copytree(exported, target)
        return target

    return copy


@pytest.fixture
def drawn_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures are drawn but not turned into pixels, which is what takes long."""
    monkeypatch.setattr("analysis.output.render", lambda figure, kind: b"<svg/>")
