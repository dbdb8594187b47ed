"""The whole analysis of a data set: every number of the report, with the method that made it.

:func:`analyze_dataset` runs the question modules in order and gathers what they say into one
dictionary that JSON can hold (``results.json``). The report prints numbers from there alone.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from analysis.accuracy import BOOTSTRAP_RESAMPLES, Accuracy, accuracy_by_condition
from analysis.clustered_logit import NotEstimable
from analysis.concepts import KEYS, concept_scores
from analysis.dataset import Dataset
from analysis.differences import METHODS, ONE_WAY, TWO_WAY, Differences, compare_conditions
from analysis.exclusions import Exclusions, apply_exclusions
from analysis.progress import Track, no_track
from analysis.psychometric import Psychometric, fit_psychometric
from analysis.response_times import ResponseTimes, response_times

FORMAT_VERSION = 1
PERSON = "participant"
CONFIRMATORY, EXPLORATORY = "confirmatory", "exploratory"


@dataclass(frozen=True)
class Analysis:
    """Everything found.

    Attributes
    ----------
    results : what ``results.json`` holds.
    test : answered test trials of the people who count.
    exclusions, accuracy, differences, times, psychometric : as the modules gave them; none where
        there was nothing to compute.
    concepts, items : accuracy by concept of an atlas, and by item.
    """

    results: dict[str, Any]
    test: pd.DataFrame
    exclusions: Exclusions
    accuracy: Accuracy | None
    differences: Differences | None
    times: ResponseTimes | None
    psychometric: Psychometric | None
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
            "concepts": self.concepts,
        }
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
            ("exclusions", "accuracy", "differences", "response times", "strengths", "concepts"),
            "analysing",
            6,
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
    next(steps, None)

    if differences is not None:
        notes += differences.notes
    status = CONFIRMATORY if plan.confirmatory else EXPLORATORY
    results = {
        "format_version": FORMAT_VERSION,
        "dataset": _dataset(data, test, unanswered),
        "settings": {
            "seed": seed,
            "level": plan.level,
            "alpha": plan.alpha,
            "n_resamples": BOOTSTRAP_RESAMPLES,
        },
        "plan": _plan(data),
        "design": _design(test, order, item, data),
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
            "comparisons": _comparisons(differences, plan.alpha, plan.correction),
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
        concepts,
        items,
    )


def plain(value: Any) -> Any:
    """The same as lists, dictionaries, text and numbers; what is no number becomes null."""
    if isinstance(value, pd.DataFrame):
        return [plain(row) for row in value.to_dict("records")]
    if isinstance(value, Mapping):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(inner) for inner in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return None if value is pd.NA else value


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


def _comparisons(differences: Differences, alpha: float, correction: str) -> list[dict[str, Any]]:
    """The rows, with the verdict on those of the declared test."""
    rows = plain(differences.table)
    for row in rows:
        row["primary"] = row["method"] in (TWO_WAY, ONE_WAY)
        p = row["p"] if correction == "none" else row["p_holm"]
        row["p_judged"] = p
        row["claim"] = bool(row["primary"] and p is not None and p < alpha)
    return list(rows)


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


def _dataset(data: Dataset, test: pd.DataFrame, unanswered: int) -> dict[str, Any]:
    phases = data.trials["phase"].value_counts().sort_index()
    return {
        "name": data.name,
        "title": data.title,
        "paradigm": data.paradigm,
        "study_hash": data.study_hash,
        "simulated": data.simulated,
        "n_participants": len(data.participants),
        "rows_read": data.rows_read,
        "rows_repeated": data.repeated,
        "rows_by_phase": {str(name): int(count) for name, count in phases.items()},
        "n_unanswered": unanswered,
        "n_answers": len(test),
        "files": dict(data.files),
    }


def _plan(data: Dataset) -> dict[str, Any]:
    plan = data.plan
    return {
        "declared": plan.declared,
        "confirmatory": plan.confirmatory,
        "formula": plan.formula,
        "method": plan.method,
        "correction": plan.correction,
        "reference": plan.reference,
        "n_participants": plan.n_participants,
        "notes": plan.notes,
        "labels": {name: label for name, label in plan.conditions if label},
    }


def _design(
    test: pd.DataFrame, order: list[str], item: str | None, data: Dataset
) -> dict[str, Any]:
    per_person = test.groupby(PERSON).size()
    varies = test.groupby(PERSON)["condition"].nunique()
    options = [float(n) for n in test["n_options"].dropna().unique()] if "n_options" in test else []
    return {
        "conditions": [{"name": name, "label": data.plan.label(name)} for name in order],
        "within": bool((varies > 1).any()),
        "n_items": int(test[item].nunique()) if item else None,
        "n_options": int(options[0]) if len(options) == 1 else None,
        "answers_median": float(per_person.median()) if len(per_person) else None,
        "answers_min": int(per_person.min()) if len(per_person) else None,
        "answers_max": int(per_person.max()) if len(per_person) else None,
    }
