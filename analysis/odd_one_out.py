"""Finding the odd one out: accuracy rule by rule, and how many examples a learner needs.

The published mean is over *tasks* (rules): people met different tasks, so averaging the rows of the
table weighs tasks by how many people had them (83.7 instead of 78.7 per cent in the published
data). For learners trained on n examples of a rule, accuracies a(n) are summed up by

    AUC = mean of a(n) over n,   SES = Σ a(n) / (1 + ln n)  /  Σ 1 / (1 + ln n)

so that SES, the sample efficiency score, counts early success more.

Source: Zerroug, Vaishnav, Colin, Musslick and Serre (2022), A Benchmark for Compositional Visual
Reasoning, NeurIPS Datasets and Benchmarks, sections 4 and 5.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from analysis.accuracy import BOOTSTRAP_RESAMPLES
from analysis.bootstrap import percentile_interval, resampled_totals
from analysis.clustered_logit import NotEstimable
from analysis.errors import AnalysisError
from analysis.intervals import t_interval
from analysis.people import participant_means, require_columns

Floats = NDArray[np.float64]
Average = Literal["tasks", "rows"]
SAMPLES = (20, 50, 100, 200, 500, 1000)
"""Numbers of training examples in the published comparison."""
GOOD = 0.8
ROUNDING = 1e-9
"""A mean of .8 made of tenths may come out a hair lower."""


@dataclass(frozen=True)
class OddOneOut:
    """Accuracy of people on rules.

    Attributes
    ----------
    table : one row a task: ``task``, ``accuracy`` (mean over people), ``n_participants``,
        ``n_answers``, ``good`` (at or above the threshold), and ``kind`` if given.
    overall : one row a kind of task and one for all: ``kind``, ``average``, ``accuracy``, ``low``
        and ``high`` (participants resampled, these tasks only), ``tasks_low`` and ``tasks_high`` (t
        over tasks, these people only), ``n_tasks``, ``n_good``, ``n_participants``.
    notes : in words.
    """

    table: pd.DataFrame
    overall: pd.DataFrame
    notes: tuple[str, ...] = ()

    def to_frame(self) -> pd.DataFrame:
        """The tasks."""
        return self.table


def odd_one_out(
    trials: pd.DataFrame,
    *,
    cluster: str,
    rng: np.random.Generator,
    task: str = "item",
    value: str = "correct",
    kind: str | None = None,
    average: Average = "tasks",
    threshold: float = GOOD,
    level: float = 0.95,
    n_resamples: int = BOOTSTRAP_RESAMPLES,
) -> OddOneOut:
    """Accuracy by task and over tasks.

    Parameters
    ----------
    trials : one row an answer (or a block, with its accuracy as ``value``).
    task : column of the rules.
    kind : column that groups tasks (elementary, composite), constant within a task.
    average : over tasks, or over people's rows (one a person and task) as a named alternative.

    Examples
    --------
    >>> blocks = pd.DataFrame({"participant": list("abca"), "item": ["shape"] * 3 + ["flip"],
    ...                        "correct": [1.0, 0.9, 0.95, 0.25]})
    >>> found = odd_one_out(blocks, cluster="participant", rng=np.random.default_rng(0))
    >>> found.overall[["accuracy", "n_tasks", "n_good"]].round(4).values.tolist()
    [[0.6, 2.0, 1.0]]
    """
    if average not in ("tasks", "rows"):
        raise AnalysisError(f"unknown average {average!r}: choose 'tasks' or 'rows'")
    people = participant_means(trials, cluster=cluster, value=value, by=(task,))
    if people.empty:
        raise NotEstimable("there are no answers")
    grouped = people.groupby(task, observed=True)
    table = grouped.agg(
        accuracy=("mean", "mean"), n_participants=("mean", "size"), n_answers=("n", "sum")
    ).reset_index(names="task")
    table["good"] = table["accuracy"] >= threshold - ROUNDING
    kinds = None
    if kind is not None:
        require_columns(trials, [kind])
        per = trials.groupby(task, observed=True)[kind]
        if per.nunique().gt(1).any():
            raise AnalysisError(f"some task has several values of {kind!r}: it must have one")
        kinds = per.first()
        table["kind"] = table["task"].map(kinds)
    sums = people.pivot(index=cluster, columns=task, values="mean")[table["task"].tolist()]
    rows = np.hstack([sums.fillna(0.0).to_numpy(), sums.notna().to_numpy(dtype=float)])
    draws = resampled_totals(rows, n_resamples, rng)
    groups = {"all": np.ones(len(table), dtype=bool)}
    if kinds is not None:
        groups |= {str(one): (table["kind"] == one).to_numpy() for one in sorted(set(kinds))}
    overall = []
    for name, pick in groups.items():
        within = sums.to_numpy()[:, pick]
        ends = percentile_interval(_average(draws, pick, average), level)
        over_tasks = t_interval(table.loc[pick, "accuracy"].to_numpy(dtype=float), level).clipped()
        lone = len(sums) < 2
        overall.append(
            {
                "kind": name,
                "average": average,
                "accuracy": float(_average(rows.sum(axis=0)[None], pick, average)[0]),
                "low": float("nan") if lone else ends.low,
                "high": float("nan") if lone else ends.high,
                "tasks_low": over_tasks.low,
                "tasks_high": over_tasks.high,
                "n_tasks": int(pick.sum()),
                "n_good": int(table.loc[pick, "good"].sum()),
                "n_participants": int(np.isfinite(within).any(axis=1).sum()),
            }
        )
    notes = []
    if int(table["n_participants"].min()) < len(sums):
        notes.append(
            "Not everybody met every task; resampled people may miss a task, which is then left "
            "out of that draw's mean."
        )
    return OddOneOut(table, pd.DataFrame(overall), tuple(notes))


def _average(totals: Floats, pick: NDArray[np.bool_], average: Average) -> Floats:
    """Mean accuracy of draws of summed accuracies, then numbers of people, task by task."""
    half = totals.shape[1] // 2
    sums, sizes = totals[:, :half][:, pick], totals[:, half:][:, pick]
    with np.errstate(invalid="ignore", divide="ignore"):
        if average == "rows":
            return np.asarray(sums.sum(axis=1) / sizes.sum(axis=1))
        met = sizes > 0
        shares = np.divide(sums, sizes, out=np.zeros_like(sums), where=met)
        return np.asarray(shares.sum(axis=1) / met.sum(axis=1))


def area_under_curve(accuracy: ArrayLike) -> Floats:
    """AUC: the mean over numbers of examples (last axis)."""
    return np.asarray(np.asarray(accuracy, dtype=float).mean(axis=-1))


def sample_efficiency(accuracy: ArrayLike, n_samples: ArrayLike = SAMPLES) -> Floats:
    """SES from accuracies (…, n) at these numbers of examples.

    Examples
    --------
    >>> float(sample_efficiency([0.3, 0.4, 0.6, 0.8, 0.9, 1.0]).round(4))
    0.6077
    >>> float(area_under_curve([0.3, 0.4, 0.6, 0.8, 0.9, 1.0]).round(4))
    0.6667
    """
    a, n = np.asarray(accuracy, dtype=float), np.asarray(n_samples, dtype=float)
    if a.shape[-1:] != n.shape or (n < 1).any():
        raise AnalysisError(
            f"there are {a.shape[-1]} accuracies for {len(n)} numbers of examples (each at least 1)"
        )
    weights = 1 / (1 + np.log(n))
    return np.asarray((a * weights).sum(axis=-1) / weights.sum())


def learning_scores(
    results: pd.DataFrame,
    *,
    learner: str = "condition",
    task: str = "item",
    n_samples: str = "n_samples",
    value: str = "correct",
) -> pd.DataFrame:
    """AUC and SES of every learner: on each task first, then averaged over tasks.

    Returns
    -------
    One row a learner: ``learner``, ``auc``, ``ses``, ``n_tasks``.

    Raises
    ------
    NotEstimable
        If a learner lacks some number of examples on a task.
    """
    require_columns(results, [learner, task, n_samples, value])
    wide = results.pivot_table(
        index=[learner, task], columns=n_samples, values=value, aggfunc="mean"
    )
    if wide.empty or wide.isna().any(axis=None):
        raise NotEstimable("some learner lacks an accuracy at some number of examples of a task")
    n = np.array([float(column) for column in wide.columns])
    values = wide.to_numpy(dtype=float)
    scores = pd.DataFrame(
        {"auc": area_under_curve(values), "ses": sample_efficiency(values, n)}, index=wide.index
    )
    grouped = scores.groupby(level=0)
    means = grouped.mean().assign(n_tasks=grouped.size())
    return means.rename_axis("learner").reset_index()
