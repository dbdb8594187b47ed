from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from analysis.clustered_logit import NotEstimable
from analysis.drawings import (
    Drawings,
    describe_drawings,
    diversity,
    generalization_curve,
    one_shot,
)
from analysis.errors import AnalysisError

N_CONCEPTS = 12
EXEMPLARS = np.random.default_rng(9).normal(size=(N_CONCEPTS, 6))
NAMES = [f"c{i}" for i in range(N_CONCEPTS)]


def study(seed: int = 0, people: int = 10) -> tuple[pd.DataFrame, np.ndarray]:
    """Two machines: one that draws like people, one that nearly copies the exemplar."""
    rng = np.random.default_rng(seed)
    frames, features = [], []
    for agent, spread in (("people", 0.8), ("alike", 0.8), ("copy", 0.1)):
        who, concept = (part.ravel() for part in np.indices((people, N_CONCEPTS)))
        frames.append(
            pd.DataFrame(
                {
                    "condition": agent,
                    "item": [NAMES[i] for i in concept],
                    "participant": [f"p{i}" for i in who] if agent == "people" else None,
                }
            )
        )
        features.append(EXEMPLARS[concept] + spread * rng.normal(size=(len(who), 6)))
    return pd.concat(frames, ignore_index=True), np.vstack(features)


def run(drawings: pd.DataFrame, features: np.ndarray, **options: Any) -> Drawings:
    options = {"human": "people", "n_way": 5, "n_resamples": 300} | options
    return describe_drawings(
        drawings,
        features,
        EXEMPLARS,
        NAMES,
        cluster="participant",
        rng=np.random.default_rng(0),
        **options,
    )


def test_one_shot_is_the_mean_of_episodes() -> None:
    rng = np.random.default_rng(1)
    concept = rng.integers(N_CONCEPTS, size=20)
    x = EXEMPLARS[concept] + 1.2 * rng.normal(size=(20, 6))
    expected = one_shot(x, concept, EXEMPLARS, n_way=5)
    right = np.zeros(20)
    for _ in range(1500):
        for i, c in enumerate(concept):
            others = rng.choice(np.delete(np.arange(N_CONCEPTS), c), 4, replace=False)
            gaps = np.linalg.norm(EXEMPLARS[[c, *others]] - x[i], axis=1)
            right[i] += gaps.argmin() == 0
    assert right / 1500 == pytest.approx(expected, abs=0.055)
    assert one_shot(x, concept, EXEMPLARS, n_way=N_CONCEPTS).max() <= 1
    assert (one_shot(EXEMPLARS, np.arange(N_CONCEPTS), EXEMPLARS, n_way=5) == 1).all()


def test_diversity_is_the_bessel_corrected_sd() -> None:
    x = np.random.default_rng(2).normal(size=(9, 1))
    assert diversity(x) == pytest.approx(np.std(x, ddof=1))
    assert diversity(np.vstack([x, x + 5])) > 2
    assert np.isnan(diversity(x[:1]))


def test_the_machine_that_draws_like_people_is_nearest() -> None:
    found = run(*study())
    table = found.to_frame().set_index("agent")
    assert table.loc["alike", "high"] < table.loc["copy", "low"]
    assert table.loc["copy", "originality"] < table.loc["alike", "originality"]
    assert table.loc["copy", "recognizability"] > table.loc["alike", "recognizability"]
    assert table.loc["copy", "diversity"] == pytest.approx(0.1 * np.sqrt(6), rel=0.1)
    assert np.isnan(table.loc["people", "distance"])
    assert (table["n_samples"] == 120).all()
    points = table[["originality", "recognizability"]]
    z = (points - points.mean()) / points.std()
    expected = np.linalg.norm(z.loc["copy"] - z.loc["people"])
    assert table.loc["copy", "distance"] == pytest.approx(expected)


def test_drawers_are_resampled_together() -> None:
    """A drawer who draws quite differently makes the interval wider than many alike."""
    drawings, features = study(3)
    odd = features.copy()
    odd[(drawings["participant"] == "p0").to_numpy()] += 3.0
    alike, apart = (run(drawings, x).table.set_index("agent") for x in (features, odd))
    width = [t.loc["copy", "high"] - t.loc["copy", "low"] for t in (alike, apart)]
    assert width[1] > 0
    assert apart.loc["people", "originality"] > alike.loc["people", "originality"] + 0.3


def test_curve() -> None:
    curve = generalization_curve(run(*study(4)), n_bins=4)
    assert curve.groupby("bin")["n"].sum().tolist() == [90] * 4
    alike = curve[curve["agent"] == "alike"]
    assert alike["originality"].is_monotonic_increasing
    assert alike["recognizability"].iloc[-1] < alike["recognizability"].iloc[0]


def test_faults() -> None:
    drawings, features = study()
    with pytest.raises(AnalysisError, match="no drawings of 'nobody'"):
        run(drawings, features, human="nobody")
    with pytest.raises(AnalysisError, match="has no exemplar"):
        run(drawings.assign(item="zebra"), features)
    with pytest.raises(AnalysisError, match="n_way"):
        run(drawings, features, n_way=13)
    with pytest.raises(AnalysisError, match="359 features"):
        run(drawings, features[1:])
    nameless = run(drawings.drop(columns="participant"), features)
    assert nameless.table["low"].isna().all()
    assert "no interval" in nameless.notes[0]
    same = run(drawings, np.repeat(EXEMPLARS[:1], len(drawings), axis=0))
    with pytest.raises(NotEstimable, match="too few"):
        generalization_curve(same, n_bins=50)
