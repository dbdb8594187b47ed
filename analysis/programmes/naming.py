"""What do people call a concept, and do they call it the same?

People name a concept from its card, in words of their own or from a vocabulary. Names agree that
differ in case, accents, articles, hyphens or spaces alone (:func:`analysis.concepts.plain_name`);
a person counts once a concept, with the last answer. For a concept c that n people named,

    agreement      share of the people who gave the name that most gave
    of the others  chance that one more person gives it: each person's name held against the name
                   that most of the *others* gave, ties shared
    beyond chance  α_c = 1 − D_c / D_e,  D_c the share of pairs of people who disagree on c, and D_e
                   the same for two people's names of concepts drawn at random

The first is what the explorer shows; it is a little too high, because the name was chosen by the
people who are counted. The mean of α_c, weighted by n, is Krippendorff's α.

Sources: Snodgrass and Vanderwart (1980), Journal of Experimental Psychology: Human Learning and
Memory 6, for name agreement; Krippendorff (2004), Content Analysis, chapter 11.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from analysis.agreement import krippendorff_alpha
from analysis.clustered_logit import NotEstimable
from analysis.concepts import KEYS, concept_names, given_names, plain_name
from analysis.intervals import wilson
from analysis.people import require_columns
from analysis.programmes.base import Drawing, Programme, Section, Shown, attempt
from analysis.programmes.figures import row_figure

NAME = "naming"
SOURCE = "Snodgrass and Vanderwart (1980); Krippendorff (2004)"
UNIT, PLAIN, CODE = "concept", "plain", "code"
MOST_DRAWN = 40


def naming_study(
    trials: pd.DataFrame,
    *,
    cluster: str,
    rng: np.random.Generator,
    order: Sequence[str] | None = None,
    reference: str | None = None,
    level: float = 0.95,
    labels: Mapping[str, str] | None = None,
    name: str = "response",
) -> Programme:
    """Names of concepts and how far people agree on them.

    Parameters
    ----------
    trials : one row an answer: ``name`` (what was written or chosen), the concept (``atlas_hash``,
        ``class_id``, ``concept_id``, else ``item``), ``condition``, and if there is a vocabulary
        the ``word`` of it that was meant.
    order : conditions; agreement is told for each of them and for all.
    reference : not used; nothing is compared.

    Raises
    ------
    NotEstimable
        If nobody named anything.

    Examples
    --------
    >>> trials = pd.DataFrame({"participant": list("pqrpqr"), "condition": "all",
    ...     "item": ["x"] * 3 + ["y"] * 3,
    ...     "response": ["a stem", "Stem", "leaf", "leaf", "leaf", "Leaf"]})
    >>> found = naming_study(trials, cluster="participant", rng=np.random.default_rng(0))
    >>> found["names"][["concept", "name", "agreement", "of_others"]].round(2).values.tolist()
    [['y', 'leaf', 1.0, 1.0], ['x', 'Stem', 0.67, 0.33]]
    """
    given = _given(trials, cluster, name)
    if given.empty:
        raise NotEstimable("nobody named anything")
    notes: list[str] = []
    table = _by_concept(given, cluster, level)
    alone = int((table["n"] < 2).sum())
    if alone:
        notes.append(f"{alone} concepts were named by one person, which says nothing of agreement.")
    sections = [_names(table)]
    overall = attempt("agreement", lambda: _agreement(given, cluster, rng, order, level), notes)
    sections += [_overall(overall)] if overall is not None else []
    rest = _other_names(given, cluster)
    sections += [_others(rest)] if len(rest) else []
    drawn = table.head(MOST_DRAWN).assign(n_concepts=len(table))  # one colour for all
    people = given[[UNIT, PLAIN]].merge(drawn[[UNIT, "row", "name"]], on=UNIT)
    people["agreement"] = (people[PLAIN] == people["name"].map(plain_name)).astype(float)
    drawing = Drawing(
        NAME,
        lambda theme: row_figure(
            drawn, theme, value="agreement", name="row", x_label="People who gave the name",
            percent=True, colour_by="n_concepts", points=people,
        ),
        "Share of people who gave the name that most gave, by concept.",
        "A diamond is one concept with the name that most people gave it, the best "
        f"{MOST_DRAWN} at most; the bar is Wilson's interval over people. Each dot is one person: "
        "on the right if they gave that name, on the left if they gave another.",
        wide=len(drawn) > 12,
    )  # fmt: skip
    return Programme(
        NAME,
        "What do people call it?",
        SOURCE,
        tuple(sections),
        (drawing,),
        tuple(notes),
    )


def _given(trials: pd.DataFrame, cluster: str, name: str) -> pd.DataFrame:
    """One row a person and concept: the plain name, how it was written, and a code for it."""
    require_columns(trials, [cluster, name])
    concept = all(key in trials for key in KEYS) and bool(trials["concept_id"].notna().any())
    if not concept:
        require_columns(trials, ["item"])
    written = given_names(trials, name)
    given = trials.assign(written=written, plain=written.map(plain_name, na_action="ignore"))
    if concept:
        several = trials["class_id"].nunique() > 1
        place = "class " + trials["class_id"].astype("Int64").astype("string") + ", "
        label = trials["concept_id"].astype("string")
        given[UNIT] = place + label if several else label
    else:
        given[UNIT] = trials["item"].astype("string")
        given = given.assign(atlas_hash="", class_id=0, concept_id=given[UNIT])
    given = given[given[UNIT].notna() & given[PLAIN].notna() & (given[PLAIN] != "")]
    given = given.drop_duplicates([UNIT, cluster], keep="last")
    return given.assign(code=pd.factorize(given[PLAIN], sort=True)[0])


def _by_concept(given: pd.DataFrame, cluster: str, level: float) -> pd.DataFrame:
    """One row a concept, most agreed upon first."""
    named = concept_names(
        given.drop(columns=["response", "word"], errors="ignore")
        .rename(columns={cluster: "participant"})
        .assign(name=given["written"])
    )
    spelled = dict(zip(zip(*(named[key] for key in KEYS), strict=True), named["name"], strict=True))
    counts = given["code"].value_counts().to_numpy(dtype=float)
    n = counts.sum()
    by_chance = float(1 - (counts * (counts - 1)).sum() / (n * (n - 1))) if n > 1 else float("nan")
    rows = []
    for (unit, *place), own in given.groupby([UNIT, *KEYS], observed=True, sort=True):
        votes = own["code"].value_counts().to_numpy(dtype=float)
        name = spelled[tuple(place)]
        people = len(own)
        apart = 1 - (votes * (votes - 1)).sum() / (people * (people - 1)) if people > 1 else np.nan
        ends = wilson(float(votes.max()), people, level)
        rows.append(
            {
                UNIT: unit,
                **dict(zip(KEYS, place, strict=True)),
                "name": name,
                "agreement": float(votes.max() / people),
                "low": ends.low,
                "high": ends.high,
                "of_others": _of_others(votes),
                "beyond_chance": 1 - apart / by_chance if by_chance > 0 else float("nan"),
                "n": people,
                "n_names": len(votes),
                "row": f"{unit}: {name}",
            }
        )
    table = pd.DataFrame(rows)
    best = table.sort_values(["agreement", "n"], ascending=False, kind="stable")
    return best.reset_index(drop=True)


def _of_others(votes: np.ndarray) -> float:
    """Chance that a person gives the name that most of the others gave, ties shared.

    Examples
    --------
    >>> _of_others(np.array([2.0, 1.0])), _of_others(np.array([3.0]))
    (0.3333333333333333, 1.0)
    """
    people = votes.sum()
    if people < 2:
        return float("nan")
    hits = 0.0
    for place, count in enumerate(votes):
        rest = votes.copy()
        rest[place] -= 1
        top = rest == rest.max()
        hits += count * (1 / top.sum() if top[place] else 0.0)
    return float(hits / people)


def _agreement(
    given: pd.DataFrame,
    cluster: str,
    rng: np.random.Generator,
    order: Sequence[str] | None,
    level: float,
) -> pd.DataFrame:
    """Krippendorff's α of all answers and of each condition, over concepts and over people."""
    conditions = set(given["condition"]) if "condition" in given else set()
    names = [one for one in (order or sorted(conditions)) if one in conditions]
    groups = [("all", given)]
    if len(names) > 1:
        groups += [(one, given[given["condition"] == one]) for one in names]
    rows = []
    for label, own in groups:
        found = {
            over: krippendorff_alpha(
                own, unit=UNIT, rater=cluster, value=CODE, scale="nominal", cluster=over, rng=rng,
                level=level,
            ).table.iloc[0]
            for over in (UNIT, cluster)
        }  # fmt: skip
        one, other = found[UNIT], found[cluster]
        rows.append(
            {
                "condition": label,
                "alpha": float(one["value"]),
                "low": float(one["low"]),
                "high": float(one["high"]),
                "people_low": float(other["low"]),
                "people_high": float(other["high"]),
                "n_concepts": int(one["n_units"]),
                "n_participants": int(one["n_raters"]),
                "n_names": int(own[CODE].nunique()),
            }
        )
    return pd.DataFrame(rows)


