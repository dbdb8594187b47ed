from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from analysis.agreement import Scale, fleiss_kappa, intraclass_correlation, krippendorff_alpha
from analysis.clustered_logit import NotEstimable
from analysis.errors import AnalysisError

NAN = float("nan")
COLUMNS: dict[str, Any] = {"unit": "item", "rater": "participant", "value": "response"}

SHROUT_FLEISS = [
    [9, 2, 5, 8],
    [6, 1, 3, 2],
    [8, 4, 6, 8],
    [7, 1, 2, 6],
    [10, 5, 6, 9],
    [6, 2, 4, 7],
]
"""Shrout and Fleiss (1979), table 2."""
KRIPPENDORFF = [
    [NAN, NAN, NAN, NAN, NAN, 3, 4, 1, 2, 1, 1, 3, 3, NAN, 3],
    [1, NAN, 2, 1, 3, 3, 4, 3, NAN, NAN, NAN, NAN, NAN, NAN, NAN],
    [NAN, NAN, 2, 1, 3, 4, 4, NAN, 2, 1, 1, 3, 3, NAN, 4],
]
FLEISS = [
    [0, 0, 0, 0, 14],
    [0, 2, 6, 4, 2],
    [0, 0, 3, 5, 6],
    [0, 3, 9, 2, 0],
    [2, 2, 8, 1, 1],
    [7, 7, 0, 0, 0],
    [3, 2, 6, 3, 0],
    [2, 5, 3, 2, 2],
    [6, 5, 2, 1, 0],
    [0, 2, 2, 3, 7],
]


def tidy(rows: Any) -> pd.DataFrame:
    """Units × raters to one row a rating."""
    x = np.asarray(rows, dtype=float)
    unit, rater = np.indices(x.shape)
    return pd.DataFrame({"item": unit.ravel(), "participant": rater.ravel(), "response": x.ravel()})


def test_shrout_and_fleiss_as_in_r() -> None:
    table = intraclass_correlation(tidy(SHROUT_FLEISS), **COLUMNS).to_frame()
    expected = [0.16574, 0.28976, 0.71484, 0.44280, 0.62005, 0.90932]
    assert table["value"].tolist() == pytest.approx(expected, rel=1e-4)
    # psych::ICC prints two digits; the F tests are 1.79 and 11.03.
    assert table["f"].round(2).unique().tolist() == [1.79, 11.03]
    assert table["low"].round(2).tolist() == [-0.13, 0.02, 0.34, -0.88, 0.07, 0.68]
    assert table["high"].round(2).tolist() == [0.72, 0.76, 0.95, 0.91, 0.93, 0.99]


@pytest.mark.parametrize(("scale", "expected"), [("nominal", 0.691), ("interval", 0.811)])
def test_krippendorff_as_published(scale: Scale, expected: float) -> None:
    found = krippendorff_alpha(
        tidy(np.transpose(KRIPPENDORFF)),
        **COLUMNS,
        scale=scale,
        cluster="item",
        rng=np.random.default_rng(0),
        n_resamples=500,
    )
    row = found.table.iloc[0]
    assert row["value"] == pytest.approx(expected, abs=5e-4)
    assert row["low"] < expected < row["high"] <= 1
    assert row["n_ratings"] == 26


@pytest.mark.parametrize(
    ("scale", "expected"), [("nominal", 0.691358), ("ordinal", 0.806721), ("ratio", 0.808944)]
)
def test_krippendorff_as_in_the_package_of_that_name(scale: Scale, expected: float) -> None:
    found = krippendorff_alpha(
        tidy(np.transpose(KRIPPENDORFF)),
        **COLUMNS,
        scale=scale,
        cluster="participant",
        rng=np.random.default_rng(0),
    )
    assert found.table["value"].item() == pytest.approx(expected, rel=1e-4)
    assert "other raters" in found.notes[0]


def test_units_that_only_one_person_rated_do_not_count() -> None:
    options: Any = {"scale": "interval", "cluster": "item", "rng": np.random.default_rng(0)}
    ratings = tidy(np.transpose(KRIPPENDORFF))
    more = pd.DataFrame({"item": [99], "participant": [0], "response": [4.0]})
    some, every = (
        krippendorff_alpha(table, **COLUMNS, **options, n_resamples=10).table["value"].item()
        for table in (ratings, pd.concat([ratings, more]))
    )
    assert some == every


def test_fleiss_as_published() -> None:
    ratings = tidy([np.repeat(range(5), row) for row in FLEISS])
    row = fleiss_kappa(ratings, **COLUMNS, rng=np.random.default_rng(0)).table.iloc[0]
    assert row["value"] == pytest.approx(0.2099, abs=5e-5)
    assert row["low"] < 0.2099 < row["high"]


def test_perfect_and_absent_agreement() -> None:
    same = tidy(np.repeat(np.arange(10)[:, None], 3, axis=1))
    options: Any = {"scale": "nominal", "cluster": "item", "n_resamples": 50}
    rng = np.random.default_rng(0)
    assert krippendorff_alpha(same, **COLUMNS, **options, rng=rng).table["value"].item() == 1
    noise = tidy(rng.integers(4, size=(400, 3)))
    alpha = krippendorff_alpha(noise, **COLUMNS, **options, rng=rng).table["value"].item()
    assert alpha == pytest.approx(0, abs=0.1)


def test_faults() -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(NotEstimable, match="krippendorff_alpha"):
        intraclass_correlation(tidy(np.transpose(KRIPPENDORFF)), **COLUMNS)
    with pytest.raises(NotEstimable, match="all ratings are the same"):
        krippendorff_alpha(
            tidy(np.ones((4, 3))), **COLUMNS, scale="nominal", cluster="item", rng=rng
        )
    with pytest.raises(AnalysisError, match="cluster must be"):
        krippendorff_alpha(
            tidy(SHROUT_FLEISS), **COLUMNS, scale="nominal", cluster="condition", rng=rng
        )
    with pytest.raises(NotEstimable, match="same number"):
        fleiss_kappa(tidy(np.transpose(KRIPPENDORFF)), **COLUMNS, rng=rng)


@pytest.mark.slow
@pytest.mark.parametrize("cluster", ["item", "participant"])
def test_coverage_of_alpha(cluster: str) -> None:
    """Truth: one rater's α is σ²_unit / (σ²_unit + 1) where raters are exchangeable."""
    rng = np.random.default_rng(3)
    held, studies = 0, 60
    for _ in range(studies):
        x = rng.normal(size=(40, 1)) + rng.normal(size=(40, 8))
        found = krippendorff_alpha(
            tidy(x.round(0)),
            **COLUMNS,
            scale="interval",
            cluster=cluster,
            rng=rng,
            n_resamples=100,
        )
        row = found.table.iloc[0]
        # Over raters the units stand: their own variance is the truth then.
        truth = 0.5 if cluster == "item" else None
        if truth is None:
            own = float(np.var(x.mean(axis=1), ddof=1)) - 1 / 8
            truth = own / (own + 1)
        held += row["low"] <= truth <= row["high"]
    assert held / studies >= 0.85
