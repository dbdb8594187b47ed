"""Are machines' drawings like ours? Two tasks and a feature space, one programme.

*Naming*: people name a drawing among K; accuracy by who drew it. *By a person?*: people say whether
a person drew it; d′ and bias by agent. *Features*: recognizability, diversity and originality of
drawings in a feature space, with the distance of each machine from people
(:mod:`analysis.drawings`). The places that people mark are in
:mod:`analysis.programmes.click_maps`.

Sources: Boutin, Singhal, Thomas and Serre (2022), Diversity vs. Recognizability, NeurIPS; Boutin,
Fel, Singhal, Mukherji, Nagaraj, Colin and Serre (2023), Diffusion Models as Artists, ICML.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from analysis.accuracy import BOOTSTRAP_RESAMPLES, accuracy_by_condition
from analysis.clustered_logit import NotEstimable
from analysis.differences import compare_conditions
from analysis.drawings import Drawings, generalization_curve
from analysis.people import require_columns
from analysis.programmes.base import Drawing, Programme, Section, Shown, attempt
from analysis.programmes.figures import plane_figure, row_figure
from analysis.signal_detection import yes_no_by_condition

NAME = "drawings"
BY_A_PERSON = ("person", "people", "human", "humans")
NOT_TOLD = "not told"
PEOPLE = Shown("people", "n_participants", "integer")


def drawing_study(
    trials: pd.DataFrame,
    *,
    cluster: str,
    rng: np.random.Generator,
    order: Sequence[str] | None = None,
    reference: str | None = None,
    level: float = 0.95,
    labels: Mapping[str, str] | None = None,
    described: Drawings | None = None,
    n_resamples: int = BOOTSTRAP_RESAMPLES,
) -> Programme:
    """Analyse what people say of drawings.

    Parameters
    ----------
    trials : test trials with ``agent`` (who drew; else ``condition``), ``correct``, ``n_options``,
        and ``item`` (the concept); several tasks (column ``task``) are told apart. Where
        ``correct_response`` is "person" or "machine" the task is to say who drew.
    reference : the agent that others are compared with, usually people.
    described : what :func:`analysis.drawings.describe_drawings` found in feature space.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> trials = pd.DataFrame({"participant": np.repeat(range(10), 20), "n_options": 20,
    ...     "condition": np.tile(["human", "vae"], 100), "item": np.tile(np.arange(20), 10)})
    >>> trials["correct"] = (rng.random(200) < np.tile([0.9, 0.6], 100)).astype(int)
    >>> found = drawing_study(trials, cluster="participant", rng=rng, n_resamples=100)
    >>> found["recognition"][["condition", "accuracy"]].round(2).values.tolist()
    [['human', 0.88], ['vae', 0.56]]
    """
    require_columns(trials, [cluster, "condition", "correct"])
    if "task" in trials and trials["task"].nunique() > 1:
        by_task = {
            str(task): drawing_study(
                own.drop(columns="task"), cluster=cluster, rng=rng, order=order,
                reference=reference, level=level, labels=labels, n_resamples=n_resamples,
                described=described if place == 0 else None,
            )
            for place, (task, own) in enumerate(trials.groupby("task", observed=True))
        }  # fmt: skip
        return _together(by_task)
    used = trials[trials["correct"].notna()]
    if used.empty:
        raise NotEstimable("there are no answers")
    if "agent" in used and used["agent"].notna().any():
        agent = used["agent"].astype("string")
        used = used.assign(condition=agent.fillna(NOT_TOLD).astype(str))
        reference = reference or next((one for one in BY_A_PERSON if one in set(agent)), None)
    present = set(used["condition"])
    names = [name for name in order or () if name in present]
    names += sorted(present - set(names))
    shown = {name: (labels or {}).get(name, name) for name in names}
    found = accuracy_by_condition(
        used, cluster=cluster, rng=rng, order=names, level=level, n_resamples=n_resamples
    )
    notes = list(found.notes)
    sections = [_recognition(found.table)]
    for what, compute in (
        ("comparison of agents", lambda: _agents(used, cluster, rng, names, reference, level)),
        ("answers on who drew", lambda: _who(used, cluster, level, notes)),
    ):
        section = attempt(what, compute, notes)
        sections += [section] if section is not None else []
    chance = float(found.table["chance"].mean())
    drawings = [
        Drawing(
            "recognition",
            lambda theme: row_figure(
                found.table, theme, value="accuracy", name="condition", labels=shown,
                x_label="Right answers", points=found.participants, percent=True,
                neutral=chance if np.isfinite(chance) else None, neutral_word="chance",
            ),
            "Right answers by who drew, a dot for each person.",
            "Each dot is one person, the diamond the mean over people, the bar its t interval "
            "(these drawings only).",
        )
    ]  # fmt: skip
    if described is not None:
        more, pictures = _described(described, shown, notes)
        sections += more
        drawings += pictures
    return Programme(
        NAME,
        "Are machines' drawings like ours?",
        "Boutin et al. (2023), ICML",
        tuple(sections),
        tuple(drawings),
        tuple(dict.fromkeys(notes)),
    )


def _together(by_task: Mapping[str, Programme]) -> Programme:
    """One programme of several tasks, each with its name in its sections and figures."""
    first = next(iter(by_task.values()))

    def told(task: str, text: str) -> str:
        return f"{text} ({task.replace('_', ' ')})"

    return replace(
        first,
        sections=tuple(
            replace(one, name=f"{task}_{one.name}", title=told(task, one.title))
            for task, found in by_task.items()
            for one in found.sections
        ),
        drawings=tuple(
            replace(one, name=f"{task}_{one.name}", alt=told(task, one.alt.rstrip(".")) + ".")
            for task, found in by_task.items()
            for one in found.drawings
        ),
        notes=tuple(dict.fromkeys(note for found in by_task.values() for note in found.notes)),
    )


def _recognition(table: pd.DataFrame) -> Section:
    return Section(
        "recognition",
        "How often were people right about drawings?",
        table,
        "mean over people with Student's t interval and test against chance; the interval for "
        "other concepts is clustered by participant and item",
        (
            Shown("Drawn by", "condition", "label"),
            PEOPLE,
            Shown("right", "accuracy", "percent"),
            Shown("interval", "low", "percent", "high"),
            Shown("other concepts too", "new_stimuli_low", "percent", "new_stimuli_high"),
            Shown("chance", "chance", "percent"),
            Shown("p against chance", "p", "p"),
        ),
    )


def _agents(
    used: pd.DataFrame,
    cluster: str,
    rng: np.random.Generator,
    names: Sequence[str],
    reference: str | None,
    level: float,
) -> Section | None:
    if len(names) < 2:
        return None
    found = compare_conditions(
        used, cluster=cluster, rng=rng, order=names, reference=reference, level=level, n_resamples=2
    )
    table = found.primary()
    return Section(
        "agents",
        "Which agents differ from the reference?",
        table,
        "logit clustered by participant and concept (CR2); p corrected by Holm's method",
        (
            Shown("Drawn by", "condition", "label"),
            Shown("against", "reference", "label"),
            Shown("points", "difference", "points"),
            Shown("interval", "difference_low", "percent", "difference_high"),
            Shown("p, corrected", "p_holm", "p"),
        ),
        scope=str(table["scope"].iloc[0]),
        caption=" ".join(found.warnings),
    )


def _who(used: pd.DataFrame, cluster: str, level: float, notes: list[str]) -> Section | None:
    """Yes/no analysis where the question was who drew; all agents against people together."""
    if not {"response", "correct_response"} <= set(used.columns):
        return None
    words = set(used["correct_response"].dropna().astype(str))
    signal = next((word for word in BY_A_PERSON if word in words), None)
    if signal is None or len(words) != 2:
        return None
    found = yes_no_by_condition(
        used.assign(condition="all"), cluster=cluster, signal=signal, level=level
    )
    notes += found.notes
    return Section(
        "by_a_person",
        "Can people tell who drew?",
        found.table,
        "sensitivity d′ and criterion of each person (½ added to counts), mean over people, "
        "t interval",
        (
            PEOPLE,
            Shown("d′", "d_prime", "number"),
            Shown("interval", "d_prime_low", "number", "d_prime_high"),
            Shown("criterion", "criterion", "number"),
            Shown("interval", "criterion_low", "number", "criterion_high"),
        ),
        caption="d′ of 0 means that people cannot tell; a positive criterion that they say "
        "“a person” too rarely.",
    )


def _described(
    found: Drawings, shown: Mapping[str, str], notes: list[str]
) -> tuple[list[Section], list[Drawing]]:
    notes += found.notes
    agents = found.table["agent"].tolist()
    names = {agent: shown.get(agent, agent) for agent in agents}
    sections = [
        Section(
            "feature_space",
            "Where do agents lie between recognizable and original?",
            found.table,
            "means over concepts of one-shot recognizability, Bessel-corrected diversity, and "
            "distance from the exemplar; distance from people after z-scoring both axes, interval "
            "by resampling drawers",
            (
                Shown("Agent", "agent", "label"),
                Shown("recognizability", "recognizability", "percent"),
                Shown("diversity", "diversity", "number"),
                Shown("originality", "originality", "number"),
                Shown("distance from people", "distance", "number"),
                Shown("interval", "low", "number", "high"),
            ),
            scope="drawers like these and these concepts",
        )
    ]
    drawings = [
        Drawing(
            "feature_space",
            lambda theme: plane_figure(
                found.table, theme, x="originality", y="recognizability", group="agent",
                labels=names, x_label="Originality", y_label="Recognizability", named=True,
                percent=("y",),
            ),
            "Agents by originality and recognizability.",
            "Each diamond is one agent, a mean over concepts.",
        )
    ]  # fmt: skip
    curve = attempt("generalization curve", lambda: generalization_curve(found), notes)
    if curve is not None:
        sections.append(
            Section(
                "generalization",
                "Do original drawings stay recognizable?",
                curve,
                "mean recognizability in bins of equal numbers of drawings by originality",
                (
                    Shown("Agent", "agent", "label"),
                    Shown("bin", "bin", "integer"),
                    Shown("originality", "originality", "number"),
                    Shown("recognizability", "recognizability", "percent"),
                    Shown("drawings", "n", "integer"),
                ),
                scope="these drawings",
            )
        )
    return sections, drawings
