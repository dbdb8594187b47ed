"""What a reader must know first stands at the top of the report and in the terminal."""

from __future__ import annotations

import json
from dataclasses import replace
from html import unescape

import numpy as np
import pandas as pd
import pytest

from analysis.dataset import Dataset, from_frames
from analysis.plan import Criterion, Plan
from analysis.programmes.registry import PROGRAMMES
from analysis.report import render_report
from analysis.results import analyze_dataset
from analysis.summary import summary_lines


def answers(people: int = 6, trials: int = 20) -> pd.DataFrame:
    who, trial = (index.ravel() for index in np.indices((people, trials)))
    return pd.DataFrame(
        {
            "participant": np.char.add("p", who.astype(str)),
            "phase": "test",
            "trial": trial,
            "correct": (trial + who) % 3 > 0,
        }
    )


def told(data: Dataset) -> list[str]:
    """The sentences, once it is sure that page and terminal show them before anything else."""
    results = json.loads(json.dumps(analyze_dataset(data).results))
    page = unescape(render_report(results, {}))
    brief = page.index('id="brief"')
    lines = summary_lines(results)
    for place, text in enumerate(results["attention"]):
        assert page.index(text) < brief
        assert lines[1 + place] == f"warning: {text}"
    return list(results["attention"])


def test_a_plain_study_has_nothing_to_tell_first() -> None:
    assert told(from_frames(answers())) == []


def test_trial_numbers_that_begin_anew_in_each_block() -> None:
    frame = answers()
    frame["trial"] %= 10
    (found,) = told(from_frames(frame))
    assert found.startswith("60 rows of 120 (50.0\u00a0%) repeat a trial of the same person")
    assert "wrongly left out" in found
    # One row in a hundred is told below, with the other notes.
    assert told(from_frames(pd.concat([answers(), answers().iloc[:1]]))) == []


def test_rows_without_an_answer_or_a_person() -> None:
    frame = answers()
    frame["correct"] = frame["correct"].astype(float).where(frame["trial"] > 1)
    assert told(from_frames(frame))[0].startswith("12 test trials of 120 (10.0\u00a0%) have no")
    nobody = answers()
    nobody["participant"] = nobody["participant"].where(nobody["trial"] > 1)
    assert told(from_frames(nobody)) == [
        "12 rows of 120 (10.0\u00a0%) name no participant and cannot be used."
    ]


@pytest.mark.parametrize(("least", "left"), [(2.0, 0), (0.66, 2), (0.0, 6)])
def test_who_is_left_after_exclusions(least: float, left: int) -> None:
    catch = answers(trials=12).assign(phase="catch")
    plan = Plan(declared=True, exclusions=(Criterion("catch_accuracy", min=least),))
    frame = pd.concat([answers(), catch.assign(correct=catch["participant"].isin(["p0", "p1"]))])
    frame["correct"] = frame["correct"].astype(int)
    found = told(from_frames(frame, plan=plan))
    rule = plan.exclusions[0].words()
    if left == 6:
        assert found == []
    elif left:
        assert found[0].startswith("Only 2 of 6 people are analysed. Of the others: 4 did not me")
        assert rule in found[0]
    else:
        assert found == [f"Nobody is left to analyse. Of 6 people: 6 did not meet “{rule}”."]


@pytest.mark.parametrize("known", PROGRAMMES, ids=lambda known: known.name)
def test_answers_that_are_looked_for_in_the_wrong_place(known: object) -> None:
    (known,) = (one for one in PROGRAMMES if one is known)
    frame = answers().assign(correct=np.nan)
    found = told(replace(from_frames(frame), paradigm=known.paradigms[0]))
    assert f"Answers of this task ({known.name.replace('_', ' ')}) stand in" in found[0]
    assert all(repr(name) in found[0] for name in known.answers)
    assert found[1] == "Nobody is left to analyse. Of 6 people: 6 with no answered test trial."
