"""Time of NMF against scikit-learn (and overcomplete, where installed) at equal error.

The matrix is that of pooled ReLU activations in kind: sparse mixtures of sparse parts with noise,
6,000 × 2,048, factorized with r = 25 from the same kind of start. Both sides run on the same number
of threads, in turns, and stop once their error is at most 1.001 times scikit-learn's final one: for
each, the fewest iterations that get there are sought first, then the whole fit with that many is
timed. ``speedup_vs_sklearn`` is the ratio of the medians with `precision="auto"` (bfloat16 products
where the hardware has them), ``speedup_float32`` that without; ``processor`` has both in processor
time, which with --threads 1 holds on a busy machine too. ``concept_cosine`` is the mean Hungarian
cosine between the concepts in both precisions, each run to convergence from its own start.

``error_ratio`` and ``speedup_at_defaults`` compare complete fits, each with its own stopping rule.

    python tests/benchmarks/nmf.py [--quick] [--threads N] [--activations FILE.npy]
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from sklearn.decomposition import NMF as PeerNMF
from threadpoolctl import threadpool_limits
from torch import Tensor

from lens_core.factorization import NMF, relative_error
from lens_core.factorization.nmf_products import Precision
from lens_core.metrics import matched_cosines

SLACK = 1.001
Fit = Callable[[int], tuple[Tensor, Tensor]]


def matrix(n: int, d: int, seed: int = 0, n_parts: int = 80) -> Tensor:
    """Non-negative (n, d), float32."""
    generator = torch.Generator().manual_seed(seed)
    present = torch.rand(n, n_parts, generator=generator) < 0.2
    values = torch.rand(n, n_parts, generator=generator) ** 3 * present
    parts = torch.rand(n_parts, d, generator=generator) ** 6
    clean = values @ parts
    noise = 0.3 * clean.mean() * torch.randn(n, d, generator=generator)
    return (clean + noise).relu() * (0.5 + torch.rand(d, generator=generator))


def ours(a: Tensor, r: int, precision: Precision) -> Fit:
    """Fit with a number of iterations after the warm-up, never stopping earlier."""

    def fit(iterations: int) -> tuple[Tensor, Tensor]:
        method = NMF(r, max_iterations=iterations, tolerance=-1.0, precision=precision)
        return method.fit(a), method.dictionary

    return fit


def sklearn(a: Tensor, r: int) -> Fit:
    """The same by scikit-learn's coordinate descent."""

    def fit(iterations: int) -> tuple[Tensor, Tensor]:
        peer = PeerNMF(r, init="nndsvda", max_iter=iterations, tol=0, random_state=0)
        u = peer.fit_transform(a.numpy())
        return torch.from_numpy(u), torch.from_numpy(peer.components_)

    return fit


def fewest(fit: Fit, a: Tensor, target: float, limit: int) -> int | None:
    """The smallest number of iterations whose error is at most the target."""
    low, high = 1, 1
    while relative_error(a, product(*fit(high))) > target:
        if high >= limit:
            return None
        low, high = high + 1, min(2 * high, limit)
    while low < high:
        middle = (low + high) // 2
        if relative_error(a, product(*fit(middle))) <= target:
            high = middle
        else:
            low = middle + 1
    return high


def product(u: Tensor, w: Tensor) -> Tensor:
    """Â."""
    return u @ w


def seconds(work: Callable[[], object]) -> float:
    """How long it takes."""
    return timed(work)[0]


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Seconds on the wall and of the processor."""
    start, used = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - start, time.process_time() - used


def agreement(a: Tensor, r: int) -> float:
    """Mean Hungarian cosine between the concepts in both precisions."""
    methods = [NMF(r, precision=p) for p in ("float32", "bfloat16")]
    for method in methods:
        method.fit(a)
    return float(matched_cosines(methods[0].dictionary, methods[1].dictionary).mean())


def overcomplete(a: Tensor, r: int) -> dict[str, float] | None:
    """Seconds and error of overcomplete's NMF with its defaults, None where it is missing."""
    if importlib.util.find_spec("overcomplete") is None:
        return None
    import matplotlib
    from matplotlib import cm

    if not hasattr(cm, "get_cmap"):  # it imports its plotting, which asks for this older name
        cm.get_cmap = matplotlib.colormaps.__getitem__
    try:
        from overcomplete.optimization import NMF as OvercompleteNMF
    except (ImportError, AttributeError) as error:
        print(f"overcomplete cannot be imported here: {error}", file=sys.stderr)
        return None

    peer = OvercompleteNMF(nb_concepts=r, device="cpu")
    start = time.perf_counter()
    u, w = peer.fit(a)
    took = time.perf_counter() - start
    return {
        "seconds": took,
        "error": relative_error(a, (u @ w).detach()),
        "dead": float((u.detach().abs().amax(0) == 0).sum()),
    }


