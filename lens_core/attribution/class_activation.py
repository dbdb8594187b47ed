"""Attribution from the maps of a layer: Grad-CAM, Grad-CAM++ and FEM.

A (n, d, h, w) are the maps of the classifier's layer, tokens of a transformer laid out as maps. The
network runs once without gradients; only what follows the layer is differentiated.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, replace
from typing import ClassVar, Literal

import torch
from torch import Tensor

from lens_core.atlas import LensError
from lens_core.attribution.base import Attribution, Run, enlarged
from lens_core.attribution.targets import LayerTargets, Targets
from lens_core.classifier import Activations


class _OfLayer(Attribution):
    needs: ClassVar[Literal["predict", "gradient", "layer"]] = "layer"

    @abstractmethod
    def _coarse(self, activations: Activations, targets: LayerTargets, rows: Tensor) -> Tensor:
        """Maps (n, h, w) at the layer's resolution."""

    def _maps(self, images: Tensor, targets: Targets, run: Run) -> Tensor:
        assert isinstance(targets, LayerTargets)
        size = (images.shape[2], images.shape[3])
        found = []
        for rows in self._chunks(len(images), run):
            with torch.no_grad():
                activations = targets.classifier.activations(images[rows])
            found.append(enlarged(self._coarse(activations, targets, rows).detach(), size).cpu())
        return torch.cat(found)


def layer_gradient(
    activations: Activations, targets: LayerTargets, rows: Tensor
) -> tuple[Tensor, Tensor]:
    """The maps A that the score listens to and ∂score/∂A, both (n, d, h, w)."""
    maps = activations.maps.detach().requires_grad_()
    with torch.enable_grad():
        scores = targets.scores_of(replace(activations, maps=maps), rows.to(maps.device))
        (gradient,) = torch.autograd.grad(scores.sum(), maps)
    return targets.heard(activations), gradient


@dataclass(frozen=True)
class GradCAM(_OfLayer):
    """relu(Σ_k mean_xy(∂score/∂A_k) · A_k) (Selvaraju et al., ICCV 2017, equations 1 and 2)."""

    title: ClassVar[str] = "Grad-CAM"

    def _coarse(self, activations: Activations, targets: LayerTargets, rows: Tensor) -> Tensor:
        maps, gradient = layer_gradient(activations, targets, rows)
        weights = gradient.mean(dim=(2, 3))
        return torch.einsum("nd,ndhw->nhw", weights, maps).clamp(min=0)


@dataclass(frozen=True)
class GradCAMPP(_OfLayer):
    """relu(Σ_k w_k A_k) with w_k = Σ_xy α_k relu(g_k), g the gradient (Chattopadhyay et al., 2018).

    α = g² / (2 g² + Σ_xy A · g³), equation 19, for the score exp(f) that the paper differentiates;
    the factor exp(f), the same for a whole image, is left out.
    """

    title: ClassVar[str] = "Grad-CAM++"

    def _coarse(self, activations: Activations, targets: LayerTargets, rows: Tensor) -> Tensor:
        maps, gradient = layer_gradient(activations, targets, rows)
        square = gradient.square()
        below = 2 * square + maps.sum(dim=(2, 3), keepdim=True) * square * gradient
        alpha = torch.where(below != 0, square / below, torch.zeros_like(below))
        weights = (alpha * gradient.clamp(min=0)).sum(dim=(2, 3))
        return torch.einsum("nd,ndhw->nhw", weights, maps).clamp(min=0)


@dataclass(frozen=True)
class FEM(_OfLayer):
    """Σ_k mean(A_k) · [A_k ≥ mean + k · SD], whatever the target (Fuad et al., IPTA 2020).

    Says where the layer is strongly active, not what for: the same map for every class.

    Attributes
    ----------
    k
        Standard deviations above a channel's mean that count as strong.
    """

    title: ClassVar[str] = "FEM"
    k: float = 2.0

    def __post_init__(self) -> None:
        if self.k < 0:
            raise LensError(f"k must not be negative, not {self.k}")

    def _coarse(self, activations: Activations, targets: LayerTargets, rows: Tensor) -> Tensor:
        maps = targets.heard(activations)
        mean = maps.mean(dim=(2, 3), keepdim=True)
        spread = maps.std(dim=(2, 3), keepdim=True, unbiased=False)
        # A channel that is the same everywhere marks no place.
        strong = (maps >= mean + self.k * spread) & (spread > 0)
        return (mean * strong).sum(1)
