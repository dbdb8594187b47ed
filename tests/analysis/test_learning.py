from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import t as student

from analysis.errors import AnalysisError
from analysis.learning import kaplan_meier, learning_curve, log_rank, trials_to_criterion


def study(seed: int, people: int = 30, length: int = 40, slope: float = 0.02) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    who, trial = (part.ravel() for part in np.indices((people, length)))
    p = 0.5 + np.where(who % 2 == 1, slope, slope / 4) * trial
    return pd.DataFrame(
        {
            "participant": who,
            "condition": np.where(who % 2 == 1, "map", "baseline"),
            "session": trial // 20 + 1,
            "trial": trial,
            "correct": (rng.random(len(who)) < np.clip(p, 0, 0.98)).astype(int),
        }
    )


def test_curve_by_hand() -> None:
    trials = study(0).sample(frac=1, random_state=0)
    found = learning_curve(trials, cluster="participant", step_trials=10)
    assert found.to_frame()["step"].tolist() == [1, 2, 3, 4] * 2
    own = trials[(trials["condition"] == "map") & trials["trial"].between(10, 19)]
    scores = own.groupby("participant")["correct"].mean()
    row = found.table.iloc[5]
    half = student.ppf(0.975, len(scores) - 1) * scores.sem()
    assert (row["accuracy"], row["low"]) == pytest.approx((scores.mean(), scores.mean() - half))


def test_curve_by_session() -> None:
    trials = study(1)
    table = learning_curve(trials, cluster="participant", step_trials=1, by_session=True).table
    means = trials.groupby(["condition", "session"])["correct"].mean()
    assert table["accuracy"].tolist() == pytest.approx(means.tolist())


def test_survival_as_in_statsmodels() -> None:
    from statsmodels.duration.survfunc import SurvfuncRight, survdiff

    rng = np.random.default_rng(2)
    times = rng.integers(1, 12, 60).astype(float)
    reached = (rng.random(60) < 0.7).astype(float)
    group = rng.integers(3, size=60)
    expected = SurvfuncRight(times, reached)
    curve = kaplan_meier(times, reached)
    assert curve["survival"].tolist() == pytest.approx(expected.surv_prob.tolist())
    assert curve["at_risk"].tolist() == expected.n_risk.tolist()
    chi2, p = survdiff(times, reached, group)
    parts = [np.column_stack([times, reached])[group == g] for g in range(3)]
    found = log_rank(parts)
    assert (found["chi2"], found["df"], found["p"]) == pytest.approx((chi2, 2, p))


def test_interval_and_median_of_leukaemia_patients() -> None:
    """survfit(Surv(time, status) ~ 1, conf.type = "log-log") of the 6-MP arm (Freireich 1963)."""
    times = [6, 6, 6, 6, 7, 9, 10, 10, 11, 13, 16, 17, 19, 20, 22, 23, 25, 32, 32, 34, 35]
    reached = [1, 1, 1, 0, 1, 0, 1, 0, 0, 1, 1, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0]
    curve = kaplan_meier(np.array(times, dtype=float), np.array(reached, dtype=float))
    assert curve["survival"].round(4).tolist() == [
        0.8571, 0.8067, 0.7529, 0.6902, 0.6275, 0.5378, 0.4482,
    ]  # fmt: skip
    assert (curve["low"].iloc[0], curve["high"].iloc[0]) == pytest.approx((0.620, 0.952), abs=5e-4)


def test_nobody_is_left_out() -> None:
    trials = study(3)
    found = trials_to_criterion(trials, cluster="participant", window=8, n_correct=8)
    assert len(found.participants) == 30
    table = found.to_frame().set_index("condition")
    assert table.loc["baseline", "n_reached"] < table.loc["map", "n_reached"]
    assert table.loc["map", "median"] < 40
    assert table.loc["map", "restricted_mean"] < table.loc["baseline", "restricted_mean"] <= 40
    assert found.test is not None
    assert found.test["p"] < 0.05


def test_nobody_gets_there() -> None:
    trials = study(4).assign(correct=0)
    found = trials_to_criterion(trials, cluster="participant", window=3, n_correct=3)
    assert found.table["median"].isna().all()
    assert found.table["restricted_mean"].tolist() == [40, 40]
    assert found.test is not None
    assert np.isnan(found.test["p"])


def test_faults() -> None:
    with pytest.raises(AnalysisError, match="between 1 and the window"):
        trials_to_criterion(study(0), cluster="participant", window=3, n_correct=4)
    with pytest.raises(AnalysisError, match="'trial'"):
        learning_curve(study(0).drop(columns="trial"), cluster="participant", step_trials=5)


@pytest.mark.slow
def test_type_one_error_of_the_log_rank_test() -> None:
    """300 null studies: .05 is seen as .01 to .09 (three standard errors)."""
    rng = np.random.default_rng(6)
    wrong = 0
    for _ in range(300):
        times = rng.geometric(0.1, (2, 25))
        groups = [np.column_stack([np.minimum(t, 20), t <= 20]).astype(float) for t in times]
        wrong += log_rank(groups)["p"] < 0.05
    assert 0.01 <= wrong / 300 <= 0.09
