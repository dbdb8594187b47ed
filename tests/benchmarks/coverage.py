"""Coverage of 95 % intervals and type-I error of tests, where people and stimuli are samples.

The studies are told in ``coverage_studies.py``. Type I comes from studies without an effect,
coverage from studies with .5 logits, whose marginal odds ratio and accuracies are integrated
numerically. The confirmatory defaults are ``odds_ratio`` and ``difference`` (the logit clustered by
participant and item) and ``accuracy`` (a condition's, for other people and items; its type I is
against chance). ``means`` (Welch's or the paired t on participants' means) speaks of these stimuli
only, so it is shown beside and exempt. What programmes declare beside accuracies (bases by depth,
ratings, preferences) is in ``coverage_programmes.py``.

    python tests/benchmarks/coverage.py [--quick] [--replications 2000] [--cells FILE]
        [--data analysis/coverage.json] [--table analysis/COVERAGE.md]

``--cells`` keeps each finished cell, so that a run that was stopped goes on there. The same cell
and number of replications give the same figures, whatever else is asked.
"""

from __future__ import annotations

import argparse
import json
import zlib
from collections.abc import Callable, Iterable
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from coverage_programmes import Study, all_studies, rows
from coverage_studies import (
    ANSWERS,
    BASE,
    CHANCE,
    EFFECT,
    PERSON_SD,
    Design,
    accuracy_of,
    difference,
    disagreement,
    draw,
    on_means,
    one_accuracy,
)
from scipy import special

PEOPLE, ITEMS, ITEM_SD = (20, 40, 140), (5, 10, 20, 40), (0.3, 0.5, 0.8)
OTHER_PEOPLE, OTHER_ITEMS = (8, 12, 20, 40), (2, *ITEMS)
"""Beyond the grid: other designs and smaller studies, so that any report has something to go by."""
METHODS = ("odds_ratio", "difference", "accuracy", "means")
GOOD_COVERAGE, GOOD_TYPE_I = (0.93, 0.97), (0.03, 0.07)
HEADS = {
    "between": "Half of the people in each condition",
    "within": "Everybody in both conditions",
    "nested": "items of their own",
    "shared": "the same items",
}
AT_ONCE = 4_000_000
"""Cells of counts in memory."""


