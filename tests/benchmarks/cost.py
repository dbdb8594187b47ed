"""What a class of an atlas costs, stage by stage, and what that means for a thousand of them.

Builds one class with every stage of `lens atlas build` timed: processor seconds of all threads
together, which hold on a busy machine too. From them, and from the number of operations that each
stage has to make, it plans a build on GPUs that it has never seen.

``seconds``
    By stage, for the photographs at hand: `decode` (JPEG to the model's view and the stored
    picture), `encode_views`, `encode_crops`, `factorize`, `maps` (encoding again, concept maps,
    importances), `measures`, `visualize` (MACO), `write` (WebP, tables, arrays).
``per_unit``
    The same by photograph, crop, or picture.
``bytes``
    By kind of file: stored `images`, `pictures` (crops and visualizations, as many whatever the
    number of images), `arrays`, `tables`.
``gflop_forward``
    Of one picture of the model's size, counted by torch.
``plan``
    EXTRAPOLATED, not measured: wall-clock seconds of a class on one GPU worker, and hours for all
    classes. Encoding and visualizing take their operations (a step of MACO goes forward and back:
    twice the forward ones) at --tflops a second; decoding takes the processor seconds measured
    here, spread over the worker's --cores, and writing over up to four of them; all else stays as
    long as it is on this processor, which is an upper bound for what the GPU takes over
    (factorize, maps, measures). How these grow with the photographs is told by building all and a
    third of them without visualizations.

    python tests/benchmarks/cost.py [--quick] [--threads N]
        [--images DIR --model SPEC --classes NAME]
        [--plan-gflop 8.2 --plan-photos 500 --plan-used 370 --plan-classes 1000]
        [--gpus 8 --tflops 30 --cores 12]
"""

from __future__ import annotations

import argparse
import json
import tempfile
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from PIL import Image
from torch.utils.flop_counter import FlopCounterMode

from lens_core import crops, images
from lens_core.atlas import Atlas
from lens_core.build import BuildSettings, build_atlas
from lens_core.building import explain, one_class, portraits
from lens_core.building.portraits import maco_settings
from lens_core.classifier import Classifier, load_classifier

STAGES = {
    "encode_views": (one_class, "collect"),
    "encode_crops": (one_class, "encode_crops"),
    "factorize": (explain, "fit_basis"),
    "maps": (one_class, "explain"),
    "measures": (one_class, "measure"),
    "visualize": (portraits, "portraits"),
    "write": (one_class, "write_class"),
}
FACTORY = """
import torch
from lens_core.training.leafnet import LeafNet

def leafnet():
    torch.manual_seed(0)
    module = LeafNet(2, width=8)
    module.preprocessing = {"input_px": 128, "resize_px": 128, "mean": [0.5] * 3, "std": [0.25] * 3}
    module.class_names = ["noise", "other"]
    head = [one for one in module.modules() if isinstance(one, torch.nn.Linear)][-1]
    torch.nn.init.constant_(head.bias, 5.0)
    return module
"""


class Stages:
    """Processor seconds by stage; what an inner stage takes is not counted for the outer one."""

    def __init__(self) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self._running: list[str] = []
        self._lock = threading.Lock()

    @contextmanager
    def running(self) -> Iterator[None]:
        """Time whatever is built within."""
        with ExitStack() as stack:
            for stage, (module, name) in STAGES.items():
                timed = self._timed(stage, getattr(module, name))
                stack.enter_context(patch.object(module, name, timed))
            decode = self._decode(images.read_view)
            stack.enter_context(patch.object(images, "read_view", decode))
            yield
        # Photographs are decoded in threads while the model judges earlier ones.
        self.seconds["encode_views"] -= self.seconds["decode"]
        self.seconds["maps"] -= self.seconds["factorize"]

    def _timed(self, stage: str, work: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*arguments: Any, **options: Any) -> Any:
            start = time.process_time()
            self._running.append(stage)
            try:
                return work(*arguments, **options)
            finally:
                self._running.pop()
                self.seconds[stage] += time.process_time() - start

        return timed

    def _decode(self, work: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*arguments: Any, **options: Any) -> Any:
            start = time.thread_time()
            # Some are read again for the spectrum that all classes share, before there is a class.
            stage = "decode" if self._running else "spectrum"
            try:
                return work(*arguments, **options)
            finally:
                with self._lock:
                    self.seconds[stage] += time.thread_time() - start

        return timed


