"""Attribution by changing how ReLUs pass gradients back: Guided Backpropagation and DeconvNet.

While the score is computed, every call of a ReLU (module or function, in place or not, ReLU6 too)
is replaced by one with another backward rule. Calls are caught where torch dispatches functions, so
no module is touched and nothing has to be put back. (captum hooks `nn.ReLU` modules alone: without
such modules it returns plain gradients, and it fails on those that work in place.)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from lens_core.atlas import LensError
from lens_core.attribution.base import Attribution, Reducer, Run, reduce_channels
from lens_core.attribution.gradients import pixel_gradient
from lens_core.attribution.targets import Targets

_RELU = {torch.relu, torch.relu_, Tensor.relu, Tensor.relu_, functional.relu, functional.relu_}
_CLIPPED = {functional.relu6, functional.hardtanh, functional.hardtanh_}
_IN_PLACE = {torch.relu_, Tensor.relu_, functional.relu_, functional.hardtanh_}


class _Guided(torch.autograd.Function):
    """Passes back positive gradients to positive inputs."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, high: float) -> Tensor:
        ctx.save_for_backward((x > 0) & (x < high))
        return x.clamp(0, high)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (open_,) = ctx.saved_tensors
        return gradients[0].clamp(min=0) * open_, None


class _Deconv(torch.autograd.Function):
    """Passes back positive gradients, whatever the input was."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, high: float) -> Tensor:
        return x.clamp(0, high)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return gradients[0].clamp(min=0), None


class _Replaced(TorchFunctionMode):
    """Within it ReLUs follow another rule; `seen` counts them."""

    def __init__(self, rule: type[torch.autograd.Function]) -> None:
        super().__init__()
        self.rule = rule
        self.seen = 0

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        high = _upper_limit(func, args, kwargs)
        if high is None:
            return func(*args, **kwargs)
        self.seen += 1
        x = args[0] if args else kwargs["input"]
        y = self.rule.apply(x, high)
        # Functions that take `inplace` hand their answer on; a method's caller may look at x.
        return x.copy_(y) if func in _IN_PLACE else y


def _upper_limit(
    func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> float | None:
    """Where a rectifier clips from above; None for every other function."""
    if func in _RELU:
        return float("inf")
    if func not in _CLIPPED:
        return None
    if func is functional.relu6:
        return 6.0
    low = args[1] if len(args) > 1 else kwargs.get("min_val", -1.0)
    high = args[2] if len(args) > 2 else kwargs.get("max_val", 1.0)
    return float(high) if low == 0 else None


@dataclass(frozen=True)
class _Rectified(Attribution):
    needs: ClassVar[Literal["predict", "gradient", "layer"]] = "gradient"
    rule: ClassVar[type[torch.autograd.Function]]
    reducer: Reducer = "max_abs"

    def _maps(self, images: Tensor, targets: Targets, run: Run) -> Tensor:
        found = []
        for rows in self._chunks(len(images), run):
            with _Replaced(self.rule) as replaced:
                gradient = pixel_gradient(images[rows], targets, rows)
            if not replaced.seen:
                raise LensError(
                    f"{self.title} changes how ReLUs pass gradients back, and this model has none; "
                    "use saliency or smoothgrad"
                )
            found.append(reduce_channels(gradient, self.reducer).cpu())
        return torch.cat(found)


@dataclass(frozen=True)
class GuidedBackprop(_Rectified):
    """Gradient that ReLUs pass where it and their input are positive.

    Springenberg et al., ICLR 2015 workshop (arXiv 1412.6806), section 3.4. It recovers edges of
    the picture almost whatever the target (Adebayo et al., NeurIPS 2018). Largest magnitude over
    colours.
    """

    title: ClassVar[str] = "Guided Backprop"
    rule: ClassVar[type[torch.autograd.Function]] = _Guided


@dataclass(frozen=True)
class DeconvNet(_Rectified):
    """Gradient that ReLUs pass where it is positive (Zeiler & Fergus, ECCV 2014, section 2.1).

    It knows the picture through max-pooling alone: for a network that strides instead, all pictures
    have the same map, a lattice of its strides (Springenberg et al., 2015, section 3.4).
    """

    title: ClassVar[str] = "DeconvNet"
    rule: ClassVar[type[torch.autograd.Function]] = _Deconv
