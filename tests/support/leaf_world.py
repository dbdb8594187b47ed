"""A classifier of leaves, pictures to find its concepts in, and interventions to judge them by."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from experiments.generators.leaves import FAMILIES, LABELLED_FAMILY, LeafSpec, sample
from lens_core.ace import AceSettings
from lens_core.attribution.concept_maps import PIXELS
from lens_core.classifier import Classifier, load_classifier
from lens_core.segments import SegmentSettings
from lens_core.training.train import TrainSettings, train_folder
from tests.support.interventions import REGIONS, Case, draw_cases
from tests.support.recovery import thickness_px

_MASK_PX = 256


@dataclass(frozen=True)
class Size:
    """How much of everything."""

    families: tuple[str, ...] = tuple(FAMILIES)
    per_family: int = 100
    n_cases: int = 12
    n_fit: int = 60
    parts: tuple[str, ...] = tuple(REGIONS)
    methods: tuple[str, ...] = (
        *("nmf", "semi_nmf", "convex_nmf", "kmeans", "pca", "ica", "svd", "archetypal"),
        *("sae", "topk_sae", "batch_topk_sae", "jumprelu_sae", "units"),
    )
    estimators: tuple[str, ...] = (
        *("saliency", "gradient_input", "rise", "sobol", "hsic", "square_grad"),
    )
    training: TrainSettings = field(default_factory=TrainSettings)
    sae_steps: int = 400
    ace: AceSettings = field(
        default_factory=lambda: AceSettings(
            SegmentSettings((15, 50)), n_clusters=15, n_random=100, n_repeats=4
        )
    )


QUICK = Size(
    families=(LABELLED_FAMILY, "Betulaceae", "Fagaceae"),
    per_family=60,
    n_cases=8,
    n_fit=30,
    parts=("shape", "margin", "label", "background"),
    methods=("nmf", "kmeans", "pca", "topk_sae", "units"),
    training=TrainSettings(width=8, input_px=96, epochs=70, max_lr=6e-3),
    sae_steps=150,
    ace=AceSettings(SegmentSettings((12,)), n_clusters=6, n_random=40, n_repeats=2),
)


@dataclass(frozen=True)
class World:
    """The classifier, pictures to fit on (n, 3, px, px) and interventions, by family.

    `layers` says for each part at which layer its mask is scored, `accuracy` how many of the
    unchanged leaves the classifier knows.
    """

    classifier: Classifier
    accuracy: float
    fit: dict[str, Tensor]
    cases: dict[str, list[Case]]
    layers: dict[str, str]

    def masks_at(self, case: Case, part: str, side: int) -> Tensor:
        """Share of each of side × side cells that the mask covers."""
        mask = torch.from_numpy(case.masks[part]).float()[None]
        return torch.nn.functional.adaptive_avg_pool2d(mask, side)[0]


def make_world(size: Size, images: Path | None, model: Path | None, workers: int) -> World:
    """Draw, train where no model is given, and find out which layer resolves which part."""
    px = size.training.input_px
    if model is not None:
        px = load_classifier(str(model), device="cpu").preprocessing.input_px
    n_fit = size.per_family if model is None else size.n_fit
    found = {f: leaves(f, size.n_cases, 1) for f in size.families}
    cases = {f: draw_cases(found[f], size.parts, px, 0, workers) for f in size.families}
    with tempfile.TemporaryDirectory() as folder:
        train = Path(folder) / "train" if images is None else images / "train"
        if images is None:
            for f in size.families:
                save(draw_cases(leaves(f, n_fit, 0), (), px, 0, workers), train / f)
        for f in size.families:
            save(cases[f], Path(folder) / "test" / f)
        if model is None:
            held_out, model = Path(folder) / "test", Path(folder) / "model"
            train_folder(train, model, size.training, held_out=held_out)
        classifier = load_classifier(str(model), device="cpu", precision="float32")
        fit = {f: read(sorted((train / f).iterdir())[: size.n_fit], px) for f in size.families}
    every = [case for own in cases.values() for case in own]
    layers = resolving_layers(classifier, every, size.parts)
    return World(classifier, accuracy(classifier, every), fit, cases, layers)


@torch.no_grad()
def accuracy(classifier: Classifier, cases: Sequence[Case]) -> float:
    """Share of unchanged leaves that are predicted as their family."""
    predicted = classifier.logits(as_tensor([case.picture for case in cases])).argmax(1).tolist()
    names = [classifier.class_names[k] for k in predicted]
    return float(np.mean([n == case.family for n, case in zip(names, cases, strict=True)]))


def leaves(family: str, n: int, split: int) -> list[LeafSpec]:
    """Leaves of a family; splits never share one."""
    seed = FAMILIES.index(family)
    return [sample(family, np.random.default_rng([2, split, seed, i])) for i in range(n)]


def save(cases: Sequence[Case], folder: Path) -> None:
    """Write pictures, one file each."""
    folder.mkdir(parents=True)
    for number, case in enumerate(cases):
        Image.fromarray(case.picture).save(folder / f"{number:04d}.png")


def read(files: Sequence[Path], px: int) -> Tensor:
    """Pictures (n, 3, px, px) in [0, 1]."""
    pictures = [Image.open(f).convert("RGB").resize((px, px)) for f in files]
    return as_tensor([np.asarray(picture) for picture in pictures])


def as_tensor(pixels: Sequence[NDArray[np.uint8]]) -> Tensor:
    """(n, px, px, 3) bytes → (n, 3, px, px) in [0, 1]."""
    return torch.from_numpy(np.stack(pixels)).permute(0, 3, 1, 2).float() / 255


def resolving_layers(
    classifier: Classifier, cases: Sequence[Case], parts: Sequence[str]
) -> dict[str, str]:
    """For each part the last layer whose cells are no wider than its mask is thick."""
    sides = {classifier.preprocessing.input_px: PIXELS}
    for layer in classifier.layers:
        if layer.name == classifier.layer:
            break
        sides[layer.height] = layer.name  # the last of each size
    sides[classifier.map_shape[0]] = classifier.layer
    found = {}
    for part in parts:
        widths = [thickness_px(case.masks[part]) for case in cases if part in case.masks]
        width = float(np.mean(widths)) if widths else 0.0
        fine = [side for side in sorted(sides) if side * width >= _MASK_PX]
        found[part] = sides[fine[0] if fine else max(sides)]
    return found
