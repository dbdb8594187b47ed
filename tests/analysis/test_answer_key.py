"""People who are reliably wrong are told of: by condition, by item, in the report."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from analysis.accuracy import accuracy_by_condition
from analysis.answer_key import against_the_key
from analysis.dataset import from_frames
from analysis.report import render_report
from analysis.results import analyze_dataset
from analysis.summary import summary_lines
from tests.analysis.conftest import simulated_trials
from tests.analysis.test_report import words


def warnings(trials: pd.DataFrame) -> list[str]:
    rng = np.random.default_rng(0)
    table = accuracy_by_condition(trials, cluster="participant", rng=rng, n_resamples=2).table
    return against_the_key(trials, table, cluster="participant", item="item")


def test_a_key_that_is_turned_around() -> None:
    trials = simulated_trials(0)
    turned = trials["condition"] == "units"
    trials.loc[turned, "correct"] = 1 - trials.loc[turned, "correct"]
    found = warnings(trials)
    assert "of the trials of units, reliably less often than by guessing (50\u00a0%)" in found[0]
    results = json.loads(json.dumps(analyze_dataset(from_frames(trials)).results))
    assert " ".join(found[0].split()) in words(render_report(results, {}))
    assert f"warning: {found[0]}" in summary_lines(results)


def test_one_item_under_the_wrong_heading() -> None:
    trials = simulated_trials(1, people=120, items=5)
    one = trials["item"] == "i3"
    trials.loc[one, "correct"] = 1 - trials.loc[one, "correct"]
    (found,) = warnings(trials)
    assert "1 item was answered wrong more often than by guessing: i3 (" in found


def test_everybody_wrong_with_no_spread() -> None:
    assert "reliably less often" in warnings(simulated_trials(2).assign(correct=0))[0]


@pytest.mark.parametrize("gone", ["item", "n_options"])
def test_what_is_not_known_is_not_judged(gone: str) -> None:
    trials = simulated_trials(3).drop(columns=gone)
    assert warnings(trials) == []


def test_guessing_is_seldom_taken_for_a_bad_key() -> None:
    rng = np.random.default_rng(4)
    told = 0
    for seed in range(40):
        trials = simulated_trials(seed, people=24, items=6, answers=12)
        told += bool(warnings(trials.assign(correct=rng.integers(0, 2, len(trials)))))
    # Two conditions at one half of .05 each, and .05 for all items together.
    assert told <= 40 * 0.1 + 3 * np.sqrt(40 * 0.1 * 0.9)


def test_where_nothing_is_wrong_nobody_is_called_wrong() -> None:
    trials = simulated_trials(1, people=120, items=5).drop(columns="condition")
    one = trials["item"].isin(["i3", "i4"])
    trials.loc[one, "correct"] = 0
    data = replace(from_frames(trials), paradigm="binary_choice")
    results = json.loads(json.dumps(analyze_dataset(data).results))
    page = words(render_report(results, {}))
    assert "“Right” says that the sub-concept was chosen, not its parent." in page
    (found,) = results["accuracy"]["warnings"]
    assert "2 items were answered the other way more often than by guessing: i" in found
    assert "no answer is wrong" in found
