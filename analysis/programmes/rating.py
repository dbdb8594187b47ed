"""How do people rate explanations or pictures, and do they agree?

What is rated are the methods (column ``method``; else the conditions), on one question at a time.
Each method's ratings are held against the reference's by a proportional-odds model with people and
stimuli as samples (:mod:`analysis.ratings`); means, Friedman's test and agreement stand beside it.

Sources: McCullagh (1980), Journal of the Royal Statistical Society B 42; Friedman (1937), Journal
of the American Statistical Association 32; Krippendorff (2004), Content Analysis, chapter 11;
Shrout and Fleiss (1979), Psychological Bulletin 86.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from analysis.agreement import intraclass_correlation, krippendorff_alpha
from analysis.clustered_logit import NotEstimable
from analysis.differences import GENERAL, THESE_STIMULI
from analysis.intervals import t_interval
from analysis.people import participant_means, require_columns
from analysis.preferences import friedman
from analysis.programmes.base import Drawing, Programme, Section, Shown, attempt
from analysis.programmes.figures import row_figure
from analysis.ratings import ratings_by_condition

NAME = "rating"
ONE_QUESTION = "all ratings"
PEOPLE = Shown("people", "n_participants", "integer")
QUESTION = Shown("Question", "question")
METHOD = Shown("method", "condition", "label")


def rating_study(
    trials: pd.DataFrame,
    *,
    cluster: str,
    rng: np.random.Generator,
    order: Sequence[str] | None = None,
    reference: str | None = None,
    level: float = 0.95,
    labels: Mapping[str, str] | None = None,
    value: str = "rating",
) -> Programme:
    """Analyse ratings in ordered steps.

    Parameters
    ----------
    trials : one row a rating: ``value``, ``method`` or ``condition``, and if known ``question`` and
        ``item``.
    reference : the method that others are compared with; the first by name if not given.

    Raises
    ------
    NotEstimable
        If there are no ratings.

    Examples
    --------
    >>> trials = pd.DataFrame({"participant": list(range(8)) * 2, "condition": "all",
    ...     "method": ["map"] * 8 + ["text"] * 8, "item": [1, 2] * 8,
    ...     "rating": [2, 3, 2, 4, 3, 2, 3, 3, 4, 5, 4, 4, 3, 5, 4, 5]})
    >>> found = rating_study(trials, cluster="participant", rng=np.random.default_rng(0))
    >>> found["ratings"][["condition", "mean"]].values.tolist()
    [['map', 2.75], ['text', 4.25]]
    """
    used = _used(trials, cluster, value)
    names = _methods(used, order)
    shown = {name: (labels or {}).get(name, name) for name in names}
    questions = list(dict.fromkeys(used["question"]))
    means, people, compared, ranked, agreed = [], [], [], [], []
    notes: list[str] = []
    for question in questions:
        own = used[used["question"] == question]
        told = f" of “{question}”" if len(questions) > 1 else ""
        one = participant_means(own, cluster=cluster, value=value)
        people.append(one.assign(question=question))
        means.append(_means(one, own, names, value, level).assign(question=question))
        if len(names) > 1:
            odds = attempt(
                f"comparison{told}",
                lambda own=own: ratings_by_condition(  # type: ignore[misc]
                    own, cluster=cluster, value=value, order=names, reference=reference,
                    level=level,
                ),
                notes,
            )  # fmt: skip
            compared += [odds.table.assign(question=question)] if odds is not None else []
        if own.groupby(cluster)["condition"].nunique().max() > 1:
            test = attempt(
                f"Friedman's test{told}",
                lambda own=own: friedman(own, cluster=cluster, value=value),  # type: ignore[misc]
                notes,
            )
            ranked += [test.table.assign(question=question)] if test is not None else []
        alike = attempt(
            f"agreement{told}",
            lambda own=own: _agreement(own, cluster, value, rng, level),  # type: ignore[misc]
            notes,
        )
        agreed += [alike.assign(question=question)] if alike is not None else []
    table = pd.concat(means, ignore_index=True)
    sections = [_ratings(table, float(used[value].min()), float(used[value].max()))]
    for tables, section in ((compared, _odds), (ranked, _ranks), (agreed, _agree)):
        sections += [section(pd.concat(tables, ignore_index=True))] if tables else []
    several = len(questions) > 1
    row = table["condition"].map(lambda name: shown.get(name, name))
    table = table.assign(row=table["question"] + ", " + row if several else row)
    raw = pd.concat(people, ignore_index=True)
    dots = raw["condition"].map(lambda name: shown.get(name, name))
    raw = raw.assign(row=raw["question"] + ", " + dots if several else dots)
    drawing = Drawing(
        NAME,
        lambda theme: row_figure(
            table, theme, value="mean", name="row", x_label="Rating", colour_by="condition",
            points=raw,
        ),
        "Mean rating of each method, a dot for each person.",
        "Each dot is one person's mean, the diamond the mean over people, the bar its t interval "
        "(these stimuli only).",
        wide=len(table) > 12,
    )  # fmt: skip
    return Programme(
        NAME,
        "How was it rated?",
        "McCullagh (1980); Krippendorff (2004)",
        tuple(sections),
        (drawing,),
        tuple(dict.fromkeys(notes)),
    )


def _used(trials: pd.DataFrame, cluster: str, value: str) -> pd.DataFrame:
    """Ratings as numbers, with ``condition`` holding what is rated and ``question`` filled."""
    require_columns(trials, [cluster, value])
    numbers = pd.to_numeric(trials[value], errors="coerce")
    used = trials.assign(**{value: numbers})[numbers.notna()]
    if used.empty:
        raise NotEstimable("there are no ratings")
    if "method" in used and used["method"].notna().any():
        method = used["method"].astype("string")
        used = used.assign(condition=method.where(method.notna() & (method != ""), "none"))
    require_columns(used, ["condition"])
    if "question" in used and used["question"].notna().any():
        question = used["question"].astype("string").fillna("not told")
    else:
        question = pd.Series(ONE_QUESTION, index=used.index)
    return used.assign(question=question)


def _methods(used: pd.DataFrame, order: Sequence[str] | None) -> list[str]:
    present = set(used["condition"])
    first = [name for name in order or () if name in present]
    return first + sorted(present - set(first))


def _means(
    people: pd.DataFrame, own: pd.DataFrame, names: Sequence[str], value: str, level: float
) -> pd.DataFrame:
    rows = []
    for name in names:
        one = people.loc[people["condition"] == name, "mean"].to_numpy(dtype=float)
        if not len(one):
            continue
        ends = t_interval(one, level)
        ratings = own.loc[own["condition"] == name, value]
        rows.append(
            {
                "condition": name,
                "mean": float(one.mean()),
                "low": ends.low,
                "high": ends.high,
                "median": float(ratings.median()),
                "n_ratings": len(ratings),
                "n_participants": len(one),
            }
        )
    return pd.DataFrame(rows)


def _agreement(
    own: pd.DataFrame, cluster: str, value: str, rng: np.random.Generator, level: float
) -> pd.DataFrame:
    """Krippendorff's ordinal α over what was rated, and the intraclass correlation if complete."""
    require_columns(own, ["item"])
    rated = own.assign(unit=own["condition"].astype(str) + " " + own["item"].astype(str))
    once = rated.groupby(["unit", cluster], observed=True)[value].median().reset_index()
    found = krippendorff_alpha(
        once, unit="unit", rater=cluster, value=value, scale="ordinal", cluster="unit", rng=rng,
        level=level,
    ).table  # fmt: skip
    try:
        icc = intraclass_correlation(once, unit="unit", rater=cluster, value=value, level=level)
    except NotEstimable:
        return found
    kept = icc.table[icc.table["coefficient"].isin(["ICC2", "ICC2k"])]
    return pd.concat([found, kept[found.columns]], ignore_index=True)


