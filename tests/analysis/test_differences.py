from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from analysis.clustered_logit import NotEstimable, fit_clustered_logit
from analysis.differences import Differences, compare_conditions
from analysis.means import difference_of_means
from tests.analysis.conftest import simulated_trials


def run(trials: pd.DataFrame, **options: Any) -> Differences:
    rng = np.random.default_rng(0)
    return compare_conditions(trials, cluster="participant", rng=rng, n_resamples=2000, **options)


def of(result: Differences, method: str) -> pd.Series:
    return result.table.set_index("method").loc[method]


def test_saturated_logit_is_the_table_of_counts(trials: pd.DataFrame) -> None:
    row = of(run(trials), "two_way_cluster_logit")
    k = trials.groupby("condition")["correct"].mean()
    odds = k / (1 - k)
    assert row["odds_ratio"] == pytest.approx(odds["units"] / odds["concepts"])
    assert row["difference"] == pytest.approx(k["units"] - k["concepts"])
    assert row["scope"] == "people and stimuli like these"
    assert row["df"] == 38


def test_delta_method_against_finite_differences(trials: pd.DataFrame) -> None:
    x = np.column_stack([np.ones(len(trials)), trials["condition"] == "units"]).astype(float)
    fit = fit_clustered_logit(
        x, trials["correct"], participants=trials["participant"], items=trials["item"]
    )

    def difference(beta: np.ndarray) -> float:
        first, second = 1 / (1 + np.exp(-np.array([beta[0], beta[0] + beta[1]])))
        return float(second - first)

    step = 1e-6
    gradient = np.array(
        [
            (difference(fit.coefficients + step * e) - difference(fit.coefficients - step * e))
            / (2 * step)
            for e in np.eye(2)
        ]
    )
    half = stats.t.ppf(0.975, fit.df) * np.sqrt(gradient @ fit.covariance @ gradient)
    row = of(run(trials), "two_way_cluster_logit")
    assert row["difference_high"] - row["difference"] == pytest.approx(half, rel=1e-6)


def test_welch_of_scipy(trials: pd.DataFrame) -> None:
    scores = trials.groupby(["condition", "participant"])["correct"].mean()
    test = stats.ttest_ind(scores["units"], scores["concepts"], equal_var=False)
    row = of(run(trials), "welch_t")
    interval = test.confidence_interval(0.95)
    assert (row["t"], row["df"], row["p"]) == pytest.approx((test.statistic, test.df, test.pvalue))
    assert (row["difference_low"], row["difference_high"]) == pytest.approx(
        (interval.low, interval.high)
    )
    assert row["scope"] == "these stimuli only"


def test_sleep_of_r() -> None:
    """R: t.test(extra ~ group, data = sleep), and paired (t = −4.0621, df = 9, p = .002833)."""
    drug1 = [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0]
    drug2 = [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4]
    welch = difference_of_means(drug1, drug2, paired=False)
    assert (welch.t, welch.df, welch.p) == pytest.approx((-1.8608, 17.776, 0.07939), rel=1e-4)
    paired = difference_of_means(drug1, drug2, paired=True)
    assert (paired.t, paired.df, paired.p) == pytest.approx((-4.0621, 9, 0.002833), rel=1e-4)


def test_within_people_is_paired(trials: pd.DataFrame) -> None:
    within = trials.assign(condition=np.where(trials.index % 2, "units", "concepts"))
    result = run(within)
    scores = within.groupby(["condition", "participant"])["correct"].mean()
    test = stats.ttest_rel(scores["units"], scores["concepts"])
    assert of(result, "paired_t")["t"] == pytest.approx(test.statistic)
    bootstrap = of(result, "participant_bootstrap")
    interval = test.confidence_interval(0.95)
    assert bootstrap["difference_low"] == pytest.approx(interval.low, abs=0.02)


def test_reference_turns_the_comparison_round(trials: pd.DataFrame) -> None:
    forward, back = run(trials).table, run(trials, reference="units").table
    assert back["condition"].unique().tolist() == ["concepts"]
    assert back["difference"].to_numpy() == pytest.approx(-forward["difference"].to_numpy())
    assert back["p"].iloc[0] == pytest.approx(forward["p"].iloc[0])


def test_several_conditions(trials: pd.DataFrame) -> None:
    third = trials["condition"].where(trials["participant"].str[-1] != "5", "blurred")
    result = run(trials.assign(condition=third), order=["concepts", "units", "blurred"])
    assert result.overall is not None
    assert (result.overall["df1"], result.overall["df2"]) == (2, 40 - 3)
    primary = result.primary()
    assert primary["condition"].tolist() == ["units", "blurred"]
    assert (primary["p_holm"] >= primary["p"]).all()
    assert primary["p_holm"].min() == pytest.approx(2 * primary["p"].min())


def test_few_items_warn(trials: pd.DataFrame) -> None:
    assert not run(trials).warnings
    few = run(simulated_trials(0, items=5))
    assert "Fewer than 10 items" in few.warnings[0]
    none = run(trials.drop(columns="item"))
    assert "these stimuli only" in none.warnings[0]
    assert none.table["scope"].unique().tolist() == ["these stimuli only"]


def test_separation_is_said_in_words(trials: pd.DataFrame) -> None:
    right = trials["correct"].where(trials["condition"] == "concepts", 1)
    result = run(trials.assign(correct=right))
    row = of(result, "two_way_cluster_logit")
    assert np.isnan(row["p"])
    assert np.isnan(row["odds_ratio"])
    assert row["difference"] > 0
    assert "everybody in units was always right" in result.warnings[0]
    assert np.isfinite(of(result, "welch_t")["p"])
    assert np.isfinite(of(result, "participant_bootstrap")["difference_low"])


def test_one_condition_cannot_be_compared(trials: pd.DataFrame) -> None:
    with pytest.raises(NotEstimable, match="only one condition"):
        run(trials.assign(condition="a"))


@pytest.mark.slow
def test_type_i_error_with_random_items() -> None:
    """Null studies of 140 people, 10 items a condition, item SD .5: the clustered test keeps .05,
    Welch's test claims far too often. 400 studies: .05 ± 3 SE is .017 to .083."""
    studies, people, items, answers = 400, 140, 10, 20
    rng = np.random.default_rng(11)
    person = np.repeat(np.arange(people), answers)
    group = person % 2
    x = np.column_stack([np.ones(len(person)), group]).astype(float)
    claims = {"clustered": 0, "welch": 0}
    for _ in range(studies):
        item = rng.integers(items, size=len(person)) + items * group
        logit = 1.0 + rng.normal(0, 0.6, people)[person] + rng.normal(0, 0.5, 2 * items)[item]
        y = (rng.random(len(person)) < 1 / (1 + np.exp(-logit))).astype(float)
        fit = fit_clustered_logit(x, y, participants=person, items=item)
        claims["clustered"] += fit.contrast([0.0, 1.0]).p < 0.05
        scores = y.reshape(people, answers).mean(axis=1)
        claims["welch"] += difference_of_means(scores[1::2], scores[::2], paired=False).p < 0.05
    assert 0.017 <= claims["clustered"] / studies <= 0.083
    assert claims["welch"] / studies > 0.2
