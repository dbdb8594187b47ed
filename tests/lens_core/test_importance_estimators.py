"""Estimators of importance: closed forms of linear heads, brute force on bent ones, seeds."""

from __future__ import annotations

import inspect
import math
from itertools import permutations, product

import pytest
import torch
from torch import Tensor

from lens_core.importance.gradients import (
    gradients,
    integrated_gradients,
    saliency,
    smooth_grad,
    square_grad,
    var_grad,
)
from lens_core.importance.hsic import hsic, hsic_of
from lens_core.importance.masked import masked_logits
from lens_core.importance.occlusion import occlusion
from lens_core.importance.registry import ESTIMATORS
from lens_core.importance.rise import rise
from lens_core.importance.shapley import shapley

N, R, D, H = 2, 5, 9, 3
BIAS = -0.4


@pytest.fixture
def case() -> tuple[Tensor, Tensor, Tensor]:
    """Values, dictionary and the weights of a head that is linear after pooling, in double."""
    generator = torch.Generator().manual_seed(0)
    values = torch.rand(N, R, H, H, generator=generator).double()
    dictionary = torch.rand(R, D, generator=generator).double()
    return values, dictionary, torch.randn(D, generator=generator).double()


def linear(weight: Tensor):  # type: ignore[no-untyped-def]
    return lambda maps: maps.mean(dim=(2, 3)) @ weight + BIAS


def bent(maps: Tensor) -> Tensor:
    """Not linear in positions nor in concepts, and smooth."""
    pooled = maps.square().mean(dim=(2, 3))
    return torch.tanh(pooled[:, 0] - 0.5 * pooled[:, 1]) + pooled[:, 2] * pooled[:, 3]


def logit_of(head, values: Tensor, dictionary: Tensor, kept: list[int]) -> float:  # type: ignore[no-untyped-def]
    """One image with some concepts, by hand."""
    some = torch.zeros_like(values)
    some[kept] = values[kept]
    return float(head(torch.einsum("rhw,rd->dhw", some, dictionary)[None]))


def close(found: Tensor, expected: Tensor, atol: float = 1e-9) -> bool:
    return torch.allclose(found.double(), expected.double(), atol=atol)


def test_closed_forms_of_a_linear_head(case: tuple[Tensor, Tensor, Tensor]) -> None:
    values, dictionary, weight = case
    head, omega = linear(weight), dictionary @ weight
    shares = values.mean(dim=(2, 3)) * omega
    assert close(saliency(head, values, dictionary), omega.expand(N, R))
    assert close(smooth_grad(head, values, dictionary), omega.expand(N, R))
    assert close(square_grad(head, values, dictionary), omega.square().expand(N, R))
    assert close(var_grad(head, values, dictionary), torch.zeros(N, R))
    assert close(integrated_gradients(head, values, dictionary, nb_steps=1), shares)
    assert close(occlusion(head, values, dictionary), shares)
    assert close(shapley(head, values, dictionary), shares)
    assert close(shapley(head, values, dictionary, nb_permutations=1, exact=False), shares)
    expected = BIAS + shares.sum(1, keepdim=True) / 2 + shares / 2
    assert close(rise(head, values, dictionary, nb_samples=40_000), expected, atol=0.01)


def test_closed_forms_without_positions(case: tuple[Tensor, Tensor, Tensor]) -> None:
    values, dictionary, weight = case
    pooled = values.mean(dim=(2, 3))
    omega = dictionary @ weight

    def head(activations: Tensor) -> Tensor:
        return activations @ weight + BIAS

    for estimate in (integrated_gradients, occlusion, shapley):
        assert close(estimate(head, pooled, dictionary), pooled * omega)
    assert close(saliency(head, pooled, dictionary), omega.expand(N, R))


