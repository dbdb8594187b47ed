"""Steering and ablation: straight lines on linear heads, known bends and changes elsewhere."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from lens_core.importance.steering import ablation, steer

N, D, C, H = 4, 6, 3, 2
DOSES = torch.linspace(-2, 4, 13)


def case() -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    maps = torch.rand(N, D, H, H, generator=generator)
    weight = torch.randn(C, D, generator=generator)
    direction = torch.nn.functional.normalize(torch.rand(D, generator=generator), dim=0)
    return maps, weight, direction


def linear(weight: Tensor):  # type: ignore[no-untyped-def]
    return lambda maps: maps.mean(dim=(2, 3)) @ weight.T


def test_the_response_of_a_linear_head_is_a_line() -> None:
    maps, weight, direction = case()
    found = steer(linear(weight), maps, direction, 1, DOSES, rectified=False)
    start = linear(weight)(maps)[:, 1]
    slope = float(weight[1] @ direction)
    assert torch.allclose(found.logit, start[:, None] + slope * DOSES, atol=1e-5)
    assert torch.allclose(found.slope, torch.full((N,), slope), atol=1e-5)
    assert found.bends_at.isnan().all()
    moved = maps + DOSES[7] * direction.view(1, D, 1, 1)
    expected = linear(weight)(moved)
    assert torch.equal(found.predicted[:, 7], expected.argmax(1))
    assert torch.allclose(found.probability[:, 7], expected.softmax(1)[:, 1], atol=1e-6)


def test_the_dose_that_changes_the_prediction() -> None:
    maps = torch.zeros(2, 2, 1, 1)
    maps[0, 1], maps[1, 1] = 1.2, 9.0
    found = steer(linear(torch.eye(2)), maps, torch.tensor([1.0, 0.0]), 0, DOSES)
    # Class 0 overtakes class 1 beyond a dose of 1.2; the next dose asked for is 1.5.
    assert found.changes_at[0] == 1.5
    assert found.changes_at[1].isnan()


def test_the_dose_beyond_which_more_does_not_help() -> None:
    def hill(maps: Tensor) -> Tensor:
        x = maps.mean(dim=(2, 3))[:, 0]
        return torch.stack([-(x - 2).square(), torch.zeros_like(x)], dim=1)

    found = steer(hill, torch.ones(1, 1, 1, 1), torch.ones(1), 0, DOSES, rectified=False)
    assert float(found.slope) == pytest.approx(2.0)
    assert float(found.bends_at) == 1.0
    down = steer(hill, torch.full((1, 1, 1, 1), 3.0), torch.ones(1), 0, DOSES, rectified=False)
    assert float(down.slope) == pytest.approx(-2.0)
    assert down.bends_at.isnan().all()


def test_rectified_layers_stay_so() -> None:
    maps, weight, direction = case()
    seen: list[Tensor] = []

    def head(moved: Tensor) -> Tensor:
        seen.append(moved)
        return linear(weight)(moved)

    steer(head, maps, direction, 0, DOSES)
    assert min(float(moved.min()) for moved in seen) == 0.0
    seen.clear()
    steer(head, maps, direction, 0, DOSES, rectified=False)
    assert min(float(moved.min()) for moved in seen) < 0


def test_leaving_the_data_is_seen() -> None:
    generator = torch.Generator().manual_seed(1)
    real = torch.rand(50, 3, generator=generator) * torch.tensor([1.0, 1.0, 0.01])
    maps = real[:3].view(3, 3, 1, 1)
    away = torch.tensor([0.0, 0.0, 1.0])
    found = steer(lambda x: x.flatten(1), maps, away, 0, torch.tensor([0.0, 0.1, 3.0]), real, k=3)
    assert (found.distance[:, 2] > 5 * found.distance[:, 0]).all()
    assert (found.leaves_at(float(found.distance[:, 0].max()) * 1.01) > 0).all()
    assert found.leaves_at(10.0).isnan().all()
    assert steer(lambda x: x.flatten(1), maps, away, 0, DOSES).distance.isnan().all()


def test_ablation_of_units_and_directions() -> None:
    maps, weight, direction = case()
    unit = torch.zeros(D)
    unit[2] = 5.0
    drop = ablation(linear(weight), maps, unit, 1)
    assert torch.allclose(drop, maps[:, 2].mean(dim=(1, 2)) * weight[1, 2], atol=1e-6)
    drop = ablation(linear(weight), maps, direction, 1)
    expected = (maps.mean(dim=(2, 3)) @ direction) * (weight[1] @ direction)
    assert torch.allclose(drop, expected, atol=1e-6)


def test_doses_need_a_zero() -> None:
    maps, weight, direction = case()
    for doses in (torch.tensor([0.0]), torch.tensor([1.0, 2.0])):
        with pytest.raises(ValueError, match="0 among them"):
            steer(linear(weight), maps, direction, 0, doses)
