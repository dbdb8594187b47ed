"""Time of feature visualizations (MACO) of the concepts of one class, against horama.

Both sides get the same frozen network, the same concept directions, pictures of the same size and
as many crops a step; horama gets a local magnitude template. Its objective in 256 steps is read off
its pictures, ours off ours, in the same way: mean projection of crops on the concept (the MACO
paper's objective) over the same random crops. ``speedup_vs_horama`` is the time that horama spends
on a concept in 256 steps, over the time that ours takes, per concept, until its pictures reach the
same objective. A step of horama always does the same work, so its time is that of a few steps; with
``--peer-steps`` fewer, time and objective are those of fewer steps (said in the result).

Ours then climbs the same objective through boxes of the same size, at a contrast like that of
horama's pictures, without noise and with longer steps: what climbs quickest. The defaults of an
atlas are others, for the sake of what pictures show; ``seconds_per_concept`` is their time,
a concept of a ``lens atlas build``.

Runs are interleaved; figures are medians. On a machine that others use, too, processor time says
more: ``speedup_in_processor_time``. Without horama its figures are null. Without ``--model``
a small untrained network stands in.

    python tests/benchmarks/maco.py [--quick] [--threads N] [--images DIR --model SPEC]
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from lens_core.classifier import Classifier, load_classifier
from lens_core.training.leafnet import LeafNet
from lens_core.visualization.crops import draw_boxes, take_crops
from lens_core.visualization.maco import visualize
from lens_core.visualization.settings import MacoSettings
from lens_core.visualization.spectrum import Spectrum, measure_spectrum
from lens_core.visualization.targets import Targets

PEER_STEPS = 256
PEER_BOX = (0.20, 0.25)
CROPS = 6
SEEN_CROPS = 32

Seconds = tuple[float, float]


class Case:
    """A classifier, concept directions, and what both sides are given."""

    def __init__(self, classifier: Classifier, photographs: Tensor, k: int, px: int) -> None:
        self.classifier = classifier
        self.px = px
        self.spectrum = measure_spectrum(photographs)
        with torch.inference_mode():
            maps = torch.cat([classifier.encode(part) for part in torch.split(photographs, 32)])
        # Directions that photographs excite: the layer's answers to k of them.
        pooled = maps.mean((2, 3)).clone()
        self.directions = pooled[torch.linspace(0, len(pooled) - 1, k).long()]

    def objective(self, pictures: Tensor) -> Tensor:
        """(k,) mean projection of crops on each concept, the same crops for both sides."""
        boxes = draw_boxes(
            len(pictures),
            replace(MacoSettings(), crops=SEEN_CROPS, box_from=0.25, box_to=0.25),
            0.0,
            torch.Generator().manual_seed(0),
        )
        px = self.classifier.preprocessing.input_px
        unit = torch.nn.functional.normalize(self.directions, dim=1)
        with torch.inference_mode():
            crops = take_crops(pictures.float(), boxes, px)
            parts = [self.classifier.encode(part).mean((2, 3)) for part in torch.split(crops, 32)]
            pooled = torch.cat(parts).view(len(pictures), SEEN_CROPS, -1)
            return (pooled * unit[:, None]).sum(2).mean(1)


class Clock:
    """Seconds since it was made: by the wall, and of this process's processors."""

    def __init__(self) -> None:
        self._start = (time.perf_counter(), time.process_time())

    def read(self, parts: float = 1.0) -> Seconds:
        """Both, divided by `parts`."""
        wall, cpu = self._start
        return (time.perf_counter() - wall) / parts, (time.process_time() - cpu) / parts


def ours(case: Case, settings: MacoSettings) -> tuple[Seconds, Tensor]:
    """Seconds a concept, and pictures."""
    clock = Clock()
    made = visualize(case.classifier, Targets(case.directions), case.spectrum, settings)
    return clock.read(len(case.directions)), made.images


