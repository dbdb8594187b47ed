"""Whatever the data lack, the report says so in words, counts everybody, and does not fail."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from html import escape

import numpy as np
import pandas as pd
import pytest

from analysis.contents import plain
from analysis.dataset import Dataset, from_frames
from analysis.figures import LIGHT
from analysis.formatting import degrees, number, p_value, percent, seconds
from analysis.output import figures
from analysis.plan import Criterion, Plan
from analysis.programmes.registry import PROGRAMMES, Known, Recognised, run_programme
from analysis.report import render_report
from analysis.results import Analysis, analyze_dataset
from analysis.summary import summary_lines
from tests.analysis.test_report import words

PLAN = Plan(
    declared=True,
    exclusions=(Criterion("catch_accuracy", min=0.5), Criterion("total_s", max=1e6)),
)


def answers(people: int = 10) -> pd.DataFrame:
    """Twelve test trials and two catch trials a person, with every column that programmes use."""
    rng = np.random.default_rng(0)
    who, trial = (a.ravel() for a in np.indices((people, 14)))
    second = who % 2
    options = np.array(["a", "b", "c"])
    pair = np.stack([trial % 3, (trial + 1) % 3], axis=1)
    frame = pd.DataFrame(
        {
            "participant": [f"p{i}" for i in who],
            "condition": np.where(second == 1, "map", "baseline"),
            "session": 1 + trial % 2,
            "phase": np.where(trial >= 12, "catch", "test"),
            "trial": trial,
            "item": [f"i{i}" for i in trial % 12],
            "n_options": 4,
            "basis": np.where(trial % 2 == 0, "units", "concepts"),
            "layer": [f"layer{i}" for i in trial % 3],
            "model_correct": trial % 2,
            "confidence": rng.integers(1, 4, len(who)),
            "rt_ms": rng.gamma(3, 700, len(who)),
            "strength_gap": rng.uniform(0.2, 4, len(who)),
            "rating": rng.integers(1, 6, len(who)),
            "clicks": [f"[[{x:.2f}, {y:.2f}]]" for x, y in rng.random((len(who), 2))],
            "first": options[pair[:, 0]],
            "second": options[pair[:, 1]],
            "correct": (rng.random(len(who)) < 0.7).astype(int),
        }
    )
    chosen = rng.integers(0, 2, len(who))
    return frame.assign(response=options[pair[np.arange(len(who)), chosen]])


def spoiled(**columns: object) -> Callable[[pd.DataFrame], pd.DataFrame]:
    return lambda frame: frame.assign(**columns)


SPOILED: dict[str, Callable[[pd.DataFrame], pd.DataFrame]] = {
    "no condition": lambda frame: frame.drop(columns="condition"),
    "one participant": lambda frame: frame[frame["participant"] == "p0"],
    "two participants": lambda frame: frame[frame["participant"].isin(["p0", "p1"])],
    "few columns": lambda frame: frame[["participant", "correct"]],
    "rows twice": lambda frame: pd.concat([frame, frame]),
    "rows twice, unnumbered": lambda frame: pd.concat([frame, frame]).drop(columns="trial"),
    "all correct": spoiled(correct=1),
    "all wrong": spoiled(correct=0),
    "all missing": spoiled(correct=np.nan, response=None),
    "no test trial": spoiled(phase="practice"),
    "no times": spoiled(rt_ms=np.nan),
    "nobody named": spoiled(participant=None),
    "one item": spoiled(item="only"),
    "words for numbers": spoiled(rt_ms="fast", session="first"),
    "half empty": lambda frame: frame.mask(np.indices(frame.shape).sum(axis=0) % 7 == 0),
    "no rows": lambda frame: frame.iloc[:0],
}
SAID = {
    "no condition": "No column 'condition'",
    "one participant": "One person answered",
    "few columns": "No column 'phase'",
    "rows twice": "repeat a trial that is there already",
    "rows twice, unnumbered": "check that no file was read twice",
    "all correct": "answered everything right",
    "all wrong": "nothing to analyse",
    "all missing": "nothing to analyse",
    "no test trial": "nothing to analyse",
    "nobody named": "name no participant",
    "words for numbers": "are no numbers",
    "half empty": "have no condition",
    "no rows": "nothing to analyse",
}


DRAWN = ("one participant", "all correct", "half empty", "no condition")


def analyse(frame: pd.DataFrame, paradigm: str = "") -> tuple[Dataset, Analysis]:
    data = replace(from_frames(frame, plan=PLAN), paradigm=paradigm)
    return data, analyze_dataset(data)


@pytest.mark.parametrize("kind", SPOILED)
def test_nothing_fails_and_nobody_is_dropped_in_silence(kind: str) -> None:
    frame = SPOILED[kind](answers())
    data, found = analyse(frame)
    results = json.loads(json.dumps(found.results, allow_nan=False))
    assert "</html>" in render_report(results, {})
    for draw in figures(found).values() if kind in DRAWN else ():
        draw(LIGHT)
    if kind in SAID:
        assert any(SAID[kind] in note for note in results["notes"]), results["notes"]
    flow = results["exclusions"]
    reasons = found.exclusions.decisions["reason"]
    assert flow["n_arrived"] == len(data.participants) == len(reasons)
    assert flow["n_analysed"] == (reasons == "").sum()
    rows = results["dataset"]
    unnamed = int(frame["participant"].isna().sum())
    assert rows["rows_read"] == len(frame)
    kept = sum(rows["rows_by_phase"].values())
    assert kept + rows["rows_repeated"] + unnamed == len(frame)


@pytest.fixture(scope="module")
def whole() -> Analysis:
    return analyse(answers(4))[1]


@pytest.mark.parametrize("known", PROGRAMMES, ids=lambda known: known.name)
def test_programmes_say_what_they_cannot_do(known: Known, whole: Analysis) -> None:
    for kind, spoil in SPOILED.items():
        data = from_frames(spoil(answers()), plan=PLAN)
        notes: list[str] = []
        found = run_programme(
            Recognised(known, "asked for"),
            data.trials[data.trials["phase"] == "test"],
            notes,
            cluster="participant",
            rng=np.random.default_rng(0),
        )
        if found is None:
            assert f"“{known.name.replace('_', ' ')}” could not be made" in notes[0], kind
            continue
        content = {
            "status": "exploratory",
            "recognised_by": "asked for",
            "declared_section": "",
            **found.content(),
        }
        results = json.loads(json.dumps(plain({**whole.results, "programme": content})))
        page = render_report(results, {})
        for text in (found.title, *found.notes):
            assert escape(text).replace("&#x27;", "&#39;").replace("&quot;", "&#34;") in page


def test_every_programme_is_made_of_good_data() -> None:
    for known in PROGRAMMES[::3]:
        _, found = analyse(answers(), known.paradigms[0])
        assert found.programme is not None, found.results["notes"]
        assert found.programme.name == known.name
        content = found.results["programme"]
        assert content["recognised_by"] == f"the study's paradigm is {known.paradigms[0]!r}"
        assert content["status"] == "exploratory"
        assert all(section["rows"] for section in content["sections"])
        assert plain(found.programme.to_frame()) == content["sections"][0]["rows"]


def decimals(text: str) -> set[str]:
    return set(re.findall(r"\d*\.\d+", text))


def written(value: object) -> set[str]:
    """Numbers with a decimal point, as any of the report's formats writes those in the results."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        return set().union(*(written(inner) for inner in value))
    if isinstance(value, str):
        return decimals(value)
    if not isinstance(value, (int, float)):
        return set()
    texts = [p_value(value), degrees(value), seconds(value)]
    texts += [show(value, digits) for show in (number, percent) for digits in range(4)]
    return decimals(" ".join(texts))


