"""Can people predict the model? Accuracy by session, Utility-K, and what goes along with it.

The published analysis: accuracy of predicting the *model* in each session; Utility (see
:mod:`analysis.utility`); one-way analysis of variance on participants' mean accuracies; Tukey's HSD
against the baseline. All of it treats the images as fixed and is labelled so; whether conditions
differ for other images too is the two-way clustered logit of :mod:`analysis.differences`.

Beside it: accuracy apart for images on which the model was right and wrong, because a model that is
mostly right lets people score by naming the object.

Source: Colin, Fel, Cadène and Serre (2022), What I Cannot Predict, I Do Not Understand: A
Human-Centered Evaluation Framework for Explainability Methods, NeurIPS.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from analysis.accuracy import BOOTSTRAP_RESAMPLES
from analysis.anova import one_way_anova
from analysis.clustered_logit import NotEstimable
from analysis.companions import relations
from analysis.differences import compare_conditions
from analysis.intervals import t_interval
from analysis.learning import learning_curve
from analysis.multiple_comparisons import pairwise_comparisons
from analysis.people import participant_means, require_columns
from analysis.programmes.base import Drawing, Programme, Section, Shown, attempt
from analysis.programmes.figures import course_figure, plane_figure, row_figure
from analysis.programmes.sessions import session_effects
from analysis.utility import utility

NAME = "meta_predictor"
BASELINES = ("baseline", "none", "no_explanation", "no explanation")
MODEL_RIGHT = "model_correct"
PEOPLE = Shown("people", "n_participants", "integer")


def meta_predictor(
    trials: pd.DataFrame,
    *,
    cluster: str,
    rng: np.random.Generator,
    order: Sequence[str] | None = None,
    reference: str | None = None,
    level: float = 0.95,
    labels: Mapping[str, str] | None = None,
    measures: pd.DataFrame | None = None,
    n_resamples: int = BOOTSTRAP_RESAMPLES,
) -> Programme:
    """Analyse a meta-predictor study.

    Parameters
    ----------
    trials : test trials with ``condition``, ``session``, ``correct`` (the model was predicted),
        and if known ``model_correct`` (1 if the model was right about the image) and ``item``.
    reference : the baseline without explanation; if not given, a condition called so, else the
        first of ``order``.
    measures : one row a ``condition`` with machine-made scores of the explanation method
        (``faithfulness``, ``complexity``, ``similarity`` …) to hold Utility against.

    Raises
    ------
    AnalysisError
        If a column is missing.
    NotEstimable
        If there are no answers.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> trials = pd.DataFrame({"participant": np.repeat(np.arange(20), 21),
    ...     "condition": np.repeat(["baseline", "map"], 210),
    ...     "session": np.tile(np.repeat([1, 2, 3], 7), 20)})
    >>> trials["correct"] = (rng.random(420) < np.repeat([0.6, 0.8], 210)).astype(int)
    >>> found = meta_predictor(trials, cluster="participant", rng=rng, n_resamples=200)
    >>> found["utility"].query("session == 'all'")["utility"].round(2).tolist()
    [1.37]
    """
    require_columns(trials, [cluster, "condition", "session", "correct"])
    used = trials[trials["correct"].notna() & trials["session"].notna()]
    if used.empty:
        raise NotEstimable("there are no answers")
    if (used["session"] % 1 == 0).all():
        used = used.assign(session=used["session"].astype(int))
    present = set(used["condition"])
    names = [name for name in (order or sorted(present)) if name in present]
    base = _baseline(names, reference)
    notes: list[str] = []
    shown = dict(labels or {}) or {name: name for name in names}
    sessions = learning_curve(
        used, cluster=cluster, step_trials=1, by_session=True, order=names, level=level
    )
    course = sessions.table.rename(columns={"step": "session"})
    people = sessions.participants.rename(columns={"step": "session"})
    parts = [_sessions(course)]
    drawings = [
        Drawing(
            "sessions",
            lambda theme: course_figure(
                people, course, shown, theme, x="session", group="condition", x_label="Session"
            ),
            "Accuracy of predicting the model by session, a line for each condition.",
            "Each dot is one person in one session, the diamond the mean over people, the bar its "
            "t interval with people as the unit (these images only).",
            wide=len(names) > 4,
        )
    ]
    useful = attempt(
        "Utility",
        lambda: utility(
            used, cluster=cluster, baseline=base, rng=rng, order=names, level=level,
            n_resamples=n_resamples,
        ),
        notes,
    ) if len(names) > 1 else None  # fmt: skip
    if useful is not None and len(useful.table):
        notes += useful.notes
        overall = useful.overall()
        own = _each_utility(people, overall, cluster)
        parts.append(_utility(useful.table))
        drawings.append(
            Drawing(
                "utility",
                lambda theme: row_figure(
                    overall, theme, value="utility", name="condition", x_label="Utility",
                    labels=shown, neutral=1.0, neutral_word="no help", points=own,
                ),
                "Utility of each condition with its interval.",
                "Utility is the accuracy with an explanation, averaged over sessions, divided by "
                "that of the baseline; 1 is no help. Each dot is one person's accuracy divided "
                "by the baseline's, the diamond the Utility, the bar its interval when people of "
                "both groups are resampled together.",
            )
        )  # fmt: skip
    for what, section in (
        ("analysis of variance", lambda: _anova(used, cluster)),
        ("comparison with the baseline", lambda: _tukey(used, cluster, base, names, level)),
        ("comparison for other images", lambda: _general(used, cluster, base, names, level, rng)),
        (
            "session × condition test",
            lambda: session_effects(
                used, cluster, names, level, "Do people learn, and faster in some conditions?"
            ),
        ),
        ("split by the model's being right", lambda: _model_right(used, cluster, names, level)),
    ):
        found = attempt(what, section, notes) if len(names) > 1 or "split" in what else None
        parts += [found] if found is not None else []
    if measures is not None and useful is not None:
        related = attempt(
            "relation of Utility to the machine-made measures",
            lambda: relations(useful.overall(), measures, value="utility", rng=rng, level=level),
            notes,
        )
        if related is not None:
            parts.append(_relations(related.table))
            first = str(related.table["measure"].iloc[0])
            drawings.append(
                Drawing(
                    "utility_against_measure",
                    lambda theme: plane_figure(
                        related.methods, theme, x=first, y="utility", group="condition",
                        labels=shown, x_label=first.replace("_", " ").capitalize(),
                        y_label="Utility", named=True,
                    ),
                    f"Utility of each method against its {first}.",
                    "Each diamond is one explanation method.",
                )
            )  # fmt: skip
    return Programme(
        NAME,
        "Can people predict the model?",
        "Colin et al. (2022), NeurIPS",
        tuple(parts),
        tuple(drawings),
        tuple(notes),
    )


def _each_utility(people: pd.DataFrame, overall: pd.DataFrame, cluster: str) -> pd.DataFrame:
    """One row a person: their accuracy, averaged over sessions, over the baseline's."""
    own = people.groupby([cluster, "condition"], observed=True)["accuracy"].mean().reset_index()
    base = overall.set_index("condition")["baseline_accuracy"]
    return own.assign(utility=own["accuracy"] / own["condition"].map(base).astype(float))


