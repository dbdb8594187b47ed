"""Are concepts meaningful, and sub-concepts more so? CRAFT's intruder and its binary choice.

*Intruder*: several crops of one concept and one of another; accuracy for concepts against
sub-concepts, against chance (one over the number of crops shown). *Binary choice*: which of two
clusters, the sub-concept or its parent, fits a crop that belongs to both; the odds of choosing the
sub-concept, p / (1 − p), whose logarithm is the intercept of a binomial logistic regression.

The published regression pools the answers of all people, so that its interval is too narrow; it is
given as *published* beside the one that is clustered by participant and crop.

Source: Fel, Picard, Béthune, Boissin, Vigouroux, Colin, Cadène and Serre (2023), CRAFT: Concept
Recursive Activation FacTorization for Explainability, CVPR, section 4.2 and supplement.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from scipy import special

from analysis.accuracy import BOOTSTRAP_RESAMPLES, accuracy_by_condition
from analysis.clustered_logit import NotEstimable
from analysis.differences import NAMES, compare_conditions
from analysis.people import require_columns
from analysis.programmes.base import Drawing, Programme, Section, Shown, attempt
from analysis.programmes.figures import row_figure

INTRUDER, BINARY_CHOICE = "intruder", "binary_choice"
SOURCE = "Fel et al. (2023), CVPR"
EVERYBODY = "everybody"


def intruder(
    trials: pd.DataFrame,
    *,
    cluster: str,
    rng: np.random.Generator,
    order: Sequence[str] | None = None,
    reference: str | None = None,
    level: float = 0.95,
    labels: Mapping[str, str] | None = None,
    group: str | None = None,
    n_resamples: int = BOOTSTRAP_RESAMPLES,
) -> Programme:
    """Accuracy of finding the intruder, concept against sub-concept.

    Parameters
    ----------
    trials : test trials with ``condition`` (concept, sub-concept), ``correct``, ``n_options`` and
        ``item``.
    group : column that divides people (experts, laymen); each group is analysed by itself.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> trials = pd.DataFrame({"participant": np.repeat(range(12), 24), "n_options": 6,
    ...     "condition": ["concept", "subconcept"] * 144, "item": np.tile(np.arange(24), 12)})
    >>> trials["correct"] = (rng.random(288) < 0.65).astype(int)
    >>> found = intruder(trials, cluster="participant", rng=rng, n_resamples=200)
    >>> found["intruder"][["condition", "accuracy", "chance"]].round(2).values.tolist()
    [['concept', 0.57, 0.17], ['subconcept', 0.59, 0.17]]
    """
    used, groups = _used(trials, cluster, group)
    notes: list[str] = []
    names = list(order or sorted(set(used["condition"])))
    tables, comparisons, people = [], [], []
    for one in groups:
        own = used if group is None else used[used[group].astype(str) == one]
        found = accuracy_by_condition(
            own, cluster=cluster, rng=rng, order=names, level=level, n_resamples=n_resamples
        )
        notes += found.notes
        tables.append(found.table.assign(group=one))
        people.append(found.participants.assign(group=one))
        compared = attempt(
            f"comparison of conditions for {one}",
            lambda own=own: compare_conditions(  # type: ignore[misc]
                own, cluster=cluster, rng=rng, order=names, reference=reference, level=level,
                n_resamples=n_resamples,
            ),
            notes,
        )  # fmt: skip
        if compared is not None:
            notes += [*compared.notes, *compared.warnings]
            comparisons.append(compared.table.assign(group=one))
    accuracy = _row_names(pd.concat(tables, ignore_index=True), labels, len(groups) > 1)
    raw = _row_names(pd.concat(people, ignore_index=True), labels, len(groups) > 1)
    sections = [
        Section(
            INTRUDER,
            "How often was the intruder found?",
            accuracy,
            "mean of participants' accuracies, Student's t interval and test against chance; the "
            "interval for other crops is clustered by participant and item",
            (
                Shown("Group", "group"),
                Shown("condition", "condition", "label"),
                Shown("people", "n_participants", "integer"),
                Shown("right", "accuracy", "percent"),
                Shown("interval", "low", "percent", "high"),
                Shown("other crops too", "new_stimuli_low", "percent", "new_stimuli_high"),
                Shown("chance", "chance", "percent"),
                Shown("p against chance", "p", "p"),
            ),
        )
    ]
    if comparisons:
        table = pd.concat(comparisons, ignore_index=True)
        table["method"] = table["method"].map(NAMES)
        sections.append(
            Section(
                "intruder_differences",
                "Is the intruder easier to find among sub-concepts?",
                table,
                "the first row of each comparison treats people and crops as samples",
                (
                    Shown("Group", "group"),
                    Shown("condition", "condition", "label"),
                    Shown("against", "reference", "label"),
                    Shown("method", "method"),
                    Shown("scope", "scope"),
                    Shown("points", "difference", "points"),
                    Shown("interval", "difference_low", "percent", "difference_high"),
                    Shown("p", "p", "p"),
                ),
                scope="as said in each row",
            )
        )
    chance = float(accuracy["chance"].mean())
    drawing = Drawing(
        INTRUDER,
        lambda theme: row_figure(
            accuracy, theme, value="accuracy", name="row", x_label="Intruder found", points=raw,
            neutral=chance if np.isfinite(chance) else None, neutral_word="chance", percent=True,
            colour_by="condition",
        ),
        "Accuracy of finding the intruder by group and condition, a dot for each person.",
        "Each dot is one person, the diamond the mean, the bar its t interval (these crops only).",
    )  # fmt: skip
    return Programme(
        INTRUDER,
        "Is the intruder found?",
        SOURCE,
        tuple(sections),
        (drawing,),
        tuple(dict.fromkeys(notes)),
    )


def binary_choice(
    trials: pd.DataFrame,
    *,
    cluster: str,
    rng: np.random.Generator,
    order: Sequence[str] | None = None,
    reference: str | None = None,
    level: float = 0.95,
    labels: Mapping[str, str] | None = None,
    group: str | None = None,
    n_resamples: int = BOOTSTRAP_RESAMPLES,
) -> Programme:
    """The odds of choosing the sub-concept rather than its parent.

    Parameters
    ----------
    trials : test trials with ``correct`` (1 if the sub-concept was chosen) and ``item``. Several
        conditions (sub-concepts of several methods) have a row each.
    order, reference : not used; there is nothing to compare but the two options.

    Examples
    --------
    Three of four choices for the sub-concept are odds of three.

    >>> trials = pd.DataFrame({"participant": np.repeat(range(10), 8), "condition": "choice",
    ...                        "correct": [1, 1, 0, 1] * 20})
    >>> found = binary_choice(trials, cluster="participant", rng=np.random.default_rng(0))
    >>> found["binary_choice"]["odds"].round(6).tolist()
    [3.0]
    """
    if group is None and trials["condition"].nunique() > 1:
        group = "condition"
    used, groups = _used(trials, cluster, group)
    used = used.assign(condition=EVERYBODY if group is None else used[group].astype(str))
    halves = used.assign(n_options=2)
    found = accuracy_by_condition(
        halves, cluster=cluster, rng=rng, order=groups, level=level, n_resamples=n_resamples
    )
    table = found.table.rename(columns={"condition": "group", "accuracy_pooled": "share"})
    published = [
        odds_of_choice(float(share) * float(n), float(n), level=level)
        for share, n in zip(table["share"], table["n_answers"], strict=True)
    ]
    table["odds"] = [one["odds"] for one in published]
    for end in ("low", "high"):
        p = table[f"new_stimuli_{end}"]
        table[f"odds_{end}"] = p / (1 - p)
        table[f"published_{end}"] = [one[end] for one in published]
    table["published_p"] = [one["p"] for one in published]
    people = found.participants.rename(columns={"condition": "group"})
    sections = (
        Section(
            BINARY_CHOICE,
            "Is the sub-concept preferred to its parent?",
            table,
            "intercept of a logistic regression, clustered by participant and crop (CR2); beside "
            "it the same with all answers pooled, as published",
            (
                Shown("Group", "group"),
                Shown("people", "n_participants", "integer"),
                Shown("sub-concept chosen", "share", "percent"),
                Shown("odds", "odds", "number"),
                Shown("interval", "odds_low", "number", "odds_high"),
                Shown("p", "new_stimuli_p", "p"),
                Shown("interval as published", "published_low", "number", "published_high"),
            ),
            scope="people and stimuli like these" if "item" in used else "these stimuli only",
            caption="Odds of 1 mean no preference. The published interval takes answers of one "
            "person for independent, so it is too narrow.",
            sentence="The sub-concept was chosen in {share:percent} of the trials "
            "({group}; odds {odds:number}, {odds_low:number} to {odds_high:number}). ",
        ),
    )
    drawing = Drawing(
        BINARY_CHOICE,
        lambda theme: row_figure(
            table.assign(low=table["new_stimuli_low"], high=table["new_stimuli_high"]), theme,
            value="accuracy", name="group", x_label="Sub-concept chosen", points=people,
            neutral=0.5, neutral_word="no preference", percent=True,
        ),
        "How often people chose the sub-concept, a dot for each person.",
        "Each dot is one person, the diamond the mean over people, the bar the interval for other "
        "people and crops.",
    )  # fmt: skip
    return Programme(
        BINARY_CHOICE,
        "Sub-concept or parent?",
        SOURCE,
        sections,
        (drawing,),
        tuple(dict.fromkeys(note.replace("condition", "group") for note in found.notes)),
    )


def odds_of_choice(k: float, n: float, *, level: float = 0.95) -> dict[str, float]:
    """Odds p / (1 − p), Wald interval on the log odds and p against even odds, answers pooled.

    Examples
    --------
    Published for laymen: 74.95 % of the choices, odds 2.99.

    >>> round(odds_of_choice(0.7495 * 444, 444)["odds"], 2)
    2.99
    """
    share = k / n if n else float("nan")
    if not 0 < share < 1:
        return dict.fromkeys(("odds", "low", "high", "p"), float("nan"))
    log_odds, se = float(special.logit(share)), (n * share * (1 - share)) ** -0.5
    half = float(special.ndtri(0.5 + level / 2)) * se
    return {
        "odds": float(np.exp(log_odds)),
        "low": float(np.exp(log_odds - half)),
        "high": float(np.exp(log_odds + half)),
        "p": float(2 * special.ndtr(-abs(log_odds / se))),
    }


def _used(trials: pd.DataFrame, cluster: str, group: str | None) -> tuple[pd.DataFrame, list[str]]:
    require_columns(trials, [cluster, "condition", "correct", *([group] if group else [])])
    used = trials[trials["correct"].notna()]
    if group is not None:
        used = used[used[group].notna()]
    if used.empty:
        raise NotEstimable("there are no answers")
    groups = [EVERYBODY] if group is None else sorted(used[group].astype(str).unique())
    return used, groups


def _row_names(
    table: pd.DataFrame, labels: Mapping[str, str] | None, several: bool
) -> pd.DataFrame:
    """With a name for each row of the figure."""
    shown = table["condition"].map(lambda name: (labels or {}).get(name, name))
    return table.assign(row=table["group"] + ", " + shown if several else shown)
