"""How concept values change with activations: derivatives of codes, for every factorization.

Most codes are solutions of a small optimisation, and are differentiated through what holds at the
solution, not through the iterations that led there (CRAFT, section 3.4). With

    u*(a, W) = argmin_{u ≥ 0} ½‖a − Wᵀu‖² + ½ α‖u‖²

the gradient of the objective is zero on the support S = {i: u_i > 0}, and differentiating that
condition gives, for a cotangent v,

    (W_S W_Sᵀ + αI) z_S = v_S,  z = 0 elsewhere,
    ∂a = Wᵀ z,   ∂W = z (a − Wᵀu)ᵀ − u (Wᵀz)ᵀ.

Off the support gradients are exactly zero. If rows of W in the support are collinear, u* is not
unique without a ridge: forward and backward then need the same α > 0. At a kink (an optimal u_i of
0 whose gradient is 0 too) there is no derivative; what is returned is the one from the zero side.

An ℓ1 penalty shifts that condition by a constant, so the same derivative holds on its support;
shares that total 1 add one multiplier to it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from lens_core.atlas import LensError
from lens_core.factorization import Factorization
from lens_core.factorization.archetypal import ArchetypalAnalysis
from lens_core.factorization.dictionary_learning import DictionaryLearning
from lens_core.factorization.nnls import masked_gram, nnls

_SIMPLEX_FLOOR = 1e-6
"""A share below this is off its support: accelerated gradients end near zeros, not always at."""


@dataclass(frozen=True)
class CodeGradient:
    """Concept values and their derivatives, one concept at a time.

    Attributes
    ----------
    values
        U (n, r).
    of
        Maps a concept's number to ∂u_i/∂a (n, d), each row by itself.
    """

    values: Tensor
    of: Callable[[int], Tensor]


class _ImplicitCode(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, activations: Tensor, dictionary: Tensor, ridge: float) -> Tensor:
        codes = _tight_code(activations, dictionary, ridge)
        ctx.save_for_backward(activations, dictionary, codes)
        ctx.ridge = ridge
        return codes

    @staticmethod
    def backward(ctx: Any, *cotangents: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        activations, dictionary, codes = ctx.saved_tensors
        z = _solve_on_support(dictionary, codes, cotangents[0].unsqueeze(-1), ctx.ridge).squeeze(-1)
        for_activations = z @ dictionary if ctx.needs_input_grad[0] else None
        for_dictionary = None
        if ctx.needs_input_grad[1]:
            residual = activations - codes @ dictionary
            for_dictionary = z.T @ residual - codes.T @ (z @ dictionary)
        return for_activations, for_dictionary, None


def implicit_code(activations: Tensor, dictionary: Tensor, ridge: float = 0.0) -> Tensor:
    """Non-negative codes U (n, r) of A (n, d), differentiable in A and in W (r, d).

    Solved to the accuracy of the dtype; use float64 to check against finite differences.
    """
    codes: Tensor = _ImplicitCode.apply(activations, dictionary, ridge)
    return codes


def code_jacobian(dictionary: Tensor, codes: Tensor, ridge: float = 0.0) -> Tensor:
    """∂u_i/∂a for every row and concept at once: (n, r, d), zero rows off the support."""
    return _inverse_on_support(dictionary, codes, ridge).transpose(1, 2) @ dictionary


def code_gradient(
    basis: Factorization | Tensor, activations: Tensor, ridge: float = 0.0
) -> CodeGradient:
    """Values of A (n, d) in a basis, by the basis's own way to code, and their derivatives.

    Parameters
    ----------
    basis
        A fitted factorization, or a dictionary W (r, d) coded by non-negative least squares.
    ridge
        α, where the code is non-negative least squares; other methods have none.

    Raises
    ------
    LensError
        The method's code has no useful derivative: K-Means', which jumps between centres and is
        constant elsewhere; or a ridge was given that the method does not have.
    """
    a = activations.detach()
    if isinstance(basis, Tensor):
        return _least_squares(_tight_code(a, basis.to(a), ridge), basis.to(a), ridge)
    name, w = type(basis).__name__, basis.dictionary.to(a)
    if type(basis).encode is Factorization.encode:
        return _least_squares(_tight_code(a, w, ridge), w, ridge)
    if ridge:
        raise LensError(f"{name} codes without a ridge: leave it out")
    if isinstance(basis, DictionaryLearning):
        return _least_squares(basis.encode(a).to(a), w, 0.0)
    if isinstance(basis, ArchetypalAnalysis):
        return _shares(basis.encode(a).to(a), w)
    with torch.enable_grad():
        inputs = a.clone().requires_grad_()
        values = basis.encode(inputs)
    if not values.requires_grad:
        raise LensError(
            f"concept values of {name} have no useful derivative: use its plain maps (spatial "
            "values), or another method"
        )

    def of(concept: int) -> Tensor:
        one = torch.zeros_like(values)
        one[:, concept] = 1.0
        (gradient,) = torch.autograd.grad(values, inputs, one, retain_graph=True)
        return gradient

    return CodeGradient(values.detach().to(a), of)


def _tight_code(activations: Tensor, dictionary: Tensor, ridge: float) -> Tensor:
    tight = 1e-9 if activations.dtype == torch.float64 else 1e-6
    return nnls(activations, dictionary, ridge, max_iterations=5000, tolerance=tight)


def _least_squares(codes: Tensor, dictionary: Tensor, ridge: float) -> CodeGradient:
    inverse = _inverse_on_support(dictionary, codes, ridge)
    return CodeGradient(codes, lambda concept: inverse[:, :, concept] @ dictionary)


def _shares(codes: Tensor, dictionary: Tensor) -> CodeGradient:
    """Codes on the simplex: moves on the support keep the total, (I − z 1ᵀ / 1ᵀz) Z, z = Z 1."""
    support = torch.where(codes > _SIMPLEX_FLOOR, codes, torch.zeros_like(codes))
    # Totals of 1 make the origin free; the mean of the dictionary keeps the problem well-posed.
    rows = dictionary - dictionary.mean(0)
    inverse = _inverse_on_support(_beside(rows), support, 0.0)
    sums = inverse.sum(2)
    free = inverse - sums[:, :, None] * sums[:, None, :] / sums.sum(1)[:, None, None].clamp(
        min=torch.finfo(codes.dtype).tiny
    )
    return CodeGradient(codes, lambda concept: free[:, :, concept] @ rows)


def _beside(rows: Tensor) -> Tensor:
    """Rows with one more column, the same for all: constant along all moves that keep the total.

    It makes the Gram matrix of centred rows regular and changes no derivative.
    """
    height = rows.norm(dim=1).mean()
    return torch.cat([rows, height.expand(len(rows), 1)], dim=1)


def _inverse_on_support(dictionary: Tensor, codes: Tensor, ridge: float) -> Tensor:
    n, r = codes.shape
    identity = torch.eye(r, dtype=codes.dtype, device=codes.device).expand(n, r, r)
    return _solve_on_support(dictionary, codes, identity, ridge)


def _solve_on_support(dictionary: Tensor, codes: Tensor, right: Tensor, ridge: float) -> Tensor:
    """z (n, r, m) with (W_S W_Sᵀ + αI) z_S = right_S and z = 0 off the support of each row."""
    gram = dictionary @ dictionary.T
    if ridge:
        gram = gram + ridge * torch.eye(len(gram), dtype=gram.dtype, device=gram.device)
    support = codes > 0
    inside = right * support.unsqueeze(-1)
    solution: Tensor
    solution, failed = torch.linalg.solve_ex(masked_gram(gram, support), inside)
    if bool(failed.any()):
        # Collinear concepts without a ridge: the shortest of the equally good answers.
        shortest = torch.linalg.pinv(masked_gram(gram, support), hermitian=True) @ inside
        solution = torch.where((failed != 0)[:, None, None], shortest, solution)
    return solution