def _baseline(names: Sequence[str], reference: str | None) -> str:
    if reference in names:
        return str(reference)
    called = [name for name in names if name.lower() in BASELINES]
    return called[0] if called else names[0]


def _sessions(course: pd.DataFrame) -> Section:
    return Section(
        "sessions",
        "Accuracy by session",
        course,
        "mean over people of their accuracy in the session, Student's t interval",
        (
            Shown("Condition", "condition", "label"),
            Shown("session", "session", "integer"),
            Shown("right", "accuracy", "percent"),
            Shown("interval", "low", "percent", "high"),
            PEOPLE,
        ),
    )


def _utility(table: pd.DataFrame) -> Section:
    return Section(
        "utility",
        "Utility",
        table.assign(said=table["session"] == "all"),
        "accuracy with the explanation over accuracy of the baseline; over all sessions the ratio "
        "of session-mean accuracies; both groups resampled together, t interval on the log ratio",
        (
            Shown("Condition", "condition", "label"),
            Shown("session", "session"),
            Shown("right", "accuracy", "percent"),
            Shown("baseline", "baseline_accuracy", "percent"),
            Shown("Utility", "utility", "number"),
            Shown("interval", "low", "number", "high"),
        ),
        caption="Above 1 the explanation helped people to predict the model. All rows share the "
        "baseline, so they are not independent.",
        sentence="{condition:label} has a Utility of {utility:number} "
        "({low:number} to {high:number}). ",
    )