def cell(design: Design, replications: int) -> list[dict[str, Any]]:
    """One row a method."""
    held = dict.fromkeys(METHODS, 0)
    claimed = dict.fromkeys(METHODS, 0)
    truth = [accuracy_of(BASE + effect, design.item_sd) for effect in (0.0, EFFECT)]
    odds = float(special.logit(truth[1]) - special.logit(truth[0]))
    base = float(special.logit(truth[0]))
    chance = float(special.logit(CHANCE))
    rng = np.random.default_rng([zlib.crc32(design.key.encode()), replications])
    batch = max(1, AT_ONCE // (2 * design.in_condition * design.items))
    for start in range(0, replications, batch):
        n = min(batch, replications - start)
        null = draw(design, (BASE, BASE), n, rng)
        ratio, points = difference(null, design)
        claimed["odds_ratio"] += int((~ratio.holds(0.0)).sum())
        claimed["difference"] += int((~points.holds(0.0)).sum())
        claimed["means"] += int((~on_means(null, design).holds(0.0)).sum())
        guessing = draw(design, (chance, chance), n, rng)
        claimed["accuracy"] += int((~one_accuracy(guessing, design).holds(chance)).sum())
        effect = draw(design, (BASE, BASE + EFFECT), n, rng)
        ratio, points = difference(effect, design)
        held["odds_ratio"] += int(ratio.holds(odds).sum())
        held["difference"] += int(points.holds(truth[1] - truth[0]).sum())
        held["means"] += int(on_means(effect, design).holds(truth[1] - truth[0]).sum())
        held["accuracy"] += int(one_accuracy(effect, design).holds(base).sum())
        if start == 0 and (apart := disagreement(effect, design)) > 1e-6:
            raise SystemExit(f"{design.key}: the batch differs from the analysis by {apart:g}")
    about = {
        "people_are": design.people_are,
        "items_are": design.items_are,
        "people": design.people,
        "items": design.items,
        "item_sd": design.item_sd,
        "grid": in_grid(design),
    }
    return [
        about
        | {
            "method": name,
            "coverage": round(held[name] / replications, 4),
            "type_i": round(claimed[name] / replications, 4),
        }
        for name in METHODS
    ]


def in_grid(design: Design) -> bool:
    """Whether the cell is one of those that are asked for: people between, items nested."""
    asked = design.people in PEOPLE and design.items in ITEMS
    return asked and not (design.within or design.shared)


def all_cells() -> list[Design]:
    """The grid first, then other designs and smaller studies."""
    grid = [Design("between", "nested", *size) for size in product(PEOPLE, ITEMS, ITEM_SD)]
    kinds = product(("between", "within"), ("nested", "shared"))
    sizes = product(OTHER_PEOPLE, OTHER_ITEMS, ITEM_SD)
    others = [Design(*kind, *size) for kind, size in product(kinds, sizes)]
    # Two items that serve in both conditions carry no test.
    tested = [design for design in others if design.all_items > 2]
    return grid + [design for design in tested if not in_grid(design)]


def simulate(
    designs: Iterable[Design], replications: int, kept: Path | None
) -> list[dict[str, Any]]:
    """One row a cell and method."""
    cells = {design.key: design for design in designs}
    return with_kept(list(cells), replications, kept, lambda key: cell(cells[key], replications))


def simulate_programmes(
    studies: Iterable[Study], replications: int, kept: Path | None
) -> list[dict[str, Any]]:
    """The same of what programmes declare."""
    cells = {study.key: study for study in studies}
    return with_kept(list(cells), replications, kept, lambda key: rows(cells[key], replications))


def with_kept(
    keys: Iterable[str],
    replications: int,
    kept: Path | None,
    make: Callable[[str], list[dict[str, Any]]],
) -> list[dict[str, Any]]:
    """Rows of all cells; finished ones are read from the file, new ones are added to it."""
    known: dict[str, list[dict[str, Any]]] = {}
    if kept is not None and kept.exists():
        lines = [json.loads(line) for line in kept.read_text(encoding="utf-8").splitlines()]
        known = {line["key"]: line["rows"] for line in lines if line["n"] == replications}
    found = []
    for key in keys:
        own = known.get(key) or make(key)
        found += own
        if kept is not None and key not in known:
            with kept.open("a", encoding="utf-8") as file:
                file.write(json.dumps({"key": key, "n": replications, "rows": own}) + "\n")
    return found


def by_people(table: pd.DataFrame, what: str) -> dict[str, dict[str, float]]:
    """Means over designs, items and their SDs."""
    means = table.groupby(["method", "people"])[what].mean().round(4)
    return {
        str(method): {str(people): float(share) for (_, people), share in own.items()}
        for method, own in means.groupby(level="method")
    }


def outside(table: pd.DataFrame) -> pd.DataFrame:
    """Rows of confirmatory defaults outside what is asked."""
    good = table["coverage"].between(*GOOD_COVERAGE) & table["type_i"].between(*GOOD_TYPE_I)
    return table[~good & (table["method"] != "means")]


def shipped(table: pd.DataFrame, declared: pd.DataFrame, replications: int) -> dict[str, Any]:
    """What the report looks its design up in."""
    default = table[table["method"] != "means"].drop(columns="grid")
    both = pd.concat([default, declared[default.columns]])
    return {
        "replications": replications,
        "answers": ANSWERS,
        "person_sd": PERSON_SD,
        "base": BASE,
        "effect": EFFECT,
        "good_coverage": GOOD_COVERAGE,
        "good_type_i": GOOD_TYPE_I,
        "columns": list(default.columns),
        "cells": both.to_numpy(dtype=object).tolist(),
    }


def markdown(table: pd.DataFrame, declared: pd.DataFrame, replications: int) -> str:
    """The tables of the documentation."""
    error = np.sqrt(0.05 * 0.95 / replications)
    asked = table[table["grid"] & (table["method"] != "means")]
    lines = [
        "# Coverage and type-I error",
        "",
        f"Made by `tests/benchmarks/coverage.py` with {replications} simulated studies a cell "
        f"(standard error {error:.3f}). A study has two conditions and "
        f"{ANSWERS} answers a person and condition; people differ by SD {PERSON_SD} logits, items "
        f"by the SD given. Coverage: share of 95 % intervals that hold the true value, with an "
        f"effect of {EFFECT} logits. Type I: share of studies without an effect that claim one.",
        "",
        f"Asked is a coverage of {GOOD_COVERAGE[0]} to {GOOD_COVERAGE[1]} and a type I of "
        f"{GOOD_TYPE_I[0]} to {GOOD_TYPE_I[1]}; **bold** is outside. "
        f"Among people between conditions with items of their own, from 20 people and 5 items on, "
        f"{len(outside(asked))} of {len(asked)} are. "
        "A report looks its own design up here, says what was seen, and warns where it is bold.",
        "",
        "*Odds ratio* and *difference* are the confirmatory comparison (logit clustered by "
        "participant and item by CR2, t with min(participants, items) − k degrees of freedom), on "
        "both scales. *Accuracy* is one condition's for other people and items, its type I against "
        "chance; its variance and degrees of freedom are of the kind told in the last section. "
        "*Means* (Welch's t between, the paired t within people) speaks of these stimuli only and "
        "is exempt: the column shows what happens if it is taken for more.",
    ]
    heads = "".join(f" {name.replace('_', ' ')}: coverage | type I |" for name in METHODS)
    for (people_are, items_are), own in table.groupby(["people_are", "items_are"], sort=True):
        lines += ["", f"## {HEADS[people_are]}, {HEADS[items_are]}", ""]
        lines += [f"| people | items | SD of items |{heads}", "|" + "---|" * (3 + 2 * len(METHODS))]
        for (people, items, item_sd), cells in own.groupby(["people", "items", "item_sd"]):
            shares = " | ".join(shown(row) for row in cells.itertuples())
            lines.append(f"| {people} | {items} | {item_sd} | {shares} |")
    lines += [
        "",
        "## What programmes declare beside accuracies",
        "",
        f"As many studies a cell. {len(outside(declared))} of {len(declared)} rows are outside. "
        "*Basis* and *basis by depth*: logit on basis × depth over five layers, items of their "
        "own. *Rating*: odds of a higher rating of five, everybody rates both methods on the same "
        "items. *Preference*: Bradley and Terry's strengths of two or three methods, everybody "
        "chooses in all pairs on the same items (of three, the mean over both strengths). All are "
        "clustered by participant and item (CR2); a contrast has the largest of the variances by "
        "participant, by item and by both, and Satterthwaite's degrees of freedom.",
    ]
    for (method, people_are), own in declared.groupby(["method", "people_are"], sort=False):
        who = f", {HEADS[people_are].lower()}" if method.startswith("basis") else ""
        lines += ["", f"### {method.replace('_', ' ').capitalize()}{who}", ""]
        heads = "".join(f" SD {sd}: coverage | type I |" for sd in ITEM_SD)
        lines += [f"| people | items |{heads}", "|" + "---|" * (2 + 2 * len(ITEM_SD))]
        for (people, items), cells in own.groupby(["people", "items"]):
            shares = " | ".join(shown(row) for row in cells.itertuples())
            lines.append(f"| {people} | {items} | {shares} |")
    return "\n".join(lines) + "\n"


def shown(row: Any) -> str:
    """A method's two cells, bold where outside."""
    exempt = row.method == "means"
    pairs = ((row.coverage, GOOD_COVERAGE), (row.type_i, GOOD_TYPE_I))
    return " | ".join(
        f"{share:.3f}" if exempt or low <= share <= high else f"**{share:.3f}**"
        for share, (low, high) in pairs
    )


def main() -> None:
    """Simulate and print one JSON object."""
    parser = argparse.ArgumentParser(description="Coverage and type-I error by simulation.")
    parser.add_argument("--quick", action="store_true", help="four cells, fewer studies")
    parser.add_argument("--replications", type=int, default=2000, help="studies a cell")
    parser.add_argument("--cells", type=Path, help="keep finished cells here, and go on from them")
    parser.add_argument("--data", type=Path, help="write what the report looks up here")
    parser.add_argument("--table", type=Path, help="write the table as Markdown here")
    options = parser.parse_args()
    designs, replications = all_cells(), options.replications
    studies = all_studies()
    if options.quick:
        sizes = ((20, 10, 0.5), (40, 20, 0.3))
        kinds = (("between", "nested"), ("within", "nested"), ("within", "shared"))
        designs = [Design(*kind, *size) for kind, size in product(kinds, sizes)]
        replications = min(replications, 400)
        studies = [one for one in studies if (one.people, one.items, one.item_sd) == (20, 10, 0.5)]
    table = pd.DataFrame(simulate(designs, replications, options.cells))
    declared = pd.DataFrame(simulate_programmes(studies, replications, options.cells))
    if options.table is not None:
        page = markdown(table, declared, replications)
        options.table.write_text(page, encoding="utf-8")
    if options.data is not None:
        content = shipped(table, declared, replications)
        text = json.dumps(content, separators=(",", ":"))
        options.data.write_text(text.replace("],[", "],\n["), encoding="utf-8")
    grid = table[table["grid"]]
    found: dict[str, Any] = {what: by_people(grid, what) for what in ("coverage", "type_i")}
    found |= {
        "outside": json.loads(outside(grid).to_json(orient="records")),
        "outside_programmes": json.loads(outside(declared).to_json(orient="records")),
        "n_rows": int((grid["method"] != "means").sum()),
        "cells": json.loads(table.to_json(orient="records")),
        "programmes": json.loads(declared.to_json(orient="records")),
        "replications": replications,
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
