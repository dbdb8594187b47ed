"""How good an atlas's feature visualizations are beside those that horama's defaults give.

Both sides visualize the same concepts of one class (directions of a dictionary that `build_atlas`
made), at the same size, through the same network; horama gets the spectrum of the same photographs
as its magnitude template. Ours are the defaults of `lens atlas build`; horama's are its own: 1,000
steps, 6 crops a step, noise .05, boxes of .25 to .30, NAdam with steps of 1, and the objective of
its README, the mean of what crops excite, here along the concept.

Judges are models given with ``--judge`` (one that took no part judges best) in the features of
their last feature layer, by `lens_core.metrics`:

``plausibility``
    Median over pictures of the distance to the 10th nearest real crop; eighteen views a picture,
    weighted by opacity, against the strongest crops of all concepts. ``real`` is what these crops
    have among themselves.
``kid``
    Kernel distance between those views and crops, 95 % interval over pictures and photographs.
``fid``
    Fréchet distance. Ten pictures are fewer than a judge's features, where it is not defined; so
    each picture gives as many random square crops (.25 to .5 of its side, centred near its middle)
    as make 1.25 times the number of features together, and so do the class's photographs (any
    place). What it tells is how the pictures' local contents are distributed.
``top1``
    Share of pictures that find their own concept's crops among those of all.

All twice: ``shown`` as each product shows its pictures (transparency over grey, contrast
stretched), and ``bare``, the optimised pixels alone.

A picture of horama takes minutes. Each is kept in ``--work`` as it is finished, so that a run that
was stopped goes on; ``--concepts`` says which concepts both sides show, ``--make-only`` leaves
judging for later.

    python tests/benchmarks/maco_quality.py [--quick] [--threads N]
        [--images DIR --model SPEC --classes NAME --judge SPEC …] [--work DIR] [--concepts 0,3,…]
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from maco_quality_judging import as_horama_shows, bare, only, verdict
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn import functional

from lens_core.atlas import Atlas
from lens_core.build import BuildSettings, build_atlas
from lens_core.classifier import Classifier, load_classifier
from lens_core.visualization.exhibits import Exhibit, exhibit
from lens_core.visualization.maco import visualize
from lens_core.visualization.making import settings_for
from lens_core.visualization.optimise import Visualizations
from lens_core.visualization.picture import to_picture
from lens_core.visualization.settings import MacoSettings
from lens_core.visualization.spectrum import Spectrum, measure_spectrum
from lens_core.visualization.targets import Targets

PEER_STEPS = 1000
_SPECTRUM_IMAGES = 128
FACTORY = """
import torch
from lens_core.training.leafnet import LeafNet

def leafnet():
    torch.manual_seed(0)
    module = LeafNet({n}, width=8)
    module.preprocessing = {{
        "input_px": 128, "resize_px": 128, "mean": [0.5] * 3, "std": [0.25] * 3
    }}
    module.class_names = {names!r}
    head = [one for one in module.modules() if isinstance(one, torch.nn.Linear)][-1]
    torch.nn.init.constant_(head.bias, 5.0)  # shares of a logit need one above 0
    return module
