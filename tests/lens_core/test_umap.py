"""UMAP against its own definition, closed cases, and what a layout is for."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from lens_core.building.positions import LEAST_UMAP, _principal, umap_positions
from lens_core.building.umap import NEIGHBOURS, fuzzy_graph, umap

Points = NDArray[np.float64]


def islands(n: int = 120, groups: int = 4, seed: int = 0) -> tuple[Points, NDArray[np.int64]]:
    """Points around the corners of a simplex in ten dimensions, and whose corner it is."""
    rng = np.random.default_rng(seed)
    label = np.arange(n) % groups
    return np.eye(10)[label] + rng.normal(scale=0.05, size=(n, 10)), label


def directed(points: Points) -> Points:
    """The definition of section 3.1, point by point: membership of j among the neighbours of i."""
    found = np.zeros((len(points), len(points)))
    for i, point in enumerate(points):
        distance = np.linalg.norm(points - point, axis=1)
        near = np.argsort(distance, kind="stable")[1:NEIGHBOURS]
        rho = distance[near].min()
        low, high = 1e-9, 1e3
        for _ in range(200):
            sigma = (low + high) / 2
            surely = np.exp(-(distance[near] - rho) / sigma)
            low, high = (low, sigma) if surely.sum() > np.log2(NEIGHBOURS) else (sigma, high)
        found[i, near] = surely
    return found


def test_the_graph_is_that_of_the_definition() -> None:
    points, _ = islands(60)
    one_way = directed(points)
    expected = one_way + one_way.T - one_way * one_way.T
    graph = fuzzy_graph(points).toarray()
    np.testing.assert_allclose(graph, expected, atol=1e-6)
    assert np.allclose(graph, graph.T)
    assert graph.max() == pytest.approx(1), "everyone's nearest neighbour is sure"


def test_islands_stay_apart_and_neighbours_together() -> None:
    from sklearn.manifold import trustworthiness
    from sklearn.metrics import silhouette_score

    points, label = islands()
    places = umap(points, _principal(points), seed=0)
    assert silhouette_score(places, label) > 0.8
    rng = np.random.default_rng(1)
    continuous = rng.dirichlet(np.full(5, 0.4), size=150)
    laid_out = umap(continuous, _principal(continuous), seed=0)
    # The published package reaches .97 to .98 on such points.
    assert trustworthiness(continuous, laid_out, n_neighbors=10) > 0.95


def test_the_same_seed_gives_the_same_places() -> None:
    points, _ = islands(60)
    first, again = (umap_positions(points, seed=3) for _ in range(2))
    other = umap_positions(points, seed=4)
    assert first is not None
    assert other is not None
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_few_or_equal_points_are_not_laid_out() -> None:
    assert umap_positions(np.eye(10).repeat(2, axis=0), seed=0) is None
    assert umap_positions(np.ones((LEAST_UMAP, 4)), seed=0) is None
    doubled = np.repeat(islands(LEAST_UMAP // 2)[0], 2, axis=0)  # coincident points
    places = umap_positions(doubled, seed=0)
    assert places is not None
    assert np.isfinite(places).all()
    with pytest.raises(ValueError, match="three points"):
        umap(np.ones((2, 3)), np.zeros((2, 2)), seed=0)