def _other_names(given: pd.DataFrame, cluster: str) -> pd.DataFrame:
    """Names besides the first that two people or more gave to a concept."""
    counts = given.groupby([UNIT, PLAIN], observed=True)[cluster].nunique().reset_index(name="n")
    total = given.groupby(UNIT, observed=True)[cluster].nunique()
    counts["share"] = counts["n"] / counts[UNIT].map(total)
    ordered = counts.sort_values([UNIT, "n", PLAIN], ascending=[True, False, True])
    rest = ordered[(ordered.groupby(UNIT).cumcount() > 0) & (ordered["n"] > 1)]
    return rest.rename(columns={PLAIN: "name"}).reset_index(drop=True)


def _names(table: pd.DataFrame) -> Section:
    return Section(
        "names",
        "What do people call each concept?",
        table.drop(columns="row"),
        "name that most people gave; share of people with Wilson's interval; the share expected "
        "of one more person (each held against the others); agreement of pairs beyond chance",
        (
            Shown("Concept", UNIT),
            Shown("name", "name"),
            Shown("agreement", "agreement", "percent"),
            Shown("interval", "low", "percent", "high"),
            Shown("of the others", "of_others", "percent"),
            Shown("beyond chance", "beyond_chance", "number"),
            Shown("people", "n", "integer"),
            Shown("names given", "n_names", "integer"),
        ),
        scope="these concepts, people like these",
        caption="Beyond chance, 1 is perfect agreement and 0 what names drawn from all concepts "
        "would give.",
    )


