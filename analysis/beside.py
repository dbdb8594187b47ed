"""What stands beside the declared test: other models, other measures, and who was lost.

Every section is exploratory. A question that the data cannot answer is left out with a note; one
that makes no sense for the design (sessions where there is one) is left out in silence.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from analysis.attrition import attrition, everyone_assigned
from analysis.bayes_factors import evidence
from analysis.crossed_glmm import MOST_TRIALS, compare_conditions_mixed
from analysis.crossed_lmm import response_time_model
from analysis.dataset import Dataset
from analysis.effect_sizes import effect_sizes
from analysis.exclusions import LEFT, NO_CONDITION, Exclusions
from analysis.gee import compare_conditions_gee
from analysis.multiple_comparisons import pairwise_comparisons
from analysis.people import met_several, participant_means
from analysis.programmes.base import Section, Shown, attempt
from analysis.programmes.sessions import session_effects
from analysis.signal_detection import side_bias

PERSON = "participant"
MOST_POSITIONS = 9
KINDS = {"hedges_g": "Hedges' g", "odds_ratio": "odds ratio", "risk_difference": "risk difference"}
CONDITION = Shown("Condition", "condition", "label")
AGAINST = Shown("against", "reference", "label")
SCOPE = Shown("scope", "scope")


def beside(
    data: Dataset,
    test: pd.DataFrame,
    exclusions: Exclusions,
    *,
    order: Sequence[str],
    item: str | None,
    rng: np.random.Generator,
    sessions: bool,
    notes: list[str],
) -> list[Section]:
    """The sections that the data allow.

    Parameters
    ----------
    test : answered test trials of the people who count.
    sessions : whether to ask about sessions (a programme may have done so).
    notes : gets a line for each question that could not be answered.
    """
    plan = data.plan
    several = len(order) > 1
    within = bool((test.groupby(PERSON)["condition"].nunique() > 1).any()) if len(test) else False
    options = {"cluster": PERSON, "order": order, "reference": plan.reference}

    def mixed() -> Section:
        found = compare_conditions_mixed(
            test, cluster=PERSON, item=item, order=order, reference=plan.reference, level=plan.level
        )
        return _model(
            "mixed_model",
            "The same comparison by a mixed model",
            "logit with people and items as crossed random effects, maximum likelihood by "
            "Laplace's approximation",
            (Shown("z", "z", "number"),),
            found.table,
            found.notes,
        )

    def averaged() -> Section:
        found = compare_conditions_gee(
            test, cluster=PERSON, order=order, reference=plan.reference, level=plan.level
        )
        return _model(
            "population_averaged",
            "The same comparison averaged over people",
            "logit by generalised estimating equations, answers of a person exchangeable, robust "
            "covariance",
            (Shown("t", "t", "number"), Shown("df", "df", "df")),
            found.table,
            found.notes,
        )

    asked: list[tuple[str, bool, Callable[[], Section | None]]] = [
        ("crossed mixed logit", several and len(test) <= MOST_TRIALS, mixed),
        ("population-averaged logit", several and len(test) <= MOST_TRIALS, averaged),
        (
            "comparison of all pairs",
            len(order) > 2,
            lambda: _pairs(test, order, within, plan.level),
        ),
        (
            "effect sizes",
            several,
            lambda: _effects(
                effect_sizes(
                    test, cluster=PERSON, order=order, reference=plan.reference, rng=rng,
                    level=plan.level,
                ).table
            ),
        ),
        ("Bayes factors", True, lambda: _evidence(test, order, several, options["reference"])),
        (
            "sessions",
            sessions and several and "session" in test and test["session"].nunique() > 1,
            lambda: session_effects(
                test, PERSON, order, plan.level, "Does it change over sessions?"
            ),
        ),
        (
            "mixed model of response times",
            several and "rt_ms" in test and bool((test["rt_ms"] > 0).any()),
            lambda: _times(test, item, order, plan.reference, plan.level),
        ),
        ("side bias", _positions(test), lambda: _side(test, plan.level)),
        ("people lost", True, lambda: _lost(data, exclusions, order, rng, plan.level, notes)),
        ("bounds of everyone assigned", True, lambda: _bounds(data, exclusions)),
    ]  # fmt: skip
    found = []
    for what, sensible, compute in asked:
        section = attempt(what, compute, notes) if sensible and len(test) else None
        if section is not None:
            found.append(section)
    if several and len(test) > MOST_TRIALS:
        notes.append(
            f"The crossed mixed logit and the population-averaged one take long above "
            f"{MOST_TRIALS} answers, so they are off here; "
            "compare_conditions_mixed(most_trials=…) and compare_conditions_gee make them."
        )
    return found


def _model(
    name: str,
    title: str,
    method: str,
    statistic: tuple[Shown, ...],
    table: pd.DataFrame,
    notes: Sequence[str],
) -> Section:
    """Odds ratios of every condition by another model, with the statistic that it tests them by."""
    return Section(
        name,
        title,
        table,
        method,
        (
            CONDITION,
            AGAINST,
            Shown("odds ratio", "odds_ratio", "number"),
            Shown("interval", "low", "number", "high"),
            *statistic,
            Shown("p", "p", "p"),
        ),
        scope=str(table["scope"].iloc[0]),
        caption=" ".join(notes),
    )


def _pairs(test: pd.DataFrame, order: Sequence[str], within: bool, level: float) -> Section:
    found = pairwise_comparisons(
        test,
        cluster=PERSON,
        method="paired_t" if within else "games_howell",
        order=order,
        level=level,
    )
    return Section(
        "pairs",
        "All pairs of conditions",
        found.table,
        found.method,
        (
            CONDITION,
            AGAINST,
            Shown("points", "difference", "points"),
            Shown("interval", "low", "percent", "high"),
            Shown("p, corrected", "p_adjusted", "p"),
        ),
    )


def _effects(table: pd.DataFrame) -> Section:
    return Section(
        "effect_sizes",
        "How large are the differences?",
        table.assign(kind=table["kind"].map(lambda kind: KINDS.get(str(kind), str(kind)))),
        "people as the unit; the kind is named in each row",
        (
            CONDITION,
            AGAINST,
            Shown("kind", "kind"),
            Shown("value", "value", "number"),
            Shown("interval", "low", "number", "high"),
            Shown("interval by", "method"),
        ),
    )


def _evidence(
    test: pd.DataFrame, order: Sequence[str], several: bool, reference: object
) -> Section | None:
    chance = None
    if not several:
        if "n_options" not in test or test["n_options"].isna().all():
            return None
        chance = float((1 / test["n_options"]).mean())
    found = evidence(
        test,
        cluster=PERSON,
        order=order,
        reference=None if reference is None else str(reference),
        chance=chance,
    )
    return Section(
        "evidence",
        "How strong is the evidence, for or against?",
        found.table,
        "Bayes factor of a t test on participants' means; the prior is named in each row",
        (
            CONDITION,
            AGAINST,
            Shown("BF₁₀", "bf10", "number"),
            Shown("BF₀₁", "bf01", "number"),
            Shown("prior on the effect size", "prior"),
            Shown("reading", "reading"),
        ),
        caption="BF₁₀ says how many times likelier the data are if there is a difference than if "
        "there is none; between a third and three they decide nothing.",
    )


def _times(
    test: pd.DataFrame,
    item: str | None,
    order: Sequence[str],
    reference: str | None,
    level: float,
) -> Section:
    found = response_time_model(
        test, cluster=PERSON, item=item, order=order, reference=reference, level=level
    )
    return Section(
        "response_time_model",
        "Response times by a mixed model",
        found.table,
        "log response times with people and items as crossed random effects, REML",
        (
            CONDITION,
            AGAINST,
            Shown("times as long", "ratio", "number"),
            Shown("interval", "low", "number", "high"),
            Shown("t", "t", "number"),
            Shown("df", "df", "df"),
            Shown("p", "p", "p"),
        ),
        scope=str(found.table["scope"].iloc[0]),
        caption=" ".join(found.notes),
    )


def _positions(test: pd.DataFrame) -> bool:
    """Whether answers are positions on the screen."""
    if not {"response", "correct_response"} <= set(test.columns):
        return False
    answers = set(test["response"].dropna().astype(str)) | set(
        test["correct_response"].dropna().astype(str)
    )
    return 1 < len(answers) <= MOST_POSITIONS and all(answer.isdigit() for answer in answers)


def _side(test: pd.DataFrame, level: float) -> Section:
    columns = {name: test[name].astype("string") for name in ("response", "correct_response")}
    found = side_bias(test.assign(**columns), cluster=PERSON, level=level)
    return Section(
        "side_bias",
        "Do people favour a position?",
        found.table.assign(place=found.table["position"].astype(int) + 1),
        "share of answers at a position minus the share of trials whose right answer lies there, "
        "mean over people, Student's t interval",
        (
            CONDITION,
            Shown("position from the left", "place", "integer"),
            Shown("chosen", "chosen", "percent"),
            Shown("bias, points", "bias", "points"),
            Shown("interval", "bias_low", "percent", "bias_high"),
        ),
    )


def _people(exclusions: Exclusions) -> pd.DataFrame:
    """One row a person with a condition: whether they finished, and were excluded."""
    decisions = exclusions.decisions
    reason = decisions["reason"]
    left = reason.str.startswith(LEFT)
    people = pd.DataFrame(
        {
            PERSON: decisions[PERSON],
            "condition": decisions["condition"],
            "status": np.where(left, "left", "complete"),
            "excluded": ((reason != "") & ~left).astype(int),
        }
    )
    return people[(reason != NO_CONDITION) & (people["condition"] != "")]


def _lost(
    data: Dataset,
    exclusions: Exclusions,
    order: Sequence[str],
    rng: np.random.Generator,
    level: float,
    notes: list[str],
) -> Section | None:
    people = _people(exclusions)
    lost = (people["status"] != "complete") | (people["excluded"] == 1)
    if people["condition"].nunique() < 2 or not lost.any():
        return None
    names = data.plan.order([str(name) for name in pd.unique(people["condition"])])
    found = attrition(people, rng=rng, order=names, level=level)
    test = found.tests.set_index("question").loc["lost"]
    if test["p"] < 0.05:
        notes.append(
            "Conditions lost different shares of people, so those who are left may not be "
            "comparable; see the bounds of everyone assigned."
        )
    return Section(
        "lost",
        "Did conditions lose different shares of people?",
        found.table.assign(chi2=test["chi2"], p=test["p"], cramers_v=test["cramers_v"]),
        "Pearson's χ² of people lost in either way, p by permutation of conditions; Wilson's "
        "intervals",
        (
            CONDITION,
            Shown("assigned", "n_assigned", "integer"),
            Shown("left", "n_left", "integer"),
            Shown("share", "left_low", "percent", "left_high"),
            Shown("excluded", "n_excluded", "integer"),
            Shown("share", "excluded_low", "percent", "excluded_high"),
            Shown("analysed", "n_analysed", "integer"),
            Shown("p of all", "p", "p"),
        ),
        scope="people like these",
    )


def _bounds(data: Dataset, exclusions: Exclusions) -> Section | None:
    people = _people(exclusions)
    test = data.trials[data.trials["phase"] == "test"]
    counts = test[test[PERSON].isin(exclusions.included)].groupby(PERSON).size()
    if counts.empty or counts.nunique() > 1 or people.empty:
        return None
    if met_several(participant_means(test, cluster=PERSON), PERSON):
        return None
    table = everyone_assigned(test, people, cluster=PERSON, n_trials=int(counts.iloc[0]))
    if not table["n_missing"].any():
        return None
    return Section(
        "everyone_assigned",
        "Everyone who was assigned",
        table,
        "accuracy if all missing answers had been wrong, or right; no assumption on why they are "
        "missing",
        (
            CONDITION,
            Shown("assigned", "n_assigned", "integer"),
            Shown("answers missing", "n_missing", "integer"),
            Shown("right, of those given", "accuracy", "percent"),
            Shown("bounds", "lowest", "percent", "highest"),
        ),
        scope="these people and stimuli",
        caption="Exclusions are not applied here.",
    )
