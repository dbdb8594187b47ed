"""The meta-predictor study: published arithmetic, then planted effects, then faults."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from analysis.clustered_logit import NotEstimable
from analysis.companions import permutation_correlation, relations
from analysis.errors import AnalysisError
from analysis.programmes.base import Programme
from analysis.programmes.meta_predictor import meta_predictor
from tests.analysis.metapredictor import ACCURACY, IMPLIED_SD, N_ANALYSED, UTILITY, F

TUKEY = {
    "husky_wolf": {"gradcam": 0.001, "occlusion": 0.01, "smoothgrad": 0.034},
    "leaves": {"saliency": 0.004, "smoothgrad": 0.007, "integrated_gradients": 0.03},
    "imagenet": {},
}
"""Published p-values against the baseline (section 5), all that are below .05."""


def run(trials: pd.DataFrame, **options: Any) -> Programme:
    options = {"n_resamples": 200} | options
    return meta_predictor(trials, cluster="participant", rng=np.random.default_rng(0), **options)


def with_published_moments(scenario: str) -> pd.DataFrame:
    """One value a person and session, with exactly the published means and the implied SD."""
    n = N_ANALYSED[scenario] // 8
    spread = np.linspace(-1, 1, n)
    spread *= IMPLIED_SD[scenario] / spread.std(ddof=1)
    rows = [
        {"participant": f"{name}{i}", "condition": name, "session": k, "correct": mean / 100 + off}
        for name, means in ACCURACY[scenario].items()
        for i, off in enumerate(spread)
        for k, mean in enumerate(means, 1)
    ]
    return pd.DataFrame(rows)


@pytest.mark.parametrize("scenario", list(ACCURACY))
def test_published_statistics_follow_from_the_published_moments(scenario: str) -> None:
    """An arithmetic check: means and spreads are the published ones, single answers are not."""
    found = run(with_published_moments(scenario), order=list(ACCURACY[scenario]))
    anova = found["anova"].iloc[0]
    assert anova["f"] == pytest.approx(F[scenario][0], rel=0.02)
    assert anova["df1"] == F[scenario][1]
    overall = found["utility"].query("session == 'all'").set_index("condition")["utility"]
    assert abs(overall - pd.Series(UTILITY[scenario])).max() < 0.0101
    p = found["tukey"].set_index("condition")["p_adjusted"]
    assert set(p.index[p < 0.05]) == set(TUKEY[scenario])
    for name, published in TUKEY[scenario].items():
        assert p[name] == pytest.approx(published, abs=0.02)


def answers(
    seed: int,
    people: int = 30,
    gain: float = 0.2,
    conditions: tuple[str, ...] = ("baseline", "map"),
) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    rows = []
    for place, name in enumerate(conditions):
        who, session, trial = (a.ravel() for a in np.indices((people, 3, 7)))
        skill = rng.normal(0, 0.1, people)[who]
        p = np.clip(0.6 + gain * place + skill, 0, 1)
        rows.append(
            pd.DataFrame(
                {
                    "participant": [f"{name}{i}" for i in who],
                    "condition": name,
                    "session": session + 1,
                    "item": [f"image{i}" for i in session * 7 + trial],
                    "model_correct": trial % 2,
                    "correct": (rng.random(len(who)) < p).astype(int),
                }
            )
        )
    return pd.concat(rows, ignore_index=True)


def test_finds_what_was_planted() -> None:
    found = run(answers(0))
    row = found["utility"].query("session == 'all'").iloc[0]
    assert row["low"] < 0.8 / 0.6 < row["high"]
    assert row["low"] > 1.05
    assert found["tukey"]["p_adjusted"].item() < 0.001
    assert found["new_images"]["p"].item() < 0.001
    assert found["new_images"]["scope"].item() == "people and stimuli like these"
    assert len(found["sessions"]) == 6
    assert set(found["session_effects"]["source"]) == {"condition", "session", "condition:session"}
    right = found["model_right"]
    assert right["model"].tolist() == ["right", "wrong"] * 2
    assert found.notes == ()
    assert {one.name for one in found.drawings} == {"sessions", "utility"}


def test_the_baseline() -> None:
    trials = answers(1, 6, conditions=("zero", "none", "map"))
    assert set(run(trials)["tukey"]["reference"]) == {"none"}
    assert set(run(trials, reference="map")["tukey"]["reference"]) == {"map"}
    trials = trials.replace({"condition": {"none": "other"}})
    assert set(run(trials, order=["zero", "other", "map"])["tukey"]["reference"]) == {"zero"}


def test_utility_against_measures() -> None:
    names = ("baseline", "a", "b", "c", "d", "e")
    measures = pd.DataFrame({"condition": names[1:], "faithfulness": [0.5, 0.4, 0.3, 0.2, 0.1]})
    found = run(answers(2, gain=0.07, conditions=names), measures=measures)
    row = found["relations"].iloc[0]
    assert row["n_methods"] == 5
    assert row["spearman"] < -0.8
    assert row["pearson_low"] <= row["pearson"] <= row["pearson_high"]
    assert "utility_against_measure" in {one.name for one in found.drawings}


def test_permutations_are_exact() -> None:
    """Five methods in perfect order: 2 of 120 orders are as extreme. Against scipy's."""
    r, p = permutation_correlation(range(5), range(5), np.random.default_rng(0))
    assert (r, p) == (pytest.approx(1), pytest.approx(2 / 120))
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(2, 12))
    _, sampled = permutation_correlation(x, x + y, rng)
    assert sampled == pytest.approx(float(_t_p(np.corrcoef(x, x + y)[0, 1], 12)), abs=0.02)


def _t_p(r: float, n: int) -> Any:
    from scipy import stats

    return 2 * stats.t.sf(abs(r) * np.sqrt((n - 2) / (1 - r * r)), n - 2)


def test_permutation_holds_its_level() -> None:
    rng = np.random.default_rng(2)
    p = [permutation_correlation(*rng.normal(size=(2, 6)), rng)[1] for _ in range(300)]
    assert 0.015 <= np.mean(np.array(p) <= 0.05) <= 0.09


def test_too_little_is_said_so() -> None:
    with pytest.raises(AnalysisError, match="'session'"):
        run(answers(3).drop(columns="session"))
    with pytest.raises(NotEstimable, match="no answers"):
        run(answers(3).assign(correct=np.nan))
    alone = run(answers(3, 1))
    assert any("analysis of variance" in note for note in alone.notes)
    with pytest.raises(AnalysisError, match="no table 'anova'"):
        alone["anova"]
    one = run(answers(3, 5, conditions=("baseline",)))
    assert [section.name for section in one.sections] == ["sessions", "model_right"]
    perfect = run(answers(3, 5).assign(correct=1))
    assert perfect["utility"]["utility"].tolist() == [1.0] * 4
    few = pd.DataFrame({"condition": ["map"], "faithfulness": [1.0]})
    with pytest.raises(NotEstimable, match="fewer than 4 methods"):
        relations(run(answers(3, 5))["utility"], few, value="utility", rng=np.random.default_rng(0))
