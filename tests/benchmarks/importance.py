"""Time of concept importances (Sobol total indices) from activations, against craft-xai.

Both sides get the same activation maps, dictionary, linear head after mean pooling and designs
(craft-xai's unscrambled Halton sequence, N = 32), find concept values of all positions by
themselves and return one index a concept, averaged over images. ``speedup_vs_craft`` lets ours use
that the head is linear, as an atlas build does: answers to all masks are one small product.
``speedup_vs_craft_sampled`` evaluates the head at every mask, on means over positions, as a build
does for any head that reads those alone; ``speedup_vs_craft_maps`` on whole maps, as for others.
``max_abs_difference`` is the largest between our indices and craft-xai's.

Without craft-xai its figures are null.

    python tests/benchmarks/importance.py [--quick] [--threads N]
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
import warnings
from collections.abc import Callable

import torch
from craft_side import craft_class
from sklearn.decomposition import NMF as PeerNMF
from threadpoolctl import threadpool_limits
from torch import Tensor

from lens_core.attribution.concept_maps import spatial_codes
from lens_core.factorization import NMF
from lens_core.importance import SobolDesign, sobol_total
from lens_core.importance.masked import Head

N_DESIGNS = 32


class Case:
    """Maps (n, d, s, s) of sparse parts, their dictionary (r, d) and a linear head of one class."""

    def __init__(self, n: int, d: int, size: int, r: int, seed: int = 0) -> None:
        generator = torch.Generator().manual_seed(seed)
        shape = (n, size, size, r)
        present = torch.rand(shape, generator=generator) < 0.3
        values = torch.rand(shape, generator=generator) * present
        parts = torch.rand(r, d, generator=generator) ** 6
        noise = 0.02 * torch.rand(n, size, size, d, generator=generator)
        self.maps = (values @ parts + noise).permute(0, 3, 1, 2).contiguous()
        nmf = NMF(r)
        nmf.fit(self.maps.mean(dim=(2, 3)))
        self.dictionary = nmf.dictionary
        self.weight = torch.randn(d, generator=generator)
        self.bias = 0.3
        self.design = SobolDesign.draw(r, N_DESIGNS, sampler="halton")

    def head(self, maps: Tensor) -> Tensor:
        """Logits (n,) of maps (n, d, s, s)."""
        return self.head_of_means(maps.mean(dim=(2, 3)))

    def head_of_means(self, means: Tensor) -> Tensor:
        """Logits (n,) of means (n, d)."""
        return means @ self.weight + self.bias


def linear(case: Case) -> Tensor:
    """Ours, with answers to masks from contributions."""
    codes = spatial_codes(case.maps, case.dictionary).mean(dim=(2, 3))
    contributions = codes * (case.dictionary @ case.weight)
    answers = contributions @ case.design.masks.T + case.bias
    return torch.stack([case.design.totals(one)[0] for one in answers]).mean(0)


def sampled(case: Case) -> Tensor:
    """Ours, with the head evaluated at all masks, on means over positions."""
    values = spatial_codes(case.maps, case.dictionary).mean(dim=(2, 3))
    return mean_totals(case, case.head_of_means, values)


def whole_maps(case: Case) -> Tensor:
    """The same on whole maps."""
    return mean_totals(case, case.head, spatial_codes(case.maps, case.dictionary))


def mean_totals(case: Case, head: Head, values: Tensor) -> Tensor:
    """Sobol totals (r,), mean over images."""
    totals = [sobol_total(head, one, case.dictionary, case.design)[0] for one in values]
    return torch.stack(totals).mean(0)


def craft(case: Case) -> Callable[[], Tensor] | None:
    """craft-xai's, None where it is missing."""
    Craft = craft_class()
    if Craft is None:
        return None
    peer = Craft(
        input_to_latent=lambda x: x,
        latent_to_logit=lambda x: case.head(x)[:, None],
        number_of_concepts=len(case.dictionary),
        device="cpu",
    )
    peer.reducer = PeerNMF(len(case.dictionary)).fit(case.maps.mean(dim=(2, 3)).numpy())
    peer.reducer.components_ = case.dictionary.numpy()
    peer.W = case.dictionary.numpy()
    maps = case.maps.numpy()
    return lambda: torch.from_numpy(peer.estimate_importance(maps, 0, N_DESIGNS)).double()


def timed(work: Callable[[], Tensor]) -> tuple[float, Tensor]:
    """Seconds and answer."""
    start = time.perf_counter()
    answer = work()
    return time.perf_counter() - start, answer


def main() -> None:
    """Measure and print one JSON object."""
    parser = argparse.ArgumentParser(description="Time concept importances against craft-xai.")
    parser.add_argument("--quick", action="store_true", help="few images, once")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(options.threads)
    n, d, size, r, repeats = (8, 256, 4, 6, 1) if options.quick else (121, 1280, 7, 10, 3)
    with threadpool_limits(options.threads):
        print(json.dumps(measure(Case(n, d, size, r), repeats) | {"quick": options.quick}))


def measure(case: Case, repeats: int) -> dict[str, object]:
    """All figures, medians of runs in turns."""
    works = {
        "linear": lambda: linear(case),
        "sampled": lambda: sampled(case),
        "maps": lambda: whole_maps(case),
    }
    peer = craft(case)
    if peer is not None:
        works["craft"] = peer
    times: dict[str, list[float]] = {name: [] for name in works}
    answers: dict[str, Tensor] = {}
    for _ in range(repeats):
        for name, work in works.items():
            took, answers[name] = timed(work)
            times[name].append(took)
    medians = {name: statistics.median(found) for name, found in times.items()}
    theirs = medians.get("craft")
    return {
        "speedup_vs_craft": round(theirs / medians["linear"], 1) if theirs else None,
        "speedup_vs_craft_sampled": round(theirs / medians["sampled"], 1) if theirs else None,
        "speedup_vs_craft_maps": round(theirs / medians["maps"], 1) if theirs else None,
        "max_abs_difference": float((answers["linear"] - answers["craft"]).abs().max())
        if theirs
        else None,
        "max_abs_difference_sampled": max(
            float((answers["linear"] - answers[name]).abs().max()) for name in ("sampled", "maps")
        ),
        "seconds": {name: round(value, 4) for name, value in medians.items()},
        "threads": torch.get_num_threads(),
        "shape": [*case.maps.shape, len(case.dictionary)],
    }


if __name__ == "__main__":
    main()
