"""Do feature visualizations help people to see what a unit or concept responds to?

Conditions are kinds of reference pictures: none, natural, optimized, mixed, blurred. The published
figure is the proportion correct with two standard errors of participants' means. Here: accuracy
against chance, sensitivity (d′ of the forced choice), every condition against the reference with
people and units as samples, and whether confidence tells right from wrong.

Sources: Borowski, Zimmermann, Schepers, Geirhos, Wallis, Bethge and Brendel (2021), Exemplary
Natural Images Explain CNN Activations Better than State-of-the-Art Feature Visualization, ICLR;
Zimmermann, Borowski, Geirhos, Bethge, Wallis and Brendel (2021), How Well do Feature Visualizations
Support Causal Understanding of CNN Activations?, NeurIPS.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from analysis.accuracy import BOOTSTRAP_RESAMPLES, accuracy_by_condition
from analysis.clustered_logit import NotEstimable
from analysis.differences import METHODS, compare_conditions
from analysis.intervals import t_interval
from analysis.people import participant_means, require_columns
from analysis.programmes.base import Drawing, Programme, Section, Shown, attempt
from analysis.programmes.figures import course_figure, row_figure
from analysis.signal_detection import sensitivity_by_condition

NAME = "visualizations"
SOURCE = "Borowski et al. (2021), ICLR; Zimmermann et al. (2021), NeurIPS"
PEOPLE = Shown("people", "n_participants", "integer")


def visualization_study(
    trials: pd.DataFrame,
    *,
    cluster: str,
    rng: np.random.Generator,
    order: Sequence[str] | None = None,
    reference: str | None = None,
    level: float = 0.95,
    labels: Mapping[str, str] | None = None,
    n_resamples: int = BOOTSTRAP_RESAMPLES,
) -> Programme:
    """Analyse a forced choice with different kinds of reference pictures.

    Parameters
    ----------
    trials : test trials with ``condition``, ``correct``, ``n_options``, and if known ``item`` and
        ``confidence``.
    reference : the condition that others are compared with, the first of ``order`` if not given.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> trials = pd.DataFrame({"participant": np.repeat(range(12), 20), "n_options": 2,
    ...     "condition": np.repeat(["none", "natural"], 120), "item": np.tile(range(20), 12)})
    >>> trials["correct"] = (rng.random(240) < np.repeat([0.55, 0.9], 120)).astype(int)
    >>> found = visualization_study(trials, cluster="participant", rng=rng, n_resamples=100)
    >>> found["accuracy_two_sem"].set_index("condition")["accuracy"].round(2).to_dict()
    {'natural': 0.88, 'none': 0.49}
    """
    require_columns(trials, [cluster, "condition", "correct"])
    used = trials[trials["correct"].notna()]
    if used.empty:
        raise NotEstimable("there are no answers")
    present = set(used["condition"])
    names = [name for name in (order or sorted(present)) if name in present]
    shown = {name: (labels or {}).get(name, name) for name in names}
    found = accuracy_by_condition(
        used, cluster=cluster, rng=rng, order=names, level=level, n_resamples=n_resamples
    )
    notes = list(found.notes)
    sem = found.table["sd"] / np.sqrt(found.table["n_participants"])
    accuracy = found.table.assign(two_sem=2 * sem)
    sections = [_accuracy(accuracy)]
    options = _options(used)
    for what, compute in (
        ("sensitivity", lambda: _sensitivity(used, cluster, options, rng, names, level)),
        (
            "comparison of conditions",
            lambda: _differences(used, cluster, rng, names, reference, level, n_resamples),
        ),
        ("confidence", lambda: _confidence(used, cluster, names, level)),
        ("calibration", lambda: _calibration(used, cluster, names, level)),
    ):
        section = attempt(what, compute, notes)
        sections += [section] if section is not None else []
    chance = float(accuracy["chance"].mean())
    drawings = [
        Drawing(
            "conditions",
            lambda theme: row_figure(
                accuracy, theme, value="accuracy", name="condition", x_label="Right answers",
                labels=shown, points=found.participants, percent=True,
                neutral=chance if np.isfinite(chance) else None, neutral_word="chance",
            ),
            "Accuracy by kind of reference pictures, a dot for each person.",
            "Each dot is one person, the diamond the mean over people, the bar its t interval "
            "(these units and pictures only).",
        )
    ]  # fmt: skip
    steps = next((one.table for one in sections if one.name == "calibration"), None)
    if steps is not None:
        raw = participant_means(used, cluster=cluster, by=("condition", "confidence"))
        raw = raw.rename(columns={"mean": "accuracy"})
        drawings.append(
            Drawing(
                "calibration",
                lambda theme: course_figure(
                    raw, steps, shown, theme, x="confidence", group="condition",
                    x_label="Confidence", chance=chance,
                ),
                "Accuracy by step of confidence, a line for each condition.",
                "Each dot is one person, the diamond the mean over the people who used the step, "
                "the bar its t interval.",
                wide=len(names) > 4,
            )
        )  # fmt: skip
    return Programme(
        NAME,
        "Do visualizations help?",
        SOURCE,
        tuple(sections),
        tuple(drawings),
        tuple(dict.fromkeys(notes)),
    )


def _options(used: pd.DataFrame) -> int:
    if "n_options" not in used or used["n_options"].dropna().nunique() != 1:
        return 0
    return int(used["n_options"].dropna().iloc[0])


def _accuracy(table: pd.DataFrame) -> Section:
    return Section(
        "accuracy_two_sem",
        "How often were people right?",
        table,
        "mean over people with Student's t interval and test against chance; two standard errors "
        "as published; the interval for other units is clustered by participant and item",
        (
            Shown("Pictures", "condition", "label"),
            PEOPLE,
            Shown("right", "accuracy", "percent"),
            Shown("± 2 SEM", "two_sem", "points"),
            Shown("interval", "low", "percent", "high"),
            Shown("other units too", "new_stimuli_low", "percent", "new_stimuli_high"),
            Shown("p against chance", "p", "p"),
        ),
    )


def _sensitivity(
    used: pd.DataFrame,
    cluster: str,
    options: int,
    rng: np.random.Generator,
    names: Sequence[str],
    level: float,
) -> Section | None:
    if options < 2:
        return None
    found = sensitivity_by_condition(
        used, cluster=cluster, task="m_afc", n_options=options, rng=rng, order=names, level=level,
        n_resamples=2,
    )  # fmt: skip
    return Section(
        "sensitivity",
        "How sensitive are people?",
        found.table.drop(columns=["bootstrap_low", "bootstrap_high"]),
        "sensitivity d′ of a forced choice, from the mean accuracy of people and the ends of its t "
        "interval",
        (
            Shown("Pictures", "condition", "label"),
            Shown("d′", "d_prime", "number"),
            Shown("interval", "low", "number", "high"),
            PEOPLE,
        ),
    )


def _differences(
    used: pd.DataFrame,
    cluster: str,
    rng: np.random.Generator,
    names: Sequence[str],
    reference: str | None,
    level: float,
    n_resamples: int,
) -> Section | None:
    if len(names) < 2:
        return None
    found = compare_conditions(
        used, cluster=cluster, rng=rng, order=names, reference=reference, level=level,
        n_resamples=n_resamples,
    )  # fmt: skip
    return Section(
        "against_reference",
        "Which pictures help more than the reference?",
        found.primary().assign(method=found.primary()["method"].map(METHODS)),
        "logit clustered by participant and unit (CR2); p corrected by Holm's method",
        (
            Shown("Pictures", "condition", "label"),
            Shown("against", "reference", "label"),
            Shown("points", "difference", "points"),
            Shown("interval", "difference_low", "percent", "difference_high"),
            Shown("odds ratio", "odds_ratio", "number"),
            Shown("p, corrected", "p_holm", "p"),
        ),
        scope=str(found.primary()["scope"].iloc[0]),
        caption=" ".join(found.warnings),
    )


def _confidence(
    used: pd.DataFrame, cluster: str, names: Sequence[str], level: float
) -> Section | None:
    if "confidence" not in used or used["confidence"].isna().all():
        return None
    means = participant_means(
        used, cluster=cluster, value="confidence", by=("condition", "correct")
    )
    wide = means.pivot(index=[cluster, "condition"], columns="correct", values="mean")
    wide = wide.reindex(columns=[0, 1]).rename(columns={0: "wrong", 1: "right"}).reset_index()
    rows = []
    for name in names:
        own = wide[wide["condition"] == name]
        gap = (own["right"] - own["wrong"]).dropna().to_numpy(dtype=float)
        ends = t_interval(gap, level)
        rows.append(
            {
                "condition": name,
                "when_right": float(own["right"].mean()),
                "when_wrong": float(own["wrong"].mean()),
                "gap": float(gap.mean()) if len(gap) else float("nan"),
                "low": ends.low,
                "high": ends.high,
                "n_participants": len(gap),
            }
        )
    return Section(
        "confidence",
        "Are people surer when they are right?",
        pd.DataFrame(rows),
        "each person's mean confidence when right minus when wrong; mean over the people who had "
        "both, Student's t interval",
        (
            Shown("Pictures", "condition", "label"),
            Shown("when right", "when_right", "number"),
            Shown("when wrong", "when_wrong", "number"),
            Shown("gap", "gap", "number"),
            Shown("interval", "low", "number", "high"),
            PEOPLE,
        ),
    )


def _calibration(
    used: pd.DataFrame, cluster: str, names: Sequence[str], level: float
) -> Section | None:
    if "confidence" not in used or not 2 <= used["confidence"].nunique() <= 7:
        return None
    people = participant_means(used, cluster=cluster, by=("condition", "confidence"))
    rows = []
    for name in names:
        for step in sorted(people["confidence"].unique()):
            own = people[(people["condition"] == name) & (people["confidence"] == step)]
            if own.empty:
                continue
            ends = t_interval(own["mean"].to_numpy(), level).clipped()
            row = {"condition": name, "confidence": step, "accuracy": float(own["mean"].mean())}
            rows.append(row | {"low": ends.low, "high": ends.high, "n_participants": len(own)})
    return Section(
        "calibration",
        "Does confidence tell right from wrong?",
        pd.DataFrame(rows),
        "mean over people of their accuracy at the step of confidence, Student's t interval",
        (
            Shown("Pictures", "condition", "label"),
            Shown("confidence", "confidence", "integer"),
            Shown("right", "accuracy", "percent"),
            Shown("interval", "low", "percent", "high"),
            PEOPLE,
        ),
    )
