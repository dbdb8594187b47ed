from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from analysis.clustered_logit import NotEstimable
from analysis.errors import AnalysisError
from analysis.programmes.craft import binary_choice, intruder, odds_of_choice

PUBLISHED = {"experts": (36, 76.1, 3.18), "laymen": (37, 74.95, 2.99)}
"""People, sub-concept chosen in per cent, odds; CRAFT, table 1. The paper prints odds of 3.53 for
experts, which 76.1 per cent contradict: they imply 3.18."""


@pytest.mark.parametrize("group", list(PUBLISHED))
def test_published_odds_follow_from_the_published_share(group: str) -> None:
    people, percent, odds = PUBLISHED[group]
    found = odds_of_choice(percent / 100 * people * 12, people * 12)
    assert found["odds"] == pytest.approx(odds, abs=0.006)
    assert found["p"] < 0.001
    assert found["low"] < found["odds"] < found["high"]


def test_pooled_odds_are_a_logistic_regression() -> None:
    sm = pytest.importorskip("statsmodels.api")
    y = np.repeat([1, 0], [30, 10])
    fit = sm.Logit(y, np.ones((40, 1))).fit(disp=0)
    found = odds_of_choice(30, 40)
    assert found["odds"] == pytest.approx(float(np.exp(fit.params[0])), rel=1e-6)
    assert found["p"] == pytest.approx(float(fit.pvalues[0]), rel=1e-4)
    assert [found["low"], found["high"]] == pytest.approx(np.exp(fit.conf_int()[0]), rel=1e-4)


def answers(seed: int, people: int = 30, gain: float = 0.8, base: float = 0.6) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    who, kind, trial = (a.ravel() for a in np.indices((people, 2, 12)))
    item = rng.integers(25, size=len(who)) + 25 * kind
    logit = base + gain * kind + rng.normal(0, 0.4, people)[who] + rng.normal(0, 0.4, 50)[item]
    return pd.DataFrame(
        {
            "participant": [f"p{i}" for i in who],
            "condition": np.where(kind == 1, "subconcept", "concept"),
            "group": np.where(who % 2 == 1, "laymen", "experts"),
            "n_options": 6,
            "item": [f"i{i}" for i in item],
            "trial": trial,
            "correct": (rng.random(len(who)) < expit(logit)).astype(int),
        }
    )


def options(**more: Any) -> dict[str, Any]:
    return {"cluster": "participant", "rng": np.random.default_rng(0), "n_resamples": 100} | more


def test_intruder_finds_what_was_planted() -> None:
    found = intruder(answers(0), **options())
    table = found["intruder"].set_index("condition")
    assert table["chance"].tolist() == [pytest.approx(1 / 6)] * 2
    assert (table["p"] < 0.001).all()
    row = found["intruder_differences"].iloc[0]
    assert (row["condition"], row["reference"]) == ("subconcept", "concept")
    assert row["scope"] == "people and stimuli like these"
    assert row["p"] < 0.01
    assert found["intruder_differences"]["method"].str.contains("paired").any()


def test_groups_are_apart() -> None:
    trials = answers(1)
    found = intruder(trials, **options(group="group"))
    assert found["intruder"]["group"].tolist() == ["experts"] * 2 + ["laymen"] * 2
    experts = intruder(trials[trials["group"] == "experts"], **options())
    both = found["intruder"].query("group == 'experts'")["accuracy"].tolist()
    assert both == experts["intruder"]["accuracy"].tolist()


def test_choice() -> None:
    trials = answers(2, gain=0.0, base=1.1)
    found = binary_choice(trials, **options(group="group"))["binary_choice"]
    assert found["group"].tolist() == ["experts", "laymen"]
    share = trials.groupby("group")["correct"].mean().to_numpy()
    assert found["odds"].to_numpy() == pytest.approx(share / (1 - share))
    assert (found["odds_low"] > 1).all()
    wider = (
        found["odds_high"] / found["odds_low"] > found["published_high"] / found["published_low"]
    )
    assert wider.all()


def test_too_little_is_said_so() -> None:
    with pytest.raises(NotEstimable, match="no answers"):
        intruder(answers(0).assign(correct=np.nan), **options())
    with pytest.raises(AnalysisError, match="'group'"):
        binary_choice(answers(0).drop(columns="group"), **options(group="group"))
    one = intruder(answers(0).query("condition == 'concept'"), **options())
    assert [section.name for section in one.sections] == ["intruder"]
    assert any("only one condition" in note for note in one.notes)
    always = binary_choice(answers(0).assign(correct=1), **options())["binary_choice"]
    assert always[["odds", "odds_low", "new_stimuli_p"]].isna().all(axis=None)
    assert np.isnan(odds_of_choice(0, 0)["odds"])
