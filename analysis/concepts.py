"""How well people did on each concept, and what they call it: what goes back to the explorer."""

from __future__ import annotations

import re
import unicodedata

import pandas as pd

from analysis.intervals import wilson

KEYS = ("atlas_hash", "class_id", "concept_id")
NAME_COLUMNS = ("name", "concept_name")
"""Where a naming task may keep what people wrote; in a task called naming it is the response."""
NAMING = "naming"
_ARTICLES = ("a ", "an ", "the ")


def concept_scores(trials: pd.DataFrame, level: float = 0.95) -> pd.DataFrame:
    """Accuracy of people on each concept of an atlas, sorted by atlas, class and concept.

    Returns
    -------
    ``atlas_hash``, ``class_id``, ``concept_id``, ``score`` (share of right answers), ``n``
    (answers), ``n_participants``, ``condition`` (empty if several), ``low`` and ``high`` (Wilson,
    with as many answers as people, because one person's answers to a concept hang together). No
    rows if the data do not name concepts.

    Examples
    --------
    >>> trials = pd.DataFrame({"atlas_hash": "a", "class_id": 1, "concept_id": ["x", "x", "y"],
    ...                        "participant": list("pqp"), "condition": "c", "correct": [1, 0, 1]})
    >>> concept_scores(trials)[["concept_id", "score", "n"]].values.tolist()
    [['x', 0.5, 2], ['y', 1.0, 1]]
    """
    columns = [*KEYS, "score", "n", "n_participants", "condition", "low", "high"]
    if any(name not in trials for name in KEYS):
        return pd.DataFrame(columns=columns)
    answered = trials[trials["correct"].notna() & trials[list(KEYS)].notna().all(axis=1)]
    grouped = answered.groupby(list(KEYS), observed=True, sort=True)
    table = grouped.agg(
        score=("correct", "mean"),
        n=("correct", "size"),
        n_participants=("participant", "nunique"),
        conditions=("condition", "nunique"),
        condition=("condition", "first"),
    ).reset_index()
    table["class_id"] = table["class_id"].astype("int64")
    table["condition"] = table["condition"].where(table["conditions"] == 1, "")
    ends = [
        wilson(score * size, size, level)
        for score, size in zip(
            table["score"], table[["n", "n_participants"]].min(axis=1), strict=True
        )
    ]
    table["low"] = [interval.low for interval in ends]
    table["high"] = [interval.high for interval in ends]
    return table[columns]


def concept_names(trials: pd.DataFrame, paradigm: str = "") -> pd.DataFrame:
    """The name that most people gave to each concept of an atlas, sorted like the scores.

    Names agree that differ in case, accents, articles, hyphens or spaces alone; how it was written
    most often is kept. A person counts once a concept, with the last answer.

    Parameters
    ----------
    paradigm : of the data; in a task called ``naming`` the response is the name.

    Returns
    -------
    ``atlas_hash``, ``class_id``, ``concept_id``, ``name``, ``agreement`` (share of people who gave
    it), ``n`` (people who named the concept). No rows if the data hold no names.

    Examples
    --------
    >>> trials = pd.DataFrame({"atlas_hash": "a", "class_id": 1, "concept_id": "x",
    ...                        "participant": list("pqr"), "name": ["a stem", "Stem", "leaf"]})
    >>> concept_names(trials)[["name", "agreement", "n"]].round(2).values.tolist()
    [['Stem', 0.67, 3]]
    """
    columns = [*KEYS, "name", "agreement", "n"]
    text = next((name for name in NAME_COLUMNS if name in trials), None)
    if text is None and paradigm == NAMING and "response" in trials:
        text = "response"
    if text is None or any(name not in trials for name in (*KEYS, "participant")):
        return pd.DataFrame(columns=columns)
    written = given_names(trials, text)
    given = trials[[*KEYS, "participant"]].assign(written=written, plain=written.map(plain_name))
    given = given[given[list(KEYS)].notna().all(axis=1) & (given["plain"] != "")]
    given = given.drop_duplicates([*KEYS, "participant"], keep="last")
    rows = []
    for key, group in given.groupby(list(KEYS), observed=True, sort=True):
        counts = group["plain"].value_counts()
        best = min(counts[counts == counts.max()].index)
        spellings = group.loc[group["plain"] == best, "written"].map(_without_article)
        name = sorted(spellings.value_counts().items(), key=lambda item: (-item[1], item[0]))[0][0]
        rows.append([*key, name, float(counts.max() / len(group)), len(group)])
    table = pd.DataFrame(rows, columns=columns)
    table["class_id"] = table["class_id"].astype("int64")
    return table


def given_names(trials: pd.DataFrame, text: str) -> pd.Series:
    """What people called it: the word of the vocabulary where there is one, else what they wrote.

    Examples
    --------
    >>> trials = pd.DataFrame({"response": ["Blatt ", "stems"], "word": [None, "stem"]})
    >>> given_names(trials, "response").tolist()
    ['Blatt', 'stem']
    """
    written = trials[text].astype("string").str.strip()
    if "word" not in trials:
        return written
    word = trials["word"].astype("string").str.strip()
    return word.where(word.notna() & (word != ""), written)


def plain_name(name: object) -> str:
    """A name without what tells no names apart.

    Examples
    --------
    >>> plain_name("  The Leaf-blade ")
    'leaf blade'
    """
    if not isinstance(name, str):
        return ""
    flat = unicodedata.normalize("NFKD", name.casefold())
    letters = "".join(c for c in flat if not unicodedata.combining(c))
    return _without_article(" ".join(re.sub(r"[^\w]+|_", " ", letters).split()))


def _without_article(name: str) -> str:
    lower = name.casefold()
    return next((name[len(a) :].strip() for a in _ARTICLES if lower.startswith(a)), name)
