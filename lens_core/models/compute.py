"""Where and how precisely to compute."""

from __future__ import annotations

import torch

from lens_core.atlas import LensError


def choose_device(device: str) -> torch.device:
    """The named device, or for "auto" the first there is of CUDA, MPS, CPU."""
    if device == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        chosen = torch.device(device)
    except RuntimeError as error:
        raise LensError(f"--device {device}: no such device; give auto, cuda, mps or cpu") from error
    there = {"cuda": torch.cuda.is_available, "mps": torch.backends.mps.is_available}
    if chosen.type not in {"cpu", "cuda", "mps"} or not there.get(chosen.type, lambda: True)():
        raise LensError(f"--device {device}: not available here; give auto or cpu")
    return chosen


def choose_dtype(precision: str, device: torch.device) -> torch.dtype:
    """The named precision, or for "auto" bfloat16 where tensor units compute it faster.

    Those are CUDA from compute capability 8 and CPUs with AMX tiles. CPUs that only multiply
    bfloat16 in vector units gain too little on convolutions to be worth the rounding.
    """
    if precision == "auto":
        if device.type == "cuda":
            fast = torch.cuda.get_device_capability(device)[0] >= 8
        else:
            fast = device.type == "cpu" and bool(torch.cpu._is_amx_tile_supported())
        return torch.bfloat16 if fast else torch.float32
    named = {"float32": torch.float32, "bfloat16": torch.bfloat16}
    if precision not in named:
        raise LensError(f"--precision {precision}: give auto, float32 or bfloat16")
    return named[precision]
