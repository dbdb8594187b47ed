"""Which of two visualizations of one concept do people find more plausible?

Paired choices are scaled by Bradley and Terry's model, with people and, where they are named, the
concepts as samples; how often each method was preferred stands beside, person by person.

Sources: Fel, Boissin, Boutin, Picard, Novello, Colin, Linsley, Rousseau, Cadène, Goetschalckx,
Gardes and Serre (2023), MACO, NeurIPS; Bradley and Terry (1952), Biometrika 39.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from analysis.differences import GENERAL
from analysis.intervals import t_interval
from analysis.people import require_columns
from analysis.preferences import bradley_terry
from analysis.programmes.base import Drawing, Programme, Section, Shown
from analysis.programmes.figures import row_figure

NAME = "plausibility"
SOURCE = "Fel et al. (2023), MACO, NeurIPS; Bradley and Terry (1952), Biometrika"
PLACES = ("0", "1")
"""Answers that tell the place of the picture, not its method."""


def plausibility(
    trials: pd.DataFrame,
    *,
    cluster: str,
    rng: np.random.Generator,
    order: Sequence[str] | None = None,
    reference: str | None = None,
    level: float = 0.95,
    labels: Mapping[str, str] | None = None,
    first: str = "first",
    second: str = "second",
    chosen: str = "response",
    item: str = "item",
) -> Programme:
    """Scale visualization methods by paired choices.

    Parameters
    ----------
    trials : one row a choice: the two methods shown and the one ``chosen``, by its name or by its
        place ("0" is the first).
    item : column of what both pictures stand for; without it intervals hold for these pictures
        only.
    rng, order : not used; intervals come from the clustered covariance.

    Examples
    --------
    >>> pairs = pd.DataFrame({"participant": list(range(9)) * 2, "first": "a",
    ...     "second": ["b"] * 9 + ["c"] * 9, "response": (["b"] * 6 + ["a"] * 3
    ...                                                   + ["c"] * 8 + ["a"])})
    >>> found = plausibility(pairs, cluster="participant", rng=np.random.default_rng(0))
    >>> found["plausibility"]["option"].tolist()
    ['c', 'b', 'a']
    """
    require_columns(trials, [first, second, chosen])
    answer = trials[chosen].astype("string")
    if answer.dropna().isin(PLACES).all():
        named = trials[first].where(answer == PLACES[0], trials[second])
        trials = trials.assign(**{chosen: named.where(answer.notna())})
    found = bradley_terry(
        trials, cluster=cluster, first=first, second=second, chosen=chosen,
        item=item if item in trials else None, reference=reference, level=level,
    )  # fmt: skip
    table = found.table.sort_values("strength", ascending=False, kind="stable")
    table = table.reset_index(drop=True)
    shown = {str(name): (labels or {}).get(str(name), str(name)) for name in table["option"]}
    general = found.scope == GENERAL
    other = "an average other method" if len(shown) > 2 else "the other one"
    section = Section(
        NAME,
        "Which visualization is more plausible?",
        table,
        "Bradley–Terry strengths (log odds of being preferred to the reference), covariance "
        f"clustered by participant{' and item' if general else ''} (CR2)",
        (
            Shown("Method", "option", "label"),
            Shown("strength", "strength", "number"),
            Shown("interval", "low", "number", "high"),
            Shown("p", "p", "p"),
            Shown("preferred to others", "share", "percent"),
            Shown("choices", "n_choices", "integer"),
        ),
        scope=found.scope,
        caption=f"The reference, {shown[found.reference]}, has strength 0.",
        sentence=f"{{option:label}} was preferred to {other} in {{share:percent(0)}} of its "
        f"choices; its log odds over {shown[found.reference]} are {{strength:number}} "
        "({low:number} to {high:number}; {p:p}). ",
    )
    people, shares = _shares(trials, cluster, first, second, chosen, list(table["option"]), level)
    drawing = Drawing(
        NAME,
        lambda theme: row_figure(
            shares, theme, value="share", name="option", x_label="Preferred where it was shown",
            labels=shown, neutral=0.5, neutral_word="no preference", points=people, percent=True,
        ),
        "How often each method was preferred, a dot for each person.",
        "Each dot is one person: the share of the pairs with the method in which it was chosen. "
        "The diamond is the mean over people, the bar its t interval (these pairs only).",
    )  # fmt: skip
    return Programme(NAME, "Which is more plausible?", SOURCE, (section,), (drawing,), found.notes)


def _shares(
    trials: pd.DataFrame,
    cluster: str,
    first: str,
    second: str,
    chosen: str,
    options: Sequence[str],
    level: float,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """How often each option was chosen where it was shown: by person, and the mean of people."""
    used = trials[trials[[first, second, chosen]].notna().all(axis=1)]
    shown = pd.concat([used.assign(option=used[side]) for side in (first, second)])
    won = (shown["option"] == shown[chosen]).astype(float)
    people = won.groupby([shown[cluster], shown["option"]]).mean().rename("share").reset_index()
    rows = []
    for option in options:
        own = people.loc[people["option"] == option, "share"].to_numpy(dtype=float)
        ends = t_interval(own, level).clipped()
        rows.append({"option": option, "share": float(own.mean())})
        rows[-1] |= {"low": ends.low, "high": ends.high}
    return people, pd.DataFrame(rows)
