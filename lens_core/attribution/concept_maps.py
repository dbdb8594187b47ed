"""Where a concept is: maps of concept values at any layer of the classifier, and at the pixels.

A concept's value u_i(x) is a function of the picture like any logit, so any attribution method
explains it (CRAFT, section 3.4). Its derivative is that of the code at the dictionary's layer (see
`code_gradients`), carried back to an earlier layer by vector–Jacobian products.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal

import torch
from torch import Tensor, nn

from lens_core.atlas import LensError
from lens_core.attribution.code_gradients import (
    CodeGradient,
    code_gradient,
    code_jacobian,
    implicit_code,
)
from lens_core.classifier import Classifier
from lens_core.factorization import Factorization
from lens_core.factorization.nnls import nnls
from lens_core.models.split import layout_of

__all__ = [
    "PIXELS",
    "code_gradient",
    "code_jacobian",
    "concept_maps",
    "concept_values",
    "gradcam_maps",
    "implicit_code",
    "spatial_codes",
    "upsampled",
]

PIXELS = "pixels"
"""Name of the place before the first layer: the picture itself."""

Method = Literal["gradcam", "gradient_input", "saliency", "values"]
Pooling = Literal["code_of_mean", "mean_of_codes"]

_Combine = Callable[[Tensor, Tensor], Tensor]


def concept_maps(
    classifier: Classifier,
    basis: Factorization | Tensor,
    images: Tensor,
    at: str | None = None,
    method: Method = "gradcam",
    pooling: Pooling = "code_of_mean",
    signed: bool = False,
    ridge: float = 0.0,
    batch: int = 16,
) -> Tensor:
    """Maps of every concept in every picture, seen from a layer.

    Parameters
    ----------
    classifier
        Cut at the layer that the basis belongs to.
    basis
        A fitted factorization, or a dictionary W (r, d) coded by non-negative least squares.
    images
        (n, 3, H, W) in [0, 1].
    at
        Name of a layer that is computed before that one, `PIXELS` for the picture, None for the
        basis's own layer. Early layers have fine maps that know little; late ones the opposite.
    method
        With A the activations (or pixels) there and g = ∂u_i/∂A:
        "gradcam"         relu(Σ_k mean_xy(g_k) · A_k) (Selvaraju et al., ICCV 2017); not at pixels
        "gradient_input"  relu(Σ_k g_k · A_k)
        "saliency"        max_k |g_k| (Simonyan et al., 2014, arXiv 1312.6034)
        "values"          no gradient: the code of each position, at the basis's own layer alone.
    pooling
        What u_i of a picture is: the code of the mean activation, as dictionaries fitted on crops
        want, or the mean of the codes of positions.
    signed
        Leave out the relu: below 0 is what speaks against the concept.
    ridge
        α of the code, where it is non-negative least squares; for collinear dictionaries.
    batch
        Pictures at once. Memory is that of one forward pass of a batch with its graph, whatever
        the number of pictures or concepts.

    Returns
    -------
    (n, r, h, w) float32 on the CPU, h × w that of the layer. A concept that is off in a picture
    (u_i = 0 in a sparse code) has a map of 0 there.

    Raises
    ------
    LensError
        No such layer before the basis's; Grad-CAM at pixels; values elsewhere than at the basis's
        layer; a method whose values have no derivative.
    """
    own = at is None or at == classifier.layer
    if method == "values" and not own:
        raise LensError(
            f"at {at}: plain values exist at {classifier.layer} alone; use gradcam elsewhere"
        )
    if method == "gradcam" and at == PIXELS:
        raise LensError("at pixels: Grad-CAM needs feature maps; use saliency or gradient_input")
    combine = _COMBINE.get(method, _saliency)
    found = []
    for part in torch.split(images, batch):
        if method == "values":
            with torch.no_grad():
                found.append(concept_values(basis, classifier.encode(part), ridge).cpu())
            continue
        with torch.enable_grad(), _tapped(classifier, None if own else at, part) as tap:
            maps = classifier.encode(tap.pictures)
        here = tap.maps(maps)
        gradient, spread = _pooled_gradient(basis, maps.detach(), pooling, ridge)
        made = []
        for concept in range(gradient.values.shape[1]):
            cotangent = spread(gradient.of(concept))
            made.append(combine(tap.pull_back(maps, cotangent), here))
        stacked = torch.stack(made, dim=1)
        found.append((stacked if signed else stacked.clamp(min=0)).float().cpu())
    return torch.cat(found)


def concept_values(basis: Factorization | Tensor, maps: Tensor, ridge: float = 0.0) -> Tensor:
    """Concept values of every position, coded the basis's own way: (n, d, h, w) → (n, r, h, w)."""
    if isinstance(basis, Tensor):
        return spatial_codes(maps, basis, ridge)
    n, d, h, w = maps.shape
    values = basis.encode(maps.permute(0, 2, 3, 1).reshape(-1, d))
    return values.view(n, h, w, -1).permute(0, 3, 1, 2).contiguous()


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
    """Non-negative codes of every position by itself: maps (n, d, h, w) → (n, r, h, w)."""
    n, d, h, w = maps.shape
    rows = maps.permute(0, 2, 3, 1).reshape(-1, d)
    return nnls(rows, dictionary, ridge).view(n, h, w, -1).permute(0, 3, 1, 2).contiguous()


