"""How far an interval can be trusted: what simulated studies like this one have shown.

``coverage.json`` beside this file holds, for many designs, the share of 95 % intervals that held
the true value and the share of studies without an effect that claimed one; ``COVERAGE.md`` shows
the same for reading. Both are made by ``tests/benchmarks/coverage.py``. A study is looked up by how
people and items meet conditions and by the nearest numbers of both (on logarithmic scales); how
much its items differ is not known for sure, so all simulated spreads are told.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Literal

import numpy as np
import pandas as pd

from analysis.formatting import integer, percent

Method = Literal["difference", "accuracy", "basis", "rating", "preference"]
LEVEL = 0.95
ROWS: Mapping[Method, tuple[str, ...]] = {
    "difference": ("difference", "odds_ratio"),
    "accuracy": ("accuracy",),
    "basis": ("basis", "basis_by_depth"),
    "rating": ("rating",),
    "preference": ("preference_of_two", "preference_of_three"),
}
"""Rows of the table that speak of a method."""
WHAT: Mapping[Method, tuple[str, str, str]] = {
    "difference": (
        "the difference", "the true difference",
        "of the studies without any difference claimed one",
    ),
    "accuracy": (
        "a condition's accuracy", "the true accuracy",
        "of the studies in which people guessed claimed that they did not",
    ),
    "basis": (
        "an effect of basis", "the true effect of basis or its change with depth",
        "of the studies without these effects claimed one",
    ),
    "rating": (
        "the odds of a higher rating", "the true odds ratio",
        "of the studies without any difference claimed one",
    ),
    "preference": (
        "a strength", "the true strength",
        "of the studies without a preference claimed one",
    ),
}  # fmt: skip
"""What the interval is of, what it should hold, and what it should not claim."""
PEOPLE_WORDS = {
    "between": "half of them in each condition",
    "within": "all in both conditions",
}
ITEM_WORDS = {
    "nested": "each condition with {} items of its own",
    "shared": "the same {} items in both conditions",
}
SMALL = {2: "two", 3: "three"}


@dataclass(frozen=True)
class Design:
    """What a study is looked up by.

    Attributes
    ----------
    people_are : ``between`` conditions, or ``within``.
    items_are : ``nested`` in conditions, or ``shared``.
    people : in two conditions; items : in one; the fewest, where conditions differ.
    """

    people_are: str
    items_are: str
    people: int
    items: int


@dataclass(frozen=True)
class Seen:
    """What simulated studies of the nearest size have shown.

    Attributes
    ----------
    people, items : of the simulated studies.
    coverage, type_i : lowest and highest over spreads of items (and, of a difference, over both of
        its scales).
    words : the same as a sentence.
    warnings : where it is not as promised.
    """

    people: int
    items: int
    coverage: tuple[float, float]
    type_i: tuple[float, float]
    replications: int
    words: str
    warnings: tuple[str, ...]

    def content(self) -> dict[str, Any]:
        """As ``results.json`` holds it."""
        return asdict(self)


def design_of(
    trials: pd.DataFrame, *, cluster: str, item: str, conditions: Sequence[str]
) -> Design | None:
    """How these trials are to be looked up; none without items.

    Examples
    --------
    >>> trials = pd.DataFrame({"participant": [1, 1, 2, 2], "condition": list("aabb"),
    ...                        "item": [1, 2, 3, 4]})
    >>> design_of(trials, cluster="participant", item="item", conditions=["a", "b"])
    Design(people_are='between', items_are='nested', people=2, items=2)
    """
    if item not in trials:
        return None
    used = trials[trials["condition"].isin(list(conditions)) & trials[item].notna()]
    if used.empty:
        return None
    by = used.groupby("condition", observed=True)
    people, items = int(by[cluster].nunique().min()), int(by[item].nunique().min())
    within = float((used.groupby(cluster)["condition"].nunique() > 1).mean()) > 0.5
    shared = float((used.groupby(item)["condition"].nunique() > 1).mean()) > 0.5
    return Design(
        "within" if within else "between",
        "shared" if shared else "nested",
        people if within else 2 * people,
        items,
    )


def seen(design: Design, method: Method) -> Seen:
    """What was seen in simulated studies of the nearest size.

    Raises
    ------
    KeyError
        If no study of this kind was simulated.
    """
    table, about = _table()
    kind = table[
        (table["people_are"] == design.people_are)
        & (table["items_are"] == design.items_are)
        & table["method"].isin(ROWS[method])
    ]
    if kind.empty:
        raise KeyError(f"{method}: {design.people_are}, {design.items_are}")
    people, items = _nearest(kind[["people", "items"]].drop_duplicates(), design)
    cells = kind[(kind["people"] == people) & (kind["items"] == items)]
    coverage = (float(cells["coverage"].min()), float(cells["coverage"].max()))
    type_i = (float(cells["type_i"].min()), float(cells["type_i"].max()))
    spreads = cells["item_sd"].nunique()
    each = f"each of {SMALL[spreads]} spreads of the items" if spreads > 1 else "one spread of them"
    _, held, claimed = WHAT[method]
    own_items = ITEM_WORDS[design.items_are].format(integer(items))
    met = f"{PEOPLE_WORDS[design.people_are]}; {own_items}"
    if method == "accuracy":
        here = people if design.people_are == "within" else people // 2
        met = f"a condition with {integer(items)} items"
        people = here
    if method == "preference":
        met = f"two or three options, all pairs of them for each of {integer(items)} items"
    words = (
        f"In simulated studies of about this size ({integer(people)} people, {met}; "
        f"{integer(about['replications'])} studies for {each}) {_span(*coverage)} of the 95 % "
        f"intervals held {held}, and {_span(*type_i)} {claimed}."
    )
    warnings = (
        *_too_small(design, kind),
        *_misses(coverage, type_i, about, method),
    )
    return Seen(people, items, coverage, type_i, int(about["replications"]), words, warnings)


def _misses(
    coverage: tuple[float, float],
    type_i: tuple[float, float],
    about: dict[str, Any],
    method: Method,
) -> list[str]:
    """Where the simulated studies leave what is promised: first what misleads, then what costs."""
    what = WHAT[method][0]
    (lowest, highest), (fewest, most) = about["good_coverage"], about["good_type_i"]
    bold, timid = [], []
    if coverage[0] < lowest:
        bold.append(f"as few as {percent(coverage[0])} of the intervals held it (too narrow)")
    if type_i[1] > most:
        bold.append(
            f"up to {percent(type_i[1])} of those without an effect claimed one (too often)"
        )
    if coverage[1] > highest:
        timid.append(f"up to {percent(coverage[1])} of the intervals held it (wider than need be)")
    if type_i[0] < fewest:
        timid.append(f"as few as {percent(type_i[0])} of those without an effect claimed one")
    seen_in = "for other people and items at this size. In simulated studies like this one"
    found = []
    if bold:
        found.append(
            f"The 95 % interval of {what} says a little too much {seen_in} "
            f"{' and '.join(bold)}. Take p-values close to .05 with care."
        )
    if timid:
        found.append(
            f"The 95 % interval of {what} is cautious {seen_in} {' and '.join(timid)}; real "
            "effects are missed more often."
        )
    return found


def _too_small(design: Design, table: pd.DataFrame) -> list[str]:
    fewest = (int(table["people"].min()), int(table["items"].min()))
    if design.people >= fewest[0] and design.items >= fewest[1]:
        return []
    return [
        f"There are fewer people or items here than in the smallest study that was simulated "
        f"({fewest[0]} people, {fewest[1]} items a condition), so nothing is known of how often "
        "such intervals hold the truth."
    ]


def _nearest(sizes: pd.DataFrame, design: Design) -> tuple[int, int]:
    """The simulated numbers of people and items that are nearest by their ratios."""
    asked = np.log([max(design.people, 1), max(design.items, 1)])
    apart = ((np.log(sizes.to_numpy(dtype=float)) - asked) ** 2).sum(axis=1)
    people, items = sizes.iloc[int(apart.argmin())]
    return int(people), int(items)


def _span(low: float, high: float) -> str:
    return percent(low) if percent(low) == percent(high) else f"{percent(low)} to {percent(high)}"


@cache
def _table() -> tuple[pd.DataFrame, dict[str, Any]]:
    """The shipped table, and how it was made."""
    text = (files("analysis") / "coverage.json").read_text(encoding="utf-8")
    about: dict[str, Any] = json.loads(text)
    return pd.DataFrame(about.pop("cells"), columns=about.pop("columns")), about
