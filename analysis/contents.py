"""What ``results.json`` says of each part of an analysis, as lists, dictionaries and numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from analysis.accuracy import Accuracy
from analysis.concepts import KEYS
from analysis.dataset import Dataset
from analysis.differences import METHODS, NAMES, ONE_WAY, TWO_WAY, Differences
from analysis.exclusions import Exclusions
from analysis.multiple_comparisons import CORRECTIONS, judged
from analysis.multiverse import Multiverse
from analysis.programmes.base import Programme
from analysis.psychometric import Psychometric
from analysis.response_times import ResponseTimes
from analysis.simulated_coverage import Seen

PERSON = "participant"
CONFIRMATORY, EXPLORATORY = "confirmatory", "exploratory"


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


def comparison_rows(
    differences: Differences, alpha: float, correction: str
) -> list[dict[str, Any]]:
    """The rows, with the verdict on those of the declared test by the declared correction."""
    table = differences.table
    rows = plain(table.assign(p_judged=judged(table, correction)))
    for row in rows:
        row["primary"] = row["method"] in (TWO_WAY, ONE_WAY)
        p = row["p_judged"]
        row["claim"] = bool(row["primary"] and p is not None and p < alpha)
    return list(rows)


def dataset_content(
    data: Dataset, n_answers: int, unanswered: int, *, scored: bool
) -> dict[str, Any]:
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
        "n_answers": n_answers,
        "scored": scored,
        "files": dict(data.files),
    }


def plan_content(data: Dataset) -> dict[str, Any]:
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


def design_content(
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


def exclusions_content(exclusions: Exclusions) -> dict[str, Any]:
    return {
        "method": "criteria of the study file in order; the first that is not met counts",
        "flow": exclusions.flow,
        "criteria": exclusions.criteria,
        "n_arrived": len(exclusions.decisions),
        "n_analysed": len(exclusions.included),
    }


def accuracy_content(
    accuracy: Accuracy | None, seen: Seen | None, misled: Sequence[str], *, confirmatory: bool
) -> dict[str, Any] | None:
    """Accuracies; warnings tell where people answer against the key."""
    if accuracy is None:
        return None
    return {
        "status": CONFIRMATORY if confirmatory else EXPLORATORY,
        "warnings": list(misled),
        "method": "mean of participants' accuracies with Student's t interval; bootstrap over "
        "participants and Wilson's interval on n / design effect beside it",
        "new_stimuli_method": "logistic regression, covariance clustered by participant and item "
        "(CR2), t with Satterthwaite's degrees of freedom",
        "conditions": accuracy.table,
        "simulated": None if seen is None else seen.content(),
    }


def differences_content(
    differences: Differences | None,
    everyone: Differences | None,
    data: Dataset,
    seen: Seen | None,
) -> dict[str, Any] | None:
    """The comparisons; warnings of the simulations stand with those of the data."""
    if differences is None:
        return None
    plan = data.plan
    tested = bool(differences.primary()["p"].notna().any())
    seen = seen if tested else None
    return {
        "status": CONFIRMATORY if plan.confirmatory else EXPLORATORY,
        "method": METHODS[str(differences.table["method"].iloc[0])],
        "methods": METHODS,
        "method_names": NAMES,
        "correction": CORRECTIONS.get(plan.correction, "Holm"),
        "reference": differences.reference,
        "comparisons": comparison_rows(differences, plan.alpha, plan.correction),
        "overall": differences.overall,
        "everyone": None if everyone is None else everyone.primary(),
        "simulated": None if seen is None else seen.content(),
        "warnings": [*differences.warnings, *(() if seen is None else seen.warnings)],
    }


def times_content(times: ResponseTimes | None) -> dict[str, Any] | None:
    if times is None:
        return None
    return {
        "status": EXPLORATORY,
        "method": "means of participants' mean log response times with Student's t interval, "
        "as geometric means; quantiles of each participant, averaged",
        "conditions": times.table,
        "comparisons": times.differences,
        "notes": list(times.notes),
    }


def psychometric_content(found: Psychometric | None) -> dict[str, Any] | None:
    if found is None:
        return None
    return {
        "status": EXPLORATORY,
        "method": "maximum likelihood, intervals clustered by participant; guess rate fixed "
        "at chance",
        "link": found.link,
        "parameters": found.table,
        "log_likelihood": found.log_likelihood,
        "n": found.n,
        "n_participants": found.n_participants,
    }


def programme_content(
    programme: Programme | None, recognised_by: str, declared_section: str
) -> dict[str, Any] | None:
    if programme is None:
        return None
    return {
        "status": EXPLORATORY,
        "recognised_by": recognised_by,
        "declared_section": declared_section,
        **programme.content(),
    }


def multiverse_content(found: Multiverse | None) -> dict[str, Any] | None:
    if found is None:
        return None
    return {
        "status": EXPLORATORY,
        "method": "the confirmatory comparison with the criteria as declared, without each of "
        "them, in every subset, and moved to where they exclude the worst tenth or quarter",
        "summary": found.summary,
        "universes": found.table,
        "notes": list(found.notes),
    }


def concepts_content(concepts: pd.DataFrame) -> dict[str, Any]:
    return {
        "concepts": concepts[[*KEYS, "score", "n"]],
        "concept_scores": {
            "status": EXPLORATORY,
            "method": "share of right answers; Wilson's interval with one answer a person",
            "rows": concepts,
        },
    }
