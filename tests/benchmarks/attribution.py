"""Time and memory of attribution methods, against captum's.

Both sides explain the same pictures with the same number of forwards (and backwards) and the same
number of pictures given to the model at once. ``speedup_vs_captum`` has captum in a process of its
own with the model as loaded, as its documentation shows; ``speedup_vs_captum_prepared`` gives it
our scores: the model prepared for the machine, in our process. Runs take turns, medians of three.
captum has neither RISE, Sobol nor HSIC: those are compared, forward by forward, with its Occlusion.
``speedup_of_a_forward`` is what a forward pass of hidden pictures alone costs on either side: no
method that only asks the model can be quicker against captum than that, and what is left of it says
how much a method spends on anything else. ``in_processor_time`` has the same ratios by seconds of
processor instead of seconds by the wall: on a machine that others use, too, they say more.

With ``--images`` the pictures are the photographs of that folder, else noise: the time hardly
depends on what is seen. Methods with one forward a picture explain ``--pictures`` of them, the
others ``--sampled-pictures``.

``peak_mb`` is the largest resident memory while one picture is explained with so many samples, each
method in a process of its own that gives freed memory back (for Occlusion: so many windows); keys
with "captum" are captum's methods as called by default.

    python tests/benchmarks/attribution.py [--quick] [--threads N] [--model SPEC] [--weights FILE]
        [--images DIR] [--pictures N] [--sampled-pictures N] [--samples N] [--repeats N]
        [--methods NAME …]
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from contextlib import suppress
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path

import torch
from attribution_captum import (
    CLASS,
    FORWARD,
    SEGMENTS,
    Case,
    Peer,
    Plain,
    plain_peer,
    window,
    write_photographs,
)
from resident import forget_peak, peak_mb
from torch import Tensor

from lens_core.attribution import ATTRIBUTIONS, Attribution, ClassTargets
from lens_core.attribution.gradients import IntegratedGradients
from lens_core.attribution.noise import SmoothGrad, SquareGrad, VarGrad
from lens_core.attribution.occlusion import Occlusion
from lens_core.attribution.rise import Rise
from lens_core.attribution.sensitivity import Hsic, Sobol
from lens_core.attribution.surrogates import KernelShap, Lime
from lens_core.classifier import Classifier, load_classifier

Seconds = tuple[float, float]
"""By the wall, and of all processors together."""


def clock() -> Seconds:
    """Now, for this process."""
    return time.perf_counter(), time.process_time()


def since(start: Seconds) -> Seconds:
    """What has passed."""
    wall, cpu = clock()
    return wall - start[0], cpu - start[1]


def ours(case: Case) -> dict[str, Attribution]:
    """Methods with as many samples as the case says."""
    n = case.samples
    surrogate = {"segments": "grid", "nb_segments": SEGMENTS, "nb_samples": n}
    sampled: dict[str, Attribution] = {
        "integrated_gradients": IntegratedGradients(nb_steps=n),
        "smoothgrad": SmoothGrad(n),
        "squaregrad": SquareGrad(n),
        "vargrad": VarGrad(n),
        "rise": Rise(nb_samples=n),
        "lime": Lime(**surrogate, hide="baseline"),  # type: ignore[arg-type]
        "kernel_shap": KernelShap(**surrogate),  # type: ignore[arg-type]
        "sobol": Sobol(grid_size=5, nb_design=max(2, 2 ** ((n // 26).bit_length() - 1))),
        "hsic": Hsic(nb_design=n),
        "occlusion": Occlusion(),
    }
    return {name: sampled.get(name, method()) for name, method in ATTRIBUTIONS.items()}


def forwards(name: str, method: Attribution, px: int) -> int:
    """Questions a picture."""
    if isinstance(method, Sobol):
        return method.nb_design * (method.grid_size**2 + 1)
    if isinstance(method, Occlusion):
        return n_windows(px) + 2
    if isinstance(method, KernelShap):
        return (method.nb_samples or 0) + 2
    return getattr(
        method, "nb_samples", getattr(method, "nb_design", getattr(method, "nb_steps", 1))
    )


def n_windows(px: int) -> int:
    """Windows of our occlusion."""
    side, stride = window(px)
    return len({*range(0, px - side + 1, stride), px - side}) ** 2


def serve_plain(case: Case, layer: str, pipe: Connection) -> None:
    """In a process of its own: seconds that captum takes, for each name that is asked for."""
    warnings.simplefilter("ignore")
    torch.set_num_threads(case.threads)
    peer, px = plain_peer(case, layer)
    peer.run("saliency", case.pictures(1, px))
    while name := pipe.recv():
        x = case.pictures(case.count(name), px)
        start = clock()
        answered = peer.run(name, x) is not None
        pipe.send(since(start) if answered else None)


def measure(case: Case, quick: bool, asked_for: list[str]) -> dict[str, object]:
    """Medians of runs in turns, and their ratios."""
    torch.set_num_threads(case.threads)
    classifier = load_classifier(case.spec, case.weights)
    px = classifier.preprocessing.input_px
    prepared = Peer(classifier.logits, None, case)
    prepared.run("saliency", case.pictures(1, px))
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    # In one process, what both sides do shares an allocator: good enough to see that it works.
    kind = threading.Thread if quick else context.Process
    worker = kind(target=serve_plain, args=(case, classifier.layer, there), daemon=True)
    worker.start()
    if not quick:
        there.close()  # so that a worker that dies ends the wait for it
    taken: dict[str, dict[str, Seconds]] = {}
    methods = {name: method for name, method in ours(case).items() if name in asked_for}
    try:
        for name, method in methods.items():
            taken[name] = in_turns(case, name, method, classifier, prepared, here)
            print(name, taken[name], file=sys.stderr, flush=True)
        forward = in_turns(case, FORWARD, None, classifier, prepared, here)
    finally:
        with suppress(BrokenPipeError):  # it has died: that is the error to see
            here.send("")
        worker.join()
    asked = {name: forwards(name, method, px) for name, method in methods.items()}

    def figures(which: int) -> dict[str, object]:
        seconds = {
            name: {key: pair[which] for key, pair in found.items()} for name, found in taken.items()
        }
        alone = {key: pair[which] for key, pair in forward.items()}
        return {
            "speedup_vs_captum": ratios(seconds, "captum"),
            "speedup_vs_captum_prepared": ratios(seconds, "prepared"),
            "speedup_of_a_forward": {
                key: round(alone[key] / alone["ours"], 2) for key in ("captum", "prepared")
            },
            "speedup_per_forward_vs_captum_occlusion": {
                name: round(
                    (seconds["occlusion"]["captum"] / asked["occlusion"])
                    / (seconds[name]["ours"] / asked[name]),
                    2,
                )
                for name in ("rise", "sobol", "hsic")
                if {name, "occlusion"} <= seconds.keys()
            },
            "seconds": {
                name: {key: round(value, 3) for key, value in found.items()}
                for name, found in seconds.items()
            },
        }

    return figures(0) | {
        "in_processor_time": figures(1),
        "forwards": {name: asked[name] * case.count(name) for name in methods},
    }


def ratios(seconds: dict[str, dict[str, float]], peer: str) -> dict[str, float]:
    """Of those methods that the peer has."""
    return {
        name: round(found[peer] / found["ours"], 2)
        for name, found in seconds.items()
        if peer in found
    }


def in_turns(
    case: Case,
    name: str,
    method: Attribution | None,
    classifier: Classifier,
    prepared: Peer,
    pipe: Connection,
) -> dict[str, Seconds]:
    """Median seconds of ours, captum's, and captum's on our model; of forwards without a method."""
    x = case.pictures(case.count(name), classifier.preprocessing.input_px)
    targets = ClassTargets(classifier, CLASS)

    def work_ours(pictures: Tensor) -> None:
        if method is not None:
            method.explain(pictures, targets, batch=case.batch)
            return
        with torch.no_grad():
            for part in torch.split(pictures, case.batch):
                targets.scores(part, torch.zeros(len(part), dtype=torch.long))

    work_ours(x[: case.batch])  # first calls are not timed

    def time_ours() -> Seconds | None:
        start = clock()
        work_ours(x)
        return since(start)

    def time_captum() -> Seconds | None:
        pipe.send(name)
        answer: Seconds | None = pipe.recv()
        return answer

    def time_prepared() -> Seconds | None:
        start = clock()
        answered = prepared.run(name, x) is not None
        return since(start) if answered else None

    works = {"ours": time_ours, "captum": time_captum, "prepared": time_prepared}
    times: dict[str, list[Seconds]] = {key: [] for key in works}
    for _ in range(case.repeats):
        for key, work in works.items():
            took = work()
            if took is not None:
                times[key].append(took)
    return {
        key: (statistics.median(w for w, _ in found), statistics.median(c for _, c in found))
        for key, found in times.items()
        if found
    }


def memory_of(case: Case, name: str, counts: list[int]) -> dict[int, int]:
    """Peak after explaining one picture with each number of samples, in this process."""
    warnings.simplefilter("ignore")
    torch.set_num_threads(case.threads)
    found = {}
    if name.startswith("captum_"):
        from captum import attr

        model = Plain(case.spec, case.weights)
        x = case.pictures(1, model.px)
        for k in counts[:-1]:  # it holds all samples at once: no more than a laptop has
            forget_peak()
            if name == "captum_smoothgrad":
                tunnel = attr.NoiseTunnel(attr.Saliency(model))
                tunnel.attribute(x, nt_samples=k, stdevs=0.1, target=CLASS)
            else:
                attr.IntegratedGradients(model).attribute(x, n_steps=k, target=CLASS)
            found[k] = int(peak_mb())
        return found
    classifier = load_classifier(case.spec, case.weights)
    x = case.pictures(1, classifier.preprocessing.input_px)
    for k in counts:
        method = ours(replace(case, samples=k))[name]
        if isinstance(method, Occlusion):
            method = windows(k, classifier.preprocessing.input_px)
        forget_peak()
        method.explain(x, ClassTargets(classifier, CLASS), batch=case.batch)
        found[k] = int(peak_mb())
    return found


def windows(n: int, px: int) -> Occlusion:
    """Occlusion by about n windows."""
    side, _ = window(px)
    return Occlusion(side, max(1, (px - side) // max(1, round(n**0.5) - 1)))


MEMORY = (
    "smoothgrad",
    "squaregrad",
    "vargrad",
    "integrated_gradients",
    "occlusion",
    "rise",
    "lime",
    "kernel_shap",
    "sobol",
    "hsic",
    "captum_smoothgrad",
    "captum_integrated_gradients",
)


def memory(argv: list[str]) -> dict[str, dict[str, int]]:
    """`memory_of` each method, each in a fresh process."""
    giving_back = os.environ | {"MALLOC_TRIM_THRESHOLD_": "0", "MALLOC_MMAP_THRESHOLD_": "65536"}
    found = {}
    for name in MEMORY:
        command = [sys.executable, __file__, *argv, "--memory-of", name]
        done = subprocess.run(command, capture_output=True, text=True, check=True, env=giving_back)
        found[name] = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> None:
    """Measure and print one JSON object."""
    parser = argparse.ArgumentParser(description="Time attribution methods against captum.")
    parser.add_argument("--quick", action="store_true", help="few pictures, once, one process")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument(
        "--model", help="SPEC; by default EfficientNet-Lite0, with --quick a tiny one"
    )
    parser.add_argument("--weights", default="none", help="file; the default is random weights")
    parser.add_argument("--images", type=Path, help="folder of photographs to explain")
    parser.add_argument("--pictures", type=int, help="explained by methods with one forward each")
    parser.add_argument("--sampled-pictures", type=int, default=1, help="explained by the others")
    parser.add_argument("--repeats", type=int, help="3 by default, 1 with --quick")
    parser.add_argument("--samples", type=int, help="a picture, by the others")
    parser.add_argument("--batch", type=int, help="pictures given to the model at once")
    parser.add_argument(
        "--methods",
        nargs="+",
        choices=list(ATTRIBUTIONS),
        metavar="NAME",
        default=list(ATTRIBUTIONS),
        help="time these alone",
    )
    parser.add_argument("--memory-of", help=argparse.SUPPRESS)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    few = options.quick
    counts = [26, 52] if few else [13, 52, 416]
    with tempfile.TemporaryDirectory() as folder:
        case = case_of(options, Path(folder))
        if options.memory_of:
            print(json.dumps(memory_of(case, options.memory_of, counts)))
            return
        found = measure(case, few, options.methods)
        found["peak_mb"] = (
            {"rise": memory_of(case, "rise", counts)} if few else memory(sys.argv[1:])
        )
    said = {
        "pictures": case.n_gradient,
        "sampled_pictures": case.n_sampled,
        "samples": case.samples,
        "batch": case.batch,
        "threads": options.threads,
        "quick": few,
    }
    print(json.dumps(found | said))


def case_of(options: argparse.Namespace, folder: Path) -> Case:
    """What the options ask for; photographs go into a file that all processes read."""
    few = options.quick
    spec = options.model or ("timm:test_resnet" if few else "timm:tf_efficientnet_lite0")
    weights = None if options.weights == "default" else options.weights
    photographs, at_most = None, 10_000
    if options.images is not None and not options.memory_of:
        photographs = str(folder / "photographs.safetensors")
        px = load_classifier(spec, weights).preprocessing.input_px
        at_most = write_photographs(options.images, px, Path(photographs))
    return Case(
        spec=spec,
        weights=weights,
        n_gradient=min(at_most, options.pictures or (2 if few else 121)),
        n_sampled=min(at_most, options.sampled_pictures),
        samples=options.samples or (26 if few else 104),
        batch=options.batch or 16,
        threads=options.threads,
        repeats=options.repeats or (1 if few else 3),
        photographs=photographs,
    )


if __name__ == "__main__":
    main()
