"""Peak memory of `lens atlas build` against the number of classes and of images in a class.

Each atlas is built in a process of its own from leaves drawn by the package, classified by an
untrained network, in batches of 16; photographs repeat where more are asked for than drawn. Printed
are the peaks (resident, of the whole process, libraries included) and two slopes through them by
least squares:

``mb_per_class``
    Of peaks over numbers of classes: what a further class leaves behind.
``kb_per_image``
    Of peaks over numbers of images in one class. ``kb_pooled_per_image`` is the size of an image's
    pooled crops, which are what NMF factorizes and the only thing that has to be held of it;
    ``kb_pixels_per_image`` is that of its pixels, which wait on disk.
``mb_per_picture``
    Of peaks over numbers of feature visualizations of one class, made by untrained
    EfficientNet-Lite0 (with ``--quick`` by the small network) one after the other in one process,
    two steps each: from a lot of 32 (with ``--quick`` 8) on it should be 0.

    python tests/benchmarks/memory.py [--quick] [--threads N] [--classes 1,2,4,8] [--images 50,…]
        [--pictures 11,33,100]
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from few_leaves import few_leaves
from resident import peak_mb

from lens_core import crops
from lens_core.build import BuildSettings, build_atlas
from lens_core.classifier import load_classifier
from lens_core.visualization.maco import visualize_in_lots
from lens_core.visualization.picture import to_pictures
from lens_core.visualization.settings import MacoSettings
from lens_core.visualization.spectrum import measure_spectrum
from lens_core.visualization.targets import Targets

SETTINGS = BuildSettings(visualizations=False, select="labelled", batch=16)

FACTORY = """
import torch
from lens_core.training.leafnet import LeafNet


def leafnet():
    torch.manual_seed(0)
    module = LeafNet(8, width={width})
    with torch.no_grad():
        module.classifier.bias.fill_(1.0)  # logits of an untrained network shall be positive
    module.preprocessing = {{
        "input_px": 128, "resize_px": 128, "mean": [0.5] * 3, "std": [0.25] * 3
    }}
    module.class_names = {names}
    return module
"""


def build(connection: Any, model: str, images: Path, out: Path, threads: int) -> None:
    """In a process of its own: build, then send the peak before and after."""
    torch.set_num_threads(threads)
    classifier = load_classifier(model, device="cpu")
    before = peak_mb()
    build_atlas(classifier, images, out, SETTINGS)
    connection.send((before, peak_mb()))


def measured(model: str, images: Path, threads: int) -> tuple[float, float]:
    """Megabytes with the model loaded, and at the peak of the build."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    with tempfile.TemporaryDirectory() as out:
        process = context.Process(
            target=build, args=(theirs, model, images, Path(out) / "atlas", threads)
        )
        process.start()
        theirs.close()
        try:
            before, peak = ours.recv()
        finally:
            process.join()
    return before, peak


def paint(
    connection: Any,
    model: str,
    weights: str | None,
    counts: list[int],
    threads: int,
    at_once: int,
) -> None:
    """In a process of its own: make more and more pictures, then send the peaks."""
    torch.set_num_threads(threads)
    classifier = load_classifier(model, weights, device="cpu")
    px = classifier.preprocessing.input_px
    suited = MacoSettings.for_input(px, classifier.fixed_input, steps=2)
    suited = replace(suited, at_once=at_once)
    spectrum = measure_spectrum(torch.rand(4, 3, px, px))
    peaks = {}
    for n in counts:  # in ascending order: a peak never sinks
        targets = Targets(torch.rand(n, classifier.n_channels))
        for lot in visualize_in_lots(classifier, targets, spectrum, suited):
            to_pictures(lot)
        peaks[n] = peak_mb()
    connection.send(peaks)


