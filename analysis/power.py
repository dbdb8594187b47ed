"""Power of a study that is planned: its own schedules, simulated observers, its own analysis.

This is the one module of the package that knows of the package :mod:`experiments`. Schedules are
drawn once for as many people as the largest size; every simulated study then draws new people and
new items for them, by the formula of :class:`experiments.observers.Psychometric`:

    P(strongest) = γ + (1 − γ − λ) σ(β (|gap| − α) + effect[condition] + participant + item),

where the strongest option is the one that the pictures speak for, and gap the evidence for the
right option minus that for the best other one: where it is negative, the strongest is wrong.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import special

from analysis.errors import AnalysisError
from analysis.progress import Track, no_track
from analysis.sample_size import (
    Needed,
    Replications,
    Spending,
    people_for_power,
    people_for_width,
    power_table,
    replicate,
    sequential_design,
)
from experiments.observers import Psychometric
from experiments.schedule import draw_schedule, generator
from experiments.study import Study
from experiments.truth import calibrated, has_right_answers, right_answers

Floats = NDArray[np.float64]
SIZES = (20, 40, 60, 80, 120, 160)
MORE_WITHOUT = 2.5
"""So many times more studies without an effect are simulated to find where to stop."""


@dataclass(frozen=True)
class Asked:
    """What is asked of the simulation.

    Attributes
    ----------
    effects : marginal log odds of the other conditions minus the reference's.
    accuracy : expected in the reference condition.
    sizes : numbers of people analysed.
    items : numbers of items a condition; none for those of the study.
    power, width : wanted; the width of the interval of the difference, as a share (.1 is ten
        points).
    loss : share of people who are recruited but not analysed.
    looks : numbers of people at which a sequential design looks; empty for none.
    """

    effects: tuple[float, ...]
    accuracy: float = 0.72
    sizes: tuple[int, ...] = SIZES
    items: tuple[int | None, ...] = (None,)
    n_simulations: int = 400
    alpha: float = 0.05
    power: float = 0.8
    width: float | None = None
    loss: float = 0.0
    looks: tuple[int, ...] = ()
    spending: Spending = "obrien_fleming"
    seed: int = 0


@dataclass(frozen=True)
class Power:
    """Answers.

    Attributes
    ----------
    table : one row an effect, number of items and number of people, as in
        :func:`analysis.sample_size.power_table`.
    needed : one row an effect and number of items: ``people`` to analyse with ``low`` and ``high``,
        ``recruit`` (with the loss), ``for_width``, ``words``.
    sequential : one row an effect, number of items and look.
    """

    table: pd.DataFrame
    needed: pd.DataFrame
    sequential: pd.DataFrame

    def to_frame(self) -> pd.DataFrame:
        """The curve."""
        return self.table


class StudySimulator:
    """Draws the answers of people to a study's own schedules."""

    def __init__(
        self,
        study: Study,
        observer: Psychometric,
        n_people: int,
        seed: int,
        track: Track = no_track,
    ) -> None:
        self.observer = observer
        number, condition, item, gap, n_options = [], [], [], [], []
        cells = study.cells
        for person in track(range(n_people), "drawing schedules", n_people):
            cell = cells[person % len(cells)]
            own = int(generator(seed, "schedule", person).integers(2**31))
            for trial in draw_schedule(study, cell, own):
                if trial.phase != "test":
                    continue
                strengths = list(study.task.percept(trial, study).strengths)
                if trial.right is None or len(strengths) < 2:
                    continue
                number.append(person)
                condition.append(trial.condition)
                item.append(trial.item)
                n_options.append(len(strengths))
                gap.append(strengths.pop(trial.right) - max(strengths))
        if not number:
            raise AnalysisError(f"study {study.name} schedules no test trials; check its design")
        self.number = np.array(number)
        self.conditions = np.array(condition)
        self.gap = np.array(gap, dtype=float)
        self.n_options = np.array(n_options)
        self.items = np.array(item)
        self.place = pd.Series(self.items).groupby(self.conditions).transform(
            lambda own: pd.factorize(own, sort=True)[0]
        ).to_numpy()  # fmt: skip
        self.names = np.char.add("p", np.char.zfill(self.number.astype(str), 5))

    def with_observer(self, observer: Psychometric) -> StudySimulator:
        """The same schedules seen by another observer."""
        other = object.__new__(StudySimulator)
        other.__dict__.update(self.__dict__)
        other.observer = observer
        return other

    def draw(
        self, n_people: int, rng: np.random.Generator, n_items: int | None = None
    ) -> pd.DataFrame:
        """Test trials of the first ``n_people``.

        Parameters
        ----------
        n_items : as if each condition had so many items; strengths stay those of the study.
        """
        use = self.number < n_people
        number, condition, place = self.number[use], self.conditions[use], self.place[use]
        if n_items is not None:
            there = int(place.max()) + 1
            copies = rng.integers(max(1, -(-n_items // there)), size=(n_people, there))
            place = (rng.permutation(there)[place] + there * copies[number, place]) % n_items
        labels = pd.factorize(pd.Series(condition) + "/" + pd.Series(place.astype(str)))
        kind = self.observer
        logit = (
            kind.slope * (np.abs(self.gap[use]) - kind.threshold)
            + np.array([kind.effects.get(name, 0.0) for name in condition])
            + rng.normal(0, kind.participant_sd, n_people)[number]
            + rng.normal(0, kind.item_sd, len(labels[1]))[labels[0]]
        )
        n_options, which = np.unique(self.n_options[use], return_inverse=True)
        guess = np.array([kind.guess_rate(int(n)) for n in n_options])[which]
        strongest = guess + (1 - guess - kind.lapse) * special.expit(logit)
        p = right_answers(self.gap[use], strongest, self.n_options[use])
        return pd.DataFrame(
            {
                "participant": self.names[use],
                "number": number,
                "condition": condition,
                "item": labels[0],
                "correct": (rng.random(len(p)) < p).astype(float),
            }
        )


def study_power(study: Study, asked: Asked, track: Track = no_track) -> Power:
    """Simulate the study for every effect, number of items and number of people.

    Raises
    ------
    AnalysisError
        If the study has one condition only, or what is asked makes no sense.
    """
    if len(study.conditions) < 2:
        raise AnalysisError(
            f"study {study.name} has one condition, so there is no difference to find; add "
            "conditions, or plan for the precision of one accuracy"
        )
    if not has_right_answers(study):
        raise AnalysisError(
            f"answers in study {study.name} are neither right nor wrong, so power for a difference "
            "of accuracies makes no sense here"
        )
    _check(asked)
    reference = _reference(study)
    sizes = tuple(sorted({*asked.sizes, *asked.looks}))
    simulator = StudySimulator(study, Psychometric(), sizes[-1], asked.seed, track)
    tables, needed, sequential = [], [], []
    for n_items in asked.items:
        without = None
        if asked.looks:
            without = _run(study, simulator, asked, 0.0, n_items, asked.looks, reference, track)
        for effect in asked.effects:
            found = _run(study, simulator, asked, effect, n_items, sizes, reference, track)
            table = power_table(found, alpha=asked.alpha)
            about = {"effect": effect, "n_items": _count(simulator, n_items)}
            tables.append(table.assign(**about))
            needed.append(about | _answer(table, asked))
            if without is not None:
                keep = [found.sizes.index(look) for look in without.sizes]
                looks = replace(
                    found,
                    sizes=without.sizes,
                    p=found.p[:, keep],
                    width=found.width[:, keep],
                    difference=found.difference[:, keep],
                )
                design = sequential_design(
                    without, looks, alpha=asked.alpha, spending=asked.spending
                )
                sequential.append(design.assign(**about))
    return Power(
        pd.concat(tables, ignore_index=True),
        pd.DataFrame(needed),
        pd.concat(sequential, ignore_index=True) if sequential else pd.DataFrame(),
    )


def describe(study: Study, asked: Asked) -> dict[str, object]:
    """The study and what was asked, for the page."""
    observer = asdict(Psychometric())
    assumed = ("participant_sd", "item_sd", "guess", "lapse", "slope", "threshold")
    return {
        "study": study.name,
        "title": study.title,
        "study_hash": study.hash if study.frozen else "",
        "reference": _reference(study),
        "correction": study.config.analysis.correction,
        "observer": {name: observer[name] for name in assumed},
        **asdict(asked),
    }


def _reference(study: Study) -> str:
    return study.config.analysis.reference or study.conditions[0]


def open_study(path: Path) -> Study:
    """The study in a folder, frozen or not."""
    return Study.open(path)


def _run(
    study: Study,
    simulator: StudySimulator,
    asked: Asked,
    effect: float,
    n_items: int | None,
    sizes: Sequence[int],
    reference: str,
    track: Track,
) -> Replications:
    kind = simulator.with_observer(calibrated(study, simulator.observer, asked.accuracy, effect))
    return replicate(
        lambda n, rng: kind.draw(n, rng, n_items),
        sizes,
        n_simulations=asked.n_simulations if effect else int(MORE_WITHOUT * asked.n_simulations),
        # The same people would make studies with and without the effect alike.
        seed=asked.seed + (1 if effect else 0),
        reference=reference,
        level=1 - asked.alpha,
        correction=study.config.analysis.correction,
        track=track,
    )


def _answer(table: pd.DataFrame, asked: Asked) -> dict[str, object]:
    found = people_for_power(table, asked.power)
    answer: dict[str, object] = {
        "people": found.people,
        "low": found.low,
        "high": found.high,
        "recruit": float(np.ceil(found.people / (1 - asked.loss))),
        "words": found.words,
    }
    if asked.width is not None:
        precise: Needed = people_for_width(table, asked.width)
        answer |= {"for_width": precise.people, "words_width": precise.words}
    return answer


def _count(simulator: StudySimulator, n_items: int | None) -> int:
    return int(simulator.place.max()) + 1 if n_items is None else n_items


def _check(asked: Asked) -> None:
    if not asked.effects:
        raise AnalysisError("no effect is given: add --effect with log odds, for example 0.5")
    if min((*asked.sizes, *asked.looks), default=0) < 4:
        raise AnalysisError("numbers of people start at 4; give --people 20,40,80")
    if any(items is not None and items < 2 for items in asked.items):
        raise AnalysisError("numbers of items start at 2; give --items 10,20")
    if not 0 <= asked.loss < 1:
        raise AnalysisError(f"--loss {asked.loss:g} is no share between 0 and 1")
    if asked.n_simulations < 20:
        raise AnalysisError("fewer than 20 simulations say nothing; give --simulations 400")
