"""Are machines' drawings like ours? Recognizability, diversity, originality, and the distance.

Samples of a concept c are drawn after one exemplar e_c; f is a feature space.

    recognizability  chance that f(sample) lies nearest to its own exemplar among n_way of them
                     (one shot), the other n_way − 1 concepts drawn at random
    diversity        √(Σ_i |f_i − f̄|² / (n − 1)) over a concept's n samples (Bessel-corrected)
    originality      |f(sample) − f(e_c)|

With R concepts of C nearer than the right one, the one-shot expectation has the closed form
C(C−1−R, n_way−1) / C(C−1, n_way−1), so no episodes need be drawn. A machine's distance to people is
Euclidean between the two agents' points (originality, recognizability), both axes z-scored over
agents; its interval resamples drawers, the people who made the drawings.

Sources: Boutin, Singhal, Thomas and Serre (2022), Diversity vs. Recognizability, NeurIPS; Boutin
et al. (2023), Diffusion Models as Artists, ICML, sections 3 and 4.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import special

from analysis.bootstrap import percentile_interval, resampled_totals
from analysis.clustered_logit import NotEstimable
from analysis.errors import AnalysisError
from analysis.people import require_columns

Floats = NDArray[np.float64]
N_WAY = 20
DRAWING_RESAMPLES = 2000
AXES = ("originality", "recognizability")


@dataclass(frozen=True)
class Drawings:
    """Drawings of people and machines.

    Attributes
    ----------
    table : one row an agent: ``agent``, means over concepts of ``recognizability``, ``diversity``
        and ``originality``, ``n_concepts``, ``n_samples``; ``distance`` to people with ``low`` and
        ``high`` (drawers resampled; NaN for people themselves or without drawers).
    concepts : one row an agent and concept.
    samples : one row a drawing: ``recognizability``, ``originality``.
    human : which agent people are.
    notes : in words.
    """

    table: pd.DataFrame
    concepts: pd.DataFrame
    samples: pd.DataFrame
    human: str
    notes: tuple[str, ...] = ()

    def to_frame(self) -> pd.DataFrame:
        """The agents."""
        return self.table


def one_shot(
    features: ArrayLike, concept: ArrayLike, exemplars: ArrayLike, *, n_way: int = N_WAY
) -> Floats:
    """Recognizability of each sample.

    Parameters
    ----------
    features : (N, d) samples; exemplars : (C, d), one a concept.
    concept : (N,) rows of ``exemplars``.
    n_way : concepts to tell apart, the right one included.

    Examples
    --------
    Of three exemplars one is nearer than the right one; two-way, it is met half of the time.

    >>> one_shot([[0.6]], [0], [[0.0], [1.0], [5.0]], n_way=2).tolist()
    [0.5]
    """
    x, e = np.asarray(features, dtype=float), np.asarray(exemplars, dtype=float)
    c = np.asarray(concept, dtype=np.int64)
    n_concepts = len(e)
    if not 2 <= n_way <= n_concepts:
        raise AnalysisError(f"n_way must lie between 2 and the {n_concepts} concepts, not {n_way}")
    squares = (x**2).sum(axis=1)[:, None] + (e**2).sum(axis=1) - 2 * x @ e.T
    own = squares[np.arange(len(x)), c]
    squares[np.arange(len(x)), c] = np.inf
    nearer = (squares <= own[:, None]).sum(axis=1)
    ways = special.comb(n_concepts - 1 - nearer, n_way - 1)
    return np.asarray(ways / special.comb(n_concepts - 1, n_way - 1))


def diversity(features: ArrayLike) -> float:
    """Bessel-corrected SD of samples (n, d) around their mean; NaN for fewer than two.

    Examples
    --------
    >>> diversity([[0.0, 0.0], [2.0, 0.0], [1.0, 3.0]])
    2.0
    """
    x = np.asarray(features, dtype=float)
    if len(x) < 2:
        return float("nan")
    return float(np.sqrt(((x - x.mean(axis=0)) ** 2).sum() / (len(x) - 1)))


def describe_drawings(
    drawings: pd.DataFrame,
    features: ArrayLike,
    exemplars: ArrayLike,
    exemplar_concepts: Sequence[str],
    *,
    cluster: str,
    human: str,
    rng: np.random.Generator,
    agent: str = "condition",
    concept: str = "item",
    n_way: int = N_WAY,
    level: float = 0.95,
    n_resamples: int = DRAWING_RESAMPLES,
) -> Drawings:
    """Describe and compare the drawings of all agents.

    Parameters
    ----------
    drawings : (N) rows that name agent, concept, and the drawer of people's drawings.
    features : (N, d) of the same order; exemplars : (C, d), of ``exemplar_concepts``.
    cluster : column of the drawers; may be missing for machines.
    human : the agent that people are.

    Raises
    ------
    AnalysisError
        If features do not match the rows, or a concept has no exemplar, or nobody is human.
    """
    require_columns(drawings, [agent, concept])
    x, e = np.asarray(features, dtype=float), np.asarray(exemplars, dtype=float)
    if len(x) != len(drawings):
        raise AnalysisError(f"there are {len(x)} features for {len(drawings)} drawings")
    place = pd.Index(list(exemplar_concepts)).get_indexer(pd.Index(drawings[concept]))
    if (place < 0).any():
        missing = drawings[concept].to_numpy()[place < 0][0]
        raise AnalysisError(f"concept {missing!r} has no exemplar")
    if not (drawings[agent] == human).any():
        raise AnalysisError(f"there are no drawings of {human!r}")
    samples = pd.DataFrame(
        {
            "agent": drawings[agent].astype(str).to_numpy(),
            "concept": drawings[concept].to_numpy(),
            "drawer": drawings[cluster].to_numpy() if cluster in drawings else None,
            "recognizability": one_shot(x, place, e, n_way=n_way),
            "originality": np.linalg.norm(x - e[place], axis=1),
        }
    )
    grouped = samples.groupby(["agent", "concept"], observed=True, sort=True)
    concepts = grouped[list(AXES)].mean()
    concepts["diversity"] = [diversity(x[own]) for own in grouped.indices.values()]
    concepts["n_samples"] = grouped.size()
    concepts = concepts.reset_index()
    by_agent = concepts.groupby("agent", observed=True)
    table = by_agent[["recognizability", "diversity", "originality"]].mean()
    table["n_concepts"] = by_agent.size()
    table["n_samples"] = by_agent["n_samples"].sum()
    table = table.reset_index()
    notes: list[str] = []
    drawn = _human_draws(samples[samples["agent"] == human], n_resamples, rng, notes)
    return Drawings(
        _with_distances(table, human, drawn, level), concepts, samples, human, tuple(notes)
    )


def _human_draws(
    people: pd.DataFrame, n_resamples: int, rng: np.random.Generator, notes: list[str]
) -> Floats | None:
    """People's point (B, 2) for resampled drawers: mean over concepts of concepts' means."""
    if people["drawer"].isna().any() or people["drawer"].nunique() < 2:
        notes.append("The data do not name two drawers or more: distances have no interval.")
        return None
    blocks = []
    for axis in AXES:
        wide = people.pivot_table(index="drawer", columns="concept", values=axis, aggfunc="sum")
        blocks.append(wide.fillna(0.0).to_numpy(dtype=float))
    sizes = people.pivot_table(index="drawer", columns="concept", values=AXES[0], aggfunc="count")
    blocks.append(sizes.fillna(0.0).to_numpy(dtype=float))
    first, second, n = np.split(resampled_totals(np.hstack(blocks), n_resamples, rng), 3, axis=1)
    points = []
    for total in (first, second):
        shares = np.divide(total, n, out=np.zeros_like(total), where=n > 0)
        points.append(shares.sum(axis=1) / (n > 0).sum(axis=1))
    return np.column_stack(points)


def _with_distances(
    table: pd.DataFrame, human: str, drawn: Floats | None, level: float
) -> pd.DataFrame:
    points = table[list(AXES)].to_numpy(dtype=float)
    here = int(np.flatnonzero((table["agent"] == human).to_numpy())[0])
    found = _distances(points[None], here)[0]
    ends = np.full((len(table), 2), np.nan)
    if drawn is not None:
        many = np.repeat(points[None], len(drawn), axis=0)
        many[:, here] = drawn
        draws = _distances(many, here)
        for i in range(len(table)):
            interval = percentile_interval(draws[:, i], level)
            ends[i] = interval.low, interval.high
    ends[here] = np.nan
    found = np.where(np.arange(len(table)) == here, np.nan, found)
    return table.assign(distance=found, low=ends[:, 0], high=ends[:, 1])


def _distances(points: Floats, here: int) -> Floats:
    """(B, agents) from points (B, agents, 2), z-scored over agents."""
    spread = points.std(axis=1, ddof=1, keepdims=True) if points.shape[1] > 1 else np.nan
    with np.errstate(invalid="ignore", divide="ignore"):
        z = (points - points.mean(axis=1, keepdims=True)) / spread
    return np.asarray(np.sqrt(((z - z[:, here : here + 1]) ** 2).sum(axis=2)))


def generalization_curve(found: Drawings, *, n_bins: int = 5) -> pd.DataFrame:
    """Recognizability against originality, in bins of equal numbers of all agents' drawings.

    Returns
    -------
    One row an agent and bin: ``agent``, ``bin`` (from 1, least original), ``originality``,
    ``recognizability``, ``n``.

    Raises
    ------
    NotEstimable
        If originality takes fewer values than there are bins.
    """
    values = found.samples["originality"]
    if values.nunique() < n_bins:
        raise NotEstimable(
            f"originality takes {values.nunique()} values, too few for {n_bins} bins"
        )
    edges = np.quantile(values, np.linspace(0, 1, n_bins + 1)[1:-1])
    binned = found.samples.assign(bin=np.searchsorted(edges, values, side="right") + 1)
    grouped = binned.groupby(["agent", "bin"], observed=True, sort=True)
    curve = grouped[list(AXES)].mean()
    curve["n"] = grouped.size()
    return curve.reset_index()