def of_pictures(
    model: str, weights: str | None, counts: list[int], threads: int, at_once: int
) -> dict[int, float]:
    """Peaks in megabytes by how many pictures were made."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=paint, args=(theirs, model, weights, counts, threads, at_once))
    process.start()
    theirs.close()
    try:
        peaks: dict[int, float] = ours.recv()
    finally:
        process.join()
    return peaks


def repeated(source: Path, target: Path, folders: list[str], n_images: int) -> Path:
    """A folder with so many images in each of the folders."""
    for folder in folders:
        (target / folder).mkdir(parents=True)
        drawn = sorted((source / folder).iterdir())
        for i in range(n_images):
            file = drawn[i % len(drawn)]
            os.link(file, target / folder / f"{i:05d}{file.suffix}")
    return target


def slope(x: list[int], y: list[float]) -> float:
    """Of the line through the points; not a number for a single one."""
    return float(np.polyfit(x, y, 1)[0]) if len(x) > 1 else float("nan")


def measure(
    root: Path,
    class_counts: list[int],
    image_counts: list[int],
    picture_counts: list[int],
    width: int,
    quick: bool,
    threads: int,
) -> dict[str, object]:
    """All curves."""
    from experiments.generators.leaves import FAMILIES
    from experiments.generators.leaves.dataset import write_dataset

    source, names = root / "leaves" / "train", sorted(FAMILIES)
    if quick:
        few_leaves(source, names[: max(class_counts)], 3)
    else:
        write_dataset(root / "leaves", 10, 0)
    factory = root / "leafnet.py"
    factory.write_text(FACTORY.format(width=width, names=names), "utf-8")
    model = f"{factory}:leafnet"
    by_classes, by_images, loaded = {}, {}, 0.0
    for n in class_counts:
        images = repeated(source, root / f"classes-{n}", names[:n], image_counts[0])
        loaded, by_classes[n] = measured(model, images, threads)
    for n in image_counts:
        if n == image_counts[0] and 1 in by_classes:
            by_images[n] = by_classes[1]
            continue
        images = repeated(source, root / f"images-{n}", names[:1], n)
        loaded, by_images[n] = measured(model, images, threads)
    painter = (model, None) if quick else ("timm:tf_efficientnet_lite0", "none")
    at_once = 8 if quick else MacoSettings().at_once
    by_pictures = of_pictures(*painter, picture_counts, threads, at_once)
    lots = [n for n in picture_counts if n >= min(at_once, picture_counts[-2])]
    n_crops = len(crops.grid(128, crops.default_patch_px(128)))
    return {
        "mb_per_class": round(slope(class_counts, list(by_classes.values())), 2),
        "kb_per_image": round(1024 * slope(image_counts, list(by_images.values())), 1),
        "kb_pooled_per_image": n_crops * 8 * width * 4 / 1024,
        "kb_pixels_per_image": 3 * (128**2 + SETTINGS.display_px**2) / 1024,
        "peak_mb_by_classes": {n: round(mb, 1) for n, mb in by_classes.items()},
        "peak_mb_by_images": {n: round(mb, 1) for n, mb in by_images.items()},
        "peak_mb_by_pictures": {n: round(mb, 1) for n, mb in by_pictures.items()},
        "mb_per_picture": round(slope(lots, [by_pictures[n] for n in lots]), 2),
        "loaded_mb": round(loaded, 1),
        "images_a_class": image_counts[0],
        "threads": threads,
    }


def counts(text: str) -> list[int]:
    """1,2,4 → numbers."""
    return [int(part) for part in text.split(",")]


def main() -> None:
    """Measure and print one JSON object."""
    parser = argparse.ArgumentParser(description="Peak memory of building atlases.")
    parser.add_argument(
        "--quick", action="store_true", help="few images and classes, a narrow network"
    )
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--width", type=int, help="of the network: pooled crops have 8 times that")
    parser.add_argument("--classes", type=counts, help="numbers of classes, up to 8")
    parser.add_argument("--images", type=counts, help="numbers of images in the one class")
    parser.add_argument("--pictures", type=counts, help="numbers of pictures, two at least")
    options = parser.parse_args()
    pictures = sorted(options.pictures or ([2, 10, 20] if options.quick else [11, 33, 66, 132]))
    classes = options.classes or ([1, 2] if options.quick else [1, 2, 4, 8])
    images = options.images or ([12, 24] if options.quick else [50, 100, 200, 400])
    with tempfile.TemporaryDirectory() as folder:
        width = options.width or (16 if options.quick else 32)
        result = measure(
            Path(folder), classes, images, pictures, width, options.quick, options.threads
        )
    print(json.dumps(result | {"quick": options.quick}))


if __name__ == "__main__":
    main()
