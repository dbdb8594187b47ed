"""Where the engine computes, how precisely, and how a model is made ready for it.

What is done to a model on a CPU, and what each step is worth on one AVX512-BF16 core with
``timm:tf_efficientnet_lite0``: photographs a second of processor time, forward at 224 px in batches
of 64, and crops a second, forward and back to the picture at 160 px in batches of 60.

==========================================  =======  ================
step, added to those above it               forward  forward and back
==========================================  =======  ================
as loaded                                        16                28
freed memory kept                                78                51
batch norm folded into convolutions              68                70
channels last                                   106                86
bfloat16                                        181                66
strided depthwise gradients in float32          190               138
==========================================  =======  ================
"""

from __future__ import annotations

import ctypes
import math
import os
import sys
from collections.abc import Collection
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import torch
from torch import Tensor, nn

from lens_core.atlas import LensError
from lens_core.models.folding import fold_batch_norm

DEVICES = ("auto", "cuda", "mps", "cpu")
PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16}

# glibc's mallopt parameters (malloc.h)
_M_TRIM_THRESHOLD = -1
_M_MMAP_MAX = -4


def choose_device(name: str = "auto") -> torch.device:
    """Return the device called `name`; "auto" takes CUDA, else MPS, else the CPU.

    Raises
    ------
    LensError
        If the device is unknown or this machine has none.
    """
    kind = name.partition(":")[0]
    if kind not in DEVICES:
        raise LensError(f"--device {name}: unknown; use one of {', '.join(DEVICES)}")
    available = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if name == "auto":
        return torch.device(next(kind for kind, here in available.items() if here))
    if not available[kind]:
        raise LensError(f"--device {name}: not available on this machine; use --device auto")
    try:
        device = torch.device(name)
    except RuntimeError:
        raise LensError(f"--device {name}: not a device; write cuda or cuda:0") from None
    if kind == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise LensError(
            f"--device {name}: this machine has {torch.cuda.device_count()} CUDA device(s)"
        )
    return device


def choose_precision(device: torch.device, name: str = "auto") -> torch.dtype:
    """Return the dtype in which the model's layers compute on `device`.

    "auto" asks the hardware, not the clock, so that the same machine always gives the same atlas:
    bfloat16 where it has instructions for it (tensor cores, AMX, AVX512-BF16), else float32.

    Raises
    ------
    LensError
        If the precision is unknown.
    """
    if name in PRECISIONS:
        return PRECISIONS[name]
    if name != "auto":
        raise LensError(f"--precision {name}: unknown; use one of auto, {', '.join(PRECISIONS)}")
    return torch.bfloat16 if _has_bfloat16_units(device) else torch.float32


def _has_bfloat16_units(device: torch.device) -> bool:
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    if device.type != "cpu":
        return False
    # Both are private to torch; without them float32 is the safe answer.
    checks = ("_is_amx_tile_supported", "_is_avx512_bf16_supported")
    return any(bool(getattr(torch.cpu, check, bool)()) for check in checks)


def autocast(device: torch.device, precision: torch.dtype) -> AbstractContextManager[object]:
    """Run the layers that gain from it in `precision`; nothing changes for float32."""
    if precision == torch.float32:
        return nullcontext()
    return torch.autocast(device.type, dtype=precision)


def prepare_model(
    model: nn.Module,
    device: torch.device,
    precision: torch.dtype = torch.float32,
    keep: Collection[str] = (),
) -> nn.Module:
    """Freeze `model`, put it on `device` and make it quick there. Changes it in place.

    Parameters
    ----------
    model : torch.nn.Module
        Any image model.
    precision : torch.dtype
        What :func:`choose_precision` said; run the model under :func:`autocast` with it. The
        weights stay in float32.
    keep : collection of str
        Names of modules whose own outputs are read (the layer of an atlas): they are not folded.

    Returns
    -------
    torch.nn.Module
        The same model. Module names stay, save that a depthwise convolution may gain a wrapper.
    """
    model.eval().requires_grad_(False)
    fold_batch_norm(model, keep)
    if device.type == "cpu":
        use_available_cores()
        keep_freed_memory()
        if precision == torch.bfloat16:
            _guard_depthwise(model)
    return model.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


# ---------------------------------------------------------------- CPU


class _DepthwiseGradientInFloat32(nn.Module):
    """A convolution that leaves bfloat16 while a gradient is wanted."""

    def __init__(self, conv: nn.Conv2d) -> None:
        super().__init__()
        self.conv = conv

    def forward(self, x: Tensor) -> Tensor:
        if not (torch.is_grad_enabled() and x.requires_grad):
            return self.conv(x)  # type: ignore[no-any-return]
        with torch.autocast(x.device.type, enabled=False):
            return self.conv(x.float()).to(x.dtype)  # type: ignore[no-any-return]


def _guard_depthwise(model: nn.Module) -> None:
    """oneDNN has no quick bfloat16 backward for depthwise convolutions with a stride."""
    for name, conv in list(model.named_modules()):
        if isinstance(conv, nn.Conv2d) and conv.groups > 1 and max(conv.stride) > 1:
            model.set_submodule(name, _DepthwiseGradientInFloat32(conv))


def keep_freed_memory() -> bool:
    """Tell glibc to keep freed memory for the next batch; True where it listened.

    By default each large activation is fetched from the kernel and given back, and clearing its
    pages costs more than the arithmetic. The price: the process stays at its peak size. Elsewhere
    (macOS, Windows, musl) nothing happens. An explicit MALLOC_* setting of the user wins.
    """
    if not sys.platform.startswith("linux") or any(
        name.startswith("MALLOC_") for name in os.environ
    ):
        return False
    try:
        libc = ctypes.CDLL(None)
        libc.gnu_get_libc_version  # noqa: B018  (musl has mallopt's name but not its meaning)
        mallopt = libc.mallopt
    except (OSError, AttributeError):
        return False
    return bool(mallopt(_M_MMAP_MAX, 0)) and bool(mallopt(_M_TRIM_THRESHOLD, 2**31 - 1))


def use_available_cores() -> int:
    """Let torch use no more threads than the container may run at once; returns their number.

    Torch counts the machine's cores; under a quota (``docker --cpus 2``) the surplus threads spend
    the quota waiting for one another.
    """
    cores = available_cores()
    if "OMP_NUM_THREADS" not in os.environ and torch.get_num_threads() > cores:
        torch.set_num_threads(cores)
    return torch.get_num_threads()


_share: int | None = None


def take_cores(cores: int) -> None:
    """Use this many cores from now on: for a process that is one of several on its machine."""
    global _share
    _share = max(1, cores)
    torch.set_num_threads(_share)


def available_cores(quota: Path = Path("/sys/fs/cgroup/cpu.max")) -> int:
    """Cores this process may use: its share if it has one (`take_cores`), else those that affinity
    and the control group's quota, rounded up, leave it."""
    if _share is not None:
        return _share
    affinity = getattr(os, "sched_getaffinity", None)
    cores = len(affinity(0)) if affinity else (os.cpu_count() or 1)
    try:
        limit, period = quota.read_text(encoding="ascii").split()
        return min(cores, max(1, math.ceil(int(limit) / int(period))))
    except (OSError, ValueError):
        return cores
