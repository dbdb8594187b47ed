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
from analysis.beside import beside
from analysis.clustered_logit import NotEstimable
from analysis.concepts import KEYS, concept_scores
from analysis.contents import (
    PERSON,
    comparison_rows,
    dataset_content,
    design_content,
    plain,
    plan_content,
)
from analysis.dataset import Dataset
from analysis.differences import METHODS, TWO_WAY, Differences, compare_conditions
from analysis.exclusions import Exclusions, apply_exclusions
from analysis.multiverse import Multiverse, multiverse
from analysis.plan import KNOWN_METHODS, KNOWN_OUTCOMES
from analysis.programmes.base import Programme, Section
from analysis.programmes.registry import recognise, run_programme
from analysis.progress import Track, no_track
from analysis.psychometric import Psychometric, fit_psychometric
from analysis.response_times import ResponseTimes, response_times

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
CONFIRMATORY, EXPLORATORY = "confirmatory", "exploratory"
DECLARED_SECTIONS = {"correct~basis*layer": ("basis_layers", "coefficients")}
"""Formulas of plans that a programme's section answers, clustered by participant and item."""
WITHOUT_RIGHT_ANSWERS = ("plausibility",)
"""Programmes whose answers are neither right nor wrong."""


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
    steps = iter(
        track(
            STEPS,
            "analysing",
            len(STEPS),
        )
    )
    next(steps)
    exclusions = apply_exclusions(data)
    every_test = data.trials[data.trials["phase"] == "test"]
    shown = every_test[every_test[PERSON].isin(exclusions.included)]
    test = shown[shown["correct"].notna()]
    order = plan.order([str(name) for name in pd.unique(test["condition"])])
    item = "item" if "item" in test else None
    notes = [*data.notes, *exclusions.notes]
    unanswered = len(shown) - len(test)
    if unanswered:
        notes.append(f"{unanswered} test trials have no answer and are not scored.")
    if test.empty:
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
    recognised = recognise(data.paradigm, shown)
    programme = None
    if recognised is not None and len(shown):
        programme = run_programme(
            recognised,
            shown if recognised.known.name in WITHOUT_RIGHT_ANSWERS else test,
            notes,
            cluster=PERSON,
            rng=np.random.default_rng([seed, 1]),
            order=order or None,
            reference=plan.reference,
            level=plan.level,
            labels={name: plan.label(name) for name in order},
        )
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

    if differences is not None:
        notes += differences.notes
    status = CONFIRMATORY if plan.confirmatory else EXPLORATORY
    results = {
        "format_version": FORMAT_VERSION,
        "dataset": dataset_content(data, test, unanswered),
        "settings": {
            "seed": seed,
            "level": plan.level,
            "alpha": plan.alpha,
            "n_resamples": BOOTSTRAP_RESAMPLES,
        },
        "plan": plan_content(data),
        "design": design_content(test, order, item, data),
        "exclusions": {
            "method": "criteria of the study file in order; the first that is not met counts",
            "flow": exclusions.flow,
            "criteria": exclusions.criteria,
            "n_arrived": len(exclusions.decisions),
            "n_analysed": len(exclusions.included),
        },
        "accuracy": None
        if accuracy is None
        else {
            "status": EXPLORATORY,
            "method": "mean of participants' accuracies with Student's t interval; bootstrap over "
            "participants and Wilson's interval on n / design effect beside it",
            "new_stimuli_method": METHODS[TWO_WAY],
            "conditions": accuracy.table,
        },
        "differences": None
        if differences is None
        else {
            "status": status,
            "method": METHODS[str(differences.table["method"].iloc[0])],
            "methods": METHODS,
            "correction": "Holm" if plan.correction != "none" else "none",
            "reference": differences.reference,
            "comparisons": comparison_rows(differences, plan.alpha, plan.correction),
            "overall": differences.overall,
            "everyone": None if everyone is None else everyone.primary(),
            "warnings": list(differences.warnings),
        },
        "why_no_difference": why_not,
        "response_times": None
        if times is None
        else {
            "status": EXPLORATORY,
            "method": "means of participants' mean log response times with Student's t interval, "
            "as geometric means; quantiles of each participant, averaged",
            "conditions": times.table,
            "comparisons": times.differences,
            "notes": list(times.notes),
        },
        "psychometric": None
        if psychometric is None
        else {
            "status": EXPLORATORY,
            "method": "maximum likelihood, intervals clustered by participant; guess rate fixed "
            "at chance",
            "link": psychometric.link,
            "parameters": psychometric.table,
            "log_likelihood": psychometric.log_likelihood,
            "n": psychometric.n,
            "n_participants": psychometric.n_participants,
        },
        "why_no_function": no_function,
        "programme": None
        if programme is None or recognised is None
        else {
            "status": EXPLORATORY,
            "recognised_by": recognised.why,
            "declared_section": _declared_section(data, programme),
            **programme.content(),
        },
        "beside": {
            "status": EXPLORATORY,
            "sections": [section.content() for section in further],
        },
        "multiverse": None
        if other is None
        else {
            "status": EXPLORATORY,
            "method": "the confirmatory comparison with the criteria as declared, without each of "
            "them, in every subset, and moved to where they exclude the worst tenth or quarter",
            "summary": other.summary,
            "universes": other.table,
            "notes": list(other.notes),
        },
        "why_no_multiverse": why_no_multiverse,
        "concepts": concepts[[*KEYS, "score", "n"]],
        "concept_scores": {
            "status": EXPLORATORY,
            "method": "share of right answers; Wilson's interval with one answer a person",
            "rows": concepts,
        },
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
        return None, "There are no answers to compare."
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
            ),
            "",
        )
    except NotEstimable as problem:
        return None, f"No comparison: {problem}."


def _declared_section(data: Dataset, programme: Programme) -> str:
    """The programme's section that answers the declared formula, or nothing."""
    plan = data.plan
    name, section = DECLARED_SECTIONS.get(plan.formula.replace(" ", ""), ("", ""))
    known = plan.declared and plan.method in KNOWN_METHODS and plan.outcome in KNOWN_OUTCOMES
    return section if known and programme.name == name and section in programme.tables() else ""


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
