from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from analysis.anova import mixed_anova, one_way_anova, one_way_anova_of_summaries
from analysis.clustered_logit import NotEstimable
from analysis.errors import AnalysisError
from analysis.studentized_range import studentized_range_tail
from tests.analysis.conftest import simulated_trials
from tests.analysis.metapredictor import ACCURACY, IMPLIED_SD, N_ANALYSED, F
from tests.analysis.test_multiple_comparisons import PLANTS


def repeated(seed: int, people: int = 24, sessions: int = 4, groups: int = 2) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    who, session = (part.ravel() for part in np.indices((people, sessions)))
    values = rng.normal(0.7, 0.1, people)[who] + 0.02 * session * (who % groups)
    return pd.DataFrame(
        {
            "participant": who,
            "condition": np.array(list("abc"))[who % groups],
            "session": session + 1,
            "correct": values + rng.normal(0, 0.05 * (1 + session), len(who)),
        }
    )


def test_plants_as_in_r() -> None:
    """summary(aov(...)): F 4.846, p .0159; oneway.test: F 5.181, df 17.128, p .01739."""
    found = one_way_anova(PLANTS, cluster="participant", value="weight")
    row, welch = found["condition"], found["condition (Welch)"]
    assert (row["f"], row["p"]) == pytest.approx((4.846088, 0.01590996), rel=1e-5)
    assert (row["ss"], row["ss_error"]) == pytest.approx((3.76634, 10.49209), rel=1e-5)
    assert (welch["f"], welch["df2"], welch["p"]) == pytest.approx(
        (5.181, 17.128, 0.01739), rel=1e-3
    )


@pytest.mark.parametrize("scenario", list(F))
def test_published_f_from_the_published_means(scenario: str) -> None:
    """Means of table 1 with the spread they imply: an arithmetic check."""
    f, df1, df2 = F[scenario]
    means = np.array([np.mean(by_session) for by_session in ACCURACY[scenario].values()]) / 100
    sizes = np.full(8, N_ANALYSED[scenario] / 8)
    row = one_way_anova_of_summaries(means, np.full(8, IMPLIED_SD[scenario]), sizes)["condition"]
    assert (row["df1"], row["df2"]) == (df1, df2)
    assert row["f"] == pytest.approx(f, rel=0.02)


def test_published_tukey_decisions() -> None:
    """Against the baseline, from means and implied spread: the same methods are significant."""
    significant = {
        "husky_wolf": {"gradcam", "occlusion", "smoothgrad"},
        "leaves": {"saliency", "smoothgrad", "integrated_gradients"},
    }
    for scenario, expected in significant.items():
        means = {name: np.mean(values) / 100 for name, values in ACCURACY[scenario].items()}
        se = IMPLIED_SD[scenario] / np.sqrt(N_ANALYSED[scenario] / 8)
        p = {
            name: studentized_range_tail(
                abs(mean - means["baseline"]) / se, 8, float(F[scenario][2])
            )
            for name, mean in means.items()
        }
        assert {name for name, value in p.items() if value < 0.05} == expected


def test_balanced_mixed_design_as_in_statsmodels() -> None:
    """Sequential sums of squares; people's means carry the error of the between factor."""
    import statsmodels.formula.api as smf
    from statsmodels.stats.anova import anova_lm

    data = repeated(0)
    cells = anova_lm(smf.ols("correct ~ C(condition) * C(session)", data).fit(), typ=1)["sum_sq"]
    means = data.groupby(["participant", "condition"])["correct"].mean().reset_index()
    people = anova_lm(smf.ols("correct ~ C(condition)", means).fit(), typ=1)["sum_sq"] * 4
    table = mixed_anova(data, cluster="participant").table.set_index("source")
    assert table.loc["condition", "ss"] == pytest.approx(cells["C(condition)"])
    assert table.loc["session", "ss"] == pytest.approx(cells["C(session)"])
    assert table.loc["condition:session", "ss"] == pytest.approx(cells["C(condition):C(session)"])
    assert table.loc["condition", "ss_error"] == pytest.approx(people["Residual"])
    rest = cells["Residual"] - people["Residual"]
    assert table.loc["session", "ss_error"] == pytest.approx(rest)
    assert table["df2"].tolist() == [22, 66, 66]


