"""How many workers a cluster is good for, and how many cores each of them gets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lens_core.atlas import LensError

_CPUS_A_WORKER = 4
"""Where there is no GPU: more threads than these gain little, more workers do."""


@dataclass(frozen=True)
class Machine:
    """What a machine of the cluster has."""

    cpus: int
    gpus: int = 0


@dataclass(frozen=True)
class Workers:
    """How many, and with what each."""

    count: int
    cpus: int
    gpus: int

    def __str__(self) -> str:
        gpus = f" and {self.gpus} GPU" if self.gpus else ""
        return f"{self.count} × {self.cpus} CPUs{gpus}"


def size_workers(
    machines: Sequence[Machine],
    device: str = "auto",
    count: int | None = None,
    cpus: int | None = None,
) -> Workers:
    """A GPU a worker where the cluster has any and `device` does not forbid it, and the machine's
    cores shared among its GPUs; otherwise a few cores a worker.

    Parameters
    ----------
    device : as of `lens_core.classifier.load_classifier`.
    count, cpus : how many workers, and cores of each; None to choose.

    Raises
    ------
    LensError
        The cluster has not so much.
    """
    kind = device.partition(":")[0]
    machines = [machine for machine in machines if machine.cpus > 0]
    on_gpu = kind in ("auto", "cuda") and any(machine.gpus for machine in machines)
    if kind == "cuda" and not on_gpu:
        raise LensError("--device cuda: the Ray cluster has no GPU; use --device auto")
    if on_gpu:
        machines = [machine for machine in machines if machine.gpus]
    total = Machine(sum(m.cpus for m in machines), sum(m.gpus for m in machines))

    def fits(share: int) -> int:
        return sum(min(m.gpus, m.cpus // share) if on_gpu else m.cpus // share for m in machines)

    if cpus is None:
        most = min((m.cpus // m.gpus if on_gpu else m.cpus for m in machines), default=1)
        shares = range(max(1, most), 0, -1)
        if count is None:
            cpus = shares[0] if on_gpu else min(shares[0], _CPUS_A_WORKER)
        else:
            cpus = next((share for share in shares if fits(share) >= count), 1)
    room = fits(cpus)
    if room < (count or 1):
        raise LensError(
            f"--workers {count or 1}: the Ray cluster has {total.cpus} CPUs"
            + (f" beside {total.gpus} GPUs" if on_gpu else "")
            + f", enough for {room} workers with {cpus} CPUs each"
            + (" and a GPU" if on_gpu else "")
        )
    return Workers(count or room, cpus, int(on_gpu))