def _ratings(table: pd.DataFrame, lowest: float, highest: float) -> Section:
    asked = " on “{question}”" if table["question"].nunique() > 1 else ""
    return Section(
        "ratings",
        "How high were ratings?",
        table,
        "mean over people of their mean rating, Student's t interval; median of all ratings",
        (
            QUESTION,
            METHOD,
            Shown("mean", "mean", "number"),
            Shown("interval", "low", "number", "high"),
            Shown("median", "median", "number"),
            Shown("ratings", "n_ratings", "integer"),
            PEOPLE,
        ),
        caption=f"Ratings go in steps from {lowest:g} to {highest:g}; a mean takes the steps for "
        "equally wide.",
        sentence="{condition:label} was rated {mean:number} on average" + asked + " (interval "
        "{low:number} to {high:number}). ",
    )


def _odds(table: pd.DataFrame) -> Section:
    return Section(
        "odds_of_higher_rating",
        "Which methods are rated higher?",
        table,
        "proportional-odds logit, covariance clustered by participant and item (CR2), t with "
        "Satterthwaite's degrees of freedom",
        (
            QUESTION,
            METHOD,
            Shown("against", "reference", "label"),
            Shown("odds ratio", "odds_ratio", "number"),
            Shown("interval", "low", "number", "high"),
            Shown("t", "t", "number"),
            Shown("df", "df", "df"),
            Shown("p", "p", "p"),
        ),
        scope=GENERAL if (table["scope"] == GENERAL).all() else THESE_STIMULI,
        caption="An odds ratio above 1 means higher ratings, by the same factor at every step. "
        "p-values are not corrected for the number of comparisons.",
    )


def _ranks(table: pd.DataFrame) -> Section:
    return Section(
        "friedman",
        "Do people rank methods alike?",
        table.drop(columns="scope"),
        "Friedman's test on each person's mean rating of each method; Kendall's W",
        (
            QUESTION,
            Shown("χ²", "chi2", "number"),
            Shown("df", "df", "df"),
            Shown("p", "p", "p"),
            Shown("W", "kendall_w", "number"),
            PEOPLE,
        ),
    )


def _agree(table: pd.DataFrame) -> Section:
    return Section(
        "agreement",
        "Do people give the same ratings?",
        table,
        "Krippendorff's α, interval by resampling what was rated; intraclass correlations (two-way "
        "random, absolute agreement) where everybody rated everything",
        (
            QUESTION,
            Shown("coefficient", "coefficient"),
            Shown("value", "value", "number"),
            Shown("interval", "low", "number", "high"),
            Shown("rated things", "n_units", "integer"),
            Shown("people", "n_raters", "integer"),
        ),
        scope="these people and stimuli like these",
        caption="1 is perfect agreement, 0 what chance would give.",
    )
