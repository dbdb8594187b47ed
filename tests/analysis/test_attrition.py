from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from analysis.attrition import attrition, everyone_assigned
from analysis.clustered_logit import NotEstimable
from analysis.errors import AnalysisError


def people(left: list[int], excluded: list[int], size: int) -> pd.DataFrame:
    """``size`` people in each condition, of whom so many left and so many were excluded."""
    rows = []
    for name, gone, out in zip("abc", left, excluded, strict=False):
        status = ["returned"] * gone + ["complete"] * (size - gone)
        flags = [0] * gone + [1] * out + [0] * (size - gone - out)
        rows.append(pd.DataFrame({"condition": name, "status": status, "excluded": flags}))
    frame = pd.concat(rows, ignore_index=True)
    return frame.assign(participant=[f"p{i}" for i in frame.index])


def test_shares_and_statistics() -> None:
    found = attrition(people([2, 5, 12], [3, 1, 2], 30), rng=np.random.default_rng(0))
    table = found.to_frame()
    assert table["left"].tolist() == pytest.approx([2 / 30, 5 / 30, 12 / 30])
    assert table["excluded"].tolist() == pytest.approx([3 / 28, 1 / 25, 2 / 18])
    assert table["n_analysed"].tolist() == [25, 24, 16]
    tests = found.tests.set_index("question")
    for what, rows in (
        ("left", [[2, 28], [5, 25], [12, 18]]),
        ("excluded", [[3, 25], [1, 24], [2, 16]]),
        ("lost", [[5, 25], [6, 24], [14, 16]]),
    ):
        expected = stats.chi2_contingency(rows, correction=False)
        assert tests.loc[what, "chi2"] == pytest.approx(expected.statistic)
    assert tests.loc["left", "p"] == pytest.approx(
        stats.chi2_contingency([[2, 28], [5, 25], [12, 18]]).pvalue, abs=0.005
    )
    v = stats.contingency.association(np.array([[2, 28], [5, 25], [12, 18]]), method="cramer")
    assert tests.loc["left", "cramers_v"] == pytest.approx(v)


def test_permutation_p_is_exact() -> None:
    """All tables with these margins, counted."""
    found = attrition(people([1, 6], [0, 0], 10), rng=np.random.default_rng(1))
    k = np.arange(8)
    weight = stats.hypergeom.pmf(k, 20, 10, 7)
    far = np.abs(k - 3.5) >= 2.5
    assert found.tests["p"].iloc[0] == pytest.approx(weight[far].sum(), abs=0.006)


def test_people_without_a_condition_are_told() -> None:
    frame = people([0, 0], [0, 0], 5)
    frame.loc[len(frame)] = [None, "screened_out", 0, "q"]
    found = attrition(frame.drop(columns="excluded"), rng=np.random.default_rng(0))
    assert found.table["n_assigned"].tolist() == [5, 5]
    assert "1 person left or had to go" in found.notes[0]
    assert "does not say who was excluded" in found.notes[1]
    assert found.tests["p"].tolist() == [1.0, 1.0, 1.0]
    with pytest.raises(NotEstimable, match="nobody was assigned"):
        attrition(frame.assign(condition=None), rng=np.random.default_rng(0))


def test_bounds_hold_whatever_is_missing() -> None:
    rng = np.random.default_rng(2)
    assigned = people([4, 9], [0, 0], 20)
    whole = pd.DataFrame(
        {
            "participant": np.repeat(assigned["participant"], 10),
            "condition": np.repeat(assigned["condition"], 10),
            "correct": rng.integers(2, size=400),
        }
    )
    seen = whole[rng.random(400) < 0.8]
    table = everyone_assigned(
        seen.drop(columns="condition"), assigned, cluster="participant", n_trials=10
    )
    truth = whole.groupby("condition")["correct"].mean().to_numpy()
    assert (table["lowest"] <= truth).all()
    assert (truth <= table["highest"]).all()
    assert table["n_missing"].sum() == 400 - len(seen)
    width = table["highest"] - table["lowest"]
    assert width.tolist() == pytest.approx((table["n_missing"] / 200).tolist())
    with pytest.raises(AnalysisError, match="more than 5 answers"):
        everyone_assigned(seen, assigned, cluster="participant", n_trials=5)
