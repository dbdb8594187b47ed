"""Concept activation vectors: planted directions, shares of rising logits, chance."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from lens_core.importance.tcav import concept_vector, tcav, tcav_score

D = 8


def cloud(n: int, seed: int, shift: Tensor | None = None) -> Tensor:
    rows = torch.randn(n, D, generator=torch.Generator().manual_seed(seed))
    return rows if shift is None else rows + shift


def planted() -> Tensor:
    direction = torch.zeros(D)
    direction[2], direction[5] = 3.0, -4.0
    return direction


def test_a_planted_direction_is_found() -> None:
    vector = concept_vector(cloud(200, 0, planted()), cloud(200, 1))
    assert float(vector.direction.norm()) == pytest.approx(1.0, abs=1e-5)
    assert float(vector.direction @ planted() / 5) > 0.97
    assert vector.accuracy > 0.95
    scaled = concept_vector(100 * cloud(200, 0, planted()), 100 * cloud(200, 1))
    assert torch.allclose(vector.direction, scaled.direction, atol=1e-3)


def test_what_cannot_be_told_apart_has_chance_accuracy() -> None:
    assert 0.35 < concept_vector(cloud(300, 0), cloud(300, 1)).accuracy < 0.65


def test_the_score_is_the_share_of_rising_logits() -> None:
    # f = Σ_d sin(a_d): the derivative along channel 0 is cos(a_0).
    maps = torch.tensor([0.0, 1.0, 2.0, 3.0]).view(4, 1, 1, 1).expand(4, D, 2, 2)
    channel = torch.eye(D)[0]

    def head(x: Tensor) -> Tensor:
        return x.sin().mean(dim=(2, 3)).sum(1)

    assert tcav_score(head, maps, channel) == 0.5
    assert tcav_score(head, maps, -channel) == 0.5
    assert tcav_score(head, maps[:2], channel) == 1.0
    assert tcav_score(head, maps[2:], channel) == 0.0
    assert tcav_score(lambda x: x.sin().sum(1), maps[:, :, 0, 0], channel) == 0.5


def test_a_used_concept_differs_from_chance_and_an_unused_one_need_not() -> None:
    weight = torch.randn(D, generator=torch.Generator().manual_seed(7))
    weight[2], weight[5] = 1.0, -1.0
    inside = cloud(30, 3)

    def head(x: Tensor) -> Tensor:
        return (x @ weight).tanh()

    used = tcav(head, inside, cloud(60, 0, planted()), cloud(120, 1), n_repeats=20)
    assert used.scores.tolist() == [1.0] * 20
    assert used.p_value < 0.05
    again = tcav(head, inside, cloud(60, 0, planted()), cloud(120, 1), n_repeats=20)
    assert torch.equal(used.random_scores, again.random_scores)
    assert len(set(used.random_scores.tolist())) == 2, "random vectors point either way"
    nothing = tcav(lambda x: 0 * x.sum(1), inside, cloud(60, 0, planted()), cloud(60, 1))
    assert nothing.p_value == 1.0


def test_too_few_examples_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 4 examples and 4 others, not 3 and 9"):
        concept_vector(cloud(3, 0), cloud(9, 1))
