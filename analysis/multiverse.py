"""Would other exclusions have told another story? The declared comparison under many criteria.

Each *universe* is one way to apply the study's criteria: as declared, none at all, each of them
left out, any subset of them, and each moved to where it takes out the worst tenth or quarter of
people. Universes that analyse the same people count once. The declared one stays the one that
counts; the others say how much hangs on it.

Source: Steegen, Tuerlinckx, Gelman and Vanpaemel (2016), Increasing Transparency Through a
Multiverse Analysis, Perspectives on Psychological Science 11.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
import pandas as pd

from analysis.clustered_logit import NotEstimable
from analysis.dataset import Dataset
from analysis.differences import compare_conditions
from analysis.exclusions import Exclusions
from analysis.plan import Criterion
from analysis.progress import Track, no_track

PERSON = "participant"
STRICTER = (0.1, 0.25)
"""Shares of people that a moved criterion takes out."""
MOST_UNIVERSES = 40
MOST_TRIALS = 400_000
"""Universes times answers; above it fewer universes are tried."""
DECLARED = "as declared"


@dataclass(frozen=True)
class Universe:
    """One way to exclude people."""

    name: str
    criteria: tuple[Criterion, ...]


@dataclass(frozen=True)
class Multiverse:
    """The comparison in every universe.

    Attributes
    ----------
    table : one row a universe and condition: ``universe``, ``declared`` (whether it is the declared
        one), ``criteria`` (in words), ``n_analysed``, ``condition``, ``reference``,
        ``difference`` with ``low`` and ``high``, ``p``.
    summary : one row a condition: ``n_universes``, ``n_same_sign``, ``n_claims`` (p below
        ``alpha``), ``smallest`` and ``largest`` difference.
    notes : in words.
    """

    table: pd.DataFrame
    summary: pd.DataFrame
    notes: tuple[str, ...] = ()

    def to_frame(self) -> pd.DataFrame:
        """The universes."""
        return self.table


def universes(criteria: Sequence[Criterion], values: pd.DataFrame) -> Iterator[Universe]:
    """Ways to apply the criteria, the declared one first, the most telling ones early.

    Parameters
    ----------
    values : each check's values, one column a check; checks without values are not moved.

    Examples
    --------
    >>> rule = Criterion("catch_accuracy", min=0.8)
    >>> values = pd.DataFrame({"catch_accuracy": [1.0] * 8 + [0.9, 0.5]})
    >>> [one.name for one in universes([rule], values)]  # doctest: +NORMALIZE_WHITESPACE
    ['as declared', 'no criterion', 'catch accuracy at least 0.86',
     'catch accuracy at least 1']
    """
    rules = tuple(criteria)
    yield Universe(DECLARED, rules)
    if not rules:
        return
    yield Universe("no criterion", ())
    for place, rule in enumerate(rules if len(rules) > 1 else ()):
        kept = rules[:place] + rules[place + 1 :]
        yield Universe(f"without “{rule.words()}”", kept)
    for place, rule in enumerate(rules):
        for moved in _moved(rule, values):
            yield Universe(moved.words(), (*rules[:place], moved, *rules[place + 1 :]))
    for size in range(len(rules) - 2, 0, -1):
        for kept in combinations(rules, size):
            yield Universe("only " + ", ".join(rule.words() for rule in kept), kept)


def multiverse(
    data: Dataset,
    exclusions: Exclusions,
    *,
    rng: np.random.Generator,
    item: str | None = "item",
    order: Sequence[str] | None = None,
    track: Track = no_track,
) -> Multiverse:
    """Repeat the confirmatory comparison in every universe.

    Parameters
    ----------
    exclusions : what the declared criteria gave.

    Raises
    ------
    NotEstimable
        If there are no criteria to move, or conditions cannot be compared in any universe.
    """
    rules = data.plan.exclusions
    if not rules:
        raise NotEstimable("the study names no criteria, so there are none to move")
    test = data.trials[(data.trials["phase"] == "test") & data.trials["correct"].notna()]
    decisions = exclusions.decisions
    movable = [rule for rule in rules if rule.check in decisions]
    notes: list[str] = []
    if len(movable) < len(rules):
        notes.append("Criteria whose values are not known are applied as declared throughout.")
    if not movable:
        raise NotEstimable("the values of the criteria are not known, so they cannot be moved")
    values = decisions[list(dict.fromkeys(rule.check for rule in movable))]
    tried = list(_different(decisions, universes(movable, values), rules, test))
    most = int(np.clip(MOST_TRIALS // max(len(test), 1), 4, MOST_UNIVERSES))
    if len(tried) > most:
        notes.append(f"The first {most} of {len(tried)} ways to exclude people were tried.")
    rows: list[dict[str, object]] = []
    for one, people in track(tried[:most], "multiverse", len(tried[:most])):
        rows += _rows(one, people, test, data, rng, item, order, notes)
    if not rows:
        raise NotEstimable("conditions cannot be compared in any of the ways to exclude people")
    table = pd.DataFrame(rows)
    return Multiverse(table, _summary(table, data.plan.alpha), tuple(dict.fromkeys(notes)))


def _moved(rule: Criterion, values: pd.DataFrame) -> list[Criterion]:
    """The criterion where it takes out the worst tenth and quarter."""
    if rule.check not in values or values[rule.check].notna().sum() < 4:
        return []
    known = values[rule.check].dropna()
    found = []
    for share in STRICTER:
        if rule.min is not None:
            edge = float(f"{known.quantile(share):.3g}")
            found.append(replace(rule, min=edge))
        if rule.max is not None:
            edge = float(f"{known.quantile(1 - share):.3g}")
            found.append(replace(rule, max=edge))
    return [one for one in dict.fromkeys(found) if one != rule]


def _different(
    decisions: pd.DataFrame,
    ways: Iterator[Universe],
    declared: Sequence[Criterion],
    test: pd.DataFrame,
) -> Iterator[tuple[Universe, frozenset[str]]]:
    """Each way with its people, if no earlier way has the same."""
    by_rule = {rule.words() for rule in declared if rule.check in decisions}
    there = decisions["reason"].isin({"", *by_rule})
    there &= decisions[PERSON].isin(set(test[PERSON]))
    seen = set()
    for one in ways:
        kept = there.copy()
        for rule in one.criteria:
            value = decisions[rule.check]
            if rule.min is not None:
                kept &= ~(value < rule.min)
            if rule.max is not None:
                kept &= ~(value > rule.max)
        people = frozenset(decisions.loc[kept, PERSON])
        if people not in seen:
            seen.add(people)
            yield one, people


def _rows(
    one: Universe,
    people: frozenset[str],
    test: pd.DataFrame,
    data: Dataset,
    rng: np.random.Generator,
    item: str | None,
    order: Sequence[str] | None,
    notes: list[str],
) -> list[dict[str, object]]:
    plan = data.plan
    own = test[test[PERSON].isin(people)]
    try:
        found = compare_conditions(
            own, cluster=PERSON, rng=rng, item=item, order=order, reference=plan.reference,
            level=plan.level, n_resamples=2,
        )  # fmt: skip
    except NotEstimable as problem:
        notes.append(f"No comparison with the exclusions “{one.name}”: {problem}.")
        return []
    return [
        {
            "universe": one.name,
            "declared": one.name == DECLARED,
            "criteria": "; ".join(rule.words() for rule in one.criteria) or "none",
            "n_analysed": len(people),
            "condition": row["condition"],
            "reference": row["reference"],
            "difference": row["difference"],
            "low": row["difference_low"],
            "high": row["difference_high"],
            "p": row["p"],
        }
        for row in found.primary().to_dict("records")
    ]


def _summary(table: pd.DataFrame, alpha: float) -> pd.DataFrame:
    rows = []
    for name, own in table.groupby("condition", sort=False):
        declared = own.loc[own["declared"], "difference"]
        sign = np.sign(declared.iloc[0]) if len(declared) else np.nan
        rows.append(
            {
                "condition": name,
                "reference": own["reference"].iloc[0],
                "n_universes": len(own),
                "n_same_sign": int((np.sign(own["difference"]) == sign).sum()),
                "n_claims": int((own["p"] < alpha).sum()),
                "smallest": float(own["difference"].min()),
                "largest": float(own["difference"].max()),
            }
        )
    return pd.DataFrame(rows)
