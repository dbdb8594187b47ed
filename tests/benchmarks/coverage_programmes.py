"""Coverage and type-I error of what programmes declare beside accuracies: bases and ratings.

Studies are drawn and analysed one by one through the modules that the programmes call, so there are
fewer than of accuracies. As there, people differ by SD .6 logits, answer 40 times in a condition,
and effects of people and items that serve in both conditions correlate .75.

``basis`` and ``basis_by_depth``: logit on basis × depth over five layers, items of their own;
effects of .5 logits. ``rating``: five ordered steps, everybody rates both methods on the same
items, an effect of .5 on the latent logit. (Preferences need none: of one pair Bradley and Terry's
model is the logit of one share, which ``accuracy`` is, too.)

True values are those of the population, integrated numerically; where the model leaves people and
items out of the formula, what it finds in endlessly many answers.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from coverage_studies import ALIKE, ANSWERS, BASE, EFFECT, PERSON_SD
from numpy.typing import NDArray
from planted_studies import STEPS, marginal_odds, share
from scipy import special

from analysis.clustered_logit import Contrast, NotEstimable, fit_clustered_logit, maximum_likelihood
from analysis.ratings import fit_ordinal
from analysis.sandwich import Correction

Floats = NDArray[np.float64]
LAYERS = 5
PEOPLE, ITEMS, ITEM_SD = (20, 40, 140), (5, 10, 20, 40), 0.5


@dataclass(frozen=True)
class Study:
    """A cell: what is asked, how people meet conditions, their number, items, SD of items."""

    kind: str
    people_are: str
    items_are: str
    people: int
    items: int
    item_sd: float

    @property
    def key(self) -> str:
        """Names the cell in files."""
        place = f"{self.people_are}-{self.items_are}-{self.people}-{self.items}"
        return f"{self.kind}-{place}-{self.item_sd}"


def all_studies() -> list[Study]:
    """All cells."""
    kinds = (
        ("basis", "between", "nested"),
        ("basis", "within", "nested"),
        ("rating", "within", "shared"),
    )
    return [
        Study(*kind, people, items, ITEM_SD)
        for kind in kinds
        for people in PEOPLE
        for items in ITEMS
    ]


def rows(study: Study, replications: int, correction: Correction = "cr2") -> list[dict[str, Any]]:
    """One row a method."""
    draw, truth = STUDIES[study.kind], TRUTHS[study.kind](study)
    rng = np.random.default_rng([zlib.crc32(study.key.encode()), replications])
    held, claimed, told = (dict.fromkeys(truth, 0) for _ in range(3))
    for _ in range(replications):
        for effect, counted, right in (
            (EFFECT, held, truth),
            (0.0, claimed, dict.fromkeys(truth, 0.0)),
        ):
            try:
                found = dict(draw(study, effect, rng, correction))
            except NotEstimable:
                continue
            for name, one in found.items():
                inside = one.low <= right[name] <= one.high
                counted[name] += inside if effect else not inside
                told[name] += bool(effect)
    about = {
        "people_are": study.people_are,
        "items_are": study.items_are,
        "people": study.people,
        "items": study.items,
        "item_sd": study.item_sd,
    }
    return [
        about
        | {
            "method": name,
            "coverage": round(held[name] / max(told[name], 1), 4),
            "type_i": round(claimed[name] / replications, 4),
        }
        for name in truth
    ]


def crossed(study: Study, conditions: int) -> Iterator[NDArray[np.int64]]:
    """Condition, person and item of every answer, flat; items count from 0 in each condition."""
    between = study.people_are == "between"
    size = (conditions, study.people // 2 if between else study.people, study.items)
    condition, person, item = (index.ravel() for index in np.indices(size))
    for index in (condition, person + study.people * condition * between, item):
        yield np.repeat(index, ANSWERS // study.items)


def two_of(n: int, spread: float, alike: bool, rng: np.random.Generator) -> Floats:
    """(2, n) effects in two conditions."""
    drawn = rng.normal(0, spread, (2, n))
    if alike:
        drawn[1] = ALIKE * drawn[0] + np.sqrt(1 - ALIKE**2) * drawn[1]
    return drawn


def basis(
    study: Study, effect: float, rng: np.random.Generator, correction: Correction
) -> Iterator[tuple[str, Contrast]]:
    condition, person, item = crossed(study, 2)
    people = two_of(2 * study.people, PERSON_SD, study.people_are == "within", rng)
    items = two_of(study.items, study.item_sd, False, rng)
    x = coded(condition, item % LAYERS)
    logit = BASE + effect * (x[:, 1] + x[:, 3]) + people[condition, person] + items[condition, item]
    fit = fit_clustered_logit(
        x,
        rng.random(len(x)) < special.expit(logit),
        participants=person,
        items=item + study.items * condition,
        correction=correction,
    )
    yield "basis", fit.contrast([0, 1, 0, 0])
    yield "basis_by_depth", fit.contrast([0, 0, 0, 1])


def coded(basis: NDArray[np.int64], layer: NDArray[np.int64]) -> Floats:
    """Intercept, basis, depth and their product, as the programme codes them."""
    one, two = basis - 0.5, layer / (LAYERS - 1) - 0.5
    return np.column_stack([np.ones(len(one)), one, two, one * two])


def true_basis(study: Study) -> dict[str, float]:
    x = coded(*(index.ravel() for index in np.indices((2, LAYERS))))
    p = share(BASE + EFFECT * (x[:, 1] + x[:, 3]), PERSON_SD, study.item_sd)
    beta = maximum_likelihood(x, p)
    return {"basis": float(beta[1]), "basis_by_depth": float(beta[3])}


def rating(
    study: Study, effect: float, rng: np.random.Generator, correction: Correction
) -> Iterator[tuple[str, Contrast]]:
    condition, person, item = crossed(study, 2)
    hidden = effect * condition + rng.logistic(size=len(condition))
    hidden += two_of(study.people, PERSON_SD, True, rng)[condition, person]
    hidden += two_of(study.items, study.item_sd, True, rng)[condition, item]
    fit = fit_ordinal(
        condition[:, None],
        (hidden[:, None] > STEPS).sum(axis=1),
        participants=person,
        items=item,
        correction=correction,
    )
    yield "rating", fit.contrast([1.0])


STUDIES: dict[str, Callable[..., Iterator[tuple[str, Contrast]]]] = {
    "basis": basis,
    "rating": rating,
}
TRUTHS: dict[str, Callable[[Study], dict[str, float]]] = {
    "basis": true_basis,
    "rating": lambda study: {
        "rating": float(np.log(marginal_odds(EFFECT, PERSON_SD, study.item_sd)))
    },
}
