"""How long answers took, with the person as the unit.

Response times are skewed, so each person is described by the mean of log response times (its
exponential is the geometric mean) and by quantiles, which are averaged over people (vincentiles:
the shape of the distribution of a typical person, not of the pooled answers).

Source: Ratcliff (1979), Psychological Bulletin 86, for vincentiles.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis.intervals import NONE, t_interval
from analysis.means import difference_of_means

QUANTILES = (0.1, 0.3, 0.5, 0.7, 0.9)


@dataclass(frozen=True)
class ResponseTimes:
    """Response times by condition.

    Attributes
    ----------
    table : one row a condition: ``n_participants``, ``n_answers``, ``geometric_mean_ms`` with
        ``low`` and ``high`` (t on log means), ``q10_ms`` … ``q90_ms``.
    differences : one row a comparison: ``ratio`` of geometric means with interval, ``t``, ``df``,
        ``p``. These stimuli only.
    participants : one row a person and condition: ``mean_log_ms``, ``geometric_mean_ms``, ``n``.
    notes : in words.
    """

    table: pd.DataFrame
    differences: pd.DataFrame
    participants: pd.DataFrame
    notes: tuple[str, ...]

    def to_frame(self) -> pd.DataFrame:
        """The table by condition."""
        return self.table


def response_times(
    trials: pd.DataFrame,
    *,
    cluster: str,
    order: Sequence[str] | None = None,
    reference: str | None = None,
    level: float = 0.95,
) -> ResponseTimes:
    """Describe and compare response times; right and wrong answers alike.

    Parameters
    ----------
    trials : test trials with ``condition``, ``rt_ms`` and the cluster.
    cluster : column that names people.

    Examples
    --------
    >>> trials = pd.DataFrame({"participant": list("aabb"), "condition": "x",
    ...                        "rt_ms": [500.0, 2000.0, 800.0, 1250.0]})
    >>> response_times(trials, cluster="participant").table["geometric_mean_ms"].round(1).item()
    1000.0
    """
    notes: list[str] = []
    timed = trials[trials["rt_ms"].notna()]
    impossible = int((timed["rt_ms"] <= 0).sum())
    if impossible:
        notes.append(
            f"{impossible} response times are zero or negative and are left out here (the answers "
            "still count for accuracy)."
        )
        timed = timed[timed["rt_ms"] > 0]
    missing = len(trials) - len(timed) - impossible
    if missing:
        notes.append(f"{missing} test answers have no response time.")
    if timed.empty:
        notes.append("There are no response times to describe.")
    people = (
        timed.assign(log_ms=np.log(timed["rt_ms"]))
        .groupby([cluster, "condition"], observed=True)["log_ms"]
        .agg(mean_log_ms="mean", n="count")
        .reset_index()
    )
    people["geometric_mean_ms"] = np.exp(people["mean_log_ms"])
    quantiles = (
        timed.groupby([cluster, "condition"], observed=True)["rt_ms"]
        .quantile(np.array(QUANTILES))
        .unstack()
    )
    names = list(order or sorted(people["condition"].unique()))
    rows = [_row(name, people, quantiles, level) for name in names]
    present = [n for n in names if (people["condition"] == n).any()]
    base = reference if reference in present else (present[0] if present else None)
    differences = [
        _difference(people, str(base), other, cluster, level) for other in present if other != base
    ]
    return ResponseTimes(pd.DataFrame(rows), pd.DataFrame(differences), people, tuple(notes))


def _row(
    name: str, people: pd.DataFrame, quantiles: pd.DataFrame, level: float
) -> dict[str, object]:
    own = people[people["condition"] == name]
    logs = own["mean_log_ms"].to_numpy()
    interval = t_interval(logs, level) if len(logs) > 1 else NONE
    row: dict[str, object] = {
        "condition": name,
        "n_participants": len(own),
        "n_answers": int(own["n"].sum()),
        "geometric_mean_ms": float(np.exp(logs.mean())) if len(logs) else float("nan"),
        "low": float(np.exp(interval.low)),
        "high": float(np.exp(interval.high)),
    }
    here = quantiles.index.get_level_values("condition") == name
    for q in QUANTILES:
        value = float(quantiles.loc[here, q].mean()) if here.any() else float("nan")
        row[f"q{round(q * 100)}_ms"] = value
    return row


def _difference(
    people: pd.DataFrame, base: str, other: str, cluster: str, level: float
) -> dict[str, object]:
    wide = people.pivot(index=cluster, columns="condition", values="mean_log_ms")[[base, other]]
    wide = wide.dropna(how="all")
    paired = bool(wide.notna().all(axis=None)) and len(wide) > 1
    test = difference_of_means(
        wide[other].dropna().to_numpy(), wide[base].dropna().to_numpy(), paired=paired, level=level
    )
    return {
        "condition": other,
        "reference": base,
        "method": "paired_t" if paired else "welch_t",
        "scope": "these stimuli only",
        "ratio": float(np.exp(test.estimate)),
        "ratio_low": float(np.exp(test.low)),
        "ratio_high": float(np.exp(test.high)),
        "t": test.t,
        "df": test.df,
        "p": test.p,
    }