def main() -> None:
    """Measure and print one JSON object."""
    parser = argparse.ArgumentParser(description="Time NMF against other libraries.")
    parser.add_argument("--quick", action="store_true", help="a small matrix, once")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--activations", type=Path, help=".npy of a non-negative matrix")
    options = parser.parse_args()
    n, d, r, repeats = (800, 512, 12, 1) if options.quick else (6000, 2048, 25, 3)
    torch.set_num_threads(options.threads)
    warnings.filterwarnings("ignore", module="sklearn")
    if options.activations:
        a = torch.from_numpy(np.load(options.activations, allow_pickle=False)).float()
    else:
        a = matrix(n, d)
    with threadpool_limits(options.threads):
        print(json.dumps(measure(a, r, repeats) | {"quick": options.quick}))


def measure(a: Tensor, r: int, repeats: int) -> dict[str, object]:
    """All figures for one matrix."""
    peer = PeerNMF(r, init="nndsvda", random_state=0)
    peer_seconds = seconds(lambda: peer.fit(a.numpy()))
    u = torch.from_numpy(peer.transform(a.numpy()))
    final = float(peer.reconstruction_err_) / float(a.norm())
    own = NMF(r)
    own_seconds = seconds(lambda: own.fit(a))
    own_error = relative_error(a, own.decode(own.encode(a)))
    fits = {
        "ours": ours(a, r, "auto"),
        "float32": ours(a, r, "float32"),
        "sklearn": sklearn(a, r),
    }
    needed = {name: fewest(fit, a, SLACK * final, 1000) for name, fit in fits.items()}
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in fits}
    for _ in range(repeats):
        for name, fit in fits.items():
            iterations = needed[name]
            if iterations is not None:
                times[name].append(timed(lambda fit=fit, k=iterations: fit(k)))  # type: ignore[misc]
    wall, processor = (
        {name: statistics.median(t[i] for t in found) for name, found in times.items() if found}
        for i in (0, 1)
    )
    third = overcomplete(a, r)
    return {
        **speedups(wall),
        "processor": speedups(processor),
        "concept_cosine": round(agreement(a, r), 5),
        "speedup_vs_overcomplete": round(third["seconds"] / own_seconds, 2) if third else None,
        "error_ratio": round(own_error / final, 5),
        "error_ratio_vs_overcomplete": round(own_error / third["error"], 5) if third else None,
        "speedup_at_defaults": round(peer_seconds / own_seconds, 2),
        "seconds": {name: round(t, 3) for name, t in wall.items()},
        "processor_seconds": {name: round(t, 3) for name, t in processor.items()},
        "seconds_at_defaults": {"ours": round(own_seconds, 3), "sklearn": round(peer_seconds, 3)},
        "iterations": needed,
        "dead": int((own.encode(a).amax(0) == 0).sum()),
        "dead_sklearn": int((u.amax(0) == 0).sum()),
        "dead_overcomplete": int(third["dead"]) if third else None,
        "threads": torch.get_num_threads(),
        "shape": [*a.shape, r],
    }


def speedups(medians: dict[str, float]) -> dict[str, float | None]:
    """scikit-learn's time over ours, None where one never got to the error."""

    def over(name: str) -> float | None:
        both = "sklearn" in medians and name in medians
        return round(medians["sklearn"] / medians[name], 2) if both else None

    return {"speedup_vs_sklearn": over("ours"), "speedup_float32": over("float32")}


if __name__ == "__main__":
    main()