def test_gradients_agree_with_finite_differences(case: tuple[Tensor, Tensor, Tensor]) -> None:
    values, dictionary, _ = case

    def f(shifted: Tensor) -> Tensor:
        return bent(torch.einsum("nrhw,rd->ndhw", shifted, dictionary))

    found, pooled = gradients(bent, values, dictionary), saliency(bent, values, dictionary)
    step = 1e-5
    for i in range(R):
        one, all_positions = torch.zeros_like(values), torch.zeros_like(values)
        one[:, i, 1, 2] = step
        all_positions[:, i] = step
        assert close((f(values + one) - f(values - one)) / (2 * step), found[:, i, 1, 2], 1e-8)
        slope = (f(values + all_positions) - f(values - all_positions)) / (2 * step)
        assert close(slope, pooled[:, i], 1e-8)


def test_integrated_gradients_add_up(case: tuple[Tensor, Tensor, Tensor]) -> None:
    values, dictionary, _ = case
    ends = masked_logits(bent, values, dictionary, torch.tensor([[0.0] * R, [1.0] * R]))
    for steps, atol in ((32, 4e-3), (256, 8e-5)):
        total = integrated_gradients(bent, values, dictionary, steps).sum(1)
        assert close(total, ends[:, 1] - ends[:, 0], atol)


def test_noise_shows_the_curvature() -> None:
    """f = u² has the gradient 2u: under noise of deviation s its variance is 4 s²."""
    values = torch.tensor([[3.0, 1.0]]).double()

    def square(activations: Tensor) -> Tensor:
        return activations[:, 0].square() + 5 * activations[:, 1]

    options = {"nb_samples": 1500, "noise": 0.1}
    eye = torch.eye(2).double()
    variance = var_grad(square, values, eye, **options)  # type: ignore[arg-type]
    assert variance[0].tolist() == pytest.approx([4 * 0.3**2, 0.0], rel=0.1)
    mean = smooth_grad(square, values, eye, **options)  # type: ignore[arg-type]
    assert mean[0].tolist() == pytest.approx([6.0, 5.0], abs=0.05)
    squares = square_grad(square, values, eye, **options)  # type: ignore[arg-type]
    assert squares[0].tolist() == pytest.approx([36 + 4 * 0.3**2, 25.0], rel=0.02)
    with pytest.raises(ValueError, match="at least 2"):
        var_grad(square, values, eye, nb_samples=1)


def test_masking_estimators_agree_with_loops(case: tuple[Tensor, Tensor, Tensor]) -> None:
    values, dictionary, _ = case
    every = list(range(R))
    for n in range(N):

        def f(kept: list[int], n: int = n) -> float:
            return logit_of(bent, values[n], dictionary, kept)

        gone = [f(every) - f([j for j in every if j != i]) for i in every]
        assert close(occlusion(bent, values, dictionary, batch=3)[n], torch.tensor(gone), 1e-6)
        joins = torch.zeros(R).double()
        for order in permutations(every):
            for place, i in enumerate(order):
                joins[i] += f(sorted(order[: place + 1])) - f(sorted(order[:place]))
        joins /= math.factorial(R)
        assert close(shapley(bent, values, dictionary)[n], joins, 1e-9)
        subsets = [[i for i in every if bits[i]] for bits in product((0, 1), repeat=R)]
        means = [sum(f(kept) for kept in subsets if i in kept) / 2 ** (R - 1) for i in every]
        found = rise(bent, values, dictionary, nb_samples=20_000)[n]
        assert close(found, torch.tensor(means), 0.02)


def test_sampled_shapley_values_tend_to_the_exact_ones(
    case: tuple[Tensor, Tensor, Tensor],
) -> None:
    values, dictionary, _ = case
    exact = shapley(bent, values, dictionary)
    ends = masked_logits(bent, values, dictionary, torch.tensor([[0.0] * R, [1.0] * R]))
    errors = []
    for count in (2, 100):
        sampled = shapley(bent, values, dictionary, nb_permutations=count, exact=False)
        assert close(sampled.sum(1), ends[:, 1] - ends[:, 0])
        errors.append(float((sampled - exact).abs().max()))
    assert errors[1] < errors[0] / 2
    assert errors[1] < 0.06 * float(exact.abs().max())


