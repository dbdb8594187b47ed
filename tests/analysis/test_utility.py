from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from analysis.clustered_logit import NotEstimable
from analysis.errors import AnalysisError
from analysis.utility import Kind, utility, utility_of_means
from tests.analysis.metapredictor import ACCURACY, UTILITY


@pytest.mark.parametrize(("kind", "matches"), [("ratio", 19), ("mean_of_ratios", 18), ("auc", 5)])
def test_published_utilities(kind: Kind, matches: int) -> None:
    """An arithmetic check of the published table, not a reproduction from raw answers."""
    same = [
        abs(round(float(utility_of_means(means[name], means["baseline"], kind=kind)), 2) - value)
        < 1e-9
        for scenario, means in ACCURACY.items()
        for name, value in UTILITY[scenario].items()
    ]
    assert len(same) == 21
    assert sum(same) == matches


def study(
    rng: np.random.Generator, people: int = 30, spread: float = 0.12, answers: int = 7
) -> pd.DataFrame:
    """Three sessions; true accuracies .6 without and .75 with the explanation."""
    rows = []
    for name, p in (("baseline", 0.6), ("map", 0.75), ("control", 0.6)):
        ability = np.clip(rng.normal(p, spread, people), 0, 1)
        k = rng.binomial(1, ability[:, None, None], (people, 3, answers))
        who, session, _ = np.indices(k.shape)
        rows.append(
            pd.DataFrame(
                {
                    "participant": [f"{name}{i}" for i in who.ravel()],
                    "condition": name,
                    "session": session.ravel() + 1,
                    "correct": k.ravel(),
                }
            )
        )
    return pd.concat(rows, ignore_index=True)


def run(trials: pd.DataFrame, seed: int = 0, **options: Any) -> pd.DataFrame:
    return utility(
        trials,
        cluster="participant",
        baseline="baseline",
        rng=np.random.default_rng(seed),
        **({"n_resamples": 500} | options),
    ).to_frame()


def test_table() -> None:
    trials = study(np.random.default_rng(1))
    table = run(trials)
    assert table["session"].tolist() == ["1", "2", "3", "all"] * 2
    means = trials.groupby(["condition", "session"])["correct"].mean().unstack()
    row = table[(table["condition"] == "map") & (table["session"] == "all")].iloc[0]
    assert row["utility"] == pytest.approx(means.loc["map"].sum() / means.loc["baseline"].sum())
    assert row["low"] * row["high"] == pytest.approx(row["utility"] ** 2)
    single = table[(table["condition"] == "map") & (table["session"] == "2")].iloc[0]
    assert single["utility"] == pytest.approx(means.loc["map", 2] / means.loc["baseline", 2])
    assert single["high"] / single["low"] > row["high"] / row["low"]


def test_interval_by_the_delta_method() -> None:
    trials = study(np.random.default_rng(2), people=60)
    row = run(trials, n_resamples=4000).query("condition == 'map' and session == 'all'").iloc[0]
    people = trials.groupby(["condition", "participant"])["correct"].mean()
    variance = sum(
        people[name].var() / len(people[name]) / people[name].mean() ** 2
        for name in ("map", "baseline")
    )
    assert np.log(row["high"] / row["low"]) / 2 == pytest.approx(2.0 * np.sqrt(variance), rel=0.06)


def test_people_who_met_both_are_resampled_with_both() -> None:
    """What a person brings to both conditions cancels in the ratio."""
    trials = study(np.random.default_rng(3), spread=0.2)
    trials = trials[trials["condition"] == "baseline"]
    same = pd.concat([trials, trials.assign(condition="map")])
    row = run(same).query("session == 'all'").iloc[0]
    assert (row["utility"], row["low"], row["high"]) == pytest.approx((1, 1, 1))


def test_faults() -> None:
    trials = study(np.random.default_rng(4), people=3)
    with pytest.raises(AnalysisError, match="no condition 'none'"):
        utility(trials, cluster="participant", baseline="none", rng=np.random.default_rng(0))
    with pytest.raises(AnalysisError, match="unknown kind"):
        run(trials, kind="median")
    gone = trials[~((trials["condition"] == "map") & (trials["session"] == 2))]
    with pytest.raises(NotEstimable, match="no answers in session 2"):
        run(gone)
    alone = trials[trials["participant"].isin(["baseline0", "map0"])]
    assert run(alone)["low"].isna().all()


@pytest.mark.slow
def test_coverage() -> None:
    """100 studies of 30 people: .95 is seen as .88 to 1 (three standard errors)."""
    rng = np.random.default_rng(5)
    held = 0
    for seed in range(100):
        row = (
            run(study(rng), seed, n_resamples=300).query("session == 'all'").set_index("condition")
        )
        held += bool(row.loc["map", "low"] <= 1.25 <= row.loc["map", "high"])
    assert held / 100 >= 0.88
