"""The section on sessions, which several kinds of study have in common."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from analysis.gee import session_by_condition
from analysis.programmes.base import Section, Shown


def session_effects(
    trials: pd.DataFrame, cluster: str, order: Sequence[str], level: float, title: str
) -> Section:
    """Session × condition of tidy trials, under a title that asks the study's own question."""
    found = session_by_condition(trials, cluster=cluster, order=order, level=level)
    return Section(
        "session_effects",
        title,
        found.table,
        "population-averaged logit (GEE, exchangeable), sum-coded session × condition",
        (
            Shown("Effect", "source"),
            Shown("F", "f", "number"),
            Shown("df", "df1", "df"),
            Shown("df of error", "df2", "df"),
            Shown("p", "p", "p"),
        ),
        caption=" ".join(found.notes),
    )
