from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.special import expit

from analysis.accuracy import accuracy_by_condition, design_effect, participant_counts
from analysis.bootstrap import percentile_interval, resampled_proportions
from analysis.intervals import t_interval, wilson
from tests.analysis.conftest import simulated_trials


def run(trials: pd.DataFrame, **options: Any) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    return accuracy_by_condition(trials, cluster="participant", rng=rng, **options).table


def test_numbers_of_scipy(trials: pd.DataFrame) -> None:
    table = run(trials).set_index("condition")
    scores = trials.groupby(["condition", "participant"])["correct"].mean()
    for name in ("concepts", "units"):
        test = stats.ttest_1samp(scores[name], 0.5)
        interval = test.confidence_interval(0.95)
        row = table.loc[name]
        assert row["accuracy"] == pytest.approx(scores[name].mean())
        assert (row["low"], row["high"]) == pytest.approx((interval.low, interval.high))
        assert (row["t"], row["p"]) == pytest.approx((test.statistic, test.pvalue))
        assert row["bootstrap_low"] == pytest.approx(row["low"], abs=0.02)
        assert row["wilson_high"] == pytest.approx(row["high"], abs=0.02)
        assert row["new_stimuli_low"] < row["low"] + 0.02


def test_design_effect_of_perfect_copies() -> None:
    """Ten answers that are all alike carry as much as one: deff = 10 · G/(G−1)."""
    k = np.array([10.0, 0.0] * 10)
    deff, effective = design_effect(k, np.full(20, 10.0))
    assert deff == pytest.approx(10 * 20 / 19)
    assert effective == pytest.approx(200 / deff)


def test_the_cluster_has_to_be_named(trials: pd.DataFrame) -> None:
    with pytest.raises(TypeError, match="cluster"):
        accuracy_by_condition(trials, rng=np.random.default_rng(0))  # type: ignore[call-arg]


def test_chance_comes_from_the_options(trials: pd.DataFrame) -> None:
    assert run(trials.assign(n_options=4))["chance"].tolist() == [0.25, 0.25]
    assert run(trials.drop(columns="n_options"))["p"].isna().all()


def test_missing_answers_are_no_errors(trials: pd.DataFrame) -> None:
    some = trials.assign(correct=trials["correct"].where(trials.index % 3 > 0))
    counts = participant_counts(some, "participant")
    assert counts["n"].sum() == some["correct"].notna().sum()
    assert counts["k"].sum() == some["correct"].sum()


@pytest.mark.parametrize(("value", "word"), [(1, "right"), (0, "wrong")])
def test_no_variation_is_said_in_words(trials: pd.DataFrame, value: int, word: str) -> None:
    result = accuracy_by_condition(
        trials.assign(correct=value), cluster="participant", rng=np.random.default_rng(0)
    )
    row = result.table.iloc[0]
    assert np.isnan(row["low"])
    assert np.isnan(row["bootstrap_low"])
    # Twenty people count as twenty answers, not as four hundred.
    expected = wilson(20 * value, 20)
    assert (row["wilson_low"], row["wilson_high"]) == (expected.low, expected.high)
    assert f"everything {word}" in " ".join(result.notes)


def test_one_person(trials: pd.DataFrame) -> None:
    result = accuracy_by_condition(
        trials[trials["participant"] == "p000"],
        cluster="participant",
        rng=np.random.default_rng(0),
    )
    assert np.isnan(result.table["low"].iloc[0])
    assert result.table["wilson_low"].iloc[0] > 0
    assert "nothing can be said about other people" in " ".join(result.notes)


@pytest.mark.slow
def test_coverage() -> None:
    """600 studies of 40 people with 40 answers each: people as the unit cover, answers do not.

    With 600 studies a coverage of .94 is seen as .91 to .97 (three standard errors).
    """
    people, answers, sd, studies = 40, 40, 0.6, 600
    nodes, weights = np.polynomial.hermite_e.hermegauss(60)
    truth = float((expit(1.0 + sd * nodes) * weights).sum() / weights.sum())
    rng = np.random.default_rng(7)
    held = dict.fromkeys(("t", "bootstrap", "wilson_deff", "pooled"), 0)
    n = np.full(people, float(answers))
    for _ in range(studies):
        k = rng.binomial(answers, expit(1.0 + sd * rng.normal(size=people))).astype(float)
        deff, effective = design_effect(k, n)
        intervals = {
            "t": t_interval(k / n),
            "bootstrap": percentile_interval(resampled_proportions(k, n, 1000, rng)),
            "wilson_deff": wilson(k.sum() / n.sum() * effective, effective),
            "pooled": wilson(k.sum(), n.sum()),
        }
        for name, interval in intervals.items():
            held[name] += interval.low <= truth <= interval.high
        assert deff > 0
    cover = {name: count / studies for name, count in held.items()}
    assert 0.91 <= cover["t"] <= 0.97
    assert 0.90 <= cover["bootstrap"] <= 0.97
    assert 0.91 <= cover["wilson_deff"] <= 0.97
    assert cover["pooled"] < 0.80


def test_other_stimuli_make_the_interval_wider() -> None:
    """Few items that differ a lot: what holds for other stimuli is much less certain."""
    trials = simulated_trials(3, items=6, item_sd=1.2)
    table = run(trials)
    width = table["high"] - table["low"]
    assert ((table["new_stimuli_high"] - table["new_stimuli_low"]) > 1.3 * width).all()
