"""Attribution by the plain gradient of the score with respect to pixels.

captum computes these; what is added are batches, targets and the reduction to one channel.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from lens_core.attribution.base import Attribution, Reducer, Run, reduce_channels
from lens_core.attribution.targets import Targets


def pixel_gradient(images: Tensor, targets: Targets, rows: Tensor) -> Tensor:
    """∂score/∂pixel (m, 3, H, W), on the targets' device. No gradient reaches any weight."""
    images = images.detach().to(targets.device).requires_grad_()
    with torch.enable_grad():
        (gradient,) = torch.autograd.grad(targets.scores(images, rows).sum(), images)
    return gradient


class _Captum(Attribution):
    """A method of captum's, a batch of images at a time."""

    needs: ClassVar[Literal["predict", "gradient", "layer"]] = "gradient"
    reducer: Reducer

    def _maps(self, images: Tensor, targets: Targets, run: Run) -> Tensor:
        found = []
        for rows in self._chunks(len(images), run):
            pictures = images[rows].to(targets.device).requires_grad_()
            values = self._attribute(targets.scores, pictures, rows.to(targets.device), run.batch)
            found.append(reduce_channels(values.detach(), self.reducer).cpu())
        return torch.cat(found)

    @abstractmethod
    def _attribute(self, scores: Any, pictures: Tensor, rows: Tensor, batch: int) -> Tensor:
        """Attributions of the pictures' own shape."""


@dataclass(frozen=True)
class Saliency(_Captum):
    """|gradient|, the largest over colours (Simonyan et al., 2014, arXiv 1312.6034, section 3)."""

    title: ClassVar[str] = "Saliency"
    reducer: Reducer = "max_abs"

    def _attribute(self, scores: Any, pictures: Tensor, rows: Tensor, batch: int) -> Tensor:
        from captum.attr import Saliency as Peer

        values: Tensor = Peer(scores).attribute(
            pictures, abs=False, additional_forward_args=(rows,)
        )
        return values


@dataclass(frozen=True)
class GradientInput(_Captum):
    """Gradient × pixel, added over colours (Shrikumar et al., 2017, arXiv 1605.01713).

    The pixel counts from 0 = black. On a linear score the map adds up to f(x) − f(black).
    """

    title: ClassVar[str] = "Gradient×Input"
    signed: ClassVar[bool] = True
    reducer: Reducer = "sum"

    def _attribute(self, scores: Any, pictures: Tensor, rows: Tensor, batch: int) -> Tensor:
        from captum.attr import InputXGradient as Peer

        values: Tensor = Peer(scores).attribute(pictures, additional_forward_args=(rows,))
        return values


@dataclass(frozen=True)
class IntegratedGradients(_Captum):
    """(x − baseline) × mean gradient on the way between (Sundararajan et al., ICML 2017).

    Added over colours, so that a map adds up to f(x) − f(baseline) but for the error of `method`
    at `nb_steps` points.

    Attributes
    ----------
    nb_steps
        Points on the way; the paper finds 20 to 300 to be enough.
    baseline
        Brightness of the picture to start from: 0, black, as in the paper.
    method
        Quadrature: "gausslegendre" (captum's default) or "riemann_trapezoid" (Xplique's).
    """

    title: ClassVar[str] = "Integrated Gradients"
    signed: ClassVar[bool] = True
    nb_steps: int = 50
    baseline: float = 0.0
    method: Literal["gausslegendre", "riemann_trapezoid", "riemann_middle"] = "gausslegendre"
    reducer: Reducer = "sum"

    def _attribute(self, scores: Any, pictures: Tensor, rows: Tensor, batch: int) -> Tensor:
        from captum.attr import IntegratedGradients as Peer

        values: Tensor = Peer(scores).attribute(
            pictures,
            baselines=self.baseline,
            n_steps=self.nb_steps,
            method=self.method,
            internal_batch_size=batch,
            additional_forward_args=(rows,),
        )
        return values