def noise(root: Path, n: int) -> tuple[Path, str]:
    """Photographs of nothing, and an untrained network to look at them."""
    rng = np.random.default_rng(0)
    (root / "images" / "noise").mkdir(parents=True)
    for number in range(n):
        rough = Image.fromarray(rng.integers(0, 255, (30, 40, 3), np.uint8))
        rough.resize((500, 375), Image.Resampling.BICUBIC).save(
            root / "images" / "noise" / f"{number:03d}.jpg", quality=90
        )
    (root / "noise.py").write_text(FACTORY, encoding="utf-8")
    return root / "images", f"{root / 'noise.py'}:leafnet"


def third(images: Path, classes: str, root: Path) -> tuple[Path, int]:
    """A folder with a third of the photographs of a class, and how many these are."""
    source = next(p for p in sorted(images.iterdir()) if p.is_dir() and classes in ("all", p.name))
    files = sorted(source.iterdir())
    files = files[: len(files) // 3]
    (root / source.name).mkdir(parents=True)
    for file in files:
        (root / source.name / file.name).symlink_to(file.resolve())
    return root, len(files)


def timed(
    classifier: Classifier, images: Path, out: Path, settings: BuildSettings, classes: str = "all"
) -> dict[str, float]:
    """Processor seconds by stage of building an atlas of one class."""
    stages = Stages()
    with stages.running():
        build_atlas(classifier, images, out, settings, classes=classes)
    return stages.seconds


def gflop_forward(classifier: Classifier) -> float:
    """Operations for one picture of the model's size, in 10⁹; a multiplication and an addition
    are two."""
    px = classifier.preprocessing.input_px
    counter = FlopCounterMode(display=False)
    with torch.no_grad(), counter:
        classifier.module(torch.zeros(1, 3, px, px, device=classifier.device))
    return counter.get_total_flops() / 1e9


def work(
    classifier: Classifier, photos: int, used: int, settings: BuildSettings
) -> dict[str, float]:
    """Pictures of the model's size that go forward, by stage; one that also goes back is two.

    Views are encoded once to judge them, and once more for their maps.
    """
    px = classifier.preprocessing.input_px
    maco = maco_settings(classifier, settings)
    pixels = ((maco.crop_px or px) / px) ** 2
    n_pictures = settings.concepts + 1
    return {
        "encode_views": 2 * photos,
        "encode_crops": used * len(crops.grid(px, crops.default_patch_px(px))),
        "visualize": 2 * pixels * maco.steps * maco.crops * n_pictures,
    }


def planned(
    classifier: Classifier,
    seconds: dict[str, float],
    plain: dict[str, float],
    fewer: dict[str, float],
    counts: Mapping[str, int],
    n_few: int,
    sizes: Mapping[str, int],
    settings: BuildSettings,
    options: argparse.Namespace,
) -> dict[str, Any]:
    """A build on GPUs, extrapolated; see the module's first lines."""
    photos, used = int(options.plan_photos), int(options.plan_used)
    settings = settings.model_copy(update={"visualization_steps": None})
    forwards = work(classifier, photos, used, settings)

    def grown(stage: str) -> float:
        """Seconds with the planned photographs, on the line through the two measured."""
        slope = max(0.0, (plain[stage] - fewer[stage]) / (counts["photos"] - n_few))
        if stage == "decode":
            return seconds[stage] + slope * (photos - counts["photos"])
        # The same share of all photographs was predicted as the class in both.
        slope *= counts["photos"] / counts["used"]
        return max(0.0, seconds[stage] + slope * (used - counts["used"]))

    a_class = {
        stage: n * options.plan_gflop / (1000 * options.tflops) for stage, n in forwards.items()
    }
    a_class |= {
        "decode": grown("decode") / options.cores,
        "factorize": grown("factorize"),
        "maps": max(0.0, grown("maps") - grown("encode_views")),
        "measures": grown("measures"),
        "write": grown("write") / min(4, options.cores),
    }
    total = sum(a_class.values())
    grows = sum(size for kind, size in sizes.items() if kind != "pictures")
    size = grows * used / counts["used"] + sizes["pictures"]
    return {
        "extrapolated": True,
        "assumed": {
            "gflop_forward": options.plan_gflop,
            "sustained_tflops": options.tflops,
            "cores_a_worker": options.cores,
            "gpus": options.gpus,
            "photos": photos,
            "used": used,
            "classes": options.plan_classes,
        },
        "seconds_a_class": {stage: round(value, 2) for stage, value in a_class.items()},
        "dominant": max(a_class, key=lambda stage: a_class[stage]),
        "seconds_a_class_total": round(total, 1),
        "hours": round(total * options.plan_classes / options.gpus / 3600, 2),
        "megabytes_a_class": round(size / 1e6, 1),
        "gigabytes": round(size * options.plan_classes / 1e9, 1),
    }


def measure(options: argparse.Namespace, root: Path) -> dict[str, Any]:
    """All figures."""
    folder, spec = options.images, options.model
    if folder is None:
        folder, spec = noise(root, 9 if options.quick else 48)
    torch.set_num_threads(options.threads)
    classifier = load_classifier(spec, device="cpu")
    steps = 2 if options.quick else None
    settings = BuildSettings(
        select="predicted" if options.images else "labelled", visualization_steps=steps
    )
    few, n_few = third(folder, options.classes, root / "few")
    short = settings.model_copy(update={"visualizations": False})
    fewer = timed(classifier, few, root / "fewer", short)
    plain = timed(classifier, folder, root / "plain", short, options.classes)
    start = time.perf_counter()
    seconds = timed(classifier, folder, root / "atlas", settings, options.classes)
    wall = time.perf_counter() - start
    atlas = Atlas.open(root / "atlas")
    one = atlas.load_class(atlas.classes[0].id)
    kinds = {".parquet": "tables", ".safetensors": "arrays", ".webp": "pictures"}
    sizes: Counter[str] = Counter()
    for name, file in one.info.files.items():
        kind = "images" if name.startswith("images/") else kinds[Path(name).suffix]
        sizes[kind] += file.size
    counts = {"photos": one.info.n_candidates, "used": one.info.n_images}
    counts["crops"] = len(one.crops)
    counts["pictures"] = len(one.info.concepts) + 1
    return {
        "counts": counts,
        "seconds": {stage: round(value, 3) for stage, value in seconds.items()},
        "wall_seconds": round(wall, 1),
        "per_unit": {
            "decode_a_photo": round(seconds["decode"] / counts["photos"], 5),
            "encode_a_view": round(seconds["encode_views"] / counts["photos"], 5),
            "encode_a_crop": round(seconds["encode_crops"] / counts["crops"], 5),
            "visualize_a_picture": round(seconds["visualize"] / counts["pictures"], 3),
            "write_an_image": round(seconds["write"] / counts["used"], 5),
        },
        "bytes": dict(sizes),
        "gflop_forward": round(gflop_forward(classifier), 3),
        "model": classifier.name,
        "precision": str(classifier.dtype).removeprefix("torch."),
        "threads": torch.get_num_threads(),
        "plan": planned(
            classifier,
            seconds,
            plain,
            fewer,
            counts,
            n_few,
            sizes,
            settings,
            options,
        ),
        "quick": options.quick,
    }


def main() -> None:
    """Measure and print one JSON object."""
    parser = argparse.ArgumentParser(description="Cost of a class of an atlas.")
    parser.add_argument("--quick", action="store_true", help="nine pictures, two steps")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--images", type=Path, help="folder with one folder a class")
    parser.add_argument("--model", help="SPEC, with --images")
    parser.add_argument("--classes", default="all", help="the one class to build")
    parser.add_argument("--plan-gflop", type=float, default=8.2, help="ResNet50's at 224 px")
    parser.add_argument("--plan-photos", type=int, default=500, help="in a class's folder")
    parser.add_argument("--plan-used", type=int, default=370, help="of them predicted as it")
    parser.add_argument("--plan-classes", type=int, default=1000)
    parser.add_argument("--gpus", type=int, default=8)
    parser.add_argument("--tflops", type=float, default=30.0, help="sustained, in 10¹² a second")
    parser.add_argument("--cores", type=int, default=12, help="of each worker")
    options = parser.parse_args()
    if (options.images is None) != (options.model is None):
        parser.error("--images and --model go together")
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(measure(options, Path(folder))))


if __name__ == "__main__":
    main()