def test_rise_counts_masks_at_any_probability() -> None:
    values = torch.tensor([[2.0, 1.0, 0.0]]).double()

    def head(activations: Tensor) -> Tensor:
        return activations.sum(1)

    found = rise(head, values, torch.eye(3).double(), nb_samples=40_000, probability=0.2)
    assert found[0].tolist() == pytest.approx([2.2, 1.4, 0.6], abs=0.03)
    with pytest.raises(ValueError, match="between 0 and 1"):
        rise(head, values, torch.eye(3).double(), probability=1.0)


def test_hsic_is_the_trace_of_centred_kernels() -> None:
    generator = torch.Generator().manual_seed(0)
    masks = (torch.rand(20, 3, generator=generator) < 0.5).double()
    answers = (masks @ torch.tensor([2.0, 1.0, 0.0]).double()).sin() + masks[:, 0]
    apart = (answers[:, None] - answers[None]).abs()
    width = apart[apart > 1e-5].median()
    kernel = torch.exp(-(apart**2) / (2 * width**2))
    centring = torch.eye(20).double() - 1 / 20
    for i in range(3):
        agree = (masks[:, None, i] == masks[None, :, i]).double()
        expected = torch.trace(agree @ centring @ kernel @ centring) / 19**2
        assert close(hsic_of(masks, answers)[i], expected)


def test_hsic_of_what_the_logit_ignores_is_zero() -> None:
    """All masks once: independence is exact, also of a concept that is only in an interaction."""
    masks = torch.tensor(list(product((0.0, 1.0), repeat=4))).double()
    answers = masks[:, 0] + 2 * masks[:, 1] * masks[:, 2]
    found = hsic_of(masks, answers)
    assert float(found[3]) == pytest.approx(0.0, abs=1e-12)
    assert (found[:3] > 1e-3).all()
    assert hsic_of(masks, torch.full((16,), 3.3).double()).tolist() == [0.0] * 4
    parity = (masks[:, 0] + masks[:, 1]) % 2
    assert hsic_of(masks, parity).abs().max() < 1e-12, "no concept alone tells a parity"


def test_sampled_hsic_ranks_by_contribution() -> None:
    values = torch.ones(1, 4).double()
    weight = torch.tensor([4.0, 0.0, 2.0, -1.0]).double()
    found = hsic(lambda activations: activations @ weight, values, torch.eye(4).double())[0]
    assert found.argsort(descending=True).tolist() == [0, 2, 3, 1]
    assert float(found[1]) < 0.02 * float(found[0])


@pytest.mark.parametrize("name", ESTIMATORS)
def test_all_are_called_alike_and_answer_alike(
    name: str, case: tuple[Tensor, Tensor, Tensor]
) -> None:
    values, dictionary, _ = case
    # The last concept touches only channels that the head does not read.
    dictionary = dictionary.clone()
    dictionary[:, 4:] = 0
    dictionary[-1] = 0
    dictionary[-1, 5] = 1.0
    torch.manual_seed(1)
    found = ESTIMATORS[name](bent, values.float(), dictionary.float())
    assert found.shape == (N, R)
    assert not found.requires_grad
    torch.manual_seed(2)
    assert torch.equal(found, ESTIMATORS[name](bent, values.float(), dictionary.float()))
    assert torch.isfinite(found).all()
    if name != "rise":
        assert float(found[:, -1].abs().max()) < 0.05 * float(found.abs().max()) + 1e-6
    flat = ESTIMATORS[name](
        lambda maps: 0 * maps.sum(dim=(1, 2, 3)) + 3.7, values.float(), dictionary.float()
    )
    assert torch.isfinite(flat).all()
    assert float((flat - flat.mean()).abs().max()) < 1e-5


def test_no_estimator_swallows_options() -> None:
    for estimate in ESTIMATORS.values():
        kinds = {p.kind for p in inspect.signature(estimate).parameters.values()}
        assert inspect.Parameter.VAR_KEYWORD not in kinds
