"""C-Deletion, C-Insertion and C-µFidelity: closed forms on linear heads, brute force elsewhere."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
import torch
from scipy.stats import pearsonr, spearmanr
from torch import Tensor

from lens_core.metrics import deletion, insertion, mu_fidelity

N, R, D, H = 3, 5, 8, 2


def case() -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    values = torch.rand(N, R, H, H, generator=generator)
    dictionary = torch.rand(R, D, generator=generator)
    weight = torch.randn(D, generator=generator)
    return values, dictionary, weight


def linear(weight: Tensor, bias: float = 0.7):  # type: ignore[no-untyped-def]
    return lambda maps: maps.mean(dim=(2, 3)) @ weight + bias


def contributions(values: Tensor, dictionary: Tensor, weight: Tensor) -> Tensor:
    return values.mean(dim=(2, 3)) * (dictionary @ weight)


def bent(maps: Tensor) -> Tensor:
    pooled = maps.amax(dim=(2, 3))
    return torch.tanh(pooled[:, 0] * pooled[:, 1] - pooled[:, 2]) + pooled[:, 3:].std(dim=1)


def test_curves_of_a_linear_head_are_running_sums() -> None:
    values, dictionary, weight = case()
    shares = contributions(values, dictionary, weight)
    ordered = shares.sort(dim=1, descending=True).values
    gone = torch.cat([torch.zeros(N, 1), ordered.cumsum(1)], dim=1)
    down = deletion(linear(weight), values, dictionary, shares)
    assert torch.allclose(down.scores, 0.7 + shares.sum(1, keepdim=True) - gone, atol=1e-5)
    up = insertion(linear(weight), values, dictionary, shares)
    assert torch.allclose(up.scores, 0.7 + gone, atol=1e-5)
    # By hand: the trapezoids of r steps of width 1/r.
    heights = 0.7 + gone
    by_hand = (heights[:, 1:] + heights[:, :-1]).sum(1) / (2 * R)
    assert torch.allclose(up.areas, by_hand, atol=1e-5)
    assert up.area == pytest.approx(float(by_hand.mean()), abs=1e-5)


def test_no_order_beats_the_true_one_with_a_linear_head() -> None:
    values, dictionary, weight = case()
    head, shares = linear(weight), contributions(values, dictionary, weight)
    for curve, better in ((deletion, min), (insertion, max)):
        best = curve(head, values[:1], dictionary, shares[:1]).area
        areas = [
            curve(head, values[:1], dictionary, torch.tensor(order, dtype=torch.float32)).area
            for order in permutations(range(R))
        ]
        assert best == pytest.approx(better(areas), abs=1e-5)
        assert max(areas) - min(areas) > 0.1


def test_curves_of_any_head_agree_with_a_loop() -> None:
    values, dictionary, _ = case()
    importances = torch.rand(N, R, generator=torch.Generator().manual_seed(1))
    down = deletion(bent, values, dictionary, importances, batch=4)
    up = insertion(bent, values, dictionary, importances, batch=1000)
    for n in range(N):
        order = importances[n].argsort(descending=True).tolist()
        for count in range(R + 1):
            without, alone = values[n].clone(), torch.zeros_like(values[n])
            without[order[:count]] = 0
            alone[order[:count]] = values[n][order[:count]]
            for curve, kept in ((down, without), (up, alone)):
                maps = torch.einsum("rhw,rd->dhw", kept, dictionary)
                assert float(curve.scores[n, count]) == pytest.approx(
                    float(bent(maps[None])), abs=1e-5
                )


@pytest.mark.parametrize("correlation", ["pearson", "spearman"])
def test_true_contributions_have_fidelity_one(correlation: str) -> None:
    values, dictionary, weight = case()
    shares = contributions(values, dictionary, weight)
    found = mu_fidelity(
        linear(weight),
        values,
        dictionary,
        shares,
        subset_size=2,
        correlation=correlation,  # type: ignore[arg-type]
    )
    assert torch.allclose(found, torch.ones(N, dtype=torch.float64), atol=1e-3)
    opposite = mu_fidelity(linear(weight), values, dictionary, -shares, subset_size=2)
    assert torch.allclose(opposite, -torch.ones(N, dtype=torch.float64), atol=1e-5)


def test_squaring_importances_is_seen_by_pearson_and_less_by_spearman() -> None:
    """Which of both is computed matters: equal order is not equal size."""
    values = torch.ones(1, R)
    weight = torch.tensor([1.0, 2.0, 3.0, 4.0, 30.0])
    head = lambda maps: maps @ weight  # noqa: E731
    shares = weight.square()
    one = mu_fidelity(head, values, torch.eye(R), shares, subset_size=1)
    rank = mu_fidelity(head, values, torch.eye(R), shares, subset_size=1, correlation="spearman")
    assert float(rank) == pytest.approx(1.0)
    assert 0.5 < float(one) < 0.999


def test_mu_fidelity_agrees_with_scipy_on_subsets_of_one_size() -> None:
    values, dictionary, _ = case()
    seen: list[Tensor] = []

    def watched(maps: Tensor) -> Tensor:
        seen.append(maps)
        return bent(maps)

    importances = torch.rand(R, generator=torch.Generator().manual_seed(2))
    expected = {"pearson": pearsonr, "spearman": spearmanr}
    for name, peer in expected.items():
        seen.clear()
        found = mu_fidelity(
            watched,
            values[:1],
            dictionary,
            importances,
            subset_size=2,
            nb_samples=40,
            correlation=name,  # type: ignore[arg-type]
            batch=7,
        )
        maps = torch.cat(seen)
        assert len(maps) == 41
        # Which concepts were there, read off the maps themselves.
        codes = torch.linalg.lstsq(dictionary.T.expand(41, -1, -1), maps.flatten(2)).solution
        gone = codes.abs().amax(2) < 1e-3
        assert gone.sum(1).tolist() == [0] + [2] * 40
        drops = (bent(maps[:1]) - bent(maps[1:])).numpy()
        claimed = (gone[1:].float() @ importances).numpy()
        assert float(found) == pytest.approx(peer(claimed, drops).statistic, abs=1e-4)


def test_a_constant_head_has_no_fidelity() -> None:
    values, dictionary, _ = case()
    flat = lambda maps: torch.full((len(maps),), 2.5)  # noqa: E731
    assert mu_fidelity(flat, values, dictionary, torch.rand(R)).isnan().all()
    assert mu_fidelity(bent, values, dictionary, torch.ones(R)).isnan().all()
    assert deletion(flat, values, dictionary, torch.rand(R)).area == 2.5


def test_subsets_and_seeds() -> None:
    values, dictionary, _ = case()
    importances = torch.arange(1.0, R + 1)
    first = mu_fidelity(bent, values, dictionary, importances, 2, 10, seed=1)
    assert torch.equal(first, mu_fidelity(bent, values, dictionary, importances, 2, 10, seed=1))
    assert not torch.equal(first, mu_fidelity(bent, values, dictionary, importances, 2, 10, seed=2))
    for size in (0, R):
        with pytest.raises(ValueError, match="subset_size must be from 1"):
            mu_fidelity(bent, values, dictionary, importances, subset_size=size)
    with pytest.raises(ValueError, match="importances must be"):
        deletion(bent, values, dictionary, torch.rand(N, R + 1))
    assert np.isfinite(deletion(bent, values, dictionary, importances).area)
