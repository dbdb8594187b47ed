"""Does the answer key hold? People who are reliably wrong know something that the key denies.

Guessing gives chance. Less than that, for a whole condition or for one item, means that answers are
systematic and go against the key: two names exchanged, a picture under the wrong heading, a cue
that misleads (as a biased model is meant to). A condition counts as below chance where its interval
over people lies below, an item where so few right answers of that many people are too unlikely by
guessing (binomial test, one-sided, Bonferroni over items).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from analysis.formatting import count, percent

FEWEST_PEOPLE = 8
"""Of fewer people nothing is said about an item."""
MOST_NAMED = 5
ALPHA = 0.05


@dataclass(frozen=True)
class Told:
    """How a task speaks of answers against its key."""

    chose: str
    why: str
    answered: str
    look: str


KEY = Told(
    chose="People were right",
    why="Either the answer key is turned around or something in the pictures or in the task "
    "misleads them: check that first.",
    answered="answered wrong",
    look="Look at the pictures and at the key.",
)
OPINION = Told(
    chose="People gave the answer that is counted",
    why="To them the other one fits better, which is a result as long as the two were not "
    "exchanged: look at the pictures.",
    answered="answered the other way",
    look="The shares are those of the answer that is counted. In this task no answer is wrong: to "
    "people the other one fits better there. Look at the pictures.",
)


def against_the_key(
    test: pd.DataFrame,
    accuracy: pd.DataFrame,
    *,
    cluster: str,
    item: str | None,
    labels: Mapping[str, str] | None = None,
    opinion: bool = False,
) -> list[str]:
    """Warnings of conditions and items that people answer wrong more often than by guessing.

    Parameters
    ----------
    test : test trials with ``correct``, ``n_options`` and the item if known.
    accuracy : by condition, as :func:`analysis.accuracy.accuracy_by_condition` gives it.
    opinion : no answer is wrong in this task, and the key only says which one is counted.

    Examples
    --------
    >>> rows = pd.DataFrame({"participant": range(20), "item": "leaf", "correct": 0,
    ...                      "condition": "x", "n_options": 2})
    >>> none = pd.DataFrame(columns=["condition"])
    >>> against_the_key(rows, none, cluster="participant", item="item")[0][:53]
    '1 item was answered wrong more often than by guessing'
    """
    told = OPINION if opinion else KEY
    found = []
    for _, row in accuracy.iterrows():
        high = row["high"] if np.isfinite(row["high"]) else row["wilson_high"]
        if row["n_participants"] > 1 and high < row["chance"]:
            name = (labels or {}).get(str(row["condition"]), str(row["condition"]))
            where = f" of {name}" if len(accuracy) > 1 else ""
            found.append(
                f"{told.chose} in {percent(row['accuracy'])} of the trials{where}, reliably less "
                f"often than by guessing ({percent(row['chance'], 0)}). {told.why}"
            )
    items = _items(test, cluster, item)
    if len(items):
        listed = ", ".join(
            f"{name} ({percent(share)} of {count(int(n), 'person', 'people')})"
            for name, share, n in items.head(MOST_NAMED).itertuples(index=False)
        )
        more = f" and {len(items) - MOST_NAMED} more" if len(items) > MOST_NAMED else ""
        found.append(
            f"{count(len(items), 'item')} {'was' if len(items) == 1 else 'were'} {told.answered} "
            f"more often than by guessing: {listed}{more}. {told.look}"
        )
    return found


def _items(test: pd.DataFrame, cluster: str, item: str | None) -> pd.DataFrame:
    """Items below chance, the worst first: name, share of right answers, people."""
    empty = pd.DataFrame(columns=["item", "share", "n"])
    if item is None or item not in test or "n_options" not in test:
        return empty
    used = test[test[["correct", "n_options", item]].notna().all(axis=1)]
    used = used[used["n_options"] > 1]
    if used.empty:
        return empty
    # A person who met the item several times counts as one answer, so answers are independent.
    people = used.assign(chance=1 / used["n_options"]).groupby([item, cluster], observed=True)
    each = people[["correct", "chance"]].mean().groupby(level=0)
    table = each.mean().assign(n=each.size())
    table = table[table["n"] >= FEWEST_PEOPLE]
    right = np.floor(table["correct"] * table["n"] + 1e-9)
    p = stats.binom.cdf(right, table["n"], table["chance"])
    below = table[p * len(table) < ALPHA].sort_values("correct", kind="stable")
    return pd.DataFrame(below.reset_index(names="item")[["item", "correct", "n"]])
