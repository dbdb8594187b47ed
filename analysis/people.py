"""One value a person and condition: what tests with people as the unit are made of."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from analysis.errors import AnalysisError


def require_columns(frame: pd.DataFrame, names: Sequence[str]) -> None:
    """Refuse a table without the columns that a question needs.

    Raises
    ------
    AnalysisError
        Naming the first missing column and the way out.
    """
    for name in names:
        if name not in frame:
            raise AnalysisError(
                f"the table has no column {name!r}; rename yours or name another column"
            )


def participant_means(
    trials: pd.DataFrame,
    *,
    cluster: str,
    value: str = "correct",
    by: Sequence[str] = ("condition",),
) -> pd.DataFrame:
    """Mean of ``value`` of each person in each cell of ``by``; missing values left out.

    Returns
    -------
    One row a person and cell: the cluster, the columns ``by``, ``mean``, ``n`` (values averaged).

    Examples
    --------
    >>> trials = pd.DataFrame({"participant": list("aab"), "condition": "x", "correct": [1, 0, 1]})
    >>> participant_means(trials, cluster="participant")["mean"].tolist()
    [0.5, 1.0]
    """
    require_columns(trials, [cluster, *by, value])
    known = trials[trials[value].notna()]
    grouped = known.groupby([cluster, *by], observed=True, sort=True)[value]
    means = grouped.agg(mean="mean", n="count").reset_index()
    means["mean"] = means["mean"].astype("float64")
    return means


def met_several(means: pd.DataFrame, cluster: str) -> bool:
    """Whether anybody has values in more than one row."""
    return bool(means[cluster].duplicated().any())
