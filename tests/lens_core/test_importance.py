"""Importances: closed forms, their sampled estimates, and brute force."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from lens_core.atlas import LensError
from lens_core.importance import (
    Shares,
    SobolDesign,
    gradient_input,
    sobol_closed_form,
    sobol_total,
    summarise,
)

R, D, H = 6, 12, 3


def linear_case() -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    values = torch.rand(R, H, H, generator=generator)
    dictionary = torch.rand(R, D, generator=generator)
    weight = torch.randn(D, generator=generator)
    return values, dictionary, weight


def test_shares_total_one_and_keep_their_signs() -> None:
    generator = torch.Generator().manual_seed(1)
    contributions = torch.randn(30, 4, generator=generator)
    bias = torch.full((30,), 0.3)
    logits = contributions.sum(1) + bias + 5 + torch.randn(30, generator=generator)
    shares = Shares.of(contributions, logits, bias)
    assert math.isclose(float(shares.concepts.sum()) + shares.bias + shares.residual, 1.0)
    assert torch.allclose(shares.concepts, (contributions.sum(0) / logits.sum()).double())
    assert shares.bias == pytest.approx(0.3 * 30 / float(logits.sum()), rel=1e-5)
    assert (shares.concepts < 0).any()


def test_shares_of_nothing_are_refused() -> None:
    with pytest.raises(LensError, match="not positive"):
        Shares.of(torch.ones(3, 2), torch.tensor([1.0, -2.0, 0.5]), torch.zeros(3))


def test_gradient_input_is_exact_for_a_linear_head() -> None:
    values, dictionary, weight = linear_case()
    contributions, empty = gradient_input(
        lambda maps: maps.mean(dim=(2, 3)) @ weight + 0.7, values[None], dictionary
    )
    expected = values.mean(dim=(1, 2)) * (dictionary @ weight)
    assert torch.allclose(contributions[0], expected, atol=1e-6)
    assert torch.allclose(empty, torch.tensor([0.7]))


def test_sampled_sobol_agrees_with_the_closed_form() -> None:
    values, dictionary, weight = linear_case()
    exact = sobol_closed_form(values.mean(dim=(1, 2))[None], dictionary @ weight)[0]
    assert float(exact.sum()) == pytest.approx(1.0)

    def logit(maps: Tensor) -> Tensor:
        return maps.mean(dim=(2, 3)) @ weight - 2.0

    for seed in range(20):
        totals, errors = sobol_total(logit, values, dictionary, SobolDesign.draw(R, 512, seed))
        assert float((totals - exact).abs().max()) < 0.02
        assert (errors < 0.05).all()


def test_a_head_after_pooling_answers_to_means_as_to_maps() -> None:
    values, dictionary, weight = linear_case()
    design = SobolDesign.draw(R, 32)

    def of_means(means: Tensor) -> Tensor:
        return (means @ weight).tanh()

    at_maps = sobol_total(lambda a: of_means(a.mean((2, 3))), values, dictionary, design, batch=7)
    at_means = sobol_total(of_means, values.mean((1, 2)), dictionary, design)
    assert torch.allclose(at_maps[0], at_means[0], atol=1e-5)
    assert torch.allclose(at_maps[1], at_means[1], atol=1e-5)


def test_totals_of_many_images_are_those_of_each() -> None:
    design = SobolDesign.draw(R, 32)
    answers = torch.rand(4, len(design.masks), generator=torch.Generator().manual_seed(3))
    answers[2] = 5.0  # nothing matters
    together = torch.stack(design.totals(answers))
    one_by_one = torch.stack([torch.stack(design.totals(row)) for row in answers], dim=1)
    assert torch.allclose(together, one_by_one, rtol=1e-9)
    assert together[:, 2].abs().max() == 0


def test_sobol_of_a_product_matches_its_analytic_indices() -> None:
    # f = m1·m2 with uniform masks: V = 7/144, each total index 4/7; the third does nothing.
    def logit(maps: Tensor) -> Tensor:
        return maps[:, 0, 0, 0] * maps[:, 1, 0, 0]

    totals, _ = sobol_total(
        logit, torch.ones(3, 1, 1), torch.eye(3), SobolDesign.draw(3, 4096, seed=0)
    )
    assert totals.tolist() == pytest.approx([4 / 7, 4 / 7, 0.0], abs=0.02)


def test_a_constant_output_has_no_important_concept() -> None:
    totals, errors = sobol_total(
        lambda maps: torch.full((len(maps),), 3.7),
        torch.ones(3, 2, 2),
        torch.eye(3),
        SobolDesign.draw(3, 32),
    )
    assert totals.tolist() == [0.0, 0.0, 0.0]
    assert errors.tolist() == [0.0, 0.0, 0.0]
    assert sobol_closed_form(torch.zeros(1, 3), torch.ones(3)).tolist() == [[0.0, 0.0, 0.0]]


def test_designs_are_seeded_and_halton_is_not_random() -> None:
    assert torch.equal(SobolDesign.draw(4, 16, 1).masks, SobolDesign.draw(4, 16, 1).masks)
    assert not torch.equal(SobolDesign.draw(4, 16, 1).masks, SobolDesign.draw(4, 16, 2).masks)
    halton = SobolDesign.draw(4, 16, 1, "halton").masks
    assert torch.equal(halton, SobolDesign.draw(4, 16, 2, "halton").masks)
    assert halton.shape == (16 * 5, 4)
    assert halton[1].tolist() == pytest.approx([1 / 2, 1 / 3, 1 / 5, 1 / 7])


def test_unscrambled_halton_totals_fall_short() -> None:
    """The known bias that makes scrambled Sobol the default: totals add up to far below 1."""
    generator = torch.Generator().manual_seed(0)
    sums = {"sobol": 0.0, "halton": 0.0}
    for _ in range(10):
        omega = torch.rand(20, generator=generator)
        for sampler in ("sobol", "halton"):
            design = SobolDesign.draw(20, 32, 0, sampler)
            totals, _ = design.totals(design.masks @ omega)
            sums[sampler] += float(totals.sum()) / 10
    assert sums["halton"] < 0.3
    assert 0.7 < sums["sobol"] < 1.3


def test_leading_concepts_are_counted() -> None:
    lead = [0] * 12 + [1] * 5 + [2] * 3
    contributions = torch.nn.functional.one_hot(torch.tensor(lead), 4).float()
    used = torch.tensor([True] * 17 + [False] * 3)
    right = torch.tensor([True] * 11 + [False] + [True] * 4 + [False] * 4)
    found = summarise(contributions, used, right)
    assert found.top.tolist() == lead
    assert found.important == (True, False, False, False)
    assert found.prevalence == pytest.approx((12 / 17, 5 / 17, 0, 0))
    assert found.reliability[:3] == pytest.approx((11 / 12, 4 / 5, 0.0))
    assert found.reliability[3] is None
