"""What a frozen study declared is confirmatory wherever it stands; nothing else is."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest

from analysis.dataset import from_frames
from analysis.formatting import degrees
from analysis.plan import Plan
from analysis.report import render_report
from analysis.results import analyze_dataset
from analysis.summary import summary_lines
from tests.analysis.conftest import simulated_trials
from tests.analysis.test_report import words


def told(trials: pd.DataFrame, plan: Plan) -> tuple[dict[str, Any], str]:
    results = json.loads(json.dumps(analyze_dataset(from_frames(trials, plan=plan)).results))
    return results, words(render_report(results, {}))


def one_condition() -> pd.DataFrame:
    trials = simulated_trials(0)
    return trials[trials["condition"] == "units"]


def test_one_accuracy_against_chance() -> None:
    results, page = told(one_condition(), Plan(declared=True, formula="correct ~ 1"))
    accuracy = results["accuracy"]
    (row,) = accuracy["conditions"]
    assert accuracy["status"] == "confirmatory"
    assert f"t({degrees(row['new_stimuli_df'])}) = {row['new_stimuli_t']:.2f}" in page
    assert "more than chance is expected of other people and other stimuli" in page
    assert "In simulated studies of about this size" in page
    assert "That analysis is not in this report" not in page
    results, _ = told(one_condition(), Plan(formula="correct ~ 1"))
    assert results["accuracy"]["status"] == "exploratory"


@pytest.mark.parametrize("right", [0.5, 0.2])
def test_one_accuracy_that_is_no_better_than_chance(right: float) -> None:
    trials = one_condition()
    answers = np.random.default_rng(1).random(len(trials)) < right
    plan = Plan(declared=True, formula="correct ~ 1")
    _, page = told(trials.assign(correct=answers.astype(int)), plan)
    expected = "compatible with guessing" if right == 0.5 else "less than chance is expected"
    assert expected in page


def pairs(seed: int = 0, people: int = 24, items: int = 12) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    who, item = (index.ravel() for index in np.indices((people, items)))
    liked = rng.random(len(who)) < 0.75
    return pd.DataFrame(
        {
            "participant": who,
            "condition": "all",
            "phase": "test",
            "item": item,
            "first": "maco",
            "second": "fourier",
            "response": np.where(liked, "maco", "fourier"),
        }
    )


def test_preferences() -> None:
    plan = Plan(declared=True, outcome="response", formula="response ~ 1")
    results, page = told(pairs(), plan)
    assert results["programme"]["declared_section"] == "plausibility"
    (section,) = results["programme"]["sections"]
    assert section["scope"] == "people and stimuli like these"
    assert "two or three options, all pairs of them for each of 10 items" in section["caption"]
    assert " ".join(section["caption"].split()) in page
    results, _ = told(pairs(), Plan(outcome="response", formula="response ~ 1"))
    assert results["programme"]["declared_section"] == ""


def test_ratings() -> None:
    rng = np.random.default_rng(2)
    who, item, method = (index.ravel() for index in np.indices((24, 8, 2)))
    hidden = 1.0 * method + rng.normal(0, 0.6, 24)[who] + rng.logistic(size=len(who))
    trials = pd.DataFrame(
        {
            "participant": who,
            "phase": "test",
            "item": item,
            "method": np.where(method == 1, "maps", "concepts"),
            "rating": 1 + (hidden[:, None] > np.array([-1.0, 0.0, 1.0])).sum(axis=1),
        }
    )
    plan = Plan(declared=True, outcome="rating", formula="rating ~ method", method="ordinal")
    results, page = told(trials, plan)
    assert results["programme"]["declared_section"] == "odds_of_higher_rating"
    assert "Which methods are rated higher? confirmatory" in page
    assert "That analysis is not in this report" not in page


@pytest.mark.parametrize(
    "plan",
    [
        Plan(declared=True, formula="correct ~ mood"),
        Plan(declared=True, method="glmm"),
        Plan(declared=True, formula="correct ~ 1"),  # of two conditions
    ],
)
def test_what_is_declared_and_not_made_is_named(plan: Plan) -> None:
    results, page = told(simulated_trials(0), plan)
    assert results["differences"]["status"] == results["accuracy"]["status"] == "exploratory"
    assert f"declared “{plan.formula}”" in page
    assert "so everything in it is exploratory" in page


def test_the_declared_correction_is_the_one_that_counts() -> None:
    trials = simulated_trials(0, effect=0.5)
    third = trials["participant"].str[-1].isin(["4", "7"])
    trials = trials.assign(condition=trials["condition"].where(~third, "blurred"))
    judged = {}
    for correction in ("none", "holm", "tukey"):
        plan = Plan(declared=True, correction=correction)
        results, page = told(trials, plan)
        rows = [row for row in results["differences"]["comparisons"] if row["primary"]]
        judged[correction] = np.array([row["p_judged"] for row in rows])
        assert ("corrected by Tukey's method" in page) == (correction == "tukey")
        assert summary_lines(results)
    from scipy.stats import studentized_range

    q = np.sqrt(2) * np.abs([row["t"] for row in rows])
    expected = studentized_range.sf(q, 3, rows[0]["df"])
    assert judged["tukey"].tolist() == pytest.approx(expected.tolist(), abs=1e-6)
    assert (judged["none"] <= judged["holm"]).all()
