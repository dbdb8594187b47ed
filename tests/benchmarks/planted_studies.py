"""For each programme: data with an effect of known size, and what its analysis says.

Everybody in a study has a shift of SD .5 logits, every item one of SD .4; the true value is that of
the population (or, where the statistic speaks of these stimuli only, of the stimuli drawn),
integrated numerically. Click maps are a pattern in noise instead, whose reliability is known.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import optimize, special

from analysis.programmes.basis_layers import basis_by_layer
from analysis.programmes.click_maps import click_map_study
from analysis.programmes.craft import binary_choice, intruder
from analysis.programmes.drawings import drawing_study
from analysis.programmes.meta_predictor import meta_predictor
from analysis.programmes.naming import naming_study
from analysis.programmes.odd_one_out import odd_one_out_study
from analysis.programmes.plausibility import plausibility
from analysis.programmes.rating import rating_study
from analysis.programmes.visualizations import visualization_study

Floats = NDArray[np.float64]
PERSON_SD, ITEM_SD, EFFECT = 0.5, 0.4, 0.8
RESAMPLES = 500
STEPS = np.array([-1.5, -0.5, 0.5, 1.5])
"""Where a rating goes up by one point, in logits."""
NAMES = 5
"""Of which people choose one for each concept."""


@dataclass(frozen=True)
class Told:
    """An interval, the true value, and the value that stands for no effect."""

    low: float
    high: float
    truth: float
    nothing: float

    @property
    def held(self) -> bool:
        """Whether the interval holds the truth."""
        return bool(self.low <= self.truth <= self.high)

    @property
    def claimed(self) -> bool:
        """Whether the interval leaves out what stands for no effect."""
        return not self.low <= self.nothing <= self.high


def share(logit: Floats | float, *spreads: float) -> Floats:
    """Expected accuracy over normal shifts of these SDs."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(48)
    shifted = np.asarray(logit)[..., None] + np.sqrt(np.square(spreads).sum()) * nodes
    return np.asarray(special.expit(shifted) @ weights / weights.sum())


def crossed(people: int, items: int, rng: np.random.Generator) -> tuple[Floats, ...]:
    """Person and item of every answer, flat, and their shifts."""
    who, item = (index.ravel() for index in np.indices((people, items)))
    return who, item, rng.normal(0, PERSON_SD, people)[who], rng.normal(0, ITEM_SD, items)


def answered(logit: Floats, rng: np.random.Generator) -> Floats:
    return (rng.random(len(logit)) < special.expit(logit)).astype(float)


def of_meta_predictor(effect: float, rng: np.random.Generator) -> Told:
    """Utility of an explanation; 21 images in three sessions, conditions between people."""
    who, item, person, items = crossed(40, 21, rng)
    second = who % 2
    frame = pd.DataFrame(
        {
            "participant": who,
            "condition": np.where(second == 1, "map", "baseline"),
            "session": 1 + item // 7,
            "item": item,
            "correct": answered(0.4 + effect * second + person + items[item], rng),
        }
    )
    found = meta_predictor(frame, cluster="participant", rng=rng, n_resamples=RESAMPLES)
    row = found["utility"].query("condition == 'map' and session == 'all'").iloc[0]
    with_map, without = (share(0.4 + plus + items, PERSON_SD).mean() for plus in (effect, 0.0))
    return Told(row["low"], row["high"], with_map / without, 1.0)


def of_intruder(effect: float, rng: np.random.Generator) -> Told:
    """Sub-concept minus concept, people and crops as samples; all people meet both."""
    who, item, person, items = crossed(30, 24, rng)
    second = item % 2
    frame = pd.DataFrame(
        {
            "participant": who,
            "condition": np.where(second == 1, "subconcept", "concept"),
            "item": item,
            "n_options": 6,
            "correct": answered(0.3 + effect * second + person + items[item], rng),
        }
    )
    found = intruder(frame, cluster="participant", rng=rng, n_resamples=RESAMPLES)
    row = found["intruder_differences"].iloc[0]
    one, other = share(np.array([0.3, 0.3 + effect]), PERSON_SD, ITEM_SD)
    return Told(row["difference_low"], row["difference_high"], other - one, 0.0)


def of_binary_choice(effect: float, rng: np.random.Generator) -> Told:
    """Odds of choosing the sub-concept."""
    who, item, person, items = crossed(30, 16, rng)
    frame = pd.DataFrame(
        {
            "participant": who,
            "condition": "choice",
            "item": item,
            "correct": answered(effect + person + items[item], rng),
        }
    )
    found = binary_choice(frame, cluster="participant", rng=rng, n_resamples=RESAMPLES)
    row = found["binary_choice"].iloc[0]
    p = float(share(effect, PERSON_SD, ITEM_SD))
    return Told(row["odds_low"], row["odds_high"], p / (1 - p), 1.0)


