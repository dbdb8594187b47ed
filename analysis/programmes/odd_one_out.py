"""Do people find the odd one out? Accuracy by rule averaged by rule, learning, and confidence.

The published figure is the mean over *rules*, of rules' mean accuracies. Learners trained on n
examples of a rule are summed up by AUC and SES (:mod:`analysis.odd_one_out`); where the table has a
column ``n_samples``, people and learners stand in the same table.

Source: Zerroug, Vaishnav, Colin, Musslick and Serre (2022), A Benchmark for Compositional Visual
Reasoning, NeurIPS Datasets and Benchmarks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from analysis.accuracy import BOOTSTRAP_RESAMPLES
from analysis.intervals import t_interval
from analysis.learning import learning_curve
from analysis.odd_one_out import learning_scores, odd_one_out
from analysis.people import participant_means, require_columns
from analysis.programmes.base import Drawing, Programme, Section, Shown, attempt
from analysis.programmes.figures import course_figure, row_figure
from analysis.signal_detection import ODDITY_CHOICES, d_prime

NAME = "odd_one_out"
KINDS = ("kind", "rule_kind")
STEP_TRIALS = 5
PEOPLE = Shown("people", "n_participants", "integer")


def odd_one_out_study(
    trials: pd.DataFrame,
    *,
    cluster: str,
    rng: np.random.Generator,
    order: Sequence[str] | None = None,
    reference: str | None = None,
    level: float = 0.95,
    labels: Mapping[str, str] | None = None,
    task: str | None = None,
    learners: pd.DataFrame | None = None,
    n_resamples: int = BOOTSTRAP_RESAMPLES,
) -> Programme:
    """Analyse a study of compositional visual relations.

    Parameters
    ----------
    trials : test trials with the rule (the column ``task``; if it is not told, ``rule``, else
        ``item``), ``correct``, and if known ``kind`` (elementary,
        composite), ``trial`` (for learning) and ``confidence``.
    learners : results of machines: ``condition`` (the learner), the rule, ``n_samples``,
        ``correct`` (accuracy).
    order, reference, labels : not used, for rules are not compared with one another.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> trials = pd.DataFrame({"participant": np.repeat(range(8), 20), "condition": "all",
    ...     "item": np.tile(np.repeat(["shape", "flip"], 10), 8), "n_options": 4})
    >>> trials["correct"] = (trials["item"] == "shape").astype(int)
    >>> found = odd_one_out_study(trials, cluster="participant", rng=rng, n_resamples=100)
    >>> found.to_frame()[["average", "accuracy", "n_good"]].values.tolist()
    [['tasks', 0.5, 1], ['rows', 0.5, 1]]
    """
    if task is None:
        task = "rule" if "rule" in trials and trials["rule"].notna().any() else "item"
    require_columns(trials, [cluster, task, "correct"])
    notes: list[str] = []
    kind = next((name for name in KINDS if name in trials and trials[name].notna().any()), None)
    found = odd_one_out(
        trials, cluster=cluster, rng=rng, task=task, kind=kind, level=level, n_resamples=n_resamples
    )
    rows = odd_one_out(
        trials, cluster=cluster, rng=rng, task=task, average="rows", level=level,
        n_resamples=n_resamples,
    )  # fmt: skip
    notes += found.notes
    options = _options(trials)
    tasks = found.table.sort_values("accuracy", ascending=False, kind="stable")
    tasks = tasks.reset_index(drop=True)
    if options in ODDITY_CHOICES:
        tasks["d_prime"] = d_prime(tasks["accuracy"].to_numpy(), task="oddity", n_options=options)
    sections = [
        _overall(pd.concat([found.overall, rows.overall], ignore_index=True)),
        _tasks(tasks),
    ]
    people = participant_means(trials, cluster=cluster, by=(task,)).rename(
        columns={task: "task", "mean": "accuracy"}
    )
    drawings = [
        Drawing(
            "tasks",
            lambda theme: row_figure(
                tasks, theme, value="accuracy", name="task", x_label="Odd one out found",
                points=people, neutral=1 / options if options else None, neutral_word="chance",
                percent=True, colour_by="kind" if kind else None, legend=bool(kind),
            ),
            "Accuracy by rule, best first, a dot for each person.",
            "Each dot is one person, the diamond the mean over people, rules in order of accuracy.",
            wide=len(tasks) > 12,
        )
    ]  # fmt: skip
    if "trial" in trials and trials["trial"].notna().any():
        # Within a rule: the first trials of each block, then the next ones.
        curve = attempt("learning curve", lambda: _learning(trials, cluster, task, level), notes)
        if curve is not None:
            table, raw = curve
            sections.append(_curve(table))
            drawings.append(
                Drawing(
                    "learning",
                    lambda theme: course_figure(
                        raw, table, {"all": "all rules"}, theme, x="trials", group="condition",
                        x_label="Trial of the rule", chance=1 / options if options else None,
                    ),
                    "Accuracy in stretches of trials of a rule.",
                    "Each dot is one person, the diamond the mean over people, the bar its "
                    "t interval (these rules only).",
                )
            )  # fmt: skip
    single = trials["correct"].dropna().isin([0, 1]).all()  # answers, not blocks
    if single and "confidence" in trials and trials["confidence"].notna().any():
        sure = attempt("confidence", lambda: _confidence(trials, cluster, level), notes)
        sections += [sure] if sure is not None else []
    everyone = learners if learners is not None else trials
    if "n_samples" in everyone:
        scores = attempt(
            "AUC and SES", lambda: learning_scores(everyone, learner="condition", task=task), notes
        )
        sections += [_scores(scores)] if scores is not None else []
    return Programme(
        NAME,
        "Is the odd one out found?",
        "Zerroug et al. (2022), NeurIPS",
        tuple(sections),
        tuple(drawings),
        tuple(dict.fromkeys(notes)),
    )


def _options(trials: pd.DataFrame) -> int:
    """Number of pictures to choose from, 0 if it is not known or varies."""
    if "n_options" not in trials or trials["n_options"].dropna().nunique() != 1:
        return 0
    return int(trials["n_options"].dropna().iloc[0])


def _overall(table: pd.DataFrame) -> Section:
    return Section(
        "overall",
        "How often was the odd one found?",
        table.assign(said=(table["kind"] == "all") & (table["average"] == "tasks")),
        "mean over rules of the mean over people; interval by resampling people, beside it "
        "Student's t over rules; the mean over rows (a person and a rule) as a named alternative",
        (
            Shown("Rules", "kind"),
            Shown("averaged by", "average"),
            Shown("right", "accuracy", "percent"),
            Shown("interval, people", "low", "percent", "high"),
            Shown("interval, rules", "tasks_low", "percent", "tasks_high"),
            Shown("rules", "n_tasks", "integer"),
            Shown("rules at 80 % or above", "n_good", "integer"),
            PEOPLE,
        ),
        scope="people like these and these rules, or these people and rules like these",
        sentence="People found the odd one in {accuracy:percent} of the trials, averaged by rule; "
        "{n_good:integer} of {n_tasks:integer} rules were solved at 80 % or above.",
    )


def _tasks(tasks: pd.DataFrame) -> Section:
    columns = [
        Shown("Rule", "task"),
        Shown("right", "accuracy", "percent"),
        PEOPLE,
        Shown("answers", "n_answers", "integer"),
    ]
    if "kind" in tasks:
        columns.insert(1, Shown("kind", "kind"))
    if "d_prime" in tasks:
        columns.append(Shown("d′", "d_prime", "number"))
    return Section(
        "tasks",
        "Which rules are hard?",
        tasks,
        "mean over people of their accuracy on the rule; d′ of the oddity task",
        tuple(columns),
    )


def _learning(
    trials: pd.DataFrame, cluster: str, task: str, level: float
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Accuracy by stretch of trials within a rule, averaged over a person's rules."""
    ordered = trials[trials["correct"].notna()].sort_values([cluster, "trial"], kind="stable")
    place = ordered.groupby([cluster, task], observed=True).cumcount()
    own = ordered.assign(trial=place, condition="all")
    step = min(STEP_TRIALS, max(1, int(place.max() + 1) // 2))
    own["session"] = own["trial"] // step
    found = learning_curve(own, cluster=cluster, step_trials=1, by_session=True, level=level)

    def named(table: pd.DataFrame) -> pd.DataFrame:
        first = table["step"].astype(int) * step
        return table.assign(trials=(first + 1).astype(str) + "–" + (first + step).astype(str))

    return named(found.table), named(found.participants)


def _curve(table: pd.DataFrame) -> Section:
    return Section(
        "learning",
        "Do people get better at a rule?",
        table.drop(columns=["condition", "step"]),
        "mean over people of their accuracy in the stretch, all rules together; Student's t",
        (
            Shown("Trials of the rule", "trials"),
            Shown("right", "accuracy", "percent"),
            Shown("interval", "low", "percent", "high"),
            PEOPLE,
        ),
    )


def _confidence(trials: pd.DataFrame, cluster: str, level: float) -> Section:
    known = trials[trials["confidence"].notna() & trials["correct"].notna()]
    people = participant_means(known, cluster=cluster, value="confidence", by=("correct",))
    rows = []
    for right in (1, 0):
        own = people[people["correct"] == right]
        ends = t_interval(own["mean"].to_numpy(), level)
        rows.append(
            {
                "answer": "right" if right else "wrong",
                "confidence": float(own["mean"].mean()) if len(own) else float("nan"),
                "low": ends.low,
                "high": ends.high,
                "n_participants": len(own),
            }
        )
    return Section(
        "confidence",
        "Are people surer when they are right?",
        pd.DataFrame(rows),
        "mean over people of their mean confidence; Student's t interval",
        (
            Shown("Answer", "answer"),
            Shown("confidence", "confidence", "number"),
            Shown("interval", "low", "number", "high"),
            PEOPLE,
        ),
    )


def _scores(scores: pd.DataFrame) -> Section:
    return Section(
        "learners",
        "How many examples does a learner need?",
        scores,
        "AUC: mean accuracy over numbers of examples; SES: the same, weighted by 1 / (1 + ln n)",
        (
            Shown("Learner", "learner", "label"),
            Shown("AUC", "auc", "number"),
            Shown("SES", "ses", "number"),
            Shown("rules", "n_tasks", "integer"),
        ),
        scope="these rules",
    )
