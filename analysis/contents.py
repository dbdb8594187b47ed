"""What ``results.json`` says of the data, the plan, the design and the comparisons."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from analysis.dataset import Dataset
from analysis.differences import ONE_WAY, TWO_WAY, Differences

PERSON = "participant"


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
    """The rows, with the verdict on those of the declared test."""
    rows = plain(differences.table)
    for row in rows:
        row["primary"] = row["method"] in (TWO_WAY, ONE_WAY)
        p = row["p"] if correction == "none" else row["p_holm"]
        row["p_judged"] = p
        row["claim"] = bool(row["primary"] and p is not None and p < alpha)
    return list(rows)


def dataset_content(data: Dataset, test: pd.DataFrame, unanswered: int) -> dict[str, Any]:
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
