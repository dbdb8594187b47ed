"""Concepts against the truth, which is interventional.

Leaves are drawn again with one thing changed, the label taken away or one part swapped, and the
change of the logit says what the classifier uses. A good account of the classifier says the same:
the concept whose map lies on the label is an important one, taking it away predicts what taking
the label away does, and changes of concept values add up to changes of the logit.

The last maps here are 8 × 8 for 64 px, so that a label covers a few places, while veins and teeth
are far smaller than one: those are judged by their logits alone, not by maps.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from experiments.generators.leaves import (
    LABELLED_FAMILY,
    LOOKALIKE_FAMILY,
    LeafSpec,
    draw,
    sample,
    swap,
    without_label,
)
from lens_core.atlas import Atlas, AtlasClass
from lens_core.attribution.concept_maps import gradcam_maps, spatial_codes
from lens_core.build import BuildSettings, build_atlas
from lens_core.classifier import Classifier, Preprocessing
from lens_core.factorization.nnls import nnls

pytestmark = pytest.mark.slow

PX = 64
PER_FAMILY = 80
OTHER_FAMILY = "Ginkgoaceae"
FAMILIES = tuple(sorted((LABELLED_FAMILY, LOOKALIKE_FAMILY, OTHER_FAMILY)))
LABELLED = FAMILIES.index(LABELLED_FAMILY)


@lru_cache(maxsize=400)
def drawn(leaf: LeafSpec) -> tuple[Image.Image, NDArray[np.bool_]]:
    """Picture (PX, PX) and where the label is (256, 256); tests look at the same leaves."""
    rendered = draw(leaf)
    picture = rendered.image.resize((PX, PX), Image.Resampling.BILINEAR)
    return picture, rendered.masks["label"]


def picture(leaf: LeafSpec) -> Image.Image:
    return drawn(leaf)[0]


def tensor(pictures: Sequence[Image.Image]) -> Tensor:
    return torch.stack([torch.from_numpy(np.array(p)).permute(2, 0, 1) for p in pictures]) / 255.0


def train(images: Tensor, labels: Tensor, steps: int = 200) -> nn.Module:
    """A small network, soon good enough to have learned the label."""
    torch.manual_seed(0)
    generator = torch.Generator().manual_seed(0)
    blocks: list[nn.Module] = []
    for n_in, n_out, stride in ((3, 16, 2), (16, 32, 2), (32, 48, 2), (48, 48, 1)):
        blocks.append(nn.Conv2d(n_in, n_out, 3, stride, 1, bias=False))
        blocks += [nn.BatchNorm2d(n_out), nn.ReLU()]
    net = nn.Sequential()
    net.add_module("features", nn.Sequential(*blocks))
    net.add_module("pool", nn.AdaptiveAvgPool2d(1))
    net.add_module("flat", nn.Flatten())
    net.add_module("head", nn.Linear(48, len(FAMILIES)))
    optimizer = torch.optim.AdamW(net.parameters(), lr=1e-2, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 1e-2, total_steps=steps)
    for step in range(steps):
        rows = torch.randint(len(images), (48,), generator=generator)
        batch = images[rows].flip(3) if step % 2 else images[rows]
        batch = batch.flip(2) if step % 4 > 1 else batch
        loss = nn.functional.cross_entropy(net((batch - 0.45) / 0.25), labels[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return net


@dataclass(frozen=True)
class World:
    """What the tests look at: labelled leaves, the classifier, and its atlas of their family."""

    classifier: Classifier
    leaves: tuple[LeafSpec, ...]
    ulmaceae: AtlasClass

    @property
    def dictionary(self) -> Tensor:
        return torch.from_numpy(self.ulmaceae.array("concepts/dictionary"))

    @property
    def omega(self) -> Tensor:
        head = self.classifier.linear_head
        assert head is not None
        return self.dictionary @ head.weight[LABELLED]

    @torch.no_grad()
    def look(self, leaves: Sequence[LeafSpec]) -> tuple[Tensor, Tensor, Tensor]:
        """Maps, logits of the labelled family, and contributions of its concepts."""
        maps = self.classifier.encode(tensor([picture(leaf) for leaf in leaves]))
        contributions = nnls(maps.mean((2, 3)), self.dictionary) * self.omega
        return maps, self.classifier.head(maps)[:, LABELLED], contributions


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    root = tmp_path_factory.mktemp("leaves")
    rng = np.random.default_rng(0)
    images = []
    for family in FAMILIES:
        (root / "images" / family).mkdir(parents=True)
        for number in range(PER_FAMILY):
            images.append(picture(sample(family, rng)))
            images[-1].save(root / "images" / family / f"{number:03d}.png")
    labels = torch.arange(len(FAMILIES)).repeat_interleave(PER_FAMILY)
    classifier = Classifier(
        train(tensor(images), labels),
        preprocessing=Preprocessing(PX, (0.45,) * 3, (0.25,) * 3, PX),
        class_names=FAMILIES,
        device="cpu",
        precision="float32",
    )
    assert classifier.layer == "features"
    settings = BuildSettings(concepts=10, visualizations=False, display_px=PX)
    build_atlas(classifier, root / "images", root / "atlas", settings, classes=LABELLED_FAMILY)
    found = [sample(LABELLED_FAMILY, rng) for _ in range(40)]
    leaves = tuple(leaf for leaf in found if leaf.label.present)[:24]
    return World(classifier, leaves, Atlas.open(root / "atlas").load_class(LABELLED))


def label_share(maps: Tensor, leaves: Sequence[LeafSpec]) -> NDArray[np.float64]:
    """Share of each concept's map that lies on the label, (r,), over that of an even map."""
    masks = np.stack([drawn(leaf)[1] for leaf in leaves])[:, None]
    cover = nn.functional.adaptive_avg_pool2d(
        torch.from_numpy(masks.astype(np.float32)), maps.shape[-2:]
    )
    on_label = (maps * cover).sum((0, 2, 3)) / maps.sum((0, 2, 3)).clamp(min=1e-9)
    share: NDArray[np.float64] = (on_label / cover.mean()).double().numpy()
    return share


