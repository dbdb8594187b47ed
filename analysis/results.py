"""The whole analysis of a data set: every number of the report, with the method that made it.

:func:`analyze_dataset` runs the question modules in order and gathers what they say into one
dictionary that JSON can hold (``results.json``). The report prints numbers from there alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from analysis.accuracy import BOOTSTRAP_RESAMPLES, Accuracy, accuracy_by_condition
from analysis.answer_key import against_the_key
from analysis.attention import attention
from analysis.beside import beside
from analysis.cleaning import answered
from analysis.clustered_logit import NotEstimable
from analysis.concepts import NAMING, concept_names, concept_scores
from analysis.contents import (
    EXPLORATORY,
    PERSON,
    accuracy_content,
    concepts_content,
    dataset_content,
    design_content,
    differences_content,
    exclusions_content,
    multiverse_content,
    plain,
    plan_content,
    programme_content,
    psychometric_content,
    times_content,
)
from analysis.dataset import Dataset
from analysis.declared import declared_part, not_made
from analysis.differences import Differences, compare_conditions
from analysis.exclusions import Exclusions, apply_exclusions
from analysis.formatting import count
from analysis.multiverse import Multiverse, multiverse
from analysis.programmes.base import Programme, Section
from analysis.programmes.registry import Recognised, recognise, run_programme
from analysis.programmes.trust import with_trust
from analysis.progress import Track, no_track
from analysis.psychometric import Psychometric, fit_psychometric
from analysis.response_times import ResponseTimes, response_times
from analysis.simulated_coverage import Method, Seen, design_of, seen

FORMAT_VERSION = 1
STEPS = (
    "exclusions",
    "accuracy",
    "differences",
    "response times",
    "strengths",
    "concepts",
    "programme",
    "further questions",
    "other exclusions",
)


@dataclass(frozen=True)
class Analysis:
    """Everything found.

    Attributes
    ----------
    results : what ``results.json`` holds.
    test : answered test trials of the people who count.
    exclusions, accuracy, differences, times, psychometric, programme, multiverse : as the modules
        gave them; none where there was nothing to compute.
    beside : further exploratory sections.
    concepts, items : accuracy by concept of an atlas, and by item.
    """

    results: dict[str, Any]
    test: pd.DataFrame
    exclusions: Exclusions
    accuracy: Accuracy | None
    differences: Differences | None
    times: ResponseTimes | None
    psychometric: Psychometric | None
    programme: Programme | None
    multiverse: Multiverse | None
    beside: tuple[Section, ...]
    concepts: pd.DataFrame
    items: pd.DataFrame

    def tables(self) -> dict[str, pd.DataFrame]:
        """Tables by file name."""
        found = {
            "participants": self.exclusions.decisions,
            "flow": self.exclusions.flow,
            "exclusions": self.exclusions.criteria,
            "accuracy": self.accuracy.table if self.accuracy else None,
            "accuracy_by_participant": self.accuracy.participants if self.accuracy else None,
            "accuracy_by_item": self.items,
            "differences": self.differences.table if self.differences else None,
            "response_times": self.times.table if self.times else None,
            "response_time_differences": self.times.differences if self.times else None,
            "psychometric": self.psychometric.table if self.psychometric else None,
            "multiverse": self.multiverse.table if self.multiverse else None,
            "concepts": self.concepts,
        }
        found |= {section.name: section.table for section in self.beside}
        if self.programme is not None:
            own = self.programme.tables().items()
            found |= {f"{self.programme.name}_{name}": table for name, table in own}
        return {name: table for name, table in found.items() if table is not None and len(table)}


def analyze_dataset(data: Dataset, *, seed: int = 0, track: Track = no_track) -> Analysis:
    """Analyse a data set from exclusions to concept scores.

    Parameters
    ----------
    seed : of the bootstraps; the same data and seed give the same results.
    """
    plan = data.plan
    rng = np.random.default_rng(seed)
    steps = iter(track(STEPS, "analysing", len(STEPS)))
    next(steps)
    exclusions = apply_exclusions(data)
    every_test = data.trials[data.trials["phase"] == "test"]
    shown = every_test[every_test[PERSON].isin(exclusions.included)]
    given = shown[answered(shown)]
    recognised = recognise(data.paradigm, given)
    unscored = recognised is not None and not recognised.known.scored
    test = shown[shown["correct"].notna()]
    order = plan.order(
        [str(name) for name in pd.unique((given if unscored else test)["condition"])]
    )
    item = "item" if "item" in test else None
    notes = [*data.notes, *exclusions.notes]
    n_answers = len(given if unscored else test)
    unanswered = len(shown) - n_answers
    if unanswered:
        notes.append(f"{count(unanswered, 'test trial')} without an answer: left out.")
    if not n_answers:
        notes.append("There is no answered test trial of anybody who counts: nothing to analyse.")
    next(steps)
    accuracy = None
    if not test.empty:
        accuracy = accuracy_by_condition(
            test, cluster=PERSON, rng=rng, item=item, order=order, level=plan.level
        )
        notes += accuracy.notes
    next(steps)
    differences, why_not = _compare(test, data, order, item, rng)
    everyone, _ = _compare(every_test[every_test["correct"].notna()], data, order, item, rng)
    next(steps)
    times = None
    if not test.empty and "rt_ms" in test and test["rt_ms"].notna().any():
        times = response_times(
            test, cluster=PERSON, order=order, reference=plan.reference, level=plan.level
        )
    next(steps)
    psychometric, no_function = _psychometric(test, plan.level)
    next(steps)
    concepts = concept_scores(test, plan.level)
    items = _by_item(test, item)
    # Each further part has a random stream of its own: adding one never changes another.
    next(steps)
    programme = None
    if recognised is not None and n_answers:
        programme = run_programme(
            recognised,
            given if unscored else test,
            notes,
            cluster=PERSON,
            rng=np.random.default_rng([seed, 1]),
            order=order or None,
            reference=plan.reference,
            level=plan.level,
            labels={name: plan.label(name) for name in order},
        )
        if programme is not None:
            programme = with_trust(programme, given if unscored else test, cluster=PERSON)
    next(steps)
    further = beside(
        data,
        test,
        exclusions,
        order=order,
        item=item,
        rng=np.random.default_rng([seed, 2]),
        sessions=programme is None or programme.name != "meta_predictor",
        notes=notes,
    )
    next(steps)
    other, why_no_multiverse = _multiverse(data, exclusions, order, item, seed)
    next(steps, None)

    declared = declared_part(plan, len(order) if differences or accuracy else 0, programme)
    notes += [text] if (text := not_made(plan, declared)) and n_answers else []
    if differences is not None:
        notes += differences.notes
    misled = []
    if accuracy is not None:
        labels = {name: plan.label(name) for name in order}
        misled = against_the_key(
            test,
            accuracy.table,
            cluster=PERSON,
            item=item,
            labels=labels,
            opinion=recognised is not None and bool(recognised.known.right),
        )
    results = {
        "format_version": FORMAT_VERSION,
        "dataset": dataset_content(data, n_answers, unanswered, scored=not unscored),
        "settings": {
            "seed": seed,
            "level": plan.level,
            "alpha": plan.alpha,
            "n_resamples": BOOTSTRAP_RESAMPLES,
        },
        "attention": attention(
            data, exclusions, recognised, n_answers=n_answers, unanswered=unanswered
        ),
        "plan": plan_content(data),
        "design": design_content(given if unscored else test, order, item, data)
        | {"right_means": "" if recognised is None else recognised.known.right},
        "exclusions": exclusions_content(exclusions),
        "accuracy": accuracy_content(
            accuracy,
            _seen(test, item, order, "accuracy"),
            misled,
            confirmatory=declared.part == "accuracy",
        ),
        "differences": differences_content(
            differences, everyone, data, _seen(test, item, order, "difference")
        ),
        "why_no_difference": why_not,
        "response_times": times_content(times),
        "psychometric": psychometric_content(psychometric),
        "why_no_function": no_function,
        "programme": programme_content(
            programme,
            "" if recognised is None else recognised.why,
            declared.section,
        ),
        "beside": {
            "status": EXPLORATORY,
            "sections": [section.content() for section in further],
        },
        "multiverse": multiverse_content(other),
        "why_no_multiverse": why_no_multiverse,
        **concepts_content(concepts),
        "names": concept_names(given, _paradigm(recognised, data)),
        "notes": list(dict.fromkeys(notes)),
    }
    return Analysis(
        plain(results),
        test,
        exclusions,
        accuracy,
        differences,
        times,
        psychometric,
        programme,
        other,
        tuple(further),
        concepts,
        items,
    )


def _compare(
    test: pd.DataFrame,
    data: Dataset,
    order: list[str],
    item: str | None,
    rng: np.random.Generator,
) -> tuple[Differences | None, str]:
    """The comparison, or why there is none."""
    if test.empty:
        return None, "No answer that counts is right or wrong, so accuracies are not compared."
    try:
        return (
            compare_conditions(
                test,
                cluster=PERSON,
                rng=rng,
                item=item,
                order=order,
                reference=data.plan.reference,
                level=data.plan.level,
                labels={name: data.plan.label(name) for name in order},
            ),
            "",
        )
    except NotEstimable as problem:
        return None, f"No comparison: {problem}."


def _seen(test: pd.DataFrame, item: str | None, order: list[str], method: Method) -> Seen | None:
    """What simulations say of the intervals of a study like this; none without stimuli."""
    if item is None or test.empty:
        return None
    design = design_of(test, cluster=PERSON, item=item, conditions=order)
    return None if design is None else seen(design, method)


def _paradigm(recognised: Recognised | None, data: Dataset) -> str:
    """What the task counts as; data from elsewhere may not tell their paradigm."""
    known = recognised is not None and recognised.known.name == NAMING
    return NAMING if known else data.paradigm


def _multiverse(
    data: Dataset, exclusions: Exclusions, order: list[str], item: str | None, seed: int
) -> tuple[Multiverse | None, str]:
    """The comparison under other exclusions, or why there is none."""
    try:
        return (
            multiverse(
                data, exclusions, rng=np.random.default_rng([seed, 3]), item=item, order=order
            ),
            "",
        )
    except NotEstimable as problem:
        return None, f"Other exclusions were not tried: {problem}."


def _psychometric(test: pd.DataFrame, level: float) -> tuple[Psychometric | None, str]:
    if "strength_gap" not in test:
        return None, "The data hold no stimulus strengths (column 'strength_gap')."
    known = test[test["strength_gap"].notna()]
    guess = None
    if "n_options" in known and known["n_options"].notna().any():
        guess = float((1 / known["n_options"]).mean())
    try:
        fit = fit_psychometric(
            known["strength_gap"].to_numpy(),
            known["correct"].to_numpy(),
            cluster=known[PERSON].to_numpy(),
            condition=known["condition"].to_numpy(),
            guess=guess,
            level=level,
        )
    except NotEstimable as problem:
        return None, f"No psychometric function: {problem}."
    return fit, ""


def _by_item(test: pd.DataFrame, item: str | None) -> pd.DataFrame:
    if item is None:
        return pd.DataFrame()
    grouped = test.groupby(["condition", item], observed=True)
    table = grouped.agg(
        accuracy=("correct", "mean"), n=("correct", "size"), n_participants=(PERSON, "nunique")
    )
    return table.reset_index().rename(columns={item: "item"})
