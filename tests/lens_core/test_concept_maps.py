"""Implicit gradients of non-negative codes, against finite differences."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from lens_core.attribution.concept_maps import (
    code_jacobian,
    gradcam_maps,
    implicit_code,
    spatial_codes,
    upsampled,
)
from lens_core.factorization.nnls import nnls


def problem(seed: int, n: int = 4, r: int = 4, d: int = 7) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    dictionary = torch.rand(r, d, generator=generator, dtype=torch.float64)
    activations = torch.rand(n, d, generator=generator, dtype=torch.float64)
    return activations, dictionary


def far_from_kinks(activations: Tensor, dictionary: Tensor, ridge: float) -> bool:
    codes = nnls(activations, dictionary, ridge, 5000, 1e-13)
    slope = (activations - codes @ dictionary) @ dictionary.T - ridge * codes
    return bool((torch.maximum(codes, -slope) > 1e-4).all())


@pytest.mark.parametrize("ridge", [0.0, 0.1])
def test_gradients_agree_with_finite_differences(ridge: float) -> None:
    seeds = [s for s in range(20) if far_from_kinks(*problem(s), ridge)][:3]
    assert len(seeds) == 3
    for seed in seeds:
        activations, dictionary = problem(seed)
        assert (nnls(activations, dictionary) == 0).any(), "some concepts should be off"
        activations.requires_grad_(True)
        dictionary.requires_grad_(True)
        assert torch.autograd.gradcheck(
            lambda a, w: implicit_code(a, w, ridge),
            (activations, dictionary),
            eps=1e-6,
            atol=1e-7,
            rtol=1e-6,
        )


def test_gradients_with_collinear_concepts_need_and_use_the_ridge() -> None:
    activations, dictionary = problem(3, n=3, r=3, d=5)
    dictionary = torch.cat([dictionary, dictionary[:1] * 2.0])
    activations.requires_grad_(True)
    dictionary.requires_grad_(True)
    assert torch.autograd.gradcheck(
        lambda a, w: implicit_code(a, w, 0.05), (activations, dictionary), atol=1e-6
    )


def test_an_empty_support_has_no_gradient() -> None:
    dictionary = torch.eye(3, 5, dtype=torch.float64).requires_grad_(True)
    activations = torch.full((2, 5), -1.0, dtype=torch.float64, requires_grad=True)
    codes = implicit_code(activations, dictionary)
    codes.sum().backward()
    assert (codes == 0).all()
    assert activations.grad is not None
    assert (activations.grad == 0).all()
    assert dictionary.grad is not None
    assert (dictionary.grad == 0).all()


def test_gradients_off_the_support_are_exactly_zero() -> None:
    activations, dictionary = problem(0, n=20)
    codes = nnls(activations, dictionary, 0.0, 5000, 1e-13)
    jacobian = code_jacobian(dictionary, codes)
    off = codes == 0
    assert off.any()
    assert (jacobian[off] == 0).all()
    assert (jacobian[~off].abs().sum(-1) > 0).all()


def test_orthogonal_concepts_have_the_projection_as_jacobian() -> None:
    dictionary = torch.eye(2, 4, dtype=torch.float64) * 2.0
    jacobian = code_jacobian(dictionary, torch.ones(1, 2, dtype=torch.float64))
    assert torch.allclose(jacobian[0], torch.eye(2, 4, dtype=torch.float64) / 2.0)


def test_maps_lie_where_the_concept_was_put() -> None:
    dictionary = torch.eye(2, 4)
    maps = torch.zeros(1, 4, 5, 5)
    maps[0, 0, 1, 3] = 2.0
    maps[0, 1, 4, 0] = 3.0
    for found in (spatial_codes(maps, dictionary), gradcam_maps(maps, dictionary)):
        peaks = found.flatten(2).argmax(-1)[0].tolist()
        assert peaks == [1 * 5 + 3, 4 * 5 + 0]
    assert upsampled(found, 50).shape == (1, 2, 50, 50)


def test_gradcam_map_is_the_one_that_autograd_gives() -> None:
    generator = torch.Generator().manual_seed(1)
    maps = torch.rand(2, 6, 3, 3, generator=generator, dtype=torch.float64).requires_grad_(True)
    dictionary = torch.rand(3, 6, generator=generator, dtype=torch.float64)
    codes = implicit_code(maps.mean(dim=(2, 3)), dictionary)
    expected = []
    for concept in range(3):
        (gradient,) = torch.autograd.grad(codes[:, concept].sum(), maps, retain_graph=True)
        weights = gradient.mean(dim=(2, 3), keepdim=True)
        expected.append((weights * maps).sum(1).clamp(min=0))
    assert torch.allclose(gradcam_maps(maps.detach(), dictionary), torch.stack(expected, 1))
