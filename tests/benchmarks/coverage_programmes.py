"""Coverage and type-I error of what programmes declare beside accuracies.

As of accuracies, people differ by SD .6 logits, answer 40 times in a condition, and effects of
people and items that serve in both conditions correlate .75.

``basis`` and ``basis_by_depth``: logit on basis × depth over five layers, items of their own;
effects of .5 logits. ``rating``: five ordered steps, everybody rates both methods on the same
items, an effect of .5 on the latent logit. ``preference_of_two`` and ``preference_of_three``:
Bradley and Terry's strengths, everybody chooses between pictures of two or three methods in all
pairs, 40 times each, on the same items; the best is .5 stronger than the first. What people and
items add to a pair's logit has the SDs given.

True values are those of the population, integrated numerically; where the model leaves people and
items out of the formula, what it finds in endlessly many answers. The first study of every cell is
held against the modules that the programmes call.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations, product
from typing import Any

import numpy as np
import pandas as pd
from coverage_batches import Fitted, Floats, binomial_fit, contrasts, ordinal_fit
from coverage_studies import ALIKE, BASE, EFFECT, LEVEL, PERSON_SD, Design, Estimates
from planted_studies import STEPS, marginal_odds, share
from scipy import special

from analysis.clustered_logit import Contrast, fit_clustered_logit, maximum_likelihood
from analysis.preferences import bradley_terry
from analysis.ratings import fit_ordinal

LAYERS = 5
PEOPLE, ITEMS, ITEM_SD = (20, 40, 140), (5, 10, 20, 40), (0.3, 0.5, 0.8)
AT_ONCE = 8_000_000
"""Numbers in a batch's scores."""


@dataclass(frozen=True)
class Study(Design):
    """A cell of one programme: what is asked."""

    kind: str

    @property
    def key(self) -> str:
        """Names the cell in files."""
        return f"{self.kind}-{super().key}"


@dataclass(frozen=True)
class Drawn:
    """Fitted studies, and the first one through the analysis' own module."""

    fit: Fitted
    weights: Sequence[Floats]
    first: Callable[[], list[Contrast]]


def all_studies() -> list[Study]:
    """All cells."""
    kinds = (
        ("basis", "between", "nested"),
        ("basis", "within", "nested"),
        ("rating", "within", "shared"),
        ("preference_of_two", "within", "shared"),
        ("preference_of_three", "within", "shared"),
    )
    sizes = list(product(PEOPLE, ITEMS, ITEM_SD))
    return [Study(*met, *size, kind) for kind, *met in kinds for size in sizes]


