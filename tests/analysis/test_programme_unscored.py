"""Answers that are neither right nor wrong: names, ratings, and marked places."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from analysis.clustered_logit import NotEstimable
from analysis.dataset import from_frames
from analysis.errors import AnalysisError
from analysis.programmes.click_maps import clicked_places
from analysis.programmes.naming import naming_study
from analysis.programmes.rating import rating_study
from analysis.report import render_report
from analysis.results import analyze_dataset
from tests.analysis.test_report import words

NAMES = np.array(["stem", "leaf blade", "midrib", "margin", "tip"])


def options(**more: Any) -> dict[str, Any]:
    return {"cluster": "participant", "rng": np.random.default_rng(0)} | more


def named(seed: int, agreement: float, people: int = 20) -> pd.DataFrame:
    """Everybody names eight concepts: its own name with the given chance, else any."""
    rng = np.random.default_rng(seed)
    who, concept = (a.ravel() for a in np.indices((people, 8)))
    own = rng.random(len(who)) < agreement
    name = np.where(own, concept % len(NAMES), rng.integers(len(NAMES), size=len(who)))
    return pd.DataFrame(
        {
            "participant": [f"p{i}" for i in who],
            "condition": "all",
            "phase": "test",
            "atlas_hash": "sha256:a",
            "class_id": 1,
            "concept_id": [f"concepts-{i}" for i in concept],
            "item": [f"concepts-{i}" for i in concept],
            "correct": np.nan,
            "response": NAMES[name],
            "word": None,
        }
    )


def test_naming_finds_what_was_planted() -> None:
    table = naming_study(named(0, 0.8), **options())["names"].set_index("concept")
    assert table["name"].tolist() == [
        NAMES[int(concept.split("-")[1]) % len(NAMES)] for concept in table.index
    ]
    assert table["agreement"].mean() == pytest.approx(0.84, abs=0.05)
    assert (table["of_others"] <= table["agreement"] + 1e-12).all()
    overall = naming_study(named(1, 0.8), **options())["agreement"].iloc[0]
    assert overall["low"] < 0.64 < overall["high"]
    assert overall["people_low"] < 0.64 < overall["people_high"]


def test_naming_by_chance_is_no_agreement() -> None:
    found = naming_study(named(2, 0.0), **options())
    overall = found["agreement"].iloc[0]
    assert overall["people_low"] < 0 < overall["people_high"]
    mean = np.average(found["names"]["beyond_chance"], weights=found["names"]["n"])
    assert mean == pytest.approx(overall["alpha"], abs=1e-6)
    # The name was chosen by those who are counted, so its share is above that of one more person.
    assert found["names"]["agreement"].mean() > found["names"]["of_others"].mean() + 0.05


def test_a_word_of_the_vocabulary_counts_before_what_was_written() -> None:
    trials = named(3, 1.0).assign(word="Blade")
    assert set(naming_study(trials, **options())["names"]["name"]) == {"Blade"}


def test_ratings() -> None:
    rng = np.random.default_rng(4)
    who, item, method = (a.ravel() for a in np.indices((16, 10, 2)))
    hidden = 3 + 0.9 * method + rng.normal(0, 0.4, 16)[who] + rng.normal(0, 0.3, 10)[item]
    trials = pd.DataFrame(
        {
            "participant": who,
            "condition": "all",
            "method": np.where(method == 1, "maps", "none"),
            "question": "How well do you understand it?",
            "item": item,
            "rating": np.clip(np.round(hidden + rng.normal(0, 0.7, len(who))), 1, 5),
        }
    )
    found = rating_study(trials, **options(order=["none"]))
    assert found["ratings"]["condition"].tolist() == ["none", "maps"]
    row = found["odds_of_higher_rating"].iloc[0]
    assert row["low"] > 1
    assert found.sections[1].scope == "people and stimuli like these"
    assert found["friedman"]["p"].iloc[0] < 0.01
    assert found["agreement"]["coefficient"].tolist()[0] == "Krippendorff α (ordinal)"
    assert set(found["agreement"]["coefficient"][1:]) == {"ICC2", "ICC2k"}
    with pytest.raises(NotEstimable, match="no ratings"):
        rating_study(trials.assign(rating=None), **options())


def clicks(seed: int, people: int = 8) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    spots = rng.uniform(0.2, 0.8, (5, 2))
    rows = [
        (f"p{person}", f"image{image}", json.dumps(np.clip(places, 0, 1).round(3).tolist()))
        for person in range(people)
        for image, spot in enumerate(spots)
        for places in [spot + rng.normal(0, 0.05, (12, 2))]
    ]
    return pd.DataFrame(rows, columns=["participant", "source_image", "clicks"])


def test_click_maps_from_answers() -> None:
    row = clicked_places(clicks(5), **options())["reliability"].iloc[0]
    assert row["spearman_brown"] > 0.7 > row["null_high"]
    with pytest.raises(AnalysisError, match="from 0 to 1"):
        clicked_places(clicks(5).assign(clicks="[[12, 40]]"), **options())
    with pytest.raises(AnalysisError, match="no JSON list"):
        clicked_places(clicks(5).assign(clicks="left"), **options())


@pytest.mark.parametrize(
    ("trials", "paradigm", "said"),
    [
        (named(6, 0.8), "naming", "people's names agree with α"),
        (named(6, 0.8).assign(word=lambda frame: frame["response"]), "", "people's names agree"),
        (clicks(6).drop(columns="clicks").assign(rating=[1, 3, 4, 5] * 10), "rating", "was rated"),
        (clicks(6), "", "Mean maps of two halves of the people correlate"),
    ],
    ids=["naming", "words", "rating", "clicks"],
)
def test_the_report_speaks_of_them(trials: pd.DataFrame, paradigm: str, said: str) -> None:
    data = replace(from_frames(trials), paradigm=paradigm)
    results = json.loads(json.dumps(analyze_dataset(data).results, allow_nan=False))
    page = words(render_report(results, {}))
    brief = page.split("People Of")[0]
    assert "neither right nor wrong" in brief
    assert said in brief
    assert "nothing to" not in page
    assert results["dataset"]["n_answers"] == len(trials)
    assert results["exclusions"]["n_analysed"] == trials["participant"].nunique()
    if paradigm == "naming":
        assert {"name", "agreement", "n"} <= set(results["names"][0])
