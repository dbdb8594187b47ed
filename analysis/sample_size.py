"""How many people? Power and precision by simulation, and stopping early, for any simulator.

A simulator is a function (people, random stream) → tidy trials. Every simulated study goes through
:func:`analysis.differences.compare_conditions`, the same function that will analyse the real one,
so that its weaknesses (few items) show here, too. Smaller samples are the first people of larger
ones, which makes curves smooth and a sequential design possible.

Sequential stopping spends α over looks as a function of the share of people seen,

    Pocock-like           α ln(1 + (e − 1) t)
    O'Brien–Fleming-like  2 − 2 Φ(z_{1−α/2} / √t),

and the p-value that stops at a look is found from simulated studies without an effect. A look for
which these allow less than one study never stops: too few simulations make a design cautious.

Sources: Lan and DeMets (1983), Biometrika 70; Wilson (1927) for the Monte-Carlo intervals; Ayer et
al. (1955), Annals of Mathematical Statistics 26, for monotone curves.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import special
from scipy.optimize import isotonic_regression

from analysis.clustered_logit import NotEstimable
from analysis.differences import compare_conditions
from analysis.errors import AnalysisError
from analysis.intervals import wilson
from analysis.multiple_comparisons import judged
from analysis.progress import Track, no_track

Floats = NDArray[np.float64]
Simulator = Callable[[int, np.random.Generator], pd.DataFrame]
Spending = Literal["obrien_fleming", "pocock"]
SPENDINGS: tuple[Spending, ...] = ("obrien_fleming", "pocock")
PERSON = "participant"


@dataclass(frozen=True)
class Replications:
    """What the analysis said of every simulated study.

    Attributes
    ----------
    sizes : (S,) numbers of people.
    p : (R, S) smallest corrected p of the comparisons; 1 where there was no test.
    width : (R, S) of the interval of the first comparison's difference of accuracies.
    difference : (R, S) its estimate.
    """

    sizes: tuple[int, ...]
    p: Floats
    width: Floats
    difference: Floats


def replicate(
    simulator: Simulator,
    sizes: Sequence[int],
    *,
    n_simulations: int,
    seed: int,
    reference: str | None = None,
    level: float = 0.95,
    correction: str = "holm",
    track: Track = no_track,
) -> Replications:
    """Simulate and analyse studies of several sizes.

    Parameters
    ----------
    simulator : gives the trials of a study; the column ``number`` counts people from 0.
    seed : the same seed gives the same studies.
    correction : of the comparisons' p-values, as the study declares it.
    """
    counts = tuple(sorted(set(sizes)))
    if not counts or counts[0] < 2:
        raise AnalysisError("a study needs two people or more")
    shape = (n_simulations, len(counts))
    p, width, difference = np.ones(shape), np.full(shape, np.nan), np.full(shape, np.nan)
    for run in track(range(n_simulations), "simulating studies", n_simulations):
        rng = np.random.default_rng([seed, run])
        trials = simulator(counts[-1], rng)
        for place, count in enumerate(counts):
            try:
                found = compare_conditions(
                    trials[trials["number"] < count], cluster=PERSON, rng=rng, level=level,
                    reference=reference, n_resamples=2,
                ).primary()  # fmt: skip
            except NotEstimable:
                continue
            first = found.iloc[0]
            smallest = np.nanmin([*judged(found, correction), 1.0])
            p[run, place] = smallest
            width[run, place] = first["difference_high"] - first["difference_low"]
            difference[run, place] = first["difference"]
    return Replications(counts, p, width, difference)


def power_table(found: Replications, *, alpha: float = 0.05, level: float = 0.95) -> pd.DataFrame:
    """Power and precision by number of people.

    Returns
    -------
    ``n_participants``, ``power`` with ``low`` and ``high`` (Wilson: Monte-Carlo error alone) and
    ``se``, ``width`` (median of the interval of the difference), ``n_simulations``.

    Examples
    --------
    >>> p = np.array([[0.2, 0.01], [0.04, 0.01], [0.5, 0.02], [0.3, 0.2]])
    >>> found = Replications((20, 40), p, np.full((4, 2), 0.1), np.zeros((4, 2)))
    >>> power_table(found)[["n_participants", "power", "width"]].values.tolist()
    [[20.0, 0.25, 0.1], [40.0, 0.75, 0.1]]
    """
    n = len(found.p)
    rows = []
    for place, size in enumerate(found.sizes):
        k = int((found.p[:, place] < alpha).sum())
        ends, share = wilson(k, n, level), k / n
        known = found.width[np.isfinite(found.width[:, place]), place]
        rows.append(
            {
                "n_participants": size,
                "power": share,
                "low": ends.low,
                "high": ends.high,
                "se": float(np.sqrt(share * (1 - share) / n)),
                "width": float(np.median(known)) if len(known) else float("nan"),
                "n_simulations": n,
            }
        )
    return pd.DataFrame(rows)


@dataclass(frozen=True)
class Needed:
    """A number of people with its Monte-Carlo interval; NaN where it lies beyond those tried.

    Attributes
    ----------
    people : rounded up.
    low, high : where the curve's Monte-Carlo interval crosses.
    words : what this means.
    """

    people: float
    low: float
    high: float
    words: str


def people_for_power(table: pd.DataFrame, power: float) -> Needed:
    """The least number of people for a power, between those simulated.

    Examples
    --------
    >>> table = pd.DataFrame({"n_participants": [20, 40], "power": [0.6, 0.9],
    ...                       "low": [0.5, 0.85], "high": [0.7, 0.95]})
    >>> people_for_power(table, 0.75).people
    30.0
    """
    if not 0 < power < 1:
        raise AnalysisError(f"the power wanted is {power:g}, it lies between 0 and 1")
    sizes = table["n_participants"].to_numpy(dtype=float)
    best, low, high = (
        _crossing(sizes, isotonic_regression(table[what].to_numpy(dtype=float)).x, power)
        for what in ("power", "high", "low")
    )
    return _needed(best, low, high, f"power of {power:g}", sizes)


def people_for_width(table: pd.DataFrame, width: float) -> Needed:
    """The least number of people for which half of the studies have so narrow an interval."""
    if not width > 0:
        raise AnalysisError(f"the width wanted is {width:g}, it must be above 0")
    known = table[table["width"].notna()]
    sizes = known["n_participants"].to_numpy(dtype=float)
    if not len(sizes):
        return Needed(np.nan, np.nan, np.nan, "no simulated study had an interval")
    falling = isotonic_regression(known["width"].to_numpy(dtype=float), increasing=False).x
    found = _crossing(sizes, -falling, -width)
    return _needed(found, found, found, f"an interval of {100 * width:g} points", sizes)


def _crossing(sizes: Floats, values: Floats, wanted: float) -> float:
    if values[-1] < wanted:
        return float("nan")
    if values[0] >= wanted:
        return float(sizes[0])
    at = int(np.argmax(values >= wanted))
    share = (wanted - values[at - 1]) / (values[at] - values[at - 1])
    return float(sizes[at - 1] + share * (sizes[at] - sizes[at - 1]))


def _needed(best: float, low: float, high: float, what: str, sizes: Floats) -> Needed:
    if not np.isfinite(best):
        words = (
            f"{what} is not reached with up to {sizes[-1]:g} people; more people, more items or a "
            "larger effect are needed"
        )
    elif best <= sizes[0]:
        words = f"{what} is reached with {sizes[0]:g} people, the fewest tried"
    else:
        words = f"{what} needs {np.ceil(best):.0f} people"
    return Needed(float(np.ceil(best)), float(np.floor(low)), float(np.ceil(high)), words)


def spent(share: Floats | float, alpha: float, spending: Spending) -> Floats:
    """α that may be spent once this share of the people has been seen.

    Examples
    --------
    >>> spent(np.array([0.25, 0.5, 1.0]), 0.05, "obrien_fleming").round(5).tolist()
    [9e-05, 0.00557, 0.05]
    """
    t = np.asarray(share, dtype=float)
    if spending == "pocock":
        return np.asarray(alpha * np.log1p((np.e - 1) * t))
    if spending != "obrien_fleming":
        raise AnalysisError(f"unknown spending {spending!r}: choose one of {', '.join(SPENDINGS)}")
    z = special.ndtri(1 - alpha / 2)
    return np.asarray(2 - 2 * special.ndtr(z / np.sqrt(t)))


def sequential_design(
    null: Replications,
    effect: Replications,
    *,
    alpha: float = 0.05,
    spending: Spending = "obrien_fleming",
) -> pd.DataFrame:
    """Looks at growing numbers of people: where each stops, and what that costs and saves.

    Parameters
    ----------
    null, effect : simulated studies without and with the effect, of the same sizes, which are the
        looks; the last one is the largest study.

    Returns
    -------
    One row a look: ``n_participants``, ``spent`` (planned α so far), ``stop_below`` (p that stops),
    ``type_i`` and ``power`` (so far), and in every row ``expected_people`` with the effect and
    ``fixed_power`` of one look at the end.

    Examples
    --------
    >>> p = np.linspace(0.001, 1, 1000)
    >>> null = Replications((10, 20), np.column_stack([p, p]), *[np.zeros((1000, 2))] * 2)
    >>> found = sequential_design(null, null, spending="pocock")
    >>> found["type_i"].round(3).tolist()
    [0.031, 0.05]
    """
    if null.sizes != effect.sizes:
        raise AnalysisError("the studies without and with the effect have different looks")
    sizes = np.array(null.sizes, dtype=float)
    plan = spent(sizes / sizes[-1], alpha, spending)
    going, still = np.ones(len(null.p), dtype=bool), np.ones(len(effect.p), dtype=bool)
    rows, expected, before = [], 0.0, 0.0
    for look, size in enumerate(sizes):
        allowed = round(plan[look] * len(null.p) - (~going).sum(), 6)
        limit = min(_limit(null.p[going, look], int(np.floor(allowed))), alpha)
        going &= ~(null.p[:, look] <= limit)
        stopped = still & (effect.p[:, look] <= limit)
        still &= ~stopped
        reached = 1 - float(still.mean())
        last = look == len(sizes) - 1
        expected += size * ((1 - before) if last else (reached - before))
        before = reached
        rows.append(
            {
                "n_participants": int(size),
                "spent": float(plan[look]),
                "stop_below": limit,
                "type_i": 1 - float(going.mean()),
                "power": reached,
            }
        )
    table = pd.DataFrame(rows)
    table["expected_people"] = expected
    table["fixed_power"] = float((effect.p[:, -1] < alpha).mean())
    return table


def _limit(p: Floats, allowed: int) -> float:
    """The largest p that stops at most so many of these studies."""
    if allowed < 1 or not len(p):
        return 0.0
    ordered = np.sort(p)
    if allowed >= len(ordered):
        return float(ordered[-1])
    fits = ordered[ordered < ordered[allowed]]
    return float(fits[-1]) if len(fits) else 0.0