def test_repeated_measures_as_in_statsmodels() -> None:
    from statsmodels.stats.anova import AnovaRM

    data = repeated(1)
    expected = AnovaRM(data, "correct", "participant", within=["session"]).fit().anova_table
    row = mixed_anova(data, cluster="participant", between=None)["session"]
    assert row["f"] == pytest.approx(expected["F Value"].item())
    assert row["p"] == pytest.approx(expected["Pr > F"].item())


def test_greenhouse_and_geisser_from_the_covariance() -> None:
    data = repeated(2, people=15, sessions=5)
    s = data.pivot(index="participant", columns="session", values="correct").cov().to_numpy()
    w = len(s)
    centred = s - s.mean(0) - s.mean(1)[:, None] + s.mean()
    epsilon = np.trace(centred) ** 2 / ((w - 1) * (centred**2).sum())
    row = mixed_anova(data, cluster="participant", between=None)["session"]
    assert row["epsilon"] == pytest.approx(epsilon)
    assert 1 / (w - 1) <= epsilon <= 1
    assert row["p_gg"] == pytest.approx(
        stats.f.sf(row["f"], row["df1"] * epsilon, row["df2"] * epsilon)
    )


def test_two_occasions_are_a_paired_t() -> None:
    data = repeated(3, sessions=2)
    row = mixed_anova(data, cluster="participant", between=None)["session"]
    wide = data.pivot(index="participant", columns="session", values="correct")
    test = stats.ttest_rel(wide[1], wide[2])
    assert (row["f"], row["p"]) == pytest.approx((test.statistic**2, test.pvalue))
    assert row["epsilon"] == pytest.approx(1)


def test_unequal_groups_weigh_the_same() -> None:
    """Type III: the session effect is that of the unweighted mean of groups."""
    data = repeated(4, people=21)
    data = data[~data["participant"].isin([1, 3, 5, 7])]
    row = mixed_anova(data[data["session"] < 3], cluster="participant")["session"]
    wide = data.pivot(index=["participant", "condition"], columns="session", values="correct")
    gain = (wide[2] - wide[1]).groupby("condition")
    pooled = float((gain.var() * (gain.size() - 1)).sum() / (gain.size().sum() - 2))
    t = gain.mean().mean() / np.sqrt(pooled * (1 / gain.size()).sum() / 4)
    assert row["f"] == pytest.approx(t**2)


def test_example_set_of_pingouin() -> None:
    """F 5.0517 4.0274 2.7280 of pingouin.mixed_anova, where that package is installed."""
    pingouin = pytest.importorskip("pingouin", reason="the test oracle pingouin is not installed")
    data = pingouin.read_dataset("mixed_anova")
    table = mixed_anova(
        data, cluster="Subject", within="Time", between="Group", value="Scores"
    ).table
    assert table["f"].tolist() == pytest.approx([5.0517, 4.0274, 2.7280], rel=1e-4)
    assert table["epsilon"].iloc[1] == pytest.approx(0.9981, rel=1e-4)


def test_incomplete_people_are_counted() -> None:
    found = mixed_anova(repeated(5).iloc[1:], cluster="participant")
    assert found.n_participants == 23
    assert "1 of 24 people" in " ".join(found.notes)


def test_faults() -> None:
    trials = simulated_trials(0, people=6)
    with pytest.raises(AnalysisError, match="'session'"):
        mixed_anova(trials, cluster="participant")
    with pytest.raises(AnalysisError, match="mixed_anova"):
        one_way_anova(repeated(0), cluster="participant", between="session")
    with pytest.raises(NotEstimable, match="only one group"):
        mixed_anova(repeated(0).assign(condition="x"), cluster="participant")
    with pytest.raises(NotEstimable, match="do not differ"):
        one_way_anova(trials.assign(correct=1), cluster="participant")


@pytest.mark.slow
def test_type_one_error() -> None:
    """300 null studies: .05 is seen as .01 to .09 (three standard errors)."""
    wrong = np.zeros(3)
    for seed in range(300):
        data = repeated(seed + 10, people=18, sessions=3)
        rng = np.random.default_rng(seed)
        data["correct"] = rng.normal(0.7, 0.1, len(data))
        wrong += (mixed_anova(data, cluster="participant").table["p_gg"] < 0.05).to_numpy()
    assert (wrong / 300 <= 0.09).all()
    assert (wrong / 300 >= 0.01).all()
