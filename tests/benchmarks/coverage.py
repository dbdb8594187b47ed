"""Coverage of 95 % intervals and type-I error of tests, where people and stimuli are samples.

Two conditions between people, each with items of its own, 40 answers a person, SD of people .6
logits; 20, 40 and 140 people in all, 5 to 40 items a condition, SD of items .3, .5 and .8 logits.
Type I comes from studies without an effect, coverage from studies with .5 logits, whose marginal
odds ratio and accuracies are integrated numerically. ``two_way`` is the confirmatory default and
``accuracy`` the interval of a condition for other people and items; ``welch`` speaks of these
stimuli only, so it is shown beside and exempt.

    python tests/benchmarks/coverage.py [--quick] [--replications 2000] [--table FILE]
"""

from __future__ import annotations

import argparse
import json
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import special

from analysis.accuracy import accuracy_by_condition
from analysis.differences import TWO_WAY, WELCH, compare_conditions

PEOPLE, ITEMS, ITEM_SD = (20, 40, 140), (5, 10, 20, 40), (0.3, 0.5, 0.8)
ANSWERS, PERSON_SD, BASE, EFFECT = 40, 0.6, 1.0, 0.5
METHODS = ("two_way", "accuracy", "welch")
GOOD_COVERAGE, GOOD_TYPE_I = (0.93, 0.97), (0.03, 0.07)


def study(
    people: int, items: int, item_sd: float, effect: float, rng: np.random.Generator
) -> pd.DataFrame:
    """One simulated study."""
    person = np.repeat(np.arange(people), ANSWERS)
    second = person % 2
    order = rng.permuted(np.tile(np.arange(ANSWERS) % items, (people, 1)), axis=1)
    item = order.ravel() + items * second
    logit = (
        BASE
        + effect * second
        + rng.normal(0, PERSON_SD, people)[person]
        + rng.normal(0, item_sd, 2 * items)[item]
    )
    return pd.DataFrame(
        {
            "participant": person,
            "condition": np.where(second == 1, "b", "a"),
            "item": item,
            "correct": (rng.random(len(person)) < special.expit(logit)).astype(float),
        }
    )


def accuracy_of(logit: float, item_sd: float) -> float:
    """Expected accuracy over people and items."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(64)
    spread = float(np.hypot(PERSON_SD, item_sd))
    return float(special.expit(logit + spread * nodes) @ weights / weights.sum())


def cell(people: int, items: int, item_sd: float, replications: int) -> list[dict[str, object]]:
    """One row a method."""
    truth = [accuracy_of(BASE + effect, item_sd) for effect in (0.0, EFFECT)]
    odds = float(np.exp(special.logit(truth[1]) - special.logit(truth[0])))
    claims = dict.fromkeys(METHODS, 0)
    held = dict.fromkeys(METHODS, 0)
    asked = dict.fromkeys(METHODS, 0)
    for run in range(replications):
        rng = np.random.default_rng([people, items, round(10 * item_sd), run])
        null = compare(study(people, items, item_sd, 0.0, rng), rng)
        for name, method in (("two_way", TWO_WAY), ("welch", WELCH)):
            claims[name] += bool(null.loc[method, "p"] < 0.05)
        trials = study(people, items, item_sd, EFFECT, rng)
        found = compare(trials, rng)
        held["two_way"] += bool(
            found.loc[TWO_WAY, "odds_ratio_low"] <= odds <= found.loc[TWO_WAY, "odds_ratio_high"]
        )
        difference = truth[1] - truth[0]
        held["welch"] += bool(
            found.loc[WELCH, "difference_low"] <= difference <= found.loc[WELCH, "difference_high"]
        )
        row = accuracy_by_condition(
            trials[trials["condition"] == "a"], cluster="participant", rng=rng, n_resamples=2
        ).table.iloc[0]
        held["accuracy"] += bool(row["new_stimuli_low"] <= truth[0] <= row["new_stimuli_high"])
        for name in METHODS:
            asked[name] += 1
    about = {"people": people, "items": items, "item_sd": item_sd}
    return [
        about
        | {
            "method": name,
            "coverage": round(held[name] / asked[name], 4),
            "type_i": round(claims[name] / asked[name], 4) if name != "accuracy" else None,
        }
        for name in METHODS
    ]


def compare(trials: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """The comparisons by method."""
    found = compare_conditions(trials, cluster="participant", rng=rng, n_resamples=2)
    return found.table.set_index("method")


def by_people(table: pd.DataFrame, what: str) -> dict[str, dict[str, float]]:
    """Means over items and their SDs."""
    known = table[table[what].notna()]
    means = known.groupby(["method", "people"])[what].mean().round(4)
    return {
        str(method): {str(people): float(share) for (_, people), share in own.items()}
        for method, own in means.groupby(level="method")
    }


def markdown(table: pd.DataFrame, replications: int) -> str:
    """The table of the documentation."""
    error = np.sqrt(0.05 * 0.95 / replications)
    lines = [
        "# Coverage and type-I error",
        "",
        f"Made by `tests/benchmarks/coverage.py` with {replications} studies a cell (standard "
        f"error {error:.3f}); the design is told there. Bold: coverage outside "
        f"{GOOD_COVERAGE[0]}–{GOOD_COVERAGE[1]} or type I outside "
        f"{GOOD_TYPE_I[0]}–{GOOD_TYPE_I[1]} "
        "by more than two standard errors. *These stimuli only* is exempt: it is not meant for "
        "other stimuli, and the column shows what happens if it is taken to be.",
        "",
        "| people | items | SD of items | clustered by both: coverage | type I | accuracy: "
        "coverage | these stimuli only (Welch): coverage | type I |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for (people, items, item_sd), own in table.groupby(["people", "items", "item_sd"]):
        rows = own.set_index("method")
        shown = [
            marked(rows.loc["two_way", "coverage"], GOOD_COVERAGE, error),
            marked(rows.loc["two_way", "type_i"], GOOD_TYPE_I, error),
            marked(rows.loc["accuracy", "coverage"], GOOD_COVERAGE, error),
            f"{rows.loc['welch', 'coverage']:.3f}",
            f"{rows.loc['welch', 'type_i']:.3f}",
        ]
        lines.append(f"| {people} | {items} | {item_sd} | {' | '.join(shown)} |")
    return "\n".join(lines) + "\n"


def marked(share: float, good: tuple[float, float], error: float) -> str:
    """Bold where it is clearly outside."""
    inside = good[0] - 2 * error <= share <= good[1] + 2 * error
    return f"{share:.3f}" if inside else f"**{share:.3f}**"


def main() -> None:
    """Simulate and print one JSON object."""
    parser = argparse.ArgumentParser(description="Coverage and type-I error by simulation.")
    parser.add_argument("--quick", action="store_true", help="two cells, few studies")
    parser.add_argument("--replications", type=int, default=2000, help="studies a cell")
    parser.add_argument("--table", type=Path, help="write the table as Markdown here")
    options = parser.parse_args()
    grid = list(product(PEOPLE, ITEMS, ITEM_SD))
    replications = options.replications
    if options.quick:
        grid, replications = [(20, 10, 0.5), (40, 20, 0.3)], min(replications, 25)
    table = pd.DataFrame(
        [row for people, items, sd in grid for row in cell(people, items, sd, replications)]
    )
    if options.table is not None:
        options.table.write_text(markdown(table, replications), encoding="utf-8")
    found = {what: by_people(table, what) for what in ("coverage", "type_i")}
    cells = json.loads(table.to_json(orient="records"))
    print(json.dumps({**found, "cells": cells, "replications": replications}))


if __name__ == "__main__":
    main()
