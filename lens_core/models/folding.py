"""Batch norms multiplied into the convolutions before them: the same answers in fewer passes."""

from __future__ import annotations

from collections.abc import Collection
from typing import TypeGuard

from torch import nn
from torch.nn.utils import fuse_conv_bn_weights, parametrize

from lens_core.models.tracing import Part, traced_parts


def fold_batch_norm(model: nn.Module, keep: Collection[str] = ()) -> int:
    """Multiply each batch norm into the convolution whose output it alone reads, in place.

    The graph is traced with torch.fx. Parts that cannot be traced are searched child by child, and
    what is not certain stays as it is: convolutions used twice, with hooks, with computed weights,
    or named in `keep`. A batch norm that also activates (timm's) leaves its activation behind.

    Returns
    -------
    int
        How many were folded.
    """
    if model.training:
        raise ValueError("folding needs the running statistics: call model.eval() first")
    kept = frozenset(keep)
    return sum(_fold(part, kept) for part in traced_parts(model))


def _fold(part: Part, keep: frozenset[str]) -> int:
    folded = 0
    for node in part.calls():
        source = part.sole_source(node)
        if source is None:
            continue
        conv, norm = part.called(source), part.called(node)
        if not (_foldable_conv(conv) and _foldable_norm(norm)):
            continue
        if part.prefix + str(source.target) in keep or part.uses(conv) + part.uses(norm) > 2:
            continue
        _fuse(conv, norm)
        part.module.set_submodule(str(node.target), _after_norm(norm))
        folded += 1
    return folded


def _foldable_conv(conv: nn.Module) -> TypeGuard[nn.Conv2d]:
    # Other subclasses (weight-standardised ones) compute their weight anew each time.
    known = type(conv) is nn.Conv2d or type(conv).__name__ == "Conv2dSame"
    return known and not (
        conv._forward_hooks or conv._forward_pre_hooks or parametrize.is_parametrized(conv)
    )


def _foldable_norm(norm: nn.Module) -> TypeGuard[nn.BatchNorm2d]:
    known = type(norm) is nn.BatchNorm2d or type(norm).__name__ == "BatchNormAct2d"
    return known and norm.running_mean is not None and not norm._forward_hooks


def _fuse(conv: nn.Conv2d, norm: nn.BatchNorm2d) -> None:
    wide = {
        name: None if value is None else value.detach().double()
        for name, value in (
            ("conv_w", conv.weight),
            ("conv_b", conv.bias),
            ("bn_rm", norm.running_mean),
            ("bn_rv", norm.running_var),
            ("bn_w", norm.weight),
            ("bn_b", norm.bias),
        )
    }
    weight, bias = fuse_conv_bn_weights(**wide, bn_eps=norm.eps)  # type: ignore[arg-type]
    dtype, needs_grad = conv.weight.dtype, bool(conv.weight.requires_grad)
    conv.weight = nn.Parameter(weight.to(dtype), needs_grad)
    conv.bias = nn.Parameter(bias.to(dtype), needs_grad)


def _after_norm(norm: nn.Module) -> nn.Module:
    act = getattr(norm, "act", None)
    return act if isinstance(act, nn.Module) else nn.Identity()
