"""Time from the photographs of a class to its concepts and their importances, against craft-xai.

Both sides get the same photographs, cut the same crops (of the model's view without the last few
pixels, which craft-xai's grid leaves out, so that both grids fall together), find r = 10 concepts
and the Sobol total index of each on every photograph with the same designs (Halton, N = 32). Ours
calls the functions that `lens atlas build` calls. Each side works in a process of its own, so that
what one does to the allocator does not help another, and they take turns.

``speedup_vs_craft``
    From decoded photographs, `--precision auto`, every mask answered by the head; craft-xai has the
    model as its README loads it. ``speedup_vs_craft_float32``: ours in float32.
    ``speedup_vs_craft_prepared``: craft-xai has our prepared model.
``speedup_closed_form``
    The first, with importances from the closed form, as a build has them where the head is linear.
``speedup_with_decoding``
    The first from files on, on our side with the forward pass that selects by prediction.
``speedup_importance``, ``speedup_importance_encoded``
    Of importances alone, from activations and with the encoding of the photographs.
``processor``
    The same ratios of processor time: with --threads 1 they hold on a busy machine too.
``error_ratio``
    ‖A − U W‖ / ‖A‖ of ours over theirs, both on the activations in float32.
``concept_cosine``
    Mean Hungarian cosine of our concepts in both precisions, from one start, run to convergence.

Without craft-xai its figures are null. The model's head must be linear after mean pooling. Without
--images and --model there are the built-in leaves and an untrained network.

    python tests/benchmarks/concept_extraction.py [--quick] [--threads N]
        [--images DIR --model SPEC --classes NAME --at-most N]
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import statistics
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import torch
from craft_side import N_DESIGNS, Clock, R, Task, craft, craft_class, patch_px
from few_leaves import few_leaves
from threadpoolctl import threadpool_limits
from torch import Tensor

from lens_core.atlas import no_track
from lens_core.attribution.concept_maps import spatial_codes
from lens_core.building.collect import collect, encode_crops
from lens_core.building.masks import sampled_sobol
from lens_core.building.settings import BuildSettings
from lens_core.classifier import load_classifier
from lens_core.factorization import NMF, relative_error
from lens_core.factorization.nmf import first_factors
from lens_core.factorization.nmf_products import Products
from lens_core.factorization.nmf_solvers import iterate, quadratic, squared_norm
from lens_core.images import ClassFolder, find_classes, to_float
from lens_core.importance import SobolDesign, sobol_of_contributions
from lens_core.metrics import matched_cosines
from lens_core.spooled import Pictures

SIDES = ("auto", "float32", "craft", "craft_prepared")

FACTORY = """
import torch
from lens_core.training.leafnet import LeafNet

def leafnet():
    torch.manual_seed(0)
    module = LeafNet(8, width={width})
    module.preprocessing = {{
        "input_px": 128, "resize_px": 128, "mean": [0.5] * 3, "std": [0.25] * 3
    }}
    module.class_names = {names}
    return module
"""


class Shortened(ClassFolder):
    """A class's first photographs."""

    def files(self) -> tuple[Path, ...]:
        """Up to `at_most` of them."""
        return super().files()[: self.at_most]

    at_most = 10_000


def reached_by_the_peer(views: Tensor) -> Tensor:
    """Views (n, 3, s, s) without the margin that steps of ⌊0.8 · patch⌋ never reach."""
    side = views.shape[-1]
    patch = patch_px(side)
    stride = int(0.8 * patch)
    end = (side - patch) // stride * stride + patch
    return views[..., :end, :end]