def of_basis_layers(effect: float, rng: np.random.Generator) -> Told:
    """Directions against units between people, five layers, four items a basis and layer.

    Half of the people see each basis: 80 find the effect in 19 of 20 studies, 30 would in 14.
    """
    who, place, person, _ = crossed(80, 20, rng)
    second = who % 2
    item = place + 20 * second
    frame = pd.DataFrame(
        {
            "participant": who,
            "condition": np.where(second == 1, "concepts", "units"),
            "basis": np.where(second == 1, "concepts", "units"),
            "layer": np.char.add("layer", (1 + place % 5).astype(str)),
            "item": item,
            "correct": answered(
                0.6 + effect * second + person + rng.normal(0, ITEM_SD, 40)[item], rng
            ),
        }
    )
    found = basis_by_layer(frame, cluster="participant", rng=rng, reference="units", most_trials=0)
    row = found["coefficients"].set_index("effect").loc["basis"]
    one, other = special.logit(share(np.array([0.6, 0.6 + effect]), PERSON_SD, ITEM_SD))
    return Told(row["low"], row["high"], other - one, 0.0)


def of_visualizations(effect: float, rng: np.random.Generator) -> Told:
    """Natural pictures against none, the same units for all."""
    who, item, person, items = crossed(40, 20, rng)
    second = who % 2
    frame = pd.DataFrame(
        {
            "participant": who,
            "condition": np.where(second == 1, "natural", "none"),
            "item": item,
            "n_options": 2,
            "correct": answered(0.5 + effect * second + person + items[item], rng),
        }
    )
    found = visualization_study(
        frame, cluster="participant", rng=rng, reference="none", n_resamples=RESAMPLES
    )
    row = found["against_reference"].iloc[0]
    one, other = share(np.array([0.5, 0.5 + effect]), PERSON_SD, ITEM_SD)
    return Told(row["difference_low"], row["difference_high"], other - one, 0.0)


def of_drawings(effect: float, rng: np.random.Generator) -> Told:
    """People's drawings against a machine's, the same concepts of both, met by everybody."""
    who, place, person, _ = crossed(24, 40, rng)
    second, item = place % 2, place // 2
    frame = pd.DataFrame(
        {
            "participant": who,
            "condition": np.where(second == 1, "human", "machine"),
            "item": item,
            "n_options": 20,
            "correct": answered(
                0.2 + effect * second + person + rng.normal(0, ITEM_SD, 20)[item], rng
            ),
        }
    )
    found = drawing_study(
        frame, cluster="participant", rng=rng, reference="machine", n_resamples=RESAMPLES
    )
    row = found["agents"].iloc[0]
    one, other = share(np.array([0.2, 0.2 + effect]), PERSON_SD, ITEM_SD)
    return Told(row["difference_low"], row["difference_high"], other - one, 0.0)


def of_odd_one_out(effect: float, rng: np.random.Generator) -> Told:
    """Accuracy averaged by rule against chance of .25; these rules, other people."""
    who, trial, person, _ = crossed(24, 48, rng)
    rule = trial // 8
    rules = rng.normal(0, ITEM_SD, 6)
    # Without an effect people guess, and nobody differs from anybody.
    logit = special.logit(0.25) + (effect + person + rules[rule] if effect else 0.0 * person)
    frame = pd.DataFrame(
        {
            "participant": who,
            "condition": "all",
            "rule": np.char.add("rule", rule.astype(str)),
            "trial": trial,
            "n_options": 4,
            "correct": answered(logit, rng),
        }
    )
    found = odd_one_out_study(frame, cluster="participant", rng=rng, n_resamples=RESAMPLES)
    row = found["overall"].query("average == 'tasks'").iloc[0]
    at = special.logit(0.25) + effect + rules
    truth = float(share(at, PERSON_SD).mean()) if effect else 0.25
    return Told(row["low"], row["high"], truth, 0.25)


def of_plausibility(effect: float, rng: np.random.Generator) -> Told:
    """Log odds that one of two visualizations is preferred, people and concepts as samples."""
    who, item, person, items = crossed(30, 16, rng)
    liked = answered(effect + person + items[item], rng) > 0
    left = rng.random(len(who)) < 0.5
    frame = pd.DataFrame(
        {
            "participant": who,
            "item": item,
            "first": np.where(left, "new", "old"),
            "second": np.where(left, "old", "new"),
            "response": np.where(liked, "new", "old"),
        }
    )
    found = plausibility(frame, cluster="participant", rng=rng, reference="old")
    row = found["plausibility"].set_index("option").loc["new"]
    truth = float(special.logit(share(effect, PERSON_SD, ITEM_SD)))
    return Told(row["low"], row["high"], truth, 0.0)


