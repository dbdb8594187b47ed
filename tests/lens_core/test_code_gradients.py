"""Derivatives of codes against finite differences, in float64 and away from kinks."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from lens_core.atlas import LensError
from lens_core.attribution.code_gradients import code_gradient, code_jacobian, implicit_code
from lens_core.factorization import METHODS, Factorization
from lens_core.factorization.archetypal import ArchetypalAnalysis
from lens_core.factorization.dictionary_learning import DictionaryLearning
from lens_core.factorization.nnls import nnls
from lens_core.factorization.simplex import simplex_code

EPS = 1e-6


def problem(seed: int, n: int = 4, r: int = 4, d: int = 7) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    dictionary = torch.rand(r, d, generator=generator, dtype=torch.float64)
    activations = torch.rand(n, d, generator=generator, dtype=torch.float64)
    return activations, dictionary


def far_from_kinks(activations: Tensor, dictionary: Tensor, ridge: float) -> bool:
    codes = nnls(activations, dictionary, ridge, 5000, 1e-13)
    slope = (activations - codes @ dictionary) @ dictionary.T - ridge * codes
    return bool((torch.maximum(codes, -slope) > 1e-4).all())


def differences(function: object, at: Tensor, cotangent: Tensor) -> Tensor:
    """Central differences of Σ cotangent ⊙ function, element by element."""
    found = torch.zeros_like(at)
    flat, out = at.flatten(), found.view(-1)
    for i in range(len(flat)):
        step = torch.zeros_like(flat)
        step[i] = EPS
        up, down = (
            function((flat + sign * step).view_as(at))  # type: ignore[operator]
            for sign in (1, -1)
        )
        out[i] = ((up - down) * cotangent).sum() / (2 * EPS)
    return found


def check(activations: Tensor, dictionary: Tensor, ridge: float) -> Tensor:
    """Both gradients within 1e-6 of finite differences; returns the codes.

    The oracle solves the same problem anew, and knows nothing of supports.
    """
    a, w = activations.clone().requires_grad_(), dictionary.clone().requires_grad_()
    codes = implicit_code(a, w, ridge)
    generator = torch.Generator().manual_seed(9)
    cotangent = torch.randn(codes.shape, generator=generator, dtype=torch.float64)
    codes.backward(cotangent)  # type: ignore[no-untyped-call]
    for x, function in (
        (a, lambda v: nnls(v, dictionary, ridge, 5000, 1e-13)),
        (w, lambda v: nnls(activations, v, ridge, 5000, 1e-13)),
    ):
        assert x.grad is not None
        numeric = differences(function, x.detach(), cotangent)
        scale = max(1.0, float(numeric.abs().max()))
        assert float((x.grad - numeric).abs().max()) < 1e-6 * scale
    return codes.detach()


@pytest.mark.parametrize("ridge", [0.0, 0.1])
def test_generic_supports(ridge: float) -> None:
    seeds = [s for s in range(20) if far_from_kinks(*problem(s), ridge)][:3]
    assert len(seeds) == 3
    for seed in seeds:
        codes = check(*problem(seed), ridge)
        assert (codes == 0).any(), "some concepts should be off"
        assert (codes > 0).any()


def test_collinear_supports_with_a_ridge() -> None:
    generator = torch.Generator().manual_seed(3)
    one = torch.rand(3, 5, generator=generator, dtype=torch.float64)
    dictionary = torch.cat([one, 2.0 * one[:1], one[1:2]])
    activations = one.repeat(2, 1) + 0.1 * torch.rand(6, 5, generator=generator).double()
    assert far_from_kinks(activations, dictionary, 0.05)
    codes = check(activations, dictionary, 0.05)
    both = (codes[:, 0] > 0) & (codes[:, 3] > 0)
    assert both.any(), "collinear concepts should be on together"
    same = (codes[:, 1] > 0) & (codes[:, 4] > 0)
    assert same.any()
    assert torch.allclose(codes[same, 1], codes[same, 4])


def test_collinear_supports_without_a_ridge_give_finite_gradients() -> None:
    dictionary = torch.tensor([[1.0, 0.0], [1.0, 0.0]], dtype=torch.float64)
    codes = torch.full((1, 2), 0.5, dtype=torch.float64)
    jacobian = code_jacobian(dictionary, codes)
    assert torch.allclose(jacobian, torch.tensor([[[0.5, 0.0], [0.5, 0.0]]]).double())


@pytest.mark.parametrize("ridge", [0.0, 0.1])
def test_empty_supports(ridge: float) -> None:
    """Some rows all off, beside rows that are not: zero and right, no row touches another."""
    dictionary = torch.eye(3, 5, dtype=torch.float64) + 0.1
    empty = torch.full((2, 5), -1.0, dtype=torch.float64)
    codes = check(torch.cat([empty, problem(0, n=2, d=5)[0]]), dictionary, ridge)
    assert (codes[:2] == 0).all()
    assert (codes[2:] > 0).any()
    a = empty.clone().requires_grad_()
    w = dictionary.clone().requires_grad_()
    implicit_code(a, w, ridge).sum().backward()  # type: ignore[no-untyped-call]
    assert a.grad is not None
    assert w.grad is not None
    assert (a.grad == 0).all()
    assert (w.grad == 0).all()
    assert (code_jacobian(dictionary, codes[:2], ridge) == 0).all()


def test_gradcheck_agrees() -> None:
    seed = next(s for s in range(20) if far_from_kinks(*problem(s), 0.0))
    a, w = (x.requires_grad_() for x in problem(seed))
    assert torch.autograd.gradcheck(implicit_code, (a, w), eps=1e-6, atol=1e-7, rtol=1e-6)


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


def test_float32_agrees_with_float64() -> None:
    activations, dictionary = problem(0, n=20)
    codes = nnls(activations, dictionary, 0.0, 5000, 1e-13)
    exact = code_jacobian(dictionary, codes)
    rough = code_gradient(dictionary.float(), activations.float())
    assert torch.allclose(rough.values, codes.float(), atol=1e-4)
    for concept in range(4):
        assert torch.allclose(rough.of(concept), exact[:, concept].float(), atol=1e-3)


class Precise(ArchetypalAnalysis):
    """Shares to full accuracy, for differences to be taken of."""

    def encode(self, activations: Tensor) -> Tensor:
        return simplex_code(
            activations.to(self.dictionary), self.dictionary, max_iterations=50_000, tolerance=1e-14
        )


class PreciseLasso(DictionaryLearning):
    """Penalised codes to full accuracy: the non-negative lasso of W is NNLS of shifted products."""

    def encode(self, activations: Tensor) -> Tensor:
        scale, w = self.state["scale"], self.dictionary
        shift = torch.linalg.solve(w @ w.T, torch.full((len(w),), self.alpha, dtype=w.dtype)) @ w
        return nnls(activations / scale - shift, w, 0.0, 5000, 1e-13) * scale


def made(name: str, activations: Tensor) -> Factorization:
    basis: Factorization
    if name == "archetypal":
        basis = Precise(4)
    elif name == "dictionary_learning":
        basis = PreciseLasso(3, max_iterations=5)
    elif "topk" in name:
        basis = METHODS[name](4, seed=0, k=2, steps=40)  # type: ignore[call-arg]
    elif "sae" in name:
        basis = METHODS[name](4, seed=0, steps=40)  # type: ignore[call-arg]
    elif name == "sparse_pca":
        basis = METHODS[name](4, seed=0, alpha=0.01)  # type: ignore[call-arg]
    else:
        basis = METHODS[name](4, seed=0)
    basis.fit(activations)
    return basis


@pytest.mark.filterwarnings("ignore:Objective did not converge")
@pytest.mark.parametrize("name", sorted(set(METHODS) - {"kmeans"}))
def test_every_method_against_finite_differences_of_its_own_code(name: str) -> None:
    activations, _ = problem(1, n=40)
    basis = made(name, activations)
    rows = activations[:6]
    gradient = code_gradient(basis, rows)
    n_on = 0
    for concept in range(gradient.values.shape[1]):
        cotangent = torch.zeros_like(gradient.values)
        cotangent[:, concept] = 1.0
        numeric = differences(basis.encode, rows, cotangent)
        found = gradient.of(concept)
        n_on += int((found.abs().amax(1) > 0).sum())
        # A row whose value switches on or off within the step is at a kink: no derivative.
        smooth = (numeric - found).abs().amax(1) < 1e-4
        assert int(smooth.sum()) >= len(rows) - 1, (concept, numeric - found)
    assert n_on > 6, "most concepts should be on somewhere"


def test_values_that_only_jump_are_refused() -> None:
    activations, _ = problem(1, n=40)
    with pytest.raises(LensError, match="concept values of KMeans have no useful derivative"):
        code_gradient(made("kmeans", activations), activations)


def test_a_ridge_is_refused_where_there_is_none() -> None:
    activations, dictionary = problem(1, n=40)
    with pytest.raises(LensError, match="PCA codes without a ridge"):
        code_gradient(made("pca", activations), activations, ridge=0.1)
    assert code_gradient(dictionary, activations, ridge=0.1).values.shape == (40, 4)