"""

Seconds = tuple[float, float]


@dataclass(frozen=True)
class Case:
    """A class with its concepts, and what both sides are given.

    Attributes
    ----------
    directions
        (k, d), those of the concepts asked for, `ids`.
    steps
        Of our pictures; None: as an atlas's have.
    """

    classifier: Classifier
    spectrum: Spectrum
    shown: Exhibit
    directions: Tensor
    ids: tuple[int, ...]
    px: int
    work: Path
    steps: int | None = None

    @property
    def settings(self) -> MacoSettings:
        """Ours: those of `lens atlas build`, or fewer steps."""
        suited = settings_for(self.classifier, "maco", self.px)
        assert isinstance(suited, MacoSettings)
        return replace(suited, steps=self.steps or suited.steps)


def prepare(options: argparse.Namespace, work: Path) -> Case:
    """Build the concepts of the class, or read them where they are."""
    classifier = load_classifier(options.model, device="cpu")
    folder = work / "atlas"
    settings = BuildSettings(
        concepts=options.n_concepts, measures=False, visualizations=False, select=options.select
    )
    build_atlas(classifier, options.images, folder, settings, classes=options.classes)
    atlas = Atlas.open(folder)
    one = atlas.load_class(atlas.classes[0].id)
    dictionary = atlas.dictionaries[0].id
    shown = exhibit(one, dictionary)
    if shown is None:
        raise SystemExit("the class has fewer than two concepts with crops")
    views = shown.views(classifier.preprocessing.input_px, _SPECTRUM_IMAGES)
    rows = torch.from_numpy(one.array(f"{dictionary}/dictionary")).float()[list(shown.rows)]
    ids = tuple(i for i in options.concepts or range(len(rows)) if i < len(rows))
    steps = 6 if options.quick else None
    spectrum = measure_spectrum(views)
    return Case(classifier, spectrum, shown, rows[list(ids)], ids, options.px, work, steps)


def ours(case: Case, px: int) -> tuple[Seconds, Visualizations]:
    """Seconds a picture, and pictures, as `lens atlas build` makes them, the class's too."""
    settings = replace(case.settings, size_px=px)
    targets = Targets(case.directions, (case.shown.class_id,))
    wall, cpu = time.perf_counter(), time.process_time()
    made = visualize(case.classifier, targets, case.spectrum, settings)
    n = len(targets)
    return ((time.perf_counter() - wall) / n, (time.process_time() - cpu) / n), made


def make_peer(case: Case, steps: int) -> None:
    """Let horama make the pictures that are not there yet, each kept as it is finished."""
    from horama.maco_fv import maco  # type: ignore[import-not-found]

    preprocessing = case.classifier.preprocessing
    mean = torch.tensor(preprocessing.mean).view(1, -1, 1, 1)
    std = torch.tensor(preprocessing.std).view(1, -1, 1, 1)
    for concept, direction in zip(case.ids, case.directions, strict=True):
        kept = case.work / f"horama-{case.px}-{steps}-{concept}.safetensors"
        if kept.exists():
            continue
        unit = functional.normalize(direction, dim=0)

        def objective(x: Tensor, unit: Tensor = unit) -> Tensor:
            # It paints in the range of normalised pictures, -2.5 … 2.5.
            return (case.classifier.encode(x * std + mean).mean((2, 3)) @ unit).mean()

        torch.manual_seed(concept)
        start = time.process_time()
        with template(case), open(os.devnull, "w") as quiet:  # noqa: PTH123
            told, sys.stderr = sys.stderr, quiet
            try:
                painted, seen = maco(
                    objective,
                    total_steps=steps,
                    image_size=case.px,
                    model_input_size=preprocessing.input_px,
                    device="cpu",
                )
            finally:
                sys.stderr = told
        found = {
            "image": (painted.detach() * std[0] + mean[0]).contiguous(),
            "transparency": seen.detach().mean(0),
            "seconds": torch.tensor(time.process_time() - start),
        }
        save_file(found, kept.with_suffix(".partial"))
        kept.with_suffix(".partial").replace(kept)
        print(f"concept {concept}: {found['seconds']:.0f} s of processor", file=sys.stderr)


@contextmanager
def template(case: Case) -> Iterator[None]:
    """The magnitude where horama looks for it, so that it downloads nothing."""
    with tempfile.TemporaryDirectory() as folder:
        magnitude = case.spectrum.resized(case.px).numpy()
        np.save(Path(folder) / "spectrum_decorrelated.npy", magnitude)
        here = Path.cwd()
        os.chdir(folder)
        try:
            yield
        finally:
            os.chdir(here)


def peer_pictures(case: Case, steps: int) -> dict[int, dict[str, Tensor]]:
    """What horama has made so far, by concept."""
    found = {}
    for concept in case.ids:
        kept = case.work / f"horama-{case.px}-{steps}-{concept}.safetensors"
        if kept.exists():
            found[concept] = load_file(kept)
    return found