def label_concept(world: World) -> int:
    maps, _, _ = world.look(world.leaves)
    return int(label_share(spatial_codes(maps, world.dictionary), world.leaves).argmax())


def test_the_classifier_does_use_the_label(world: World) -> None:
    _, with_it, _ = world.look(world.leaves)
    _, without, _ = world.look([without_label(leaf) for leaf in world.leaves])
    assert float((with_it - without).mean()) > 0.5


def test_a_concept_lies_on_the_label_and_is_important(world: World) -> None:
    maps, _, _ = world.look(world.leaves)
    concept = label_concept(world)
    for found in (
        spatial_codes(maps, world.dictionary),
        gradcam_maps(maps, world.dictionary),
    ):
        assert label_share(found, world.leaves)[concept] > 3
    ranked = [c.index for c in world.ulmaceae.info.of_dictionary("concepts")]
    assert concept in ranked[:3]


def test_ablating_that_concept_predicts_what_removing_the_label_does(world: World) -> None:
    _, with_it, contributions = world.look(world.leaves)
    _, without, left = world.look([without_label(leaf) for leaf in world.leaves])
    change = with_it - without
    concept = label_concept(world)
    ablated = contributions[:, concept]
    assert 0.4 < float(ablated.mean() / change.mean()) < 2.5
    assert np.corrcoef(ablated.numpy(), change.numpy())[0, 1] > 0.4
    moved = (contributions - left).mean(0)
    assert int(moved.argmax()) == concept, "no other concept loses more when the label goes"


@pytest.mark.parametrize("part", ["shape", "margin", "texture"])
def test_concepts_account_for_swapped_parts(world: World, part: str) -> None:
    leaves = world.leaves[:12]
    _, before, contributions = world.look(leaves)
    _, after, swapped = world.look([swap(leaf, part, OTHER_FAMILY) for leaf in leaves])
    told = (contributions - swapped).sum(1)
    assert np.corrcoef(told.numpy(), (before - after).numpy())[0, 1] > 0.8
