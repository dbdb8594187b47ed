"""How well people did on each concept: what goes back to the explorer."""

from __future__ import annotations

import pandas as pd

from analysis.intervals import wilson

KEYS = ("atlas_hash", "class_id", "concept_id")


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
