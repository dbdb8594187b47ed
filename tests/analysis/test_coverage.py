"""Intervals hold the truth as often as they say, and tests claim nothing too often.

Beside ``tests/benchmarks/coverage.py`` (the confirmatory defaults) and the simulations that stand
with their modules, here are those of everything else that prints an interval or a p-value. Bounds
are three standard errors of the simulation around the nominal value.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from scipy import special

from analysis.attrition import attrition
from analysis.click_maps import click_map_reliability, similarity_to_model
from analysis.companions import relations
from analysis.drawings import describe_drawings
from analysis.effect_sizes import effect_sizes
from analysis.learning import kaplan_meier, learning_curve
from analysis.response_times import response_times
from analysis.signal_detection import (
    d_prime,
    sensitivity_by_condition,
    side_bias,
    yes_no_by_condition,
)

pytestmark = pytest.mark.slow
Floats = NDArray[np.float64]
Holds = Callable[[np.random.Generator], bool]
PERSON_SD = 0.6


def frame(rng: np.random.Generator, people: int, answers: int, logit: float = 1.0) -> pd.DataFrame:
    """One condition; people differ by SD .6 logits."""
    who, trial = (index.ravel() for index in np.indices((people, answers)))
    skill = logit + rng.normal(0, PERSON_SD, people)[who]
    right = (rng.random(len(who)) < special.expit(skill)).astype(float)
    return pd.DataFrame({"participant": who, "trial": trial, "condition": "x", "correct": right})


def share(logit: float) -> float:
    """Expected accuracy over people."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(48)
    return float(special.expit(logit + PERSON_SD * nodes) @ weights / weights.sum())


def sensitivity(rng: np.random.Generator) -> bool:
    found = sensitivity_by_condition(
        frame(rng, 20, 30), cluster="participant", task="m_afc", n_options=2, rng=rng, n_resamples=2
    ).table.iloc[0]
    return bool(
        found["low"] <= float(d_prime(share(1.0), task="m_afc", n_options=2)) <= found["high"]
    )


def yes_no(rng: np.random.Generator) -> bool:
    """d′ of 1 on average, people differ by .4; the ½ that is added to counts takes off 1 %."""
    who, trial = (index.ravel() for index in np.indices((20, 80)))
    signal = trial % 2
    inner = rng.normal(size=len(who)) + (1.0 + rng.normal(0, 0.4, 20)[who]) * signal
    told = pd.DataFrame(
        {
            "participant": who,
            "condition": "x",
            "correct_response": np.where(signal == 1, "yes", "no"),
            "response": np.where(inner > 0.5, "yes", "no"),
        }
    )
    row = yes_no_by_condition(told, cluster="participant", signal="yes").table.iloc[0]
    return bool(row["d_prime_low"] <= 0.99 <= row["d_prime_high"])


