"""How far the intervals that a programme may declare can be trusted: a sentence under its table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import pandas as pd

from analysis.differences import GENERAL
from analysis.programmes.base import Programme
from analysis.simulated_coverage import Design, Method, seen


@dataclass(frozen=True)
class Simulated:
    """What was simulated of a section: method, column that is compared, and how items meet it."""

    method: Method
    compared: str
    people_are: str
    items_are: str


SECTIONS: Mapping[tuple[str, str], Simulated] = {
    ("basis_layers", "coefficients"): Simulated("basis", "basis", "", "nested"),
    ("rating", "odds_of_higher_rating"): Simulated("rating", "", "within", "shared"),
    ("plausibility", "plausibility"): Simulated("preference", "", "within", "shared"),
}
"""Programme and section → the simulated studies that speak of it."""


def with_trust(programme: Programme, trials: pd.DataFrame, *, cluster: str) -> Programme:
    """The programme, with what simulated studies have shown under the tables that they speak of.

    Parameters
    ----------
    trials : those that the programme analysed.
    """
    notes = list(programme.notes)
    sections = []
    for section in programme.sections:
        about = SECTIONS.get((programme.name, section.name))
        if about is None or section.scope != GENERAL or "item" not in trials:
            sections.append(section)
            continue
        told, warnings = _told(about, trials, cluster)
        caption = f"{section.caption} How far to trust these intervals: {told}"
        sections.append(replace(section, caption=caption.strip()))
        notes += warnings
    return replace(programme, sections=tuple(sections), notes=tuple(dict.fromkeys(notes)))


def _told(about: Simulated, trials: pd.DataFrame, cluster: str) -> tuple[str, tuple[str, ...]]:
    used = trials[trials["item"].notna()]
    items = used["item"].nunique()
    people_are = about.people_are
    if about.compared:
        items = int(used.groupby(about.compared, observed=True)["item"].nunique().min())
        met = used.groupby(cluster)[about.compared].nunique() > 1
        people_are = "within" if met.mean() > 0.5 else "between"
    found = seen(Design(people_are, about.items_are, used[cluster].nunique(), items), about.method)
    return found.words, found.warnings