def _anova(used: pd.DataFrame, cluster: str) -> Section:
    found = one_way_anova(used, cluster=cluster)
    return Section(
        "anova",
        "Do people of different conditions differ in mean accuracy?",
        found.table,
        "one-way analysis of variance on participants' mean accuracies, Welch's test beside it; "
        "η² is the share of the variance between participants' means",
        (
            Shown("Test", "method"),
            Shown("F", "f", "number"),
            Shown("df", "df1", "df"),
            Shown("df of error", "df2", "df"),
            Shown("p", "p", "p"),
            Shown("η²", "eta_squared", "number"),
            Shown("ω²", "omega_squared", "number"),
        ),
    )


def _tukey(
    used: pd.DataFrame, cluster: str, base: str, names: Sequence[str], level: float
) -> Section:
    within = participant_means(used, cluster=cluster)[cluster].duplicated().any()
    found = pairwise_comparisons(
        used,
        cluster=cluster,
        method="paired_t" if within else "tukey",
        against=base,
        order=names,
        level=level,
    )
    return Section(
        "tukey",
        "Which conditions differ from the baseline?",
        found.table.assign(n_family=found.n_family),
        found.method,
        (
            Shown("Condition", "condition", "label"),
            Shown("baseline", "reference", "label"),
            Shown("difference, points", "difference", "points"),
            Shown("interval", "low", "percent", "high"),
            Shown("p, corrected", "p_adjusted", "p"),
        ),
        caption="The family of the correction is all pairs of conditions, as published, though "
        "only those with the baseline are shown.",
    )


def _general(
    used: pd.DataFrame,
    cluster: str,
    base: str,
    names: Sequence[str],
    level: float,
    rng: np.random.Generator,
) -> Section:
    found = compare_conditions(
        used, cluster=cluster, rng=rng, order=names, reference=base, level=level, n_resamples=2
    )
    table = found.primary()
    return Section(
        "new_images",
        "Would other images show the same?",
        table,
        "logit clustered by participant and image (CR2); p corrected by Holm's method",
        (
            Shown("Condition", "condition", "label"),
            Shown("difference, points", "difference", "points"),
            Shown("interval", "difference_low", "percent", "difference_high"),
            Shown("odds ratio", "odds_ratio", "number"),
            Shown("interval", "odds_ratio_low", "number", "odds_ratio_high"),
            Shown("p, corrected", "p_holm", "p"),
        ),
        scope=str(table["scope"].iloc[0]),
        caption=" ".join(found.warnings),
    )


def _model_right(
    used: pd.DataFrame, cluster: str, names: Sequence[str], level: float
) -> Section | None:
    if MODEL_RIGHT not in used or used[MODEL_RIGHT].nunique() < 2:
        return None
    people = participant_means(used, cluster=cluster, by=("condition", MODEL_RIGHT))
    rows = []
    for name in names:
        for right in (1, 0):
            own = people[(people["condition"] == name) & (people[MODEL_RIGHT] == right)]
            if own.empty:
                continue
            ends = t_interval(own["mean"].to_numpy(), level).clipped()
            rows.append(
                {
                    "condition": name,
                    "model": "right" if right else "wrong",
                    "accuracy": float(own["mean"].mean()),
                    "low": ends.low,
                    "high": ends.high,
                    "n_participants": len(own),
                }
            )
    return Section(
        "model_right",
        "Where the model was right, and where it was wrong",
        pd.DataFrame(rows),
        "mean over people of their accuracy, Student's t interval",
        (
            Shown("Condition", "condition", "label"),
            Shown("the model was", "model"),
            Shown("right", "accuracy", "percent"),
            Shown("interval", "low", "percent", "high"),
            PEOPLE,
        ),
        caption="People who name the object instead of the model's answer are right exactly where "
        "the model is; understanding shows where it is wrong.",
    )


def _relations(table: pd.DataFrame) -> Section:
    return Section(
        "relations",
        "Does Utility go along with machine-made measures?",
        table,
        "correlations over methods; p by permutation, intervals by Fisher's z",
        (
            Shown("Measure", "measure"),
            Shown("methods", "n_methods", "integer"),
            Shown("Pearson", "pearson", "number"),
            Shown("interval", "pearson_low", "number", "pearson_high"),
            Shown("p", "pearson_p", "p"),
            Shown("Spearman", "spearman", "number"),
            Shown("interval", "spearman_low", "number", "spearman_high"),
            Shown("p", "spearman_p", "p"),
        ),
        scope="methods like these",
        caption="The unit is the explanation method. With so few, only a very strong relation can "
        "be told from none.",
    )