@pytest.mark.parametrize("known", PROGRAMMES, ids=lambda known: known.name)
def test_every_number_of_a_report_is_one_of_the_results(known: Known, whole: Analysis) -> None:
    trials = from_frames(answers()).trials.query("phase == 'test'")
    rng = np.random.default_rng(0)
    found = known.load()(trials, cluster="participant", rng=rng)
    content = {"status": "", "recognised_by": "asked", "declared_section": "", **found.content()}
    results = json.loads(json.dumps(plain({**whole.results, "programme": content})))
    page = decimals(words(render_report(results, {})))
    assert len(page) > 60
    assert page <= written(results)


def test_a_declared_interaction_is_confirmatory() -> None:
    plan = replace(PLAN, formula="correct ~ basis * layer", exclusions=())
    frame = answers().drop(columns=["first", "second", "model_correct"])
    for declared, section in ((True, "coefficients"), (False, "")):
        data = replace(from_frames(frame, plan=replace(plan, declared=declared)), paradigm="")
        results = analyze_dataset(data).results
        assert results["programme"]["declared_section"] == section
        page = render_report(json.loads(json.dumps(results)), {})
        assert ("confirmatory</span></h3>" in page) == declared
        assert results["differences"]["status"] == "exploratory"


def test_programmes_are_known_by_their_columns() -> None:
    frame = answers()
    _, found = analyse(frame.drop(columns=["first", "second"]), "two_afc")
    assert found.programme is not None
    assert found.programme.name == "meta_predictor"
    _, found = analyse(frame.drop(columns=["first", "second", "model_correct"]), "two_afc")
    assert found.programme is not None
    assert found.programme.name == "basis_layers"
    assert "two bases in several layers" in found.results["programme"]["recognised_by"]
    plainly = frame[["participant", "condition", "correct", "phase", "item"]]
    _, found = analyse(plainly, "two_afc")
    assert found.programme is None
    choices = frame[["participant", "phase", "first", "second", "response"]]
    _, found = analyse(choices, "")
    assert summary_lines(found.results)[-1].startswith("programme plausibility: 1 table, because")
    assert found.programme is not None
    assert found.programme.name == "plausibility"
    assert any("neither right nor wrong" in note for note in found.results["notes"])