def side(rng: np.random.Generator) -> bool:
    """People choose the left in 60 % of the trials on average, whatever is right."""
    who, _ = (index.ravel() for index in np.indices((20, 40)))
    left = rng.random(len(who)) < rng.normal(0.6, 0.08, 20)[who]
    told = pd.DataFrame(
        {
            "participant": who,
            "condition": "x",
            "response": np.where(left, "0", "1"),
            "correct_response": np.tile(["0", "1"], len(who) // 2),
        }
    )
    rows = side_bias(told, cluster="participant").table.set_index("position")
    row = rows.loc["0"]
    return bool(row["bias_low"] <= 0.1 <= row["bias_high"])


def learning(rng: np.random.Generator) -> bool:
    rows = learning_curve(frame(rng, 20, 20), cluster="participant", step_trials=10).table
    return bool(rows["low"].iloc[0] <= share(1.0) <= rows["high"].iloc[0])


def survival(rng: np.random.Generator) -> bool:
    """Geometric times to criterion, censored at 20: share left after the tenth trial."""
    times = rng.geometric(0.1, 40)
    curve = kaplan_meier(np.minimum(times, 20).astype(float), (times <= 20).astype(float))
    row = curve[curve["trials"] <= 10].iloc[-1]
    return bool(row["low"] <= 0.9**10 <= row["high"])


def times(rng: np.random.Generator) -> bool:
    """A ratio of 1.2 between two groups of people."""
    who, _ = (index.ravel() for index in np.indices((30, 10)))
    logs = 7 + np.log(1.2) * (who % 2) + rng.normal(0, 0.3, 30)[who] + rng.normal(0, 0.4, len(who))
    told = pd.DataFrame(
        {
            "participant": who,
            "condition": np.where(who % 2 == 1, "b", "a"),
            "rt_ms": np.exp(logs),
        }
    )
    row = response_times(told, cluster="participant", reference="a").differences.iloc[0]
    return bool(row["ratio_low"] <= 1.2 <= row["ratio_high"])


def sizes(rng: np.random.Generator) -> bool:
    """The odds ratio of two groups of people, by resampling them."""
    groups = [
        frame(rng, 20, 20, logit).assign(condition=name) for logit, name in ((1, "a"), (2, "b"))
    ]
    groups[1]["participant"] += 100
    table = effect_sizes(pd.concat(groups), cluster="participant", rng=rng, n_resamples=300).table
    row = table.set_index("kind").loc["odds_ratio"]
    truth = np.exp(special.logit(share(2.0)) - special.logit(share(1.0)))
    return bool(row["low"] <= truth <= row["high"])


def correlation(rng: np.random.Generator) -> bool:
    """Six methods whose scores and measures correlate by .6."""
    x = rng.normal(size=6)
    y = 0.6 * x + 0.8 * rng.normal(size=6)
    names = list("abcdef")
    row = relations(
        pd.DataFrame({"condition": names, "utility": y}),
        pd.DataFrame({"condition": names, "faithfulness": x}),
        value="utility",
        rng=rng,
    ).table.iloc[0]
    return bool(row["pearson_low"] <= 0.6 <= row["pearson_high"])


def similarity(rng: np.random.Generator) -> bool:
    """A model's map is the pattern that people see in as much noise: share of the ceiling 1."""
    pattern = rng.normal(size=(10, 1, 12, 12))
    maps = (pattern + rng.normal(size=(10, 6, 12, 12))).reshape(-1, 12, 12)
    image, who = (index.ravel() for index in np.indices((10, 6)))
    rows = pd.DataFrame({"participant": who, "image": image})
    found = click_map_reliability(
        maps, rows, cluster="participant", image="image", rng=rng, n_splits=20, n_null=2
    )
    models = {str(i): own[0] for i, own in enumerate(pattern)}
    row = similarity_to_model(
        maps, rows.assign(image=rows["image"].astype(str)), models, image="image",
        reliability=found,
    ).overall.iloc[0]  # fmt: skip
    return bool(row["similarity_low"] <= np.sqrt(6 / 7) <= row["similarity_high"])


@pytest.mark.parametrize(
    ("holds", "studies"),
    [
        (sensitivity, 60),
        (yes_no, 60),
        (side, 60),
        (learning, 100),
        (survival, 300),
        (times, 60),
        (sizes, 40),
        (correlation, 60),
        (similarity, 60),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)
def test_an_interval_of_95_percent_holds_the_truth(holds: Holds, studies: int) -> None:
    rng = np.random.default_rng(1)
    held = np.mean([holds(rng) for _ in range(studies)])
    # Percentile bootstraps and the few methods of a correlation are allowed to lose two points.
    assert held >= 0.93 - 3 * np.sqrt(0.05 * 0.95 / studies)


def test_distance_of_a_machine_from_people() -> None:
    """Drawers resampled: the interval holds the distance from very many people."""
    exemplars = np.random.default_rng(9).normal(size=(8, 6))
    names = [f"c{i}" for i in range(8)]

    def row(people: int, rng: np.random.Generator, n_resamples: int) -> pd.Series:
        rows, features = [], []
        # The machines' drawings are the same in every study.
        fixed = np.random.default_rng(5)
        for agent, spread, n, own in (
            ("people", 0.8, people, rng),
            ("near", 0.6, 40, fixed),
            ("copy", 0.1, 40, fixed),
        ):
            who, concept = (part.ravel() for part in np.indices((n, 8)))
            # People differ in how freely they draw.
            free = own.uniform(0.5, 1.5, n)[who] if agent == "people" else np.ones(len(who))
            rows.append(
                pd.DataFrame(
                    {"condition": agent, "item": np.array(names)[concept], "participant": who}
                )
            )
            noise = spread * own.normal(size=(len(who), 6))
            features.append(exemplars[concept] + free[:, None] * noise)
        found = describe_drawings(
            pd.concat(rows, ignore_index=True), np.vstack(features), exemplars, names,
            cluster="participant", human="people", rng=rng, n_way=4, n_resamples=n_resamples,
        )  # fmt: skip
        return found.table.set_index("agent").loc["near"]

    truth = float(row(2000, np.random.default_rng(3), 2)["distance"])
    rng = np.random.default_rng(4)
    found = [row(20, rng, 200) for _ in range(40)]
    held = np.mean([one["low"] <= truth <= one["high"] for one in found])
    assert held >= 0.93 - 3 * np.sqrt(0.05 * 0.95 / 40)


def test_losses_by_chance_are_seldom_told_apart() -> None:
    rng = np.random.default_rng(2)
    p = []
    for _ in range(100):
        left = rng.random(40) < 0.3
        people = pd.DataFrame(
            {
                "condition": np.repeat(["a", "b"], 20),
                "status": np.where(left, "returned", "complete"),
                "excluded": 0,
            }
        )
        tests = attrition(people, rng=rng, n_permutations=199).tests
        p.append(tests.set_index("question").loc["lost", "p"])
    assert np.mean(np.array(p) < 0.05) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 100)
