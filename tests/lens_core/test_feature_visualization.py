"""Figures of feature visualizations on features whose answers are known."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from lens_core.atlas import LensError
from lens_core.metrics.colour import colour_distances, mean_lab
from lens_core.metrics.distributions import Moments
from lens_core.metrics.feature_visualization import (
    fid,
    kid,
    leading_parts,
    match,
    nearest_crops,
    neighbour_share,
    plausibility,
    transferability,
)


def normal(n: int, d: int, mean: float = 0.0, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n, d, generator=generator, dtype=torch.float64) + mean


def kid_by_loops(x: Tensor, y: Tensor, gx: list[int], gy: list[int]) -> float:
    """The definition, pair by pair."""

    def kernel(a: Tensor, b: Tensor) -> float:
        return float((a @ b / len(a) + 1) ** 3)

    def within(rows: Tensor, groups: list[int]) -> float:
        values = [
            kernel(rows[i], rows[j])
            for i in range(len(rows))
            for j in range(len(rows))
            if groups[i] != groups[j]
        ]
        return float(np.mean(values))

    across = float(np.mean([kernel(a, b) for a in x for b in y]))
    return within(x, gx) + within(y, gy) - 2 * across


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 1000), n=st.integers(4, 9), d=st.integers(1, 6))
def test_kid_is_its_definition(seed: int, n: int, d: int) -> None:
    x, y = normal(n, d, 0.3, seed), normal(n + 2, d, 0.0, seed + 1)
    gx, gy = [i // 2 for i in range(n)], list(range(n + 2))
    found = kid(x, y, torch.tensor(gx), None, resamples=10)
    assert found.value == pytest.approx(kid_by_loops(x, y, gx, gy), rel=1e-9)


def test_kid_of_gaussians() -> None:
    """In one dimension it is 3 Δm₁² + 3 Δm₂² + Δm₃² over the raw moments; here means 1 and 0."""
    expected = 3 * 1.0 + 3 * (2.0 - 1.0) ** 2 + (4.0 - 0.0) ** 2
    values = [kid(normal(400, 1, 1.0, s), normal(400, 1, 0.0, 100 + s), resamples=2).value
              for s in range(30)]  # fmt: skip
    assert float(np.mean(values)) == pytest.approx(expected, rel=0.1)


def test_kid_is_unbiased_and_its_interval_covers() -> None:
    found = [
        kid(normal(30, 4, 0.0, s), normal(40, 4, 0.0, 500 + s), resamples=100, seed=s)
        for s in range(40)
    ]
    values = np.array([one.value for one in found])
    assert abs(values.mean()) < 3 * values.std() / 40**0.5
    assert sum(one.low <= 0 <= one.high for one in found) >= 34
    assert kid(normal(30, 4, 1.0), normal(40, 4, 0.0, 1), resamples=100).low > 0


def test_views_of_one_picture_are_not_evidence_of_their_own() -> None:
    """Copies leave the estimate alone, and do not make the interval narrower."""
    x, y = normal(12, 3, 0.5), normal(20, 3, 0.0, 1)
    groups = torch.arange(12).repeat_interleave(5)
    copies = x.repeat_interleave(5, dim=0)
    once = kid(x, y, seed=3)
    five = kid(copies, y, groups, seed=3)
    assert five.value == pytest.approx(once.value, rel=1e-9)
    assert five.high - five.low == pytest.approx(once.high - once.low, rel=0.1)
    taken_as_many = kid(copies, y, seed=3)
    assert taken_as_many.high - taken_as_many.low < 0.8 * (five.high - five.low)


def test_kid_needs_independent_pictures() -> None:
    with pytest.raises(LensError, match="two independent"):
        kid(normal(5, 2), normal(5, 2), made_groups=torch.zeros(5, dtype=torch.long))


def test_fid_of_known_gaussians_and_its_refusal() -> None:
    x = normal(4000, 3)
    assert fid(x, x + 2.0) == pytest.approx(3 * 4.0, rel=1e-6)
    assert fid(x, 3 * x) == pytest.approx(3 * (3 - 1) ** 2, rel=0.05)
    with pytest.raises(LensError, match="more than 8 rows"):
        fid(normal(8, 8), normal(100, 8))


def test_fid_of_parts_is_that_of_the_whole() -> None:
    """However they come, with means far from 0."""
    x, y = normal(300, 5, 40.0), normal(200, 5, 41.0, 1)
    whole = fid(x, y)
    assert whole == pytest.approx(
        float((x.mean(0) - y.mean(0)).square().sum())
        + float(torch.trace(torch.cov(x.T) + torch.cov(y.T)))
        - 2 * float(torch.linalg.eigvals(torch.cov(x.T) @ torch.cov(y.T)).sqrt().sum().real),
        rel=1e-6,
    )
    parts = Moments([x[:1], x[1:120], x[120:]]).frechet_distance(Moments([y[:150], y[150:]]))
    assert parts == pytest.approx(whole, rel=1e-9)


def test_plausibility_is_the_distance_of_the_kth_neighbour() -> None:
    real = torch.nn.functional.normalize(torch.eye(4), dim=1)
    made = torch.tensor([[1.0, 0, 0, 0], [1.0, 1.0, 0, 0], [5.0, 0, 0, 0]])
    assert plausibility(made, real, k=1).tolist() == pytest.approx(
        [0, (2 - 2**0.5) ** 0.5, 0], abs=1e-6
    )
    assert plausibility(made, real, k=2)[0] == pytest.approx(2**0.5)


def test_transferability() -> None:
    logits = torch.log(torch.tensor([[0.7, 0.2, 0.1], [0.5, 0.4, 0.1]]))
    found = transferability(logits, [0, 1])
    assert found.accuracy == 0.5
    assert found.probability == pytest.approx(0.55)


def crops_of(centres: Tensor, n: int = 6, sd: float = 0.1) -> list[Tensor]:
    generator = torch.Generator().manual_seed(5)
    return [c + sd * torch.randn(n, len(c), generator=generator) for c in centres.float()]


def test_pictures_find_their_own_crops_whatever_all_have_in_common() -> None:
    centres = normal(10, 32).float().abs()
    crops = crops_of(centres)
    painted = centres + 5 * torch.ones(32)  # all pictures lie off all photographs
    found = match(painted, crops)
    assert found.top1 == 1
    assert found.scores.shape == (10, 10)
    order = torch.randperm(10, generator=torch.Generator().manual_seed(0))
    shuffled = match(painted[order], crops)
    assert shuffled.top1 == float((order == torch.arange(10)).double().mean())


def test_the_same_picture_for_all_finds_nothing() -> None:
    crops = crops_of(normal(10, 32).float().abs())
    found = match(torch.ones(10, 32), crops)
    assert found.top1 == 0
    assert (found.ranks == 10).all()


def test_random_pictures_match_by_chance() -> None:
    crops = crops_of(normal(10, 32).float().abs())
    shares = [match(normal(10, 32, seed=s).float().abs(), crops).top1 for s in range(60)]
    assert float(np.mean(shares)) == pytest.approx(0.1, abs=0.04)


def test_as_many_pictures_as_concepts() -> None:
    with pytest.raises(LensError, match="3 pictures"):
        match(torch.ones(3, 4), [torch.ones(2, 4)] * 4)


def test_neighbours() -> None:
    centres = 3 * torch.eye(4)
    crops = torch.cat(crops_of(centres, n=5))
    owners = torch.arange(4).repeat_interleave(5)
    nearest = nearest_crops(centres[[0, 1, 3, 2]], crops, 5)
    assert neighbour_share(nearest, owners).tolist() == [1, 1, 0, 0]


def test_the_part_that_stands_out() -> None:
    cover = torch.tensor([[0.9, 0.01, 0.0], [0.6, 0.3, 0.0], [0.9, 0.05, 0.5]])
    base = torch.tensor([0.8, 0.05, 1e-4])
    assert leading_parts(cover, base).tolist() == [0, 1, 0]


def test_colours() -> None:
    red, half = np.zeros((4, 4, 3)), np.zeros((4, 4))
    red[:, :2] = (1.0, 0.0, 0.0)
    half[:, :2] = 1.0
    seen = mean_lab(red, half)
    assert seen == pytest.approx([53.24, 80.09, 67.2], abs=0.1)  # red in CIELAB, D65
    black = mean_lab(np.zeros((2, 2, 3)))
    distances = colour_distances([seen, black], [seen, black])
    assert np.diag(distances) == pytest.approx([0, 0], abs=1e-6)
    assert distances[0, 1] > 40
    # A pair of Sharma, Wu & Dalal (2005), table 1.
    pair = colour_distances([np.array([50.0, 2.6772, -79.7751])], [np.array([50.0, 0.0, -82.7485])])
    assert float(pair[0, 0]) == pytest.approx(2.0425, abs=1e-4)
