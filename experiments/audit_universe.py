"""Units of the recorded universe that are in no trial: a sampling mistake, unless a note says why.

A published study used 80 of its 84 units, and nobody saw it. Trials alone cannot show that; the
list of everything that could have been shown can.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from lens_core.atlas import LensError

if TYPE_CHECKING:
    from experiments.study import Study

POOL = "pool"
"""What candidates are for that test trials are made of, where a universe says what for."""


def unasked_units(study: Study) -> list[tuple[str, str]]:
    """Condition (empty for all) and unit of everything that could be asked about and never is.

    A unit that ``source.notes`` names was left out for a reason that is told.
    """
    asked: dict[str, set[str]] = {}
    for row in study.templates:
        if row["use"] == "test":
            asked.setdefault(row["condition"], set()).add(row["item"])
    everywhere = set().union(*asked.values())
    listed = _listed(study)
    by_condition = bool({condition for condition, _ in listed} & set(study.conditions))
    told = set(re.split(r"[\s,'\[\]]+", " ".join(study.config.source.notes)))
    unasked = []
    for condition, item in sorted(listed):
        if by_condition and condition not in study.conditions:
            continue  # candidates that only stand beside what is asked about
        there = asked.get(condition, set()) if by_condition else everywhere
        if item not in there and item not in told:
            unasked.append((condition if by_condition else "", item))
    return unasked


def _listed(study: Study) -> set[tuple[str, str]]:
    """Condition and unit of the universe; nothing for a table of trials, which lists pictures."""
    import pyarrow.parquet as pq

    file = study.root / "universe.parquet"
    if not file.is_file():
        return set()
    try:
        columns = set(pq.read_schema(file).names)
        if "item" not in columns:
            return set()
        table = pq.read_table(file, columns=sorted(columns & {"condition", "item", "use"}))
    except (OSError, ValueError) as error:
        raise LensError(f"{file} cannot be read ({error}); make the study again") from error
    if "use" in columns:
        table = table.filter([use == POOL for use in table["use"].to_pylist()])
    if "condition" not in columns:
        return {("", item) for item in table["item"].unique().to_pylist()}
    both = table.select(["condition", "item"]).group_by(["condition", "item"]).aggregate([])
    return {(row["condition"], row["item"]) for row in both.to_pylist()}
