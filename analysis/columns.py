"""Column names: every function takes the names of :mod:`experiments.records`; others are mapped.

A mapping goes from our name to the frame's own, so that it reads like a legend::

    trials = renamed(frame, {"participant": "workerId", "correct": "is_right"})
    accuracy_by_condition(trials, cluster="participant", rng=rng)
"""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches

import pandas as pd

from analysis.errors import AnalysisError


def renamed(frame: pd.DataFrame, mapping: Mapping[str, str]) -> pd.DataFrame:
    """The frame under our column names; columns that the mapping does not name stay as they are.

    A column that already has one of our names but is not the one that was mapped to it is left
    out, because two columns cannot have one name. The frame that was given does not change.

    Parameters
    ----------
    mapping : our column name → the frame's own. One column may serve as several of ours.

    Raises
    ------
    AnalysisError
        If a column that is mapped does not exist; the nearest names are given.

    Examples
    --------
    >>> frame = pd.DataFrame({"who": ["a", "b"], "right": [1, 0], "correct": ["x", "y"]})
    >>> renamed(frame, {"participant": "who", "correct": "right"}).to_dict("list")
    {'participant': ['a', 'b'], 'correct': [1, 0]}
    """
    for ours, theirs in mapping.items():
        if theirs not in frame:
            raise AnalysisError(f"no column {theirs!r} to use as {ours!r}; {_there(frame, theirs)}")
    moved = set(mapping.values())
    columns = {str(name): frame[name] for name in frame.columns if name not in moved}
    columns |= {ours: frame[theirs] for ours, theirs in mapping.items()}
    order = {str(name): at for at, name in enumerate(frame.columns)}
    return pd.DataFrame(
        {name: columns[name] for name in sorted(columns, key=lambda n: order[mapping.get(n, n)])},
        index=frame.index,
    )


def _there(frame: pd.DataFrame, wanted: str) -> str:
    names = [str(name) for name in frame.columns]
    near = get_close_matches(wanted, names, n=3)
    if near:
        return f"did you mean {' or '.join(map(repr, near))}?"
    return f"there are: {', '.join(names[:12])}{' …' if len(names) > 12 else ''}"