def _overall(table: pd.DataFrame) -> Section:
    return Section(
        "agreement",
        "Do people agree on names?",
        table.assign(said=table["condition"] == "all"),
        "Krippendorff's α of names; intervals by resampling concepts, and by leaving out one "
        "person at a time (jackknife)",
        (
            Shown("Answers", "condition", "label"),
            Shown("α", "alpha", "number"),
            Shown("interval, other concepts", "low", "number", "high"),
            Shown("interval, other people", "people_low", "number", "people_high"),
            Shown("concepts", "n_concepts", "integer"),
            Shown("people", "n_participants", "integer"),
            Shown("different names", "n_names", "integer"),
        ),
        scope="these people and concepts like these, or these concepts and people like these",
        sentence="On {n_concepts:integer} concepts people's names agree with "
        "α = {alpha:number} ({low:number} to {high:number}), where 1 is perfect agreement and 0 "
        "what chance would give.",
        caption="A concept that one person named says nothing of agreement and is left out.",
    )


def _others(table: pd.DataFrame) -> Section:
    return Section(
        "other_names",
        "What else were they called?",
        table,
        "names besides the first that two people or more gave",
        (
            Shown("Concept", UNIT),
            Shown("name", "name"),
            Shown("people", "n", "integer"),
            Shown("share", "share", "percent"),
        ),
        scope="these people and concepts",
    )
