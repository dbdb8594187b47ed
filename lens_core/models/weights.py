"""Weights from a file into a network, with an answer that helps when they do not fit."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from lens_core.atlas import LensError

_WRAPPERS = ("state_dict", "model", "model_state_dict")


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Read a safetensors file or a state dict; nothing is unpickled but tensors.

    Raises
    ------
    LensError
        The file is missing, of another format, or holds anything but tensors.
    """
    if not path.is_file():
        raise LensError(f"--weights {path}: there is no such file")
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            return dict(load_file(path))
        loaded = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise LensError(
            f"--weights {path}: neither a safetensors file nor a plain state dict "
            f"({type(error).__name__}); save it with safetensors.torch.save_file"
        ) from error
    for wrapper in _WRAPPERS:
        if isinstance(loaded, Mapping) and isinstance(loaded.get(wrapper), Mapping):
            loaded = loaded[wrapper]
            break
    if not isinstance(loaded, Mapping) or not all(isinstance(v, Tensor) for v in loaded.values()):
        raise LensError(f"--weights {path}: holds no state dict (names with tensors)")
    return {str(name).removeprefix("module."): tensor for name, tensor in loaded.items()}


def _is_counter(name: str) -> bool:
    return name.endswith("num_batches_tracked")


def load_by_name(module: nn.Module, tensors: Mapping[str, Tensor], where: str) -> None:
    """Fill `module`; every name and shape must fit, batch-norm counters aside."""
    own = {k: v for k, v in module.state_dict().items() if not _is_counter(k)}
    given = {k: v for k, v in tensors.items() if not _is_counter(k)}
    missing = [name for name in own if name not in given]
    extra = [name for name in given if name not in own]
    shapes = [
        f"{name} {_shape(given[name])} in the file, {_shape(own[name])} in the model"
        for name in own
        if name in given and own[name].shape != given[name].shape
    ]
    if missing or extra or shapes:
        parts = [
            _some("missing", missing),
            _some("unknown to the model", extra),
            _some("of another shape", shapes),
        ]
        hint = ""
        if not shapes and _shapes_in_order(own) == _shapes_in_order(given):
            hint = "; all shapes agree in order: --weights-by-order would load them"
        raise LensError(
            f"{where}: the weights do not fit the model: " + "; ".join(p for p in parts if p) + hint
        )
    module.load_state_dict(dict(tensors), strict=False)


def load_by_order(module: nn.Module, tensors: Mapping[str, Tensor], where: str) -> int:
    """Fill `module` tensor after tensor, ignoring names; returns how many were loaded.

    Raises
    ------
    LensError
        The number of tensors or any shape differs: the first difference is named.
    """
    own = {k: v for k, v in module.state_dict().items() if not _is_counter(k)}
    given = {k: v for k, v in tensors.items() if not _is_counter(k)}
    for (own_name, own_tensor), (given_name, given_tensor) in zip(
        own.items(), given.items(), strict=False
    ):
        if own_tensor.shape != given_tensor.shape:
            raise LensError(
                f"{where}: the weights do not fit in order: {given_name} "
                f"{_shape(given_tensor)} meets {own_name} {_shape(own_tensor)}"
            )
    if len(own) != len(given):
        raise LensError(
            f"{where}: the weights do not fit in order: {len(given)} tensors in the file, "
            f"{len(own)} in the model"
        )
    renamed = dict(zip(own, given.values(), strict=True))
    module.load_state_dict(renamed, strict=False)
    return len(renamed)


def _shape(tensor: Tensor) -> str:
    return "×".join(str(n) for n in tensor.shape) or "scalar"


def _shapes_in_order(tensors: Mapping[str, Tensor]) -> list[torch.Size]:
    return [tensor.shape for tensor in tensors.values()]


def _some(title: str, names: list[str], at_most: int = 3) -> str:
    if not names:
        return ""
    more = f" and {len(names) - at_most} more" if len(names) > at_most else ""
    return f"{len(names)} {title} ({', '.join(names[:at_most])}{more})"