def horama(case: Case, concept: int, steps: int, seed: int) -> tuple[Seconds, Tensor]:
    """Seconds a step and the picture of one concept; it makes one at a time."""
    from horama.maco_fv import maco  # type: ignore[import-not-found]

    classifier = case.classifier
    preprocessing = classifier.preprocessing
    mean = torch.tensor(preprocessing.mean).view(1, -1, 1, 1)
    std = torch.tensor(preprocessing.std).view(1, -1, 1, 1)
    direction = torch.nn.functional.normalize(case.directions[concept], dim=0)

    def goal(x: Tensor) -> Tensor:
        # It paints in the range of normalised pictures, -2.5 … 2.5.
        pooled = classifier.encode(x * std + mean).mean((2, 3))
        return (pooled @ direction).mean()

    torch.manual_seed(seed)
    clock = Clock()
    with open(os.devnull, "w") as quiet:  # noqa: PTH123
        shown, sys.stderr = sys.stderr, quiet
        try:
            painted, _ = maco(
                goal,
                total_steps=steps,
                image_size=case.px,
                model_input_size=preprocessing.input_px,
                crops_per_iteration=CROPS,
                box_size=PEER_BOX,
                device="cpu",
            )
        finally:
            sys.stderr = shown
    seconds = clock.read(steps)
    picture = (painted.detach() * std[0] + mean[0]).clamp(0, 1)
    return seconds, picture


