from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from analysis.clustered_logit import NotEstimable
from analysis.programmes.base import Programme
from analysis.programmes.plausibility import plausibility
from analysis.programmes.visualizations import visualization_study
from analysis.signal_detection import d_prime

PUBLISHED = {"natural": (0.922, 0.018), "synthetic": (0.820, 0.043)}
"""Mean and two standard errors of ten participants; Borowski et al. (2021), experiment I, from the
published data."""
LOGITS = {"none": 0.1, "optimized": 1.1, "natural": 1.9}


def run(trials: pd.DataFrame, **options: Any) -> Programme:
    options = {"n_resamples": 100} | options
    return visualization_study(
        trials, cluster="participant", rng=np.random.default_rng(0), **options
    )


def answers(seed: int, people: int = 20, trials: int = 24) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    rows = []
    for place, (name, logit) in enumerate(LOGITS.items()):
        who, trial = (a.ravel() for a in np.indices((people, trials)))
        item = rng.normal(0, 0.3, trials)[trial]
        eta = logit + rng.normal(0, 0.4, people)[who] + item
        right = rng.random(len(who)) < expit(eta)
        sure = np.clip(np.round(2 + 0.6 * (right - 0.5) + rng.normal(0, 0.6, len(who))), 1, 3)
        rows.append(
            pd.DataFrame(
                {
                    "participant": who + 100 * place,
                    "condition": name,
                    "item": [f"unit{i}" for i in trial + trials * place],
                    "n_options": 2,
                    "confidence": sure,
                    "correct": right.astype(int),
                }
            )
        )
    return pd.concat(rows, ignore_index=True)


def test_published_standard_errors_follow_from_published_moments() -> None:
    """An arithmetic check: ten people with the published mean and spread, 1,000 answers each."""
    rows = []
    for name, (mean, two_sem) in PUBLISHED.items():
        spread = np.linspace(-1, 1, 10)
        spread *= two_sem / 2 * np.sqrt(10) / spread.std(ddof=1)
        for person, share in enumerate(np.round((mean + spread) * 1000).astype(int)):
            right = (np.arange(1000) < share).astype(int)
            rows.append(pd.DataFrame({"participant": person, "condition": name, "correct": right}))
    table = run(pd.concat(rows))["accuracy_two_sem"].set_index("condition")
    for name, (mean, two_sem) in PUBLISHED.items():
        assert table.loc[name, "accuracy"] == pytest.approx(mean, abs=1e-3)
        assert table.loc[name, "two_sem"] == pytest.approx(two_sem, abs=1e-3)


def test_finds_what_was_planted() -> None:
    found = run(answers(0), order=list(LOGITS), reference="none")
    table = found["accuracy_two_sem"].set_index("condition")
    assert table["accuracy"].is_monotonic_increasing
    differences = found["against_reference"].set_index("condition")
    assert (differences["p_holm"] < 0.01).all()
    assert set(differences["reference"]) == {"none"}
    assert (found["confidence"]["low"] > 0).all()
    sensitivity = found["sensitivity"].set_index("condition")
    expected = d_prime(table["accuracy"].to_numpy(), task="m_afc", n_options=2)
    assert sensitivity.loc[table.index, "d_prime"].tolist() == pytest.approx(expected.tolist())
    steps = found["calibration"].query("condition == 'none'")
    assert steps["accuracy"].iloc[-1] > steps["accuracy"].iloc[0]
    assert {one.name for one in found.drawings} == {"conditions", "calibration"}


def test_plausibility() -> None:
    rng = np.random.default_rng(1)
    strength = {"fourier": 0.0, "maco": 1.0, "natural": 2.0}
    rows = []
    for person in range(30):
        for _ in range(12):
            one, two = rng.permutation(list(strength))[:2]
            first = rng.random() < expit(strength[one] - strength[two])
            rows.append((person, one, two, one if first else two))
    pairs = pd.DataFrame(rows, columns=["participant", "first", "second", "response"])
    found = plausibility(
        pairs, cluster="participant", rng=rng, reference="fourier", labels={"maco": "MACO"}
    )
    table = found["plausibility"].set_index("option")
    assert table.index.tolist() == ["natural", "maco", "fourier"]
    assert table.loc["maco", "low"] < 1.0 < table.loc["maco", "high"]


def test_too_little_is_said_so() -> None:
    with pytest.raises(NotEstimable, match="no answers"):
        run(answers(2).assign(correct=np.nan))
    plain = run(answers(2)[["participant", "condition", "correct"]])
    assert [one.name for one in plain.sections] == ["accuracy_two_sem", "against_reference"]
    one = run(answers(2).query("condition == 'none'"))
    assert "against_reference" not in one.tables()
    always = run(answers(2, people=4).assign(correct=1))
    assert always["against_reference"]["p"].isna().all()
    assert np.isnan(always["confidence"]["gap"]).all()
