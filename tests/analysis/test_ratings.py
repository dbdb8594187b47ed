from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from analysis.clustered_logit import NotEstimable, fit_clustered_logit
from analysis.ratings import fit_ordinal, ratings_by_condition
from analysis.sandwich import Correction

HOUSING = [
    21, 21, 28, 34, 22, 36, 10, 11, 36, 61, 23, 17, 43, 35, 40, 26, 18, 54,
    13, 9, 10, 8, 8, 12, 6, 7, 9, 18, 6, 7, 15, 13, 13, 7, 5, 11,
    14, 19, 37, 17, 23, 40, 3, 5, 23, 78, 46, 43, 48, 45, 86, 15, 25, 62,
    20, 23, 20, 10, 22, 24, 7, 10, 21, 57, 23, 13, 31, 21, 13, 5, 6, 13,
]  # fmt: skip
"""MASS::housing: satisfaction (fastest) × influence × type × contact (Madsen 1976)."""


def test_housing_as_in_r() -> None:
    """polr(Sat ~ Infl + Type + Cont, weights = Freq, data = housing)."""
    contact, kind, influence, satisfaction = (part.ravel() for part in np.indices((2, 4, 3, 3)))
    x = np.column_stack(
        [influence == 1, influence == 2, kind == 1, kind == 2, kind == 3, contact == 1]
    ).astype(float)
    rows = np.repeat(np.arange(72), HOUSING)
    assert len(rows) == 1681
    fit = fit_ordinal(x[rows], satisfaction[rows], participants=np.arange(len(rows)))
    expected = [0.5663937, 1.2888191, -0.5723501, -0.3661866, -1.0910149, 0.3602841]
    assert fit.coefficients.tolist() == pytest.approx(expected, rel=1e-4)
    assert fit.thresholds.tolist() == pytest.approx([-0.4961353, 0.6907083], rel=1e-4)
    assert -2 * fit.log_likelihood == pytest.approx(3479.149, abs=1e-3)
    errors = [0.1046528, 0.1271561, 0.1192380, 0.1551733, 0.1514860, 0.0955358]
    # Those of R are from the information alone; with everybody a cluster they nearly agree.
    found = np.sqrt(np.diag(fit.covariance))[2:]
    assert found.tolist() == pytest.approx(errors, rel=0.06)


@pytest.mark.parametrize("correction", ["cr1", "cr2"])
def test_two_ratings_are_a_logit(correction: Correction) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(600, 1))
    y = (rng.random(600) < 1 / (1 + np.exp(-x[:, 0]))).astype(int)
    who, item = np.arange(600) // 10, rng.integers(30, size=600)
    fit = fit_ordinal(x, y, participants=who, items=item, correction=correction)
    logit = fit_clustered_logit(
        np.column_stack([np.ones(600), x]), y, participants=who, items=item, correction=correction
    )
    assert fit.coefficients[0] == pytest.approx(logit.coefficients[1], rel=1e-5)
    assert fit.thresholds[0] == pytest.approx(-logit.coefficients[0], rel=1e-4)
    assert fit.covariance[1, 1] == pytest.approx(logit.covariance[1, 1], rel=1e-4)
    ours, theirs = fit.contrast([1.0]), logit.satterthwaite([0.0, 1.0])
    assert (ours.df, ours.low) == pytest.approx((theirs.df, theirs.low), rel=1e-3)


def study(seed: int, effect: float = 0.0, people: int = 40) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    who = np.repeat(np.arange(people), 12)
    second = np.tile([0, 1], len(who) // 2)
    latent = rng.normal(0, 0.8, people)[who] + effect * second + rng.logistic(size=len(who))
    return pd.DataFrame(
        {
            "participant": who,
            "condition": np.where(second == 1, "maco", "fourier"),
            "item": rng.integers(20, size=len(who)) + 20 * second,
            "response": np.digitize(latent, [-1.5, -0.5, 0.5, 1.5]) + 1,
        }
    )


def test_conditions() -> None:
    found = ratings_by_condition(study(0, effect=0.9), cluster="participant")
    row = found.to_frame().iloc[0]
    assert (row["condition"], row["reference"]) == ("maco", "fourier")
    assert 1 < row["low"] < row["odds_ratio"] < row["high"]
    assert row["scope"] == "people and stimuli like these"
    assert found.shares.sum(axis=1).tolist() == pytest.approx([1, 1])
    turned = ratings_by_condition(study(0, effect=0.9), cluster="participant", reference="maco")
    assert turned.table["odds_ratio"].item() == pytest.approx(1 / row["odds_ratio"], rel=1e-4)
    alone = ratings_by_condition(study(0), cluster="participant", item=None)
    assert alone.table["scope"].item() == "these stimuli only"


def test_faults() -> None:
    trials = study(1, people=10)
    with pytest.raises(NotEstimable, match="only one condition"):
        ratings_by_condition(trials.assign(condition="x"), cluster="participant")
    with pytest.raises(NotEstimable, match="all ratings are the same"):
        ratings_by_condition(trials.assign(response=3), cluster="participant")
    with pytest.raises(NotEstimable, match="cannot carry"):
        ratings_by_condition(trials[trials["participant"] < 2], cluster="participant")


@pytest.mark.slow
def test_type_one_error() -> None:
    """80 null studies: .05 is seen below .125 (three standard errors)."""
    p = [
        ratings_by_condition(study(seed), cluster="participant", item=None).table["p"].item()
        for seed in range(80)
    ]
    assert np.mean(np.array(p) < 0.05) <= 0.125
