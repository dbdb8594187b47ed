from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from analysis.contents import comparison_rows
from analysis.differences import compare_conditions
from analysis.errors import AnalysisError
from analysis.sample_size import (
    Replications,
    people_for_power,
    people_for_width,
    power_table,
    replicate,
    sequential_design,
    spent,
)


def studies(effect: float, runs: int, sizes: tuple[int, ...], seed: int = 0) -> Replications:
    """z tests on growing samples: the power and the looks are known in closed form."""
    rng = np.random.default_rng(seed)
    values = rng.normal(effect, 1, (runs, sizes[-1]))
    z = np.column_stack([values[:, :n].sum(axis=1) / np.sqrt(n) for n in sizes])
    width = np.broadcast_to(3.92 / np.sqrt(sizes), z.shape)
    return Replications(sizes, 2 * stats.norm.sf(abs(z)), width, z)


def test_power_and_people_are_those_of_a_z_test() -> None:
    sizes = (10, 20, 30, 40, 60)
    table = power_table(studies(0.5, 4000, sizes))
    exact = stats.norm.cdf(0.5 * np.sqrt(sizes) - 1.96)
    assert table["power"].to_numpy() == pytest.approx(exact, abs=0.025)
    inside = (table["low"] <= exact) & (exact <= table["high"])
    assert inside.sum() >= 4
    found = people_for_power(table, 0.8)
    assert found.people == pytest.approx(31.4, abs=1.7)
    assert found.low <= found.people <= found.high
    assert found.words == f"power of 0.8 needs {found.people:.0f} people"
    # 3.92 / √n = .7 at n = 31.4; between the sizes the curve is straight.
    assert people_for_width(table, 0.7).people == pytest.approx(31.4, abs=2)


def test_what_cannot_be_reached_is_said() -> None:
    table = power_table(studies(0.05, 200, (10, 20)))
    found = people_for_power(table, 0.9)
    assert np.isnan(found.people)
    assert "not reached with up to 20 people" in found.words
    strong = power_table(studies(3, 50, (10, 20)))
    assert people_for_power(strong, 0.8).words == "power of 0.8 is reached with 10 people, the fewest tried"  # fmt: skip  # noqa: E501
    with pytest.raises(AnalysisError, match="lies between 0 and 1"):
        people_for_power(table, 80)
    with pytest.raises(AnalysisError, match="above 0"):
        people_for_width(table, 0)


def test_spending_is_that_of_lan_and_demets() -> None:
    """Published for α = .05 two-sided, five equal looks (O'Brien–Fleming-like; Pocock-like)."""
    t = np.arange(1, 6) / 5
    assert spent(t, 0.05, "obrien_fleming") == pytest.approx(
        [0.00001, 0.00194, 0.01139, 0.02844, 0.05], abs=2e-5
    )
    assert spent(t, 0.05, "pocock") == pytest.approx(
        [0.01477, 0.02616, 0.03543, 0.04324, 0.05], abs=2e-5
    )
    with pytest.raises(AnalysisError, match="unknown spending"):
        spent(t, 0.05, "all")  # type: ignore[arg-type]


def test_a_sequential_design_holds_its_level_and_saves_people() -> None:
    looks = (20, 40, 60)
    null = studies(0, 20_000, looks)
    found = sequential_design(null, studies(0.45, 4000, looks, 1), spending="pocock")
    assert found["type_i"].iloc[-1] == pytest.approx(0.05, abs=0.001)
    fresh = sequential_design(null, studies(0, 8000, looks, 2), spending="pocock")
    assert fresh["power"].iloc[-1] == pytest.approx(0.05, abs=0.008)
    # Nominal two-sided p of the first Pocock-like look at a third: .0226.
    assert found["stop_below"].iloc[0] == pytest.approx(0.0226, abs=0.002)
    row = found.iloc[-1]
    assert row["expected_people"] < 45
    assert row["fixed_power"] - 0.05 < row["power"] <= row["fixed_power"] + 0.01
    with pytest.raises(AnalysisError, match="different looks"):
        sequential_design(null, studies(0, 10, (20, 60)))


def test_too_few_simulations_make_a_design_cautious() -> None:
    found = sequential_design(studies(0, 20, (20, 60)), studies(2, 20, (20, 60), 1))
    assert found["stop_below"].iloc[0] == 0
    assert (found["stop_below"] <= 0.05).all()


def test_replicate_goes_through_the_analysis_of_the_report() -> None:
    def simulator(n: int, rng: np.random.Generator) -> pd.DataFrame:
        person = np.repeat(np.arange(n), 12)
        second = person % 2
        item = rng.integers(15, size=len(person)) + 15 * second
        right = rng.random(len(person)) < 0.6 + 0.3 * second
        return pd.DataFrame(
            {
                "participant": [f"p{i}" for i in person],
                "number": person,
                "condition": np.where(second == 1, "b", "a"),
                "item": item,
                "correct": right.astype(float),
            }
        )

    found = replicate(simulator, (24, 4, 24), n_simulations=8, seed=1)
    again = replicate(simulator, (4, 24), n_simulations=8, seed=1)
    assert found.sizes == (4, 24)
    assert np.array_equal(found.p, again.p)
    assert (found.p[:, 1] < 0.05).mean() > 0.8
    assert found.difference[:, 1].mean() == pytest.approx(0.3, abs=0.06)
    with pytest.raises(AnalysisError, match="two people"):
        replicate(simulator, (1, 20), n_simulations=1, seed=0)


def test_power_is_judged_as_the_report_judges() -> None:
    """By the declared correction: with three conditions Tukey's asks for more than Holm's."""

    def trials(n_people: int, rng: np.random.Generator) -> pd.DataFrame:
        who, item = (index.ravel() for index in np.indices((n_people, 24)))
        right = rng.random(len(who)) < np.array([0.55, 0.7, 0.7])[item % 3]
        return pd.DataFrame(
            {
                "participant": who,
                "number": who,
                "condition": np.array(["a", "b", "c"])[item % 3],
                "item": item,
                "correct": right.astype(float),
            }
        )

    smallest = {}
    for correction in ("none", "holm", "tukey"):
        found = replicate(trials, (12,), n_simulations=5, seed=3, correction=correction)
        for run in range(5):
            rng = np.random.default_rng([3, run])
            compared = compare_conditions(trials(12, rng), cluster="participant", rng=rng)
            rows = comparison_rows(compared, 0.05, correction)
            judged = [row["p_judged"] for row in rows if row["primary"]]
            assert found.p[run, 0] == pytest.approx(min(judged))
        smallest[correction] = found.p[:, 0]
    assert (smallest["none"] < smallest["tukey"]).all()
    assert (smallest["holm"] < smallest["tukey"]).all()
