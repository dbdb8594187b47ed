from __future__ import annotations

from itertools import product

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from analysis.clustered_logit import NotEstimable
from analysis.gee import compare_conditions_gee, fit_gee, session_by_condition

OHIO = {
    0: [237, 10, 15, 4, 16, 2, 7, 3, 24, 3, 3, 2, 6, 2, 5, 11],
    1: [118, 6, 8, 2, 11, 1, 6, 4, 7, 3, 3, 1, 4, 2, 4, 7],
}
"""Wheeze at ages 7, 8, 9, 10 (no < yes, age 10 fastest) by mother's smoking: children counted by
pattern, the data set ohio of geepack (Fitzmaurice and Laird 1993)."""


def ohio() -> pd.DataFrame:
    rows = []
    child = 0
    for smoke, counts in OHIO.items():
        for pattern, count in zip(product((0, 1), repeat=4), counts, strict=True):
            for _ in range(count):
                rows += [
                    (child, age, smoke, wheeze)
                    for age, wheeze in zip((-2, -1, 0, 1), pattern, strict=True)
                ]
                child += 1
    return pd.DataFrame(rows, columns=["id", "age", "smoke", "resp"])


def test_ohio_as_in_geepack() -> None:
    data = ohio()
    assert len(data) == 2148
    x = np.column_stack(
        [np.ones(len(data)), data["age"], data["smoke"], data["age"] * data["smoke"]]
    )
    fit = fit_gee(x, data["resp"], participants=data["id"])
    expected = [-1.900495, -0.141236, 0.313826, 0.070832]
    assert fit.coefficients.tolist() == pytest.approx(expected, rel=1e-4)
    errors = [0.119087, 0.058201, 0.187842, 0.088279]
    assert fit.standard_errors.tolist() == pytest.approx(errors, rel=1e-4)
    assert fit.correlation == pytest.approx(0.354, abs=2e-3)
    assert not fit.bias_reduced


def study(seed: int, people: int = 60, gain: float = 0.0, effect: float = 0.0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    who, session, _ = (part.ravel() for part in np.indices((people, 3, 6)))
    second = who % 2
    logit = 0.8 + rng.normal(0, 0.6, people)[who] + effect * second + gain * session * second
    return pd.DataFrame(
        {
            "participant": who,
            "condition": np.where(second == 1, "map", "baseline"),
            "session": session + 1,
            "correct": (rng.random(len(who)) < expit(logit)).astype(int),
        }
    )


def test_cells_of_a_balanced_study_are_its_means() -> None:
    trials = study(0)
    found = session_by_condition(trials, cluster="participant")
    means = trials.groupby(["condition", "session"])["correct"].mean()
    assert found.cells["accuracy"].tolist() == pytest.approx(means.tolist(), rel=1e-6)
    assert found.to_frame()["df1"].tolist() == [1, 2, 2]
    assert found.table["df2"].tolist() == [54] * 3
    assert (found.cells["low"] < found.cells["accuracy"]).all()
    assert "marginal" in found.notes[0]


def test_a_planted_interaction_is_found() -> None:
    table = session_by_condition(study(1, people=120, gain=0.8), cluster="participant").table
    assert table.set_index("source").loc["condition:session", "p"] < 0.01


def test_conditions_of_a_balanced_study_are_its_shares() -> None:
    trials = study(5, people=16, effect=0.5)
    found = compare_conditions_gee(trials, cluster="participant", reference="baseline")
    row = found.to_frame().iloc[0]
    means = trials.groupby("condition")["correct"].mean()
    odds = means / (1 - means)
    assert row["odds_ratio"] == pytest.approx(odds["map"] / odds["baseline"], rel=1e-6)
    assert (row["df"], row["scope"]) == (14, "these stimuli only")
    assert "marginal" in found.notes[0]
    assert "16 people" in found.notes[-1]
    with pytest.raises(NotEstimable, match="only one condition"):
        compare_conditions_gee(trials.assign(condition="x"), cluster="participant")


def test_rows_in_any_order_give_the_same() -> None:
    trials = study(2)
    mixed = trials.sample(frac=1, random_state=1)
    a, b = (session_by_condition(t, cluster="participant").table for t in (trials, mixed))
    assert a["f"].tolist() == pytest.approx(b["f"].tolist(), rel=1e-6)


def test_few_people_widen_the_covariance() -> None:
    trials = study(3, people=14)
    wide = session_by_condition(trials, cluster="participant")
    narrow = session_by_condition(trials, cluster="participant", bias_reduced=False)
    assert wide.fit.bias_reduced
    assert (wide.fit.standard_errors > narrow.fit.standard_errors).all()
    assert "14 people" in wide.notes[-1]


def test_faults() -> None:
    trials = study(4, people=10)
    with pytest.raises(NotEstimable, match="two sessions"):
        session_by_condition(trials[trials["session"] == 1], cluster="participant")
    with pytest.raises(NotEstimable, match="cannot carry"):
        session_by_condition(trials[trials["participant"] < 4], cluster="participant")
    perfect = trials.assign(correct=trials["correct"].where(trials["condition"] == "map", 1))
    with pytest.raises(NotEstimable, match="all right or all wrong"):
        session_by_condition(perfect, cluster="participant")


@pytest.mark.slow
def test_conditions_hold_their_level() -> None:
    """100 null studies of 24 people: .05 is seen below .12 (three standard errors)."""
    p = [
        compare_conditions_gee(study(seed, people=24), cluster="participant").table["p"].item()
        for seed in range(100)
    ]
    assert np.mean(np.array(p) < 0.05) <= 0.12


@pytest.mark.slow
def test_type_one_error() -> None:
    """100 null studies of 24 people: .05 is seen below .12 (three standard errors)."""
    p = np.array(
        [
            session_by_condition(study(seed, people=24), cluster="participant").table["p"]
            for seed in range(100)
        ]
    )
    assert ((p < 0.05).mean(axis=0) <= 0.12).all()
