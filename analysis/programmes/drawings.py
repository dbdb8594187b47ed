"""Are machines' drawings like ours, and which places do people look at? Three tasks, one programme.

*Naming*: people name a drawing among K; accuracy by who drew it. *By a person?*: people say whether
a person drew it; d′ and bias by agent. *Features*: recognizability, diversity and originality of
drawings in a feature space, with the distance of each machine from people
(:mod:`analysis.drawings`). *Click maps*: split-half reliability against a shuffled null, and a
model's maps against people's with their ceiling (:mod:`analysis.click_maps`).

Sources: Boutin, Singhal, Thomas and Serre (2022), Diversity vs. Recognizability, NeurIPS; Boutin,
Fel, Singhal, Mukherji, Nagaraj, Colin and Serre (2023), Diffusion Models as Artists, ICML; Linsley,
Shiebler, Eberhardt and Serre (2019), Learning What and Where to Attend, ICLR.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from analysis.accuracy import BOOTSTRAP_RESAMPLES, accuracy_by_condition
from analysis.click_maps import click_map_reliability, similarity_to_model
from analysis.clustered_logit import NotEstimable
from analysis.differences import compare_conditions
from analysis.drawings import Drawings, generalization_curve
from analysis.people import require_columns
from analysis.programmes.base import Drawing, Programme, Section, Shown, attempt
from analysis.programmes.figures import plane_figure, row_figure
from analysis.progress import Track, no_track
from analysis.signal_detection import yes_no_by_condition

NAME, CLICK_MAPS = "drawings", "click_maps"
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


def click_map_study(
    maps: ArrayLike,
    answers: pd.DataFrame,
    *,
    cluster: str,
    image: str,
    rng: np.random.Generator,
    models: Mapping[str, Mapping[str, ArrayLike]] | None = None,
    n_splits: int = 100,
    level: float = 0.95,
    track: Track = no_track,
) -> Programme:
    """Reliability of people's maps, and how near models come to the ceiling.

    Parameters
    ----------
    maps : (N, h, w) one map a row of ``answers``, smoothed if they were clicked.
    models : by model, its map of each image.

    Raises
    ------
    NotEstimable
        If no image has maps of two people.
    """
    found = click_map_reliability(
        maps, answers, cluster=cluster, image=image, rng=rng, n_splits=n_splits, level=level,
        track=track,
    )  # fmt: skip
    notes = list(found.notes)
    sections = [_reliability(found.overall), _images(found.table)]
    rows = []
    for name, own in (models or {}).items():
        near = attempt(
            f"similarity of {name}",
            lambda own=own: similarity_to_model(  # type: ignore[misc]
                maps, answers, own, image=image, reliability=found, level=level
            ),
            notes,
        )
        if near is not None:
            rows.append(near.overall.assign(model=name))
    if rows:
        sections.append(_similarity(pd.concat(rows, ignore_index=True)))
    by_image = found.table.sort_values("spearman_brown", ascending=False).reset_index(drop=True)
    by_image["n_images"] = len(by_image)  # one colour for all
    null_high = float(found.overall["null_high"].iloc[0])
    drawing = Drawing(
        CLICK_MAPS,
        lambda theme: row_figure(
            by_image.head(40), theme, value="spearman_brown", name="image", colour_by="n_images",
            x_label="Reliability (split half, stepped up)",
            neutral=null_high if np.isfinite(null_high) else None,
            neutral_word="other images, 95 %",
        ),
        "Reliability of each image's click map.",
        "A diamond is one image, the best forty at most. The line is what maps of two different "
        "images reach in 95 of 100 cases.",
    )  # fmt: skip
    return Programme(
        CLICK_MAPS,
        "Which places make it recognisable?",
        "Linsley et al. (2019), ICLR",
        tuple(sections),
        (drawing,),
        tuple(notes),
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
        "logit clustered by participant and concept (CR1); p corrected by Holm's method",
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
        "d′ and criterion of each person (½ added to counts), mean over people, t interval",
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


def _reliability(overall: pd.DataFrame) -> Section:
    return Section(
        "reliability",
        "Do people find the same places diagnostic?",
        overall,
        "correlation of the mean maps of two halves of the people, over random halves, stepped up "
        "by Spearman and Brown; the null correlates halves of different images; t over images",
        (
            Shown("Images", "n_images", "integer"),
            Shown("split half", "split_half", "number"),
            Shown("stepped up", "spearman_brown", "number"),
            Shown("interval", "spearman_brown_low", "number", "spearman_brown_high"),
            Shown("one against the rest", "leave_one_out", "number"),
            Shown("ceiling", "ceiling", "number"),
            Shown("null", "null", "number"),
            Shown("null, 95 %", "null_high", "number"),
        ),
        scope="these people, images like these",
        sentence="Maps of two halves of the people agree with {spearman_brown:number} "
        "({spearman_brown_low:number} to {spearman_brown_high:number}); halves of different images "
        "reach {null:number}.",
    )


def _images(table: pd.DataFrame) -> Section:
    return Section(
        "images",
        "Which images?",
        table,
        "the same for each image",
        (
            Shown("Image", "image"),
            PEOPLE,
            Shown("split half", "split_half", "number"),
            Shown("stepped up", "spearman_brown", "number"),
            Shown("α", "alpha", "number"),
            Shown("ceiling", "ceiling", "number"),
        ),
        scope="these people and images",
    )


def _similarity(table: pd.DataFrame) -> Section:
    return Section(
        "similarity",
        "How near do models come to people?",
        table,
        "correlation of a model's map with people's mean map, and its share of the ceiling",
        (
            Shown("Model", "model"),
            Shown("correlation", "similarity", "number"),
            Shown("interval", "similarity_low", "number", "similarity_high"),
            Shown("share of the ceiling", "share_of_ceiling", "percent"),
            Shown("interval", "share_of_ceiling_low", "percent", "share_of_ceiling_high"),
            Shown("images", "n_images", "integer"),
        ),
        scope="these people and this model, images like these",
    )