def of_rating(effect: float, rng: np.random.Generator) -> Told:
    """Odds of a higher rating, people and items as samples; everybody rates both methods."""
    who, item, person, items = crossed(30, 24, rng)
    second = item % 2
    hidden = effect * second + person + items[item] + rng.logistic(size=len(who))
    frame = pd.DataFrame(
        {
            "participant": who,
            "condition": "all",
            "method": np.where(second == 1, "map", "none"),
            "item": item,
            "rating": 1 + (hidden[:, None] > STEPS).sum(axis=1),
        }
    )
    found = rating_study(frame, cluster="participant", rng=rng, order=["none", "map"])
    row = found["odds_of_higher_rating"].iloc[0]
    return Told(row["low"], row["high"], marginal_odds(effect, PERSON_SD, ITEM_SD), 1.0)


def marginal_odds(effect: float, *spreads: float) -> float:
    """What a proportional-odds model without people and items finds in endlessly many ratings."""
    up_to = share(STEPS - effect * np.array([[0.0], [1.0]]), *spreads)
    seen = np.diff(np.pad(up_to, ((0, 0), (1, 1)), constant_values=((0, 0), (0, 1))))

    def loss(parameters: Floats) -> float:
        model = special.expit(np.stack([parameters[:-1], parameters[:-1] - parameters[-1]]))
        told = np.diff(np.pad(model, ((0, 0), (1, 1)), constant_values=((0, 0), (0, 1))))
        return float(-(seen * np.log(np.maximum(told, 1e-12))).sum())

    best = optimize.minimize(loss, np.append(STEPS, effect), method="BFGS")
    return float(np.exp(best.x[-1]))


def of_naming(effect: float, rng: np.random.Generator) -> Told:
    """Krippendorff's α of names; without an effect people name at random."""
    who, concept, person, _ = crossed(24, 10, rng)
    knows = answered(effect + person, rng) > 0 if effect else np.zeros(len(who), dtype=bool)
    name = np.where(knows, concept % NAMES, rng.integers(NAMES, size=len(who)))
    frame = pd.DataFrame(
        {
            "participant": who,
            "condition": "all",
            "item": np.char.add("concept", concept.astype(str)),
            "response": np.char.add("name", name.astype(str)),
        }
    )
    found = naming_study(frame, cluster="participant", rng=rng)
    row = found["agreement"].iloc[0]
    told = float(share(effect, PERSON_SD)) if effect else 0.0
    given = np.full(NAMES, (1 - told) / NAMES) + told * (np.arange(NAMES) == 0)
    # All names are given equally often over concepts, so two names at random agree in 1 of NAMES.
    truth = 1 - (1 - (given**2).sum()) / (1 - 1 / NAMES)
    return Told(row["people_low"], row["people_high"], truth, 0.0)


def of_click_maps(effect: float, rng: np.random.Generator) -> Told:
    """Reliability of the mean map of people who see a pattern of their image in noise of SD 1."""
    people, images, side = 16, 12, 20
    pattern = effect / 2 * rng.normal(size=(images, 1, side, side))
    maps = pattern + rng.normal(size=(images, people, side, side))
    image, who = (index.ravel() for index in np.indices((images, people)))
    found = click_map_study(
        maps.reshape(-1, side, side),
        pd.DataFrame({"participant": who, "image": image}),
        cluster="participant", image="image", rng=rng, n_splits=20,
    )  # fmt: skip
    row = found["reliability"].iloc[0]
    signal = (effect / 2) ** 2
    truth = signal / (signal + 1 / people)
    return Told(row["spearman_brown_low"], row["spearman_brown_high"], truth, 0.0)


STUDIES: dict[str, Callable[[float, np.random.Generator], Told]] = {
    "meta_predictor": of_meta_predictor,
    "intruder": of_intruder,
    "binary_choice": of_binary_choice,
    "basis_layers": of_basis_layers,
    "visualizations": of_visualizations,
    "drawings": of_drawings,
    "odd_one_out": of_odd_one_out,
    "plausibility": of_plausibility,
    "rating": of_rating,
    "naming": of_naming,
    "click_maps": of_click_maps,
}


def counts(name: str, seeds: int) -> dict[str, int]:
    """Of so many studies with and without an effect: true values held, and effects claimed."""
    run = STUDIES[name]
    planted = [run(EFFECT, np.random.default_rng([1, seed])) for seed in range(seeds)]
    null = [run(0.0, np.random.default_rng([2, seed])) for seed in range(seeds)]
    return {
        "held": sum(one.held for one in planted),
        "found": sum(one.claimed for one in planted),
        "claimed": sum(one.claimed for one in null),
    }