def rows(study: Study, replications: int) -> list[dict[str, Any]]:
    """One row a method."""
    kind, truth = KINDS[study.kind], KINDS[study.kind].truth(study)
    rng = np.random.default_rng([zlib.crc32(study.key.encode()), replications])
    held, claimed = (dict.fromkeys(truth, 0.0) for _ in range(2))
    batch = max(1, AT_ONCE // (kind.size * study.in_condition * study.items))
    for effect, counted in ((EFFECT, held), (0.0, claimed)):
        for start in range(0, replications, batch):
            drawn = kind.draw(study, effect, min(batch, replications - start), rng)
            found = estimates(drawn, study)
            if start == 0 and (apart := disagreement(drawn, found)) > 1e-6:
                raise SystemExit(f"{study.key}: the batch differs from the analysis by {apart:g}")
            for (name, right), one in zip(truth.items(), found, strict=True):
                inside = one.holds(right if effect else 0.0)
                counted[name] += float((inside if effect else ~inside).sum())
    # Strengths of several options are one promise: the mean over them.
    names = {name: name.partition(":")[0] for name in truth}
    table = pd.DataFrame({"held": held, "claimed": claimed}).groupby(names).mean() / replications
    return [
        {
            "people_are": study.people_are,
            "items_are": study.items_are,
            "people": study.people,
            "items": study.items,
            "item_sd": study.item_sd,
            "method": name,
            "coverage": round(float(row["held"]), 4),
            "type_i": round(float(row["claimed"]), 4),
        }
        for name, row in table.iterrows()
    ]


def estimates(drawn: Drawn, study: Study) -> list[Estimates]:
    """Of each contrast."""
    shared = study.items_are == "shared"
    spreads = contrasts(drawn.fit, drawn.weights, within=study.within, shared=shared)
    return [
        Estimates(drawn.fit.coefficients @ w, np.sqrt(variance), df)
        for w, (variance, df) in zip(drawn.weights, spreads, strict=True)
    ]


def disagreement(drawn: Drawn, found: Sequence[Estimates]) -> float:
    """Largest difference of the batch's first study to the module's own interval."""
    apart = []
    for ours, theirs in zip(found, drawn.first(), strict=True):
        df = float(np.broadcast_to(ours.df, ours.se.shape)[0])
        half = float(special.stdtrit(df, 0.5 + LEVEL / 2) * ours.se[0])
        value = float(ours.value[0])
        apart += [abs(value - half - theirs.low), abs(value + half - theirs.high)]
    return max(apart)


def two_of(n: int, size: int, spread: float, alike: bool, rng: np.random.Generator) -> Floats:
    """(n, 2, size) effects in two conditions."""
    drawn = rng.normal(0, spread, (n, 2, size))
    if alike:
        drawn[:, 1] = ALIKE * drawn[:, 0] + np.sqrt(1 - ALIKE**2) * drawn[:, 1]
    return drawn


def right_answers(logit: Floats, repeats: int, rng: np.random.Generator) -> Floats:
    """Counts of right answers."""
    p = special.expit(logit)
    if repeats == 1:
        return (rng.random(p.shape, dtype=np.float32) < p).astype(float)
    return rng.binomial(repeats, p).astype(float)


def answers_of(counts: Floats, study: Study) -> tuple[Floats, ...]:
    """One study (C, P, I, levels) as flat condition, person, item and level of every answer."""
    places = np.indices(counts.shape).reshape(4, -1)
    condition, person, item, level = np.repeat(places, counts.astype(int).ravel(), axis=1)
    person = person + 1000 * condition * (not study.within)
    return condition, person, item + 1000 * condition * (study.items_are == "nested"), level


def binary(right: Floats, repeats: int) -> Floats:
    """Wrong and right, from the right ones."""
    return np.stack([repeats - right, right], axis=-1)


def basis(study: Study, effect: float, n: int, rng: np.random.Generator) -> Drawn:
    """Two bases over layers."""
    places = np.indices((2, study.items))
    x = coded(places[0], places[1] % LAYERS)
    people = two_of(n, study.in_condition, PERSON_SD, study.within, rng)
    items = two_of(n, study.items, study.item_sd, False, rng)
    logit = BASE + effect * (x[..., 1] + x[..., 3])[:, None] + people[..., None]
    right = right_answers(logit + items[:, :, None], study.repeats, rng)

    def first() -> list[Contrast]:
        answers = answers_of(binary(right[0], study.repeats), study)
        condition, person, item, level = answers
        own = coded(condition, item % 1000 % LAYERS)
        fit = fit_clustered_logit(own, level, participants=person, items=item)
        return [fit.satterthwaite(np.eye(4)[place]) for place in (1, 3)]

    fit = binomial_fit(right, x, study.repeats)
    return Drawn(fit, [np.eye(4)[place] for place in (1, 3)], first)


def coded(basis: Floats, layer: Floats) -> Floats:
    """Intercept, basis, depth and their product, as the programme codes them."""
    one, two = basis - 0.5, layer / (LAYERS - 1) - 0.5
    return np.stack([np.ones(np.shape(one)), one, two, one * two], axis=-1)


def true_basis(study: Study) -> dict[str, float]:
    x = coded(*(index.ravel() for index in np.indices((2, LAYERS))))
    p = share(BASE + EFFECT * (x[:, 1] + x[:, 3]), PERSON_SD, study.item_sd)
    beta = maximum_likelihood(x, p)
    return {"basis": float(beta[1]), "basis_by_depth": float(beta[3])}


def rating(study: Study, effect: float, n: int, rng: np.random.Generator) -> Drawn:
    """Two methods rated in five steps."""
    people = two_of(n, study.people, PERSON_SD, True, rng)
    items = two_of(n, study.items, study.item_sd, True, rng)
    mean = effect * np.array([0.0, 1.0])[:, None, None] + people[..., None] + items[:, :, None]
    levels = len(STEPS) + 1
    counts = np.zeros((*mean.shape, levels))
    for _ in range(study.repeats):
        hidden = mean + special.logit(rng.random(mean.shape))
        level = (hidden[..., None] > STEPS).sum(-1)
        counts += level[..., None] == np.arange(levels)

    def first() -> list[Contrast]:
        condition, person, item, level = answers_of(counts[0], study)
        fit = fit_ordinal(condition[:, None], level, participants=person, items=item)
        return [fit.contrast([1.0])]

    return Drawn(ordinal_fit(counts, study.repeats), [np.eye(levels)[-1]], first)


def true_rating(study: Study) -> dict[str, float]:
    return {"rating": float(np.log(marginal_odds(EFFECT, PERSON_SD, study.item_sd)))}


def preference(n_options: int) -> tuple[Callable[..., Drawn], Callable[[Study], dict[str, float]]]:
    """Draws choices among so many options in all pairs; and true strengths."""
    pairs = np.array(list(combinations(range(n_options), 2)))
    options = np.eye(n_options)[:, 1:]
    rows = options[pairs[:, 1]] - options[pairs[:, 0]]
    strengths = np.linspace(0, 1, n_options)
    names = [f"option {place}" for place in range(n_options)]

    def draw(study: Study, effect: float, n: int, rng: np.random.Generator) -> Drawn:
        people = rng.normal(0, PERSON_SD / np.sqrt(2), (n, n_options, study.people))
        items = rng.normal(0, study.item_sd / np.sqrt(2), (n, n_options, study.items))
        liked = effect * strengths[:, None, None] + people[..., None] + items[:, :, None]
        logit = liked[:, pairs[:, 1]] - liked[:, pairs[:, 0]]
        second = right_answers(logit, study.repeats, rng)
        x = np.repeat(rows[:, None], study.items, axis=1)

        def first() -> list[Contrast]:
            pair, person, item, level = answers_of(binary(second[0], study.repeats), study)
            table = pd.DataFrame({"participant": person, "item": item})
            for place, name in enumerate(("first", "second")):
                table[name] = [names[option] for option in pairs[pair, place]]
            table["response"] = table["second"].where(level == 1, table["first"])
            found = bradley_terry(
                table, cluster="participant", item="item", reference=names[0]
            ).table.set_index("option")
            return [
                Contrast(row.strength, row.se, row.low, row.high, row.t, row.df, row.p)
                for row in found.loc[names[1:]].itertuples()
            ]

        fit = binomial_fit(second, x, study.repeats)
        return Drawn(fit, list(np.eye(n_options - 1)), first)

    def truth(study: Study) -> dict[str, float]:
        differ = EFFECT * (strengths[pairs[:, 1]] - strengths[pairs[:, 0]])
        found = maximum_likelihood(rows, share(differ, PERSON_SD, study.item_sd))
        return {f"{study.kind}:{place}": float(one) for place, one in enumerate(found)}

    return draw, truth


@dataclass(frozen=True)
class Kind:
    """How a study is drawn and fitted, its true values, and numbers in scores of a person, item."""

    draw: Callable[[Study, float, int, np.random.Generator], Drawn]
    truth: Callable[[Study], dict[str, float]]
    size: int


KINDS: dict[str, Kind] = {
    "basis": Kind(basis, true_basis, 8),
    "rating": Kind(rating, true_rating, 10),
    "preference_of_two": Kind(*preference(2), 1),
    "preference_of_three": Kind(*preference(3), 6),
}