def upsampled(maps: Tensor, size_px: int) -> Tensor:
    """Maps (n, r, h, w) → (n, r, size_px, size_px), bilinear, for laying over pictures."""
    size = (size_px, size_px)
    large: Tensor = nn.functional.interpolate(maps, size, mode="bilinear", align_corners=False)
    return large


def _pooled_gradient(
    basis: Factorization | Tensor, maps: Tensor, pooling: Pooling, ridge: float
) -> tuple[CodeGradient, Callable[[Tensor], Tensor]]:
    """The code's gradient, and how one concept's becomes one of the maps (n, d, h, w)."""
    n, d, h, w = maps.shape
    if pooling == "code_of_mean":
        gradient = code_gradient(basis, maps.mean(dim=(2, 3)), ridge)
        return gradient, lambda rows: (rows / (h * w))[:, :, None, None].expand(n, d, h, w)
    gradient = code_gradient(basis, maps.permute(0, 2, 3, 1).reshape(-1, d), ridge)
    return gradient, lambda rows: rows.view(n, h, w, d).permute(0, 3, 1, 2) / (h * w)


class _Tap:
    """Where gradients of one batch are read: a layer's answer, the pictures, or neither."""

    def __init__(self, pictures: Tensor) -> None:
        self.pictures = pictures
        self.leaf: Tensor | None = None
        self.to_maps: Callable[[Tensor], Tensor] = lambda output: output

    def maps(self, own: Tensor) -> Tensor:
        """Activations (n, k, h, w) at the tap; `own` where it is the basis's layer."""
        return own.detach() if self.leaf is None else self.to_maps(self.leaf.detach())

    def pull_back(self, maps: Tensor, cotangent: Tensor) -> Tensor:
        """Gradient at the tap, (n, k, h, w), for one at the basis's layer."""
        if self.leaf is None:
            return cotangent
        (gradient,) = torch.autograd.grad(
            maps, self.leaf, cotangent, retain_graph=True, materialize_grads=True
        )
        return self.to_maps(gradient)


@contextmanager
def _tapped(classifier: Classifier, at: str | None, pictures: Tensor) -> Iterator[_Tap]:
    """While open, the next forward pass starts its graph at the layer, and nowhere before it."""
    tap = _Tap(pictures.detach().to(classifier.device, torch.float32))
    if at is None:
        with torch.no_grad():
            yield tap
        return
    if at == PIXELS:
        tap.leaf = tap.pictures = tap.pictures.clone().requires_grad_()
        yield tap
        return
    layers = dict(classifier.module.named_modules())
    if not at or at not in layers:
        raise LensError(_no_layer(classifier, at))

    def start_here(_module: nn.Module, _inputs: object, output: object) -> Tensor:
        layout = layout_of(classifier.module, output) if isinstance(output, Tensor) else None
        if layout is None or not isinstance(output, Tensor):
            raise LensError(f"at {at}: this layer gives no map; choose another")
        # Kept in float32, whatever the layer computes in, for sums over many uses of it.
        tap.leaf = output.detach().float().requires_grad_()
        tap.to_maps = lambda answer: layout.to_maps(answer)[0]
        return tap.leaf.to(output.dtype).clone()

    handle = layers[at].register_forward_hook(start_here)
    try:
        yield tap
    finally:
        handle.remove()
    if tap.leaf is None:
        raise LensError(f"at {at}: not computed before {classifier.layer}; choose an earlier layer")


def _no_layer(classifier: Classifier, at: str) -> str:
    names = [layer.name for layer in classifier.layers]
    if classifier.layer in names:
        names = names[: names.index(classifier.layer) + 1]
    near = difflib.get_close_matches(at, names, n=3, cutoff=0.4) or names[-3:]
    return f"at {at}: the model has no such layer; nearest: {', '.join(near)}"


def _gradcam(gradient: Tensor, here: Tensor) -> Tensor:
    return (gradient.mean(dim=(2, 3), keepdim=True) * here).sum(1)


def _gradient_input(gradient: Tensor, here: Tensor) -> Tensor:
    return (gradient * here).sum(1)


def _saliency(gradient: Tensor, here: Tensor) -> Tensor:
    return gradient.abs().amax(1)


_COMBINE: dict[str, _Combine] = {
    "gradcam": _gradcam,
    "gradient_input": _gradient_input,
    "saliency": _saliency,
}