def ours(task: Task, precision: str) -> Callable[[], dict[str, Any]]:
    """Ours: `run()` → seconds by stage, and what was found."""
    classifier = load_classifier(task.model, device="cpu", precision=precision)
    settings = BuildSettings(concepts=R, select="labelled", held_out=0.0)
    settings = settings.model_copy(update={"patch_px": patch_px(classifier.preprocessing.input_px)})
    design = SobolDesign.draw(R, N_DESIGNS, sampler="halton")
    linear = classifier.linear_head
    assert linear is not None
    class_id = task.folder.class_id

    @torch.inference_mode()
    def run() -> dict[str, Any]:
        clock = Clock()
        images = collect(
            classifier, task.folder, task.images, settings, no_track, lambda text: None
        )
        clock.lap("decode and predict")
        seen = replace(images, views=Pictures.of(reached_by_the_peer(images.views[:])))
        crops = encode_crops(classifier, seen, settings, no_track, "")
        clock.lap("crops")
        nmf = NMF(R, seed=settings.seed)
        values = nmf.fit(crops)
        clock.lap("nmf")
        said = [
            classifier.activations(to_float(images.views[i : i + settings.batch]))
            for i in range(0, len(images.views), settings.batch)
        ]
        clock.lap("images")
        codes = [spatial_codes(batch.maps, nmf.dictionary) for batch in said]
        clock.lap("codes")
        totals = [
            sampled_sobol(
                classifier, class_id, batch[i : i + 1], values_of[i], nmf.dictionary, design
            )[0]
            for batch, values_of in zip(said, codes, strict=True)
            for i in range(len(values_of))
        ]
        sampled = torch.stack(totals).mean(0)
        clock.lap("masks")
        omega = nmf.dictionary @ linear.weight[class_id]
        closed = sobol_of_contributions(torch.cat(codes).mean(dim=(2, 3)) * omega).mean(0)
        clock.lap("closed form")
        return {
            "seconds": clock.laps,
            "crops": crops,
            "values": values,
            "dictionary": nmf.dictionary,
            "importances": sampled,
            "closed": closed,
        }

    return run


def serve(connection: Connection, task: Task, side: str) -> None:
    """A side's process: runs whenever it is told to."""
    warnings.simplefilter("ignore")
    torch.set_num_threads(task.threads)
    with threadpool_limits(task.threads), suppress(EOFError):
        if side.startswith("craft"):
            run = craft(task, prepared=side == "craft_prepared")
        else:
            run = ours(task, side)
        while connection.recv():
            found = run()
            connection.send(
                {k: v.numpy() if isinstance(v, Tensor) else v for k, v in found.items()}
            )


@contextmanager
def processes(task: Task, sides: list[str]) -> Iterator[dict[str, Connection]]:
    """One process a side."""
    context = multiprocessing.get_context("spawn")
    connections, running = {}, []
    for side in sides:
        connections[side], theirs = context.Pipe()
        running.append(context.Process(target=serve, args=(theirs, task, side), daemon=True))
        running[-1].start()
        theirs.close()
    try:
        yield connections
    finally:
        for connection in connections.values():
            connection.close()
        for process in running:
            process.join()


def measure(task: Task, repeats: int) -> dict[str, object]:
    """All figures, medians of runs in turns."""
    sides = [s for s in SIDES if not s.startswith("craft") or craft_class()]
    laps: dict[str, list[dict[str, tuple[float, float]]]] = {side: [] for side in sides}
    last: dict[str, dict[str, Any]] = {}
    with processes(task, sides) as connections:
        for _ in range(repeats):
            for side, connection in connections.items():
                connection.send(True)
                last[side] = connection.recv()
                laps[side].append(last[side]["seconds"])
    crops = torch.from_numpy(last["float32"]["crops"])
    errors = {side: error_of(last[side], crops) for side in sides}
    return {
        **speedups(laps, 0),
        "processor": speedups(laps, 1),
        "error_ratio": ratio(errors["auto"], errors.get("craft")),
        "error_ratio_float32": ratio(errors["float32"], errors.get("craft")),
        "concept_cosine": agreement(crops, torch.from_numpy(last["auto"]["crops"])),
        "seconds": {side: by_stage(found, 0) for side, found in laps.items()},
        "processor_seconds": {side: by_stage(found, 1) for side, found in laps.items()},
        "crops": len(crops),
        "images": len(task.files),
        "threads": task.threads,
    }


Laps = list[dict[str, tuple[float, float]]]


def by_stage(laps: Laps, clock: int) -> dict[str, float]:
    """Median seconds."""
    return {
        stage: round(statistics.median(lap[stage][clock] for lap in laps), 3) for stage in laps[0]
    }


