"""Simulated studies by the thousand, and the analysis' clustered statistics on all at once.

Two conditions. People ``between``: half of them meet each condition; ``within``: everybody meets
both. Items ``nested``: each condition has its own; ``shared``: both have the same. A person answers
40 times in a condition, equally often to each of its items, and

    logit P(right) = base + effect · [second condition] + person + item,

with SD .6 of people, and the SD of items given. Effects of a person who meets both conditions, and
of an item that serves in both, correlate .75. Answers enter the statistics through counts alone, so
a study is one array of counts (people, items) a condition, and R studies are one of (R, people,
items).

With two conditions the logit is saturated: its coefficients are log odds of pooled shares p_c, the
bread is diagonal (1 / (N_c p_c q_c)), scores are residual counts, and the leverage of one of G
balanced groups in a condition is 1 / G. These are the formulas of
:mod:`analysis.clustered_logit` written for batches; :func:`disagreement` holds a study against the
module itself.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from coverage_batches import binomial_fit, contrasts
from numpy.typing import NDArray
from scipy import special

from analysis.accuracy import accuracy_by_condition
from analysis.differences import PAIRED, TWO_WAY, WELCH, compare_conditions

Floats = NDArray[np.float64]
ANSWERS, PERSON_SD, ALIKE, BASE, EFFECT = 40, 0.6, 0.75, 1.0, 0.5
CHANCE = 0.5
LEVEL = 0.95


@dataclass(frozen=True)
class Design:
    """A cell: how people and items meet conditions, people in all, items a condition, their SD."""

    people_are: str
    items_are: str
    people: int
    items: int
    item_sd: float

    @property
    def key(self) -> str:
        """Names the cell in files."""
        return f"{self.people_are}-{self.items_are}-{self.people}-{self.items}-{self.item_sd}"

    @property
    def within(self) -> bool:
        """Whether everybody meets all conditions."""
        return self.people_are == "within"

    @property
    def shared(self) -> bool:
        """Whether all conditions have the same items."""
        return self.items_are == "shared"

    @property
    def all_items(self) -> int:
        """Items of both conditions."""
        return self.items if self.shared else 2 * self.items

    @property
    def in_condition(self) -> int:
        """People who meet a condition."""
        return self.people if self.within else self.people // 2

    @property
    def repeats(self) -> int:
        """Answers of a person to an item in a condition."""
        return ANSWERS // self.items


@dataclass(frozen=True)
class Estimates:
    """(R,) estimates, standard errors, and the t quantile's degrees of freedom."""

    value: Floats
    se: Floats
    df: Floats | float

    def holds(self, truth: float) -> NDArray[np.bool_]:
        """(R,) whether the interval holds the true value."""
        half = special.stdtrit(self.df, 0.5 + LEVEL / 2) * self.se
        return np.asarray(np.abs(self.value - truth) <= half)


def draw(design: Design, logits: tuple[float, float], n: int, rng: np.random.Generator) -> Floats:
    """(2, n, people in a condition, items) right answers of n studies."""
    size = (2, n, design.in_condition, 1)
    person = rng.normal(0, PERSON_SD, size)
    item = rng.normal(0, design.item_sd, (2, n, 1, design.items))
    for effect, alike in ((person, design.within), (item, design.shared)):
        if alike:
            effect[1] = ALIKE * effect[0] + np.sqrt(1 - ALIKE**2) * effect[1]
    logit = np.reshape(logits, (2, 1, 1, 1)) + person + item
    return rng.binomial(design.repeats, special.expit(logit)).astype(float)


