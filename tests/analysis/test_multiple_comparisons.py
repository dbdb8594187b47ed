from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from analysis.clustered_logit import NotEstimable
from analysis.errors import AnalysisError
from analysis.multiple_comparisons import METHODS, Method, Pairwise, pairwise_comparisons
from analysis.people import participant_means
from tests.analysis.conftest import simulated_trials

CTRL = [4.17, 5.58, 5.18, 6.11, 4.50, 4.61, 5.17, 4.53, 5.33, 5.14]
TRT1 = [4.81, 4.17, 4.41, 3.59, 5.87, 3.83, 6.03, 4.89, 4.32, 4.69]
TRT2 = [6.31, 5.12, 5.54, 5.50, 5.37, 5.29, 4.92, 6.15, 5.80, 5.26]
"""PlantGrowth of R (Dobson 1983)."""
PLANTS = pd.DataFrame(
    {
        "participant": range(30),
        "condition": np.repeat(["ctrl", "trt1", "trt2"], 10),
        "weight": CTRL + TRT1 + TRT2,
    }
)


def run(method: Method, against: str | None = None) -> Pairwise:
    return pairwise_comparisons(
        PLANTS, cluster="participant", method=method, value="weight", against=against
    )


def test_tukey_as_in_r() -> None:
    table = run("tukey").table
    assert table["p_adjusted"].tolist() == pytest.approx([0.39087, 0.19800, 0.01201], rel=1e-3)
    assert table["difference"].tolist() == pytest.approx([-0.371, 0.494, 0.865])
    assert table["low"].tolist() == pytest.approx([-1.0622161, -0.1972161, 0.1737839], abs=1e-6)


def test_games_howell_as_in_pingouin() -> None:
    """pingouin 0.7.0, pairwise_gameshowell, gives these p."""
    table = run("games_howell").table
    assert table["p_adjusted"].tolist() == pytest.approx([0.474555, 0.112889, 0.023703], rel=1e-4)
    welch = stats.ttest_ind(TRT2, CTRL, equal_var=False)
    assert table["statistic"].iloc[1] == pytest.approx(welch.statistic * np.sqrt(2))
    assert table["df"].iloc[1] == pytest.approx(welch.df)
    assert (table["p_adjusted"] > table["p"]).all()
    assert ((table["low"] > 0) == (table["p_adjusted"] < 0.05)).tolist() == [True] * 3


def test_games_howell_is_tukey_for_two_groups_of_equal_spread() -> None:
    two = pd.DataFrame(
        {
            "participant": range(8),
            "condition": list("aaaabbbb"),
            "correct": [0.1, 0.2, 0.3, 0.4, 0.3, 0.4, 0.5, 0.6],
        }
    )
    a, b = (
        pairwise_comparisons(two, cluster="participant", method=method).table.iloc[0]
        for method in ("tukey", "games_howell")
    )
    expected = stats.ttest_ind([0.3, 0.4, 0.5, 0.6], [0.1, 0.2, 0.3, 0.4])
    for row in (a, b):
        assert row["p_adjusted"] == pytest.approx(expected.pvalue, rel=1e-6)
        assert row["high"] == pytest.approx(expected.confidence_interval().high)


def test_dunn_of_two_groups_is_kruskal_and_wallis() -> None:
    """With ties: z² = H."""
    two = PLANTS[PLANTS["condition"] != "trt1"].assign(weight=lambda d: d["weight"].round(0))
    row = pairwise_comparisons(two, cluster="participant", method="dunn", value="weight").table
    groups = [two.loc[two["condition"] == name, "weight"] for name in ("ctrl", "trt2")]
    test = stats.kruskal(*groups)
    assert row["statistic"].item() ** 2 == pytest.approx(test.statistic)
    assert row["p_adjusted"].item() == pytest.approx(test.pvalue)


def test_dunn_as_in_r() -> None:
    """dunn.test(PlantGrowth$weight, PlantGrowth$group), its z with our signs."""
    table = run("dunn").table
    assert table["statistic"].tolist() == pytest.approx([-1.117725, 1.689290, 2.807015], rel=1e-5)
    p = 2 * stats.norm.sf(np.abs(table["statistic"]))
    assert table["p_adjusted"].tolist() == pytest.approx([p[0], 2 * p[1], 3 * p[2]])


def test_one_condition_as_reference_keeps_the_family() -> None:
    every, some = run("tukey"), run("tukey", against="trt1")
    assert some.n_family == 3
    assert some.table["condition"].tolist() == ["ctrl", "trt2"]
    assert some.table["difference"].tolist() == pytest.approx([0.371, 0.865])
    assert some.table["low"].iloc[0] == pytest.approx(-every.table["high"].iloc[0])
    assert some.table["p_adjusted"].iloc[0] == every.table["p_adjusted"].iloc[0]


def test_people_who_met_everything_are_paired() -> None:
    trials = simulated_trials(1, people=12, answers=30)
    trials["condition"] = np.tile(["a", "b", "c"], len(trials) // 3)
    with pytest.raises(AnalysisError, match="use 'paired_t'"):
        pairwise_comparisons(trials, cluster="participant", method="tukey")
    table = pairwise_comparisons(trials, cluster="participant", method="paired_t").table
    means = participant_means(trials, cluster="participant").pivot(
        index="participant", columns="condition", values="mean"
    )
    expected = stats.ttest_rel(means["b"], means["a"])
    assert table["statistic"].iloc[0] == pytest.approx(expected.statistic)
    assert table["p"].iloc[0] == pytest.approx(expected.pvalue)
    assert (table["p_adjusted"] >= table["p"]).all()


@pytest.mark.parametrize("method", list(METHODS))
def test_faults(method: Method) -> None:
    with pytest.raises(NotEstimable, match="fewer than two"):
        pairwise_comparisons(PLANTS[:10], cluster="participant", method=method, value="weight")
    with pytest.raises((NotEstimable, AnalysisError)):
        pairwise_comparisons(
            PLANTS.assign(weight=1.0), cluster="participant", method=method, value="weight"
        )


@pytest.mark.slow
@pytest.mark.parametrize("method", ["tukey", "games_howell", "dunn"])
def test_family_of_true_nulls_is_held(method: Method) -> None:
    """120 studies of 3 × 12 people: familywise errors at .05 lie below .11 (3 SE)."""
    rng = np.random.default_rng(5)
    frame = pd.DataFrame({"participant": range(36), "condition": np.repeat(list("abc"), 12)})
    wrong = 0
    for _ in range(120):
        values = frame.assign(correct=rng.normal(0.7, 0.1, 36))
        found = pairwise_comparisons(values, cluster="participant", method=method).table
        wrong += bool((found["p_adjusted"] < 0.05).any())
    assert wrong / 120 <= 0.11
