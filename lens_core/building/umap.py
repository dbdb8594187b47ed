"""UMAP of a few hundred to a few thousand points, without a compiler.

McInnes, Healy & Melville, UMAP: Uniform Manifold Approximation and Projection for Dimension
Reduction, arXiv 1802.03426, section 4. The published package compiles itself in every process
(about 20 s of processor time) and brings 200 MB of compilers along; a class has so few images that
whole epochs at once, as arrays, take less time than that.

Notation: points X (n, d), places Y (n, 2); k neighbours of each; edges (i, j) of weight p between 0
and 1 in a graph whose neighbours attract, while others drawn by chance repel.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

Points = NDArray[np.float64]

NEIGHBOURS = 15
EPOCHS = 500
REPELLED = 5
"""Points drawn by chance for each neighbour."""
A, B = 1.5769434603113077, 0.8950608779109733
"""Of 1 / (1 + A d^2B), the curve nearest to one that falls from distance 0.1 on, at scale 1."""
_SIZE = 10.0
_STEP = 4.0
"""Longest move along one coordinate, before the learning rate."""


def umap(points: Points, start: Points, seed: int, epochs: int = EPOCHS) -> Points:
    """Places (n, 2) in which near points stay near, from a first guess (n, 2).

    The same arguments give the same places, bit by bit.

    Raises
    ------
    ValueError
        With fewer than three points.
    """
    if len(points) < 3:
        raise ValueError("UMAP needs three points")
    heads, tails, weights = _edges(fuzzy_graph(points), epochs)
    rng = np.random.default_rng(seed)
    scale = _SIZE / max(float(np.abs(start).max()), 1e-12)
    apart = rng.normal(scale=1e-4, size=start.shape)  # coincident points may part
    places: Points = scale * start + apart
    between = weights.max() / weights  # epochs from one turn of an edge to its next
    due = between.copy()
    for epoch in range(1, epochs + 1):
        turn = due <= epoch
        due[turn] += between[turn]
        _move(places, heads[turn], tails[turn], 1.0 - (epoch - 1) / epochs, rng)
    return places


def fuzzy_graph(points: Points, k: int = NEIGHBOURS) -> sparse.csr_array:
    """Who is whose neighbour, and how surely: symmetric (n, n) with weights between 0 and 1.

    From each point on its own, the nearest neighbour is sure and the k have log2 k among them;
    an edge is there if either end says so.
    """
    from sklearn.neighbors import NearestNeighbors

    n = len(points)
    k = min(k, n)
    # A point counts among its own neighbours, as in the published definition.
    search = NearestNeighbors(n_neighbors=k, algorithm="brute" if n < 5000 else "auto")
    distance, index = search.fit(points).kneighbors(points)
    distance, index = distance[:, 1:].astype(np.float64), index[:, 1:]
    nearest = np.where(distance > 0, distance, np.inf).min(axis=1)
    nearest = np.where(np.isfinite(nearest), nearest, 0.0)
    beyond = np.maximum(distance - nearest[:, None], 0.0)
    surely = np.exp(-beyond / _bandwidths(beyond, distance, k)[:, None])
    rows = np.repeat(np.arange(n), k - 1)
    found = sparse.csr_array((surely.ravel(), (rows, index.ravel())), shape=(n, n))
    turned = found.T.tocsr()
    return (found + turned - found.multiply(turned)).tocsr()


def _bandwidths(beyond: Points, distance: Points, k: int, rounds: int = 64) -> Points:
    """σ (n,) with Σ exp(−beyond/σ) = log2 k, by bisection; never next to nothing."""
    low, high = np.zeros(len(beyond)), np.full(len(beyond), np.inf)
    sigma = np.ones(len(beyond))
    for _ in range(rounds):
        too_much = np.exp(-beyond / sigma[:, None]).sum(axis=1) > np.log2(k)
        high = np.where(too_much, sigma, high)
        low = np.where(too_much, low, sigma)
        sigma = np.where(np.isinf(high), 2 * sigma, (low + np.where(np.isinf(high), 0, high)) / 2)
    least = 1e-3 * np.where(distance.any(axis=1), distance.mean(axis=1), distance.mean())
    bounded: Points = np.maximum(sigma, np.maximum(least, 1e-12))
    return bounded


def _edges(
    graph: sparse.csr_array, epochs: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], Points]:
    """Ends and weights of the edges that have a turn in so many epochs."""
    found = graph.tocoo()
    kept = found.data >= found.data.max() / epochs
    heads, tails = (side[kept].astype(np.int64) for side in found.coords)
    return heads, tails, found.data[kept]


def _move(
    places: Points,
    heads: NDArray[np.int64],
    tails: NDArray[np.int64],
    rate: float,
    rng: np.random.Generator,
) -> None:
    """One epoch, in place: edges pull both ends together, and push their head off others."""
    n = len(places)
    apart = places[heads] - places[tails]
    square = (apart**2).sum(axis=1)
    close = np.maximum(square, 1e-12)
    pull = np.where(square > 0, -2 * A * B * close ** (B - 1) / (1 + A * close**B), 0.0)
    move = np.clip(pull[:, None] * apart, -_STEP, _STEP)
    pushed = np.repeat(heads, REPELLED)
    others = rng.integers(n, size=len(pushed))
    away = places[pushed] - places[others]
    square = (away**2).sum(axis=1)
    push = 2 * B / ((0.001 + square) * (1 + A * square**B))
    flee = np.clip(push[:, None] * away, -_STEP, _STEP)
    for axis in (0, 1):
        step = np.bincount(heads, move[:, axis], n) - np.bincount(tails, move[:, axis], n)
        step += np.bincount(pushed, flee[:, axis], n)
        places[:, axis] += rate * step