def accuracy_of(logit: float, item_sd: float) -> float:
    """Expected accuracy over people and items."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(64)
    spread = float(np.hypot(PERSON_SD, item_sd))
    return float(special.expit(logit + spread * nodes) @ weights / weights.sum())


def clustered(counts: Floats, design: Design) -> tuple[Floats, Floats]:
    """Log odds (R, c) and their two-way clustered covariance (R, c, c) of c conditions."""
    n_conditions, _, people, items = counts.shape
    answers = people * items * design.repeats
    p = counts.sum((2, 3)) / answers
    rest = counts - design.repeats * p[:, :, None, None]
    of_people, of_items = rest.sum(3), rest.sum(2)
    by_person = np.einsum("crp,drp->rcd", of_people, of_people)
    by_item = np.einsum("crj,drj->rcd", of_items, of_items)
    by_both = np.einsum("crpj,drpj->rcd", rest, rest)
    one = n_conditions == 1
    everybody = people if one or design.within else 2 * people
    all_items = items if one else design.all_items
    pairs = everybody * (all_items if design.within else items)
    apart = np.eye(n_conditions)
    bread = (1 / (answers * p * (1 - p))).T
    scale = bread[:, :, None] * bread[:, None, :]
    first, second, both = (
        scale * sums * (1.0 if together else apart) * small_sample
        for sums, together, small_sample in (
            (by_person, design.within, people / (people - 1)),
            (by_item, design.shared, items / (items - 1)),
            (
                by_both,
                design.within and design.shared,
                cr1(pairs, n_conditions * answers, n_conditions),
            ),
        )
    )
    # The module judges the covariance of (first condition, difference to it).
    turn = np.eye(n_conditions)
    turn[1:, 0] = -1
    values = np.linalg.eigvalsh(turn @ (first + second - both) @ turn.T)
    widened = values[:, 0] <= 1e-9 * np.maximum(values[:, -1], 0)
    covariance = first + second - np.where(widened[:, None, None], 0, both)
    return special.logit(p).T, covariance


def cr1(groups: int, answers: int, coefficients: int) -> float:
    """The small-sample factor of a clustered covariance."""
    return groups / (groups - 1) * (answers - 1) / (answers - coefficients)


def difference(counts: Floats, design: Design) -> tuple[Estimates, Estimates]:
    """The confirmatory comparison: log odds ratio, and difference of accuracies."""
    logit, covariance = clustered(counts, design)
    df = float(min(design.people, design.all_items) - 2)
    p = special.expit(logit)
    slope = p * (1 - p) * np.array([-1.0, 1.0])
    ratio = np.einsum("c,rcd,d->r", [-1, 1], covariance, [-1, 1])
    points = np.einsum("rc,rcd,rd->r", slope, covariance, slope)
    return (
        Estimates(logit[:, 1] - logit[:, 0], np.sqrt(ratio), df),
        Estimates(p[:, 1] - p[:, 0], np.sqrt(points), df),
    )


def one_accuracy(counts: Floats, design: Design) -> Estimates:
    """Log odds of the first condition, for other people and items."""
    x = np.ones((1, design.items, 1))
    fit = binomial_fit(np.moveaxis(counts[:1], 0, 1), x, design.repeats)
    ((variance, df),) = contrasts(fit, [np.ones(1)], within=False, shared=False)
    return Estimates(fit.coefficients[:, 0], np.sqrt(variance), df)


def on_means(counts: Floats, design: Design) -> Estimates:
    """Welch's or the paired t on participants' means: these stimuli only."""
    means = counts.mean(3) / design.repeats
    if design.within:
        gaps = means[1] - means[0]
        se = gaps.std(1, ddof=1) / np.sqrt(design.people)
        return Estimates(gaps.mean(1), se, design.people - 1.0)
    parts = means.var(2, ddof=1) / design.in_condition
    total = parts.sum(0)
    df = total**2 / (parts**2 / (design.in_condition - 1)).sum(0)
    return Estimates(means[1].mean(1) - means[0].mean(1), np.sqrt(total), df)


def as_trials(counts: Floats, design: Design) -> pd.DataFrame:
    """One study (2, people, items) as trials."""
    shape = (2, design.in_condition, design.items, design.repeats)
    condition, person, item, again = (np.ravel(index) for index in np.indices(shape))
    return pd.DataFrame(
        {
            "participant": person + 1000 * condition * (not design.within),
            "condition": np.where(condition == 1, "b", "a"),
            "item": item + 1000 * condition * (not design.shared),
            "correct": (again < counts[condition, person, item]).astype(float),
            "n_options": 2,
        }
    )


def disagreement(counts: Floats, design: Design) -> float:
    """Largest difference of these formulas to the modules' own answers on the first study."""
    rng = np.random.default_rng(0)
    trials = as_trials(counts[:, 0], design)
    table = compare_conditions(trials, cluster="participant", rng=rng, n_resamples=2).table
    found = table.set_index("method")
    accuracy = accuracy_by_condition(
        trials[trials["condition"] == "a"], cluster="participant", rng=rng, n_resamples=2
    ).table.iloc[0]
    ratio, points = difference(counts[:, :1], design)
    one, beside = one_accuracy(counts[:, :1], design), on_means(counts[:, :1], design)
    paired = PAIRED if design.within else WELCH
    pairs = [
        *zip(ends(ratio), np.log(of(found, TWO_WAY, "odds_ratio")), strict=True),
        *zip(ends(points), of(found, TWO_WAY, "difference"), strict=True),
        *zip(ends(beside), of(found, paired, "difference"), strict=True),
        *zip(
            special.expit(ends(one)), accuracy[["new_stimuli_low", "new_stimuli_high"]], strict=True
        ),
    ]
    return float(max(abs(ours - theirs) for ours, theirs in pairs))


def of(table: pd.DataFrame, method: str, name: str) -> Floats:
    """Both ends of a method's interval."""
    return table.loc[method, [f"{name}_low", f"{name}_high"]].to_numpy(dtype=float)


def ends(estimate: Estimates) -> list[float]:
    """Both ends of the first study's interval."""
    half = special.stdtrit(estimate.df, 0.5 + LEVEL / 2) * estimate.se
    return [float((estimate.value - half)[0]), float((estimate.value + half)[0])]
