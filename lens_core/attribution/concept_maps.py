"""Where a concept is: implicit differentiation of non-negative codes (CRAFT, section 3.4).

u*(a, W) = argmin_{u ≥ 0} ½‖a − Wᵀu‖² + ½ α‖u‖². On the support S = {i: u_i > 0} the gradient of
the objective is zero, and differentiating that condition gives, for a cotangent v,

    (W_S W_Sᵀ + αI) z_S = v_S,  z = 0 elsewhere,
    ∂a = Wᵀ z,   ∂W = z (a − Wᵀu)ᵀ − u (Wᵀz)ᵀ.

Off the support gradients are exactly zero. If rows of W in the support are collinear, u* is not
unique without a ridge: forward and backward then need the same α > 0. At a kink (an optimal u_i of
0 whose gradient is 0 too) there is no derivative; what is returned is the one from the zero side.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from lens_core.factorization.nnls import masked_gram, nnls


class _ImplicitCode(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, activations: Tensor, dictionary: Tensor, ridge: float) -> Tensor:
        tight = 1e-9 if activations.dtype == torch.float64 else 1e-6
        codes = nnls(activations, dictionary, ridge, max_iterations=5000, tolerance=tight)
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
    n, r = codes.shape
    identity = torch.eye(r, dtype=codes.dtype, device=codes.device).expand(n, r, r)
    return _solve_on_support(dictionary, codes, identity, ridge).transpose(1, 2) @ dictionary


def gradcam_maps(maps: Tensor, dictionary: Tensor, ridge: float = 0.0) -> Tensor:
    """Grad-CAM of concept values: relu(Σ_k mean_xy(∂u_i/∂A_k) · A_k), (n, r, h, w).

    `maps` (n, d, h, w) is the layer that the dictionary belongs to; u is the code of its mean over
    positions.
    """
    h, w = maps.shape[2:]
    codes = nnls(maps.mean(dim=(2, 3)), dictionary, ridge)
    # Every position enters the mean alike, so the mean gradient is the code's divided by h·w.
    weights = code_jacobian(dictionary, codes, ridge) / (h * w)
    return torch.einsum("nrd,ndhw->nrhw", weights, maps).clamp(min=0)


def spatial_codes(maps: Tensor, dictionary: Tensor, ridge: float = 0.0) -> Tensor:
    """Concept values of every position by itself: maps (n, d, h, w) → (n, r, h, w)."""
    n, d, h, w = maps.shape
    rows = maps.permute(0, 2, 3, 1).reshape(-1, d)
    return nnls(rows, dictionary, ridge).view(n, h, w, -1).permute(0, 3, 1, 2).contiguous()


def upsampled(maps: Tensor, size_px: int) -> Tensor:
    """Maps (n, r, h, w) → (n, r, size_px, size_px), bilinear, for laying over pictures."""
    size = (size_px, size_px)
    large: Tensor = nn.functional.interpolate(maps, size, mode="bilinear", align_corners=False)
    return large


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
