"""What is done for speed changes no answers: bfloat16 products, stacks of matrices."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from lens_core.factorization import NMF, fit_stack, relative_error
from lens_core.factorization.nmf_products import FollowedProducts, Products, products
from lens_core.metrics import matched_cosines, stability

R = 6


def activations(n: int, d: int, seed: int = 0, parts: int = R) -> Tensor:
    """Non-negative mixtures of sparse parts with noise."""
    generator = torch.Generator().manual_seed(seed)
    values = torch.rand(n, parts, generator=generator) ** 3
    dictionary = torch.rand(parts, d, generator=generator) ** 6
    return (values @ dictionary + 0.02 * torch.randn(n, d, generator=generator)).relu()


@pytest.mark.parametrize("parts", [R, 4 * R])
def test_bfloat16_finds_the_same_concepts(parts: int) -> None:
    a = activations(700, 400, parts=parts)
    exact = NMF(R, precision="float32", tolerance=1e-7)
    quick = NMF(R, precision="bfloat16", tolerance=1e-7)
    errors = [relative_error(a, method.fit(a) @ method.dictionary) for method in (exact, quick)]
    assert float(matched_cosines(exact.dictionary, quick.dictionary).mean()) > 0.999
    assert errors[1] == pytest.approx(errors[0], rel=1e-4)
    assert quick.dictionary.dtype == torch.float32


def test_followed_products_stay_with_the_exact_ones() -> None:
    a = activations(300, 200)
    exact, followed = Products(a), FollowedProducts(a)
    generator = torch.Generator().manual_seed(1)
    w, ut = torch.rand(R, 200, generator=generator), torch.rand(R, 300, generator=generator)
    for step in range(30):
        scale = 0.5**step
        w += scale * torch.rand(w.shape, generator=generator)  # in place, as solvers do
        ut += scale * torch.rand(ut.shape, generator=generator)
        pairs = (
            (exact.of_rows(w), followed.of_rows(w)),
            (exact.of_columns(ut), followed.of_columns(ut)),
        )
        for right, close in pairs:
            assert float((close - right).norm() / right.norm()) < 5e-3
    # Afresh after 20, and the changes since are below float32's own accuracy.
    for right, close in pairs:
        assert float((close - right).norm() / right.norm()) < 1e-6


def test_precision_is_asked_for_or_chosen_by_size() -> None:
    small, large = torch.rand(10, 10), torch.rand(1100, 1000)
    assert products(small).short is None
    assert products(small, "bfloat16").short is not None
    assert products(large, "float32").short is None
    assert products(large.double(), "bfloat16").short is None
    hardware = getattr(torch.cpu, "_is_avx512_bf16_supported", bool)
    if not hardware() and not getattr(torch.cpu, "_is_amx_tile_supported", bool)():
        assert products(large).short is None
    with pytest.raises(ValueError, match="precision"):
        NMF(3, precision="half")  # type: ignore[arg-type]


def test_a_stack_ends_as_each_matrix_alone() -> None:
    matrices = [activations(n, 120, seed=n) for n in (90, 40, 64, 90)]
    alone, together = ([NMF(R, tolerance=1e-5) for _ in matrices] for _ in range(2))
    values = fit_stack(matrices, together)
    assert len({method.n_iterations for method in together}) > 1  # each stops by itself
    for a, one, other, u in zip(matrices, alone, together, values, strict=True):
        assert torch.allclose(one.fit(a), u, atol=1e-4)
        assert torch.allclose(one.dictionary, other.dictionary, atol=1e-4)
        assert one.n_iterations == other.n_iterations


def test_a_stack_stops_at_the_limit_and_leaves_dead_concepts_alone() -> None:
    matrices = [torch.eye(4)[[0, 1]].repeat(10, 1), activations(20, 4, parts=3)]
    methods = [NMF(3, max_iterations=7, tolerance=-1.0) for _ in matrices]
    for a, u, method in zip(matrices, fit_stack(matrices, methods), methods, strict=True):
        assert method.n_iterations == 7
        assert u.isfinite().all()
        assert method.dictionary.isfinite().all()
        assert relative_error(a, u @ method.dictionary) < 0.2


def test_stacks_that_do_not_fit_together_are_refused() -> None:
    a = torch.rand(20, 5)
    with pytest.raises(ValueError, match="as many methods"):
        fit_stack([a, a], [NMF(2)])
    with pytest.raises(ValueError, match="columns"):
        fit_stack([a, torch.rand(20, 6)], [NMF(2), NMF(2)])
    with pytest.raises(ValueError, match="same r"):
        fit_stack([a, a], [NMF(2), NMF(3)])
    with pytest.raises(ValueError, match="non-negative"):
        fit_stack([a, -a], [NMF(2), NMF(2)])


def test_stability_is_that_of_folds_fitted_one_by_one() -> None:
    a = activations(160, 60)
    folds = torch.randperm(160, generator=torch.Generator().manual_seed(0)) % 2
    first, second = NMF(R), NMF(R)
    first.fit(a[folds == 0])
    second.fit(a[folds == 1])
    expected = float(matched_cosines(first.dictionary, second.dictionary).mean())
    assert stability(a, lambda: NMF(R), n_folds=2) == pytest.approx(expected, abs=1e-4)