def speedups(laps: dict[str, Laps], clock: int) -> dict[str, float | None]:
    """The ratios, on the wall clock (0) or of processor time (1)."""

    def total(side: str, *without: str) -> float | None:
        if side not in laps:
            return None
        sums = (sum(s[clock] for n, s in lap.items() if n not in without) for lap in laps[side])
        return statistics.median(sums)

    def importance(side: str, *stages: str) -> float | None:
        if side not in laps:
            return None
        return statistics.median(sum(lap[stage][clock] for stage in stages) for lap in laps[side])

    decoding = ("decode", "decode and predict")
    masks = (*decoding, "closed form")
    peer_importance = importance("craft", "codes and masks")
    peer_encoding_too = importance("craft", "images", "codes and masks")
    peer, auto = total("craft", *decoding), total("auto", *masks)
    return {
        "speedup_vs_craft": ratio(peer, auto),
        "speedup_vs_craft_float32": ratio(peer, total("float32", *masks)),
        "speedup_vs_craft_prepared": ratio(total("craft_prepared", *decoding), auto),
        "speedup_closed_form": ratio(peer, total("auto", *decoding, "masks")),
        "speedup_with_decoding": ratio(total("craft"), total("auto", "closed form")),
        "speedup_importance": ratio(peer_importance, importance("auto", "codes", "masks")),
        "speedup_importance_encoded": ratio(
            peer_encoding_too, importance("auto", "images", "codes", "masks")
        ),
    }


def ratio(theirs: float | None, our: float | None) -> float | None:
    """None where one is missing."""
    return round(theirs / our, 5) if theirs and our else None


def error_of(found: dict[str, Any], crops: Tensor) -> float:
    """Of a side's factorization, on activations in float32."""
    values, dictionary = (
        torch.from_numpy(found[name]).float() for name in ("values", "dictionary")
    )
    return relative_error(crops, values @ dictionary)


def agreement(crops: Tensor, other: Tensor) -> float:
    """Mean Hungarian cosine of the concepts of two versions of the crops, from one start."""
    start = first_factors(Products(crops), NMF(R))
    first, second = (converged(a, *(factor.clone() for factor in start)) for a in (crops, other))
    return round(float(matched_cosines(first, second).mean()), 5)


def converged(a: Tensor, ut: Tensor, w: Tensor, tolerance: float = 1e-7) -> Tensor:
    """W after as many iterations as still change the error."""
    data, total = Products(a), squared_norm(a)
    errors = [total]
    for _ in range(3000):
        errors.append(total + quadratic(w, *iterate("hals", ut, w, data)))
        if len(errors) > 10 and errors[-11] - errors[-1] < 10 * tolerance * total:
            break
    return w


@contextmanager
def leaves(quick: bool) -> Iterator[argparse.Namespace]:
    """The built-in images and an untrained network."""
    from experiments.generators.leaves import FAMILIES
    from experiments.generators.leaves.dataset import write_dataset

    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        names = sorted(FAMILIES)
        if quick:
            few_leaves(root / "leaves" / "train", names[:1], 8)
        else:
            write_dataset(root / "leaves", 60, 0)
        factory = root / "leafnet.py"
        factory.write_text(FACTORY.format(width=16 if quick else 32, names=names), "utf-8")
        yield argparse.Namespace(
            images=root / "leaves" / "train", model=f"{factory}:leafnet", classes=names[0]
        )


def main() -> None:
    """Measure and print one JSON object."""
    parser = argparse.ArgumentParser(description="Time concept extraction against craft-xai.")
    parser.add_argument("--quick", action="store_true", help="few photographs, once")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--images", type=Path, help="folder with one folder a class")
    parser.add_argument("--model", help="as for lens atlas build")
    parser.add_argument("--classes", help="the class to take")
    parser.add_argument("--repeats", type=int, help="3 by default, 1 with --quick")
    parser.add_argument("--at-most", type=int, default=10_000, help="photographs to take")
    options = parser.parse_args()
    repeats = options.repeats or (1 if options.quick else 3)
    torch.set_num_threads(options.threads)
    if options.images:
        result = measure(task_of(options, options.at_most, options.threads), repeats)
    else:
        with leaves(options.quick) as builtin:
            result = measure(task_of(builtin, options.at_most, options.threads), repeats)
    print(json.dumps(result | {"quick": options.quick}))


def task_of(given: argparse.Namespace, at_most: int, threads: int) -> Task:
    """Look up what all sides need to know."""
    classifier = load_classifier(given.model, device="cpu")
    if classifier.linear_head is None:
        raise SystemExit("the model's head must be linear after mean pooling")
    folder = find_classes(
        given.images, classifier.class_names, classifier.synonyms, classes=given.classes
    )[0]
    first = Shortened(folder.class_id, folder.name, folder.path)
    object.__setattr__(first, "at_most", at_most)
    return Task(
        given.model,
        given.images,
        first,
        first.files(),
        classifier.layer,
        classifier.linear_head.weight,
        classifier.linear_head.bias,
        threads,
    )


if __name__ == "__main__":
    main()
