"""The largest resident memory of this process."""

from __future__ import annotations

from pathlib import Path

STATUS = Path("/proc/self/status")


def peak_mb() -> float:
    """Since `forget_peak` or since the program was started; elsewhere than on Linux, the latter."""
    if STATUS.exists():
        lines = STATUS.read_text("ascii").splitlines()
        return int(next(line.split()[1] for line in lines if line.startswith("VmHWM:"))) / 1024
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2


def forget_peak() -> None:
    """Start anew from the memory in use (Linux)."""
    if STATUS.exists():
        Path("/proc/self/clear_refs").write_text("5")
