from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from analysis.clustered_logit import NotEstimable
from analysis.programmes.base import Programme
from analysis.programmes.basis_layers import basis_by_layer, layer_order


def answers(
    seed: int, *, people: int = 40, basis: float = 0.8, depth: float = 0.6, both: float = 0.0
) -> pd.DataFrame:
    """Five layers, ten items in each basis and layer, everybody sees all layers of one basis."""
    rng = np.random.default_rng(seed)
    who, trial = (a.ravel() for a in np.indices((people, 30)))
    layer = trial % 5
    side = who % 2
    item = rng.integers(10, size=len(who)) + 10 * layer + 50 * side
    d = layer / 4 - 0.5
    logit = 0.8 + basis * (side - 0.5) + depth * d + both * (side - 0.5) * d
    logit = logit + rng.normal(0, 0.5, people)[who] + rng.normal(0, 0.3, 100)[item]
    return pd.DataFrame(
        {
            "participant": [f"p{i}" for i in who],
            "condition": np.where(side == 1, "concepts", "units"),
            "basis": np.where(side == 1, "concepts", "units"),
            "layer": [f"layer{i + 1}" for i in layer],
            "item": [f"i{i}" for i in item],
            "n_options": 2,
            "correct": (rng.random(len(who)) < expit(logit)).astype(int),
        }
    )


def run(trials: pd.DataFrame, **options: Any) -> Programme:
    return basis_by_layer(
        trials, cluster="participant", rng=np.random.default_rng(0), reference="units", **options
    )


def test_finds_what_was_planted() -> None:
    found = run(answers(5))
    effects = found["coefficients"].set_index("effect")
    assert effects.loc["basis", "low"] < 0.8 * 0.9 < effects.loc["basis", "high"]
    assert effects.loc["basis", "p"] < 0.01
    assert effects.loc["basis × depth", "p"] > 0.05
    best = found["models"].query("kind == 'people and items random'").set_index("model")
    assert best["delta_aic"].idxmin() == "basis + layer"
    assert best["weight"].sum() == pytest.approx(1)
    assert len(found["cells"]) == 10
    assert found.notes == ()


def test_an_interaction_is_preferred_where_there_is_one() -> None:
    found = run(answers(1, both=2.0))
    for _, models in found["models"].groupby("kind"):
        assert models.set_index("model")["aic"].idxmin() == "basis × layer"


def test_pooled_aic_is_that_of_a_logistic_regression() -> None:
    sm = pytest.importorskip("statsmodels.api")
    trials = answers(2, people=20)
    pooled = run(trials)["models"].query("kind == 'pooled, as published'").set_index("model")
    basis = np.where(trials["basis"] == "concepts", 0.5, -0.5)
    depth = (trials["layer"].str[-1].astype(int) - 1) / 4 - 0.5
    x = np.column_stack([np.ones(len(trials)), basis, depth, basis * depth])
    fit = sm.Logit(trials["correct"], x).fit(disp=0)
    assert pooled.loc["basis × layer", "aic"] == pytest.approx(float(fit.aic), rel=1e-8)


def test_pooling_favours_the_larger_model() -> None:
    """People differ and no basis helps; taken for independent, answers seem to say that one does.

    Over studies the basis gains more in the pooled AIC than in that with people and items random.
    """
    gains: dict[str, list[float]] = {}
    for seed in range(4):
        models = run(answers(seed + 10, people=10, basis=0, depth=0))["models"]
        for kind, own in models.groupby("kind"):
            aic = own.set_index("model")["aic"]
            gains.setdefault(str(kind), []).append(aic["constant"] - aic["basis"])
    pooled, mixed = (np.array(gains[kind]) for kind in sorted(gains, reverse=True))
    assert sorted(gains, reverse=True)[0] == "pooled, as published"
    assert pooled.mean() > mixed.mean()
    assert mixed.mean() < 2


def test_layers_are_in_order() -> None:
    assert layer_order(["block10", "block2", "block1"]) == ["block1", "block2", "block10"]
    cells = run(answers(3, people=8), layers=["layer5", "layer1"])["cells"]
    assert cells["layer"].tolist() == ["layer5", "layer1"] * 2


def test_too_little_is_said_so() -> None:
    trials = answers(4, people=10)
    with pytest.raises(NotEstimable, match="needs two of them, there are 1"):
        run(trials[trials["basis"] == "units"])
    one = run(trials[trials["layer"] == "layer1"])
    assert one["coefficients"]["effect"].tolist() == ["intercept", "basis"]
    few = run(trials, most_trials=10)
    assert set(few["models"]["kind"]) == {"pooled, as published"}
    assert any("above 10 answers" in note for note in few.notes)
    always = run(trials.assign(correct=1))
    assert [section.name for section in always.sections] == ["cells"]
    assert len(always.notes) == 2
    without = run(trials.drop(columns="item"))
    assert without.sections[1].scope == "these stimuli only"
