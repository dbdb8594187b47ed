from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from analysis.clustered_logit import NotEstimable, fit_clustered_logit
from analysis.errors import AnalysisError
from analysis.preferences import bradley_terry, friedman
from analysis.sandwich import Correction

TEAMS = ["Milwaukee", "Detroit", "Toronto", "New York", "Boston", "Cleveland", "Baltimore"]
WINS = [
    [0, 7, 9, 7, 7, 9, 11],
    [6, 0, 7, 5, 11, 9, 9],
    [4, 6, 0, 7, 7, 8, 12],
    [6, 8, 6, 0, 6, 7, 10],
    [6, 2, 6, 7, 0, 7, 12],
    [4, 4, 5, 6, 6, 0, 6],
    [2, 4, 1, 3, 1, 7, 0],
]
"""American League 1987, wins of the row over the column; Agresti (2002), p. 438."""


def baseball() -> pd.DataFrame:
    rows = [
        (min(i, j), max(i, j), i) for i in range(7) for j in range(7) for _ in range(WINS[i][j])
    ]
    frame = pd.DataFrame(rows, columns=["first", "second", "response"])
    named = frame.apply(lambda column: column.map(dict(enumerate(TEAMS))))
    return named.assign(participant=range(len(frame)))


def choices(rng: np.random.Generator, strengths: list[float], nu: float = 0.0) -> pd.DataFrame:
    """60 people choose in 12 pairs each."""
    one, two = rng.integers(4, size=(2, 720))
    two = np.where(one == two, (two + 1) % 4, two)
    values = np.exp(np.array(strengths))
    weight = np.column_stack([values[one], values[two], nu * np.sqrt(values[one] * values[two])])
    weight /= weight.sum(axis=1, keepdims=True)
    drawn = (rng.random((720, 1)) > weight.cumsum(axis=1)).sum(axis=1)
    names = np.array(list("abcd"), dtype=object)
    picked = np.choose(drawn, [names[one], names[two], "tie"])
    return pd.DataFrame(
        {
            "participant": np.repeat(range(60), 12),
            "first": names[one],
            "second": names[two],
            "response": picked,
        }
    )


def test_baseball_as_in_r() -> None:
    """BradleyTerry2's manual: Baltimore is 0."""
    found = bradley_terry(baseball(), cluster="participant", reference="Baltimore")
    strength = found.to_frame().set_index("option")["strength"]
    expected = [1.58136, 1.43641, 1.29451, 1.24762, 1.10767, 0.68385, 0.0]
    assert strength[TEAMS].tolist() == pytest.approx(expected, abs=1e-4)
    assert found.table["option"].tolist() == TEAMS
    assert found.table["se"].iloc[0] == pytest.approx(0.3433, rel=0.1)


@pytest.mark.parametrize("correction", ["cr1", "cr2"])
@pytest.mark.parametrize("item", [None, "item"])
def test_is_a_clustered_logit(correction: Correction, item: str | None) -> None:
    frame = choices(np.random.default_rng(0), [0, 0.5, 1.0, -0.5])
    frame = frame.assign(item=np.arange(len(frame)) % 12)
    fit = bradley_terry(frame, cluster="participant", item=item, correction=correction)
    assert fit.scope == ("people and stimuli like these" if item else "these stimuli only")
    found = fit.table.set_index("option")
    x = np.column_stack([(frame["first"] == n) * 1.0 - (frame["second"] == n) * 1.0 for n in "bcd"])
    first = frame["response"] == frame["first"]
    expected = fit_clustered_logit(
        x,
        first,
        participants=frame["participant"],
        items=frame[item] if item else None,
        correction=correction,
    )
    contrasts = [expected.satterthwaite(weights) for weights in np.eye(3)]
    assert found.loc[list("bcd"), "df"].tolist() == pytest.approx([one.df for one in contrasts])
    assert found.loc[list("bcd"), "strength"].tolist() == pytest.approx(expected.coefficients)
    assert found.loc[list("bcd"), "se"].tolist() == pytest.approx([one.se for one in contrasts])


def test_too_few_items_are_told() -> None:
    frame = choices(np.random.default_rng(0), [0, 0.5, 1.0, -0.5])
    found = bradley_terry(frame.assign(item=1), cluster="participant", item="item")
    assert found.scope == "these stimuli only"
    assert "1 item cannot tell how 4 options fare with other items" in found.notes[0]
    found = bradley_terry(frame, cluster="participant", item="item")
    assert "Not every choice names its item" in found.notes[0]


def test_ties_are_recovered() -> None:
    rng = np.random.default_rng(1)
    frame = pd.concat(
        [choices(rng, [0, 0.5, 1.0, -0.5], nu=0.8) for _ in range(8)], ignore_index=True
    )
    found = bradley_terry(frame, cluster="participant", ties=True)
    strength = found.table.set_index("option")["strength"]
    assert strength[list("abcd")].tolist() == pytest.approx([0, 0.5, 1.0, -0.5], abs=0.12)
    assert found.tie is not None
    assert found.tie["low"] < 0.8 < found.tie["high"]


def test_the_reference_only_shifts() -> None:
    frame = choices(np.random.default_rng(2), [0, 0.5, 1.0, -0.5])
    a, b = (
        bradley_terry(frame, cluster="participant", reference=name).table.set_index("option")
        for name in "ac"
    )
    shift = a["strength"] - b["strength"][a.index]
    assert shift.tolist() == pytest.approx([a.loc["c", "strength"]] * 4)
    assert a["share"].to_dict() == pytest.approx(b["share"].to_dict())


def test_friedman_as_in_scipy() -> None:
    rng = np.random.default_rng(3)
    ratings = rng.integers(1, 6, (20, 4)) + np.array([0, 0, 1, 1])
    frame = pd.DataFrame(
        {
            "participant": np.repeat(range(20), 4),
            "condition": list("abcd") * 20,
            "response": ratings.ravel(),
        }
    )
    row = friedman(frame, cluster="participant").to_frame().iloc[0]
    expected = stats.friedmanchisquare(*ratings.T)
    assert (row["chi2"], row["p"]) == pytest.approx((expected.statistic, expected.pvalue))
    assert 0 < row["kendall_w"] < 1


def test_faults() -> None:
    frame = choices(np.random.default_rng(4), [0, 0, 0, 0], nu=0.5)
    with pytest.raises(AnalysisError, match="ties=True"):
        bradley_terry(frame, cluster="participant")
    with pytest.raises(AnalysisError, match="neither of its pair"):
        bradley_terry(frame.assign(response="z"), cluster="participant")
    with pytest.raises(NotEstimable, match="always or never"):
        always = frame[frame["second"] != "a"].assign(response="a", first="a")
        bradley_terry(always, cluster="participant")
    with pytest.raises(NotEstimable, match="two people"):
        friedman(frame[:1].assign(condition="x", response=1), cluster="participant")


@pytest.mark.slow
def test_coverage() -> None:
    """150 studies: .95 is seen above .89 (three standard errors)."""
    rng = np.random.default_rng(5)
    held = 0
    for _ in range(150):
        found = bradley_terry(choices(rng, [0, 0.5, 1.0, -0.5]), cluster="participant")
        row = found.table.set_index("option").loc["c"]
        held += row["low"] <= 1.0 <= row["high"]
    assert held / 150 >= 0.89
