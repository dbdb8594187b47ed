"""Measures of factorizations: closed forms, other libraries, and the traps that are known."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.linalg import sqrtm
from scipy.stats import wasserstein_distance
from sklearn.metrics import r2_score
from sklearn.neighbors import NearestNeighbors
from torch import Tensor

from lens_core.atlas import LensError
from lens_core.factorization import NMF, relative_error
from lens_core.factorization.kmeans import KMeans
from lens_core.factorization.svd import SVD
from lens_core.metrics import (
    firing_rates,
    frechet_distance,
    hoyer,
    knn_distances,
    matched_cosines,
    mean_l0,
    r_squared,
    score,
    sliced_wasserstein,
    stability,
    wasserstein,
)


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_r_squared_is_centred_on_each_channel() -> None:
    a = random(50, 4) + torch.tensor([0.0, 10.0, -20.0, 300.0])
    constant = a.mean(0).expand_as(a)
    assert r_squared(a, constant) == pytest.approx(0.0, abs=1e-12)
    assert r_squared(a, a) == 1.0
    noisy = a + 0.3 * random(50, 4, seed=1)
    squares = ((a - noisy) ** 2).sum() / ((a - a.mean(0)) ** 2).sum()
    assert r_squared(a, noisy) == pytest.approx(1 - float(squares))
    theirs = r2_score(a.numpy(), noisy.numpy(), multioutput="variance_weighted")
    assert r_squared(a, noisy) == pytest.approx(theirs)
    flat = torch.ones(5, 2)
    assert r_squared(flat, flat) == 1.0
    assert r_squared(flat, flat + 1) == -math.inf


def test_sparsity_of_known_rows() -> None:
    rows = torch.tensor([[1.0, 1, 1, 1], [0, -3, 0, 0], [3, 4, 0, 0], [0, 0, 0, 0]])
    found = hoyer(rows)
    assert found[:3].tolist() == pytest.approx([0.0, 1.0, 2 - 7 / 5])
    assert math.isnan(float(found[3]))
    assert mean_l0(rows) == (4 + 1 + 2) / 4
    assert mean_l0(rows, threshold=2) == (0 + 1 + 2) / 4
    assert firing_rates(rows).tolist() == [0.5, 0.75, 0.25, 0.25]
    assert hoyer(torch.tensor([[2.0]])).tolist() == [1.0]


def test_dictionaries_are_matched_one_to_one() -> None:
    first = torch.eye(4)[:3]
    second = torch.stack([2 * first[2], first[0], (first[1] + torch.eye(4)[3]) / 2])
    assert matched_cosines(first, second).tolist() == pytest.approx([1, 2**-0.5, 1])
    # Both rows of the second are nearest to the first's row 0; only one of them may have it.
    greedy = torch.tensor([[1.0, 0.1, 0, 0], [1.0, 0.2, 0, 0]])
    cosines = matched_cosines(torch.eye(4)[:2], greedy)
    assert sorted(cosines.tolist()) == pytest.approx([0.2 / 1.04**0.5, 1 / 1.01**0.5])


def test_stability_tells_a_planted_structure_from_noise() -> None:
    planted = random(200, 3).abs() @ random(3, 10, seed=1).abs() ** 3
    stable = stability(planted, lambda: SVD(1), n_folds=4)
    assert 0.99 < stable <= 1.0
    noise = stability(random(200, 10), lambda: KMeans(3), n_folds=4)
    assert noise < 0.8
    assert stability(planted, lambda: NMF(2)) == stability(planted, lambda: NMF(2))
    with pytest.raises(ValueError, match="at least 2 folds"):
        stability(planted, lambda: SVD(1), n_folds=1)
    with pytest.raises(ValueError, match="4 folds of 3"):
        stability(planted, lambda: SVD(1), groups=torch.arange(200) % 3)


def test_groups_of_rows_stay_in_one_fold() -> None:
    """Two halves that have nothing in common: only folds that mix them agree."""
    halves = torch.block_diag(torch.ones(40, 3), torch.ones(40, 3)) + 0.01 * random(80, 6).abs()
    apart = stability(halves, lambda: SVD(1), n_folds=2, groups=torch.arange(80) // 40)
    assert apart < 0.1 < stability(halves, lambda: SVD(2), n_folds=2)


@pytest.mark.parametrize("m", [30, 47, 60])
def test_wasserstein_of_columns_agrees_with_scipy(m: int) -> None:
    x, y = random(30, 4), 2 * random(m, 4, seed=1) + 1
    theirs = [wasserstein_distance(x[:, k], y[:, k]) for k in range(4)]
    assert wasserstein(x, y).tolist() == pytest.approx(theirs)


def test_sliced_wasserstein_of_a_shift_and_of_a_rotation() -> None:
    x = random(400, 3)
    shift = torch.tensor([3.0, 0.0, 0.0], dtype=torch.float64)
    # |⟨shift, direction⟩| is ½‖shift‖ on average over a sphere in three dimensions.
    assert sliced_wasserstein(x, x + shift, n_slices=2000) == pytest.approx(1.5, abs=0.06)
    assert sliced_wasserstein(x, x) == 0.0
    linked = torch.cat([x[:, :1], x[:, :1]], dim=1)
    free = x[:, :2] / x[:, :2].std(0) * linked.std(0)
    assert sliced_wasserstein(linked, free) > 3 * float(wasserstein(linked, free).mean())


def test_frechet_distance_of_known_gaussians() -> None:
    x = random(500, 3)
    assert frechet_distance(x, x + 2.0) == pytest.approx(3 * 4.0)
    centred = x - x.mean(0)
    variance = float(torch.cov(centred.T).trace())
    assert frechet_distance(centred, 3 * centred) == pytest.approx(4 * variance)
    y = random(400, 3, seed=1) @ random(3, 3, seed=2)
    a, b = np.cov(x.numpy().T), np.cov(y.numpy().T)
    shift = float((x.mean(0) - y.mean(0)).square().sum())
    expected = shift + np.trace(a + b - 2 * np.real(sqrtm(a @ b)))
    assert frechet_distance(x, y) == pytest.approx(expected)
    with pytest.raises(LensError, match="more than 3 rows, there are 3"):
        frechet_distance(x[:3], y)


def test_neighbours_agree_with_scikit_learn_on_the_sphere() -> None:
    real, queries = random(40, 5), random(11, 5, seed=1)

    def unit(x: Tensor) -> Tensor:
        return x / x.norm(dim=1, keepdim=True)

    peer = NearestNeighbors(n_neighbors=4).fit(unit(real).numpy())
    theirs = torch.from_numpy(peer.kneighbors(unit(queries).numpy())[0][:, 3])
    assert torch.allclose(knn_distances(queries, real, 4, batch=3), theirs)
    assert torch.allclose(knn_distances(7 * real, real, 1), torch.zeros(40).double(), atol=1e-7)
    assert (knn_distances(real, real, 1, skip_self=True) > 1e-3).all()
    with pytest.raises(ValueError, match="too few"):
        knn_distances(queries, real, 41)


def test_scores_of_a_perfect_and_of_a_poor_factorization() -> None:
    a = random(60, 3).abs() @ random(3, 6, seed=1).abs()
    perfect = SVD(3)
    perfect.fit(a)
    best = score(perfect, a)
    assert best.relative_l2 < 1e-9
    assert best.r_squared == pytest.approx(1.0)
    assert best.wasserstein < 1e-9
    assert best.ood < 1.0, "rebuilt exactly, a row has itself as a neighbour"
    poor = KMeans(2)
    poor.fit(a)
    worse = score(poor, a)
    assert worse.relative_l2 == relative_error(a, poor.decode(poor.encode(a)))
    assert (worse.hoyer, worse.l0, worse.dead) == (1.0, 1.0, 0)
    assert worse.r_squared < 0.95
    assert worse.wasserstein > 0.05
    # Real rows have positive values only, minus them lie on the other side of the sphere.
    outside = SVD(1)
    outside.restore({"dictionary": torch.eye(6, dtype=torch.float64)[:1]})
    assert score(outside, a).ood > 3


def test_dead_concepts_are_counted() -> None:
    method = SVD(3)
    method.restore({"dictionary": torch.eye(4)[:3]})
    rows = torch.zeros(20, 4)
    rows[:, 0] = torch.arange(1.0, 21.0)
    rows[:, 3] = 1.0
    assert score(method, rows).dead == 2