def measure(case: Case, judges: list[str], steps: int, sizes: tuple[int, ...]) -> dict[str, object]:
    """Time our defaults at all sizes, and judge both sides at the case's."""
    seconds = {px: ours(case, px) for px in dict.fromkeys((case.px, *sizes))}
    made = seconds[case.px][1]
    peer = peer_pictures(case, steps)
    both = [i for i in case.ids if i in peer] or list(case.ids)
    at = [case.ids.index(i) for i in both]
    sides = {
        "ours": [(made.images[i], made.transparency[i]) for i in at],
        "horama": [(peer[i]["image"], peer[i]["transparency"]) for i in both if i in peer],
    }
    for name, pairs in sides.items():
        for i, (image, transparency) in zip(both, pairs, strict=False):
            show = to_picture if name == "ours" else as_horama_shows
            show(image, transparency).save(case.work / f"{name}-{case.px}-{i}.webp")
    verdicts: dict[str, object] = {}
    for spec in judges:
        judge = load_classifier(spec, device="cpu")
        took_part = judge.weights_sha256 == case.classifier.weights_sha256
        said = {}
        for name, pairs in sides.items():
            if not pairs:
                continue
            show = to_picture if name == "ours" else as_horama_shows
            for how, pictures in (
                ("shown", [show(*pair) for pair in pairs]),
                ("bare", [bare(image) for image, _ in pairs]),
            ):
                judged = only(case.shown, both, pictures)
                said[f"{name} {how}"] = verdict(judge, judge.name, judged, took_part)
        verdicts[spec.rpartition(":")[2] + (" (took part)" if took_part else "")] = said
    return {
        "seconds_per_concept": {str(px): round(taken[0], 2) for px, (taken, _) in seconds.items()},
        "processor_seconds_per_concept": {
            str(px): round(taken[1], 2) for px, (taken, _) in seconds.items()
        },
        "peer_processor_seconds_per_concept": (
            round(float(torch.stack([one["seconds"] for one in peer.values()]).mean()), 1)
            if peer
            else None
        ),
        "peer_steps": steps,
        "px": case.px,
        "concepts": both,
        "judges": verdicts,
        "threads": torch.get_num_threads(),
    }


def leaves(root: Path, quick: bool) -> tuple[Path, str, str]:
    """The built-in images, an untrained network, and the class to take."""
    from experiments.generators.leaves import draw, sample
    from experiments.generators.leaves.dataset import write_dataset

    images = root / "leaves" / "train"
    if quick:
        rng = np.random.default_rng(0)
        for family in ("Betulaceae", "Ginkgoaceae"):
            (images / family).mkdir(parents=True, exist_ok=True)
            for number in range(6):
                draw(sample(family, rng)).image.save(images / family / f"{number}.png")
    elif not images.exists():
        write_dataset(images.parent, 12, 0)
    names = sorted(p.name for p in images.iterdir())
    (root / "leafnet.py").write_text(FACTORY.format(n=len(names), names=names), "utf-8")
    return images, f"{root / 'leafnet.py'}:leafnet", names[0]


def main() -> None:
    """Measure and print one JSON object."""
    parser = argparse.ArgumentParser(description="Judge feature visualizations against horama's.")
    parser.add_argument("--quick", action="store_true", help="leaves, small, without horama")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--images", type=Path, help="folder with one folder a class")
    parser.add_argument("--model", metavar="SPEC")
    parser.add_argument("--classes", metavar="NAME", help="the class to take")
    parser.add_argument("--judge", metavar="SPEC", action="append", default=[], dest="judges")
    parser.add_argument("--work", type=Path, help="where concepts and horama's pictures are kept")
    parser.add_argument("--px", type=int, default=320)
    parser.add_argument("--n-concepts", type=int, default=10, help="of the dictionary")
    parser.add_argument(
        "--concepts",
        type=lambda text: [int(part) for part in text.split(",")],
        help="which to show: 0,3,…; all by default",
    )
    parser.add_argument("--peer-steps", type=int, default=PEER_STEPS)
    parser.add_argument("--make-only", action="store_true", help="horama's pictures alone")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(options.threads)
    options.select = "predicted"
    with tempfile.TemporaryDirectory() as folder:
        work = options.work or Path(folder)
        work.mkdir(parents=True, exist_ok=True)
        if options.images is None:
            options.images, options.model, options.classes = leaves(work, options.quick)
            options.select = "labelled"
            options.judges = options.judges or [options.model]
        if options.quick:
            options.px, options.n_concepts = 64, 3
        case = prepare(options, work)
        if not options.quick and importlib.util.find_spec("horama") is not None:
            make_peer(case, options.peer_steps)
        if options.make_only:
            return
        sizes = () if options.quick else (256,)
        found = measure(case, options.judges, options.peer_steps, sizes)
    print(json.dumps(found | {"quick": options.quick, "model": case.classifier.name}))


if __name__ == "__main__":
    main()
