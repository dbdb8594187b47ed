from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from analysis.response_times import response_times


def test_difference_of_log_means(trials: pd.DataFrame) -> None:
    result = response_times(trials, cluster="participant")
    logs = np.log(trials["rt_ms"]).groupby([trials["condition"], trials["participant"]]).mean()
    test = stats.ttest_ind(logs["units"], logs["concepts"], equal_var=False)
    row = result.differences.iloc[0]
    assert (row["t"], row["p"]) == pytest.approx((test.statistic, test.pvalue))
    assert row["ratio"] == pytest.approx(np.exp(logs["units"].mean() - logs["concepts"].mean()))
    assert row["scope"] == "these stimuli only"


def test_quantiles_are_averaged_over_people() -> None:
    trials = pd.DataFrame(
        {
            "participant": ["a"] * 5 + ["b"] * 3,
            "condition": "x",
            "rt_ms": [1.0, 2, 3, 4, 5, 100, 200, 300],
        }
    )
    row = response_times(trials, cluster="participant").table.iloc[0]
    assert row["q50_ms"] == pytest.approx((3 + 200) / 2)


def test_impossible_times_are_counted(trials: pd.DataFrame) -> None:
    spoiled = trials.assign(rt_ms=trials["rt_ms"].where(trials.index > 4, -1.0))
    spoiled.loc[10, "rt_ms"] = np.nan
    result = response_times(spoiled, cluster="participant")
    assert "5 response times are zero or negative" in result.notes[0]
    assert "1 test answers have no response time" in result.notes[1]
    assert result.table["n_answers"].sum() == len(trials) - 6


def test_nothing_timed(trials: pd.DataFrame) -> None:
    result = response_times(trials.assign(rt_ms=np.nan), cluster="participant")
    assert result.differences.empty
    assert "no response times" in result.notes[-1]
