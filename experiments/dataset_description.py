"""What a data set says about itself: ``dataset_description.json`` and the codebook."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from experiments.records import Column

if TYPE_CHECKING:
    from experiments.study import Study

SCHEMA_TYPES = {"string": "Text", "integer": "Integer", "number": "Number", "time": "DateTime"}


def dataset_description(
    study: Study,
    columns: Mapping[str, Sequence[Column]],
    further: Mapping[str, Any],
    changed: Sequence[str] = (),
) -> dict[str, Any]:
    """The content of ``dataset_description.json``.

    Psych-DS 1.4: JSON-LD of a schema.org ``Dataset`` whose ``variableMeasured`` names every column
    of every data file.

    Parameters
    ----------
    changed : files of the study that are no longer what was frozen.
    """
    variables: dict[str, dict[str, Any]] = {}
    for table in columns.values():
        for column in table:
            entry: dict[str, Any] = {
                "@type": "PropertyValue",
                "name": column.name,
                "description": column.description,
            }
            if column.levels:
                entry["levels"] = list(column.levels)
            variables.setdefault(column.name, entry)
    return {
        "@context": "https://schema.org",
        "@type": "Dataset",
        "name": f"study-{study.name}",
        "description": study.title,
        "schemaVersion": "Psych-DS 1.4.0",
        "variableMeasured": list(variables.values()),
        "study": {
            "name": study.name,
            "title": study.title,
            "paradigm": study.paradigm,
            "hash": study.hash,
            "matches_hash": study.frozen and not changed,
            "frozen_at": study.freeze.frozen_at if study.freeze else None,
            "conditions": list(study.conditions),
        },
        **further,
    }


def codebook(columns: Mapping[str, Sequence[Column]]) -> str:
    """A row for every column of every table, as CSV."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(["table", "column", "type", "levels", "description"])
    for table, its in columns.items():
        for column in its:
            kind = SCHEMA_TYPES.get(column.kind, "JSON text")
            writer.writerow([table, column.name, kind, "|".join(column.levels), column.description])
    return buffer.getvalue()