def steps_until(case: Case, wanted: Tensor, settings: MacoSettings) -> tuple[int | None, float]:
    """About the fewest of our steps after which the mean objective is `wanted`'s.

    Halves the gap between too few and enough until it is a sixteenth of the steps taken.
    """
    goal = float(wanted.mean())

    def after(steps: int) -> float:
        _, pictures = ours(case, replace(settings, steps=steps))
        return float(case.objective(pictures).mean())

    few, enough = 0, min(64, settings.steps)
    reached = after(enough)
    while reached < goal:
        if enough == settings.steps:
            return None, reached
        few, enough = enough, min(2 * enough, settings.steps)
        reached = after(enough)
    while enough - few > max(1, enough // 16):
        middle = (few + enough) // 2
        found = after(middle)
        if found < goal:
            few = middle
        else:
            enough, reached = middle, found
    return enough, reached


def measure(
    case: Case, repeats: int, peer_steps: int, peer_concepts: int, at_most: int
) -> dict[str, object]:
    """All figures; `at_most` so many of our own steps."""
    defaults = MacoSettings.for_input(
        case.classifier.preprocessing.input_px, case.classifier.fixed_input, case.px
    )
    defaults = replace(defaults, steps=min(defaults.steps, at_most))
    paper = replace(
        defaults,
        steps=min(256, at_most),
        crops=CROPS,
        box_from=0.25,  # what its box_size comes to
        box_to=0.25,
        box_sd=0.015,
        centre_sd=0.15,
        noise=0.0,
        contrast=2.0,
        cosine_power=0.0,
        lr=10.0,
        patience=0,
    )
    result: dict[str, object] = {
        "speedup_vs_horama": None,
        "seconds_per_concept": None,
        "px": case.px,
        "concepts": len(case.directions),
        "threads": torch.get_num_threads(),
    }
    times: dict[str, list[Seconds]] = {"defaults": [], "ours": [], "horama": []}
    work: dict[str, Callable[[], Seconds]] = {"defaults": lambda: ours(case, defaults)[0]}
    if importlib.util.find_spec("horama") is not None:
        painted = [horama(case, i, peer_steps, i)[1] for i in range(peer_concepts)]
        some = Case.__new__(Case)
        some.__dict__.update(case.__dict__)
        some.directions = case.directions[:peer_concepts]
        wanted = some.objective(torch.stack(painted))
        steps, reached = steps_until(some, wanted, paper)
        taken = steps or paper.steps
        timed_steps = min(8, peer_steps)
        work["ours"] = lambda: ours(case, replace(paper, steps=taken))[0]
        work["horama"] = lambda: horama(case, 0, timed_steps, 0)[0]
        result |= {
            "peer_objective": round(float(wanted.mean()), 4),
            "peer_steps": peer_steps,
            "our_objective": round(reached, 4),
            "our_steps": steps,
        }
    for _ in range(repeats):
        for name, run in work.items():
            times[name].append(run())
    wall, cpu = (
        {name: statistics.median(one[i] for one in found) for name, found in times.items() if found}
        for i in (0, 1)
    )
    for medians in (wall, cpu):
        if "horama" in medians:
            medians["horama"] *= peer_steps
    result["seconds_per_concept"] = round(wall["defaults"], 3)
    result["seconds"] = {name: round(value, 3) for name, value in wall.items()}
    result["processor_seconds"] = {name: round(value, 3) for name, value in cpu.items()}
    if "horama" in wall and result["our_steps"] is not None:
        result["speedup_vs_horama"] = round(wall["horama"] / wall["ours"], 1)
        result["speedup_in_processor_time"] = round(cpu["horama"] / cpu["ours"], 1)
    return result


def write_template(folder: Path, spectrum: Spectrum, px: int) -> None:
    """The magnitude where horama looks for it, so that it downloads nothing."""
    np.save(folder / "spectrum_decorrelated.npy", spectrum.resized(px).numpy())


def photographs_of(folder: Path | None, px: int, n: int) -> Tensor:
    """Pictures (n, 3, px, px) of a folder, or smooth noise."""
    if folder is None:
        rough = torch.rand(n, 3, 8, 8, generator=torch.Generator().manual_seed(0))
        size = (px, px)
        return torch.nn.functional.interpolate(rough, size, mode="bicubic").clamp(0, 1)
    files = [p for p in sorted(folder.rglob("*")) if p.suffix.lower() in {".jpg", ".png", ".webp"}]
    pictures = []
    for file in files[:: max(1, len(files) // n)][:n]:
        with Image.open(file) as opened:
            small = np.array(opened.convert("RGB").resize((px, px), Image.Resampling.BILINEAR))
        pictures.append(torch.from_numpy(small).permute(2, 0, 1) / 255)
    return torch.stack(pictures)


def untrained() -> Classifier:
    """A small network with random weights."""
    torch.manual_seed(0)
    return Classifier(LeafNet(4), name="leafnet", device="cpu")


def main() -> None:
    """Measure and print one JSON object."""
    parser = argparse.ArgumentParser(description="Time feature visualizations against horama.")
    parser.add_argument("--quick", action="store_true", help="two small pictures, once")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--images", type=Path)
    parser.add_argument("--model", metavar="SPEC")
    parser.add_argument("--px", type=int, default=320)
    parser.add_argument("--concepts", type=int, default=10)
    parser.add_argument("--peer-steps", type=int, default=PEER_STEPS)
    parser.add_argument("--peer-concepts", type=int, default=2, help="whose objective is reached")
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(options.threads)
    classifier = load_classifier(options.model, device="cpu") if options.model else untrained()
    input_px = classifier.preprocessing.input_px
    k, px, repeats = (
        (2, 48, 1) if options.quick else (options.concepts, options.px, options.repeats)
    )
    peer_steps = 2 if options.quick else options.peer_steps
    peer_concepts = 1 if options.quick else min(options.peer_concepts, k)
    photographs = photographs_of(options.images, input_px, 16 if options.quick else 64)
    case = Case(classifier, photographs, k, px)
    with tempfile.TemporaryDirectory() as folder:
        write_template(Path(folder), case.spectrum, px)
        here = Path.cwd()
        os.chdir(folder)
        try:
            at_most = 8 if options.quick else 256
            found = measure(case, repeats, peer_steps, peer_concepts, at_most)
        finally:
            os.chdir(here)
    print(json.dumps(found | {"quick": options.quick, "model": classifier.name}))


if __name__ == "__main__":
    main()
