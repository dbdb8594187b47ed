"""Concepts divided at earlier layers, against planted truth, closed forms and broken input."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from torch import Tensor, nn

from experiments.generators.leaves import FAMILIES, draw, sample
from lens_core.atlas import LensError
from lens_core.classifier import Classifier, Preprocessing, load_classifier
from lens_core.factorization import METHODS, NMF
from lens_core.recursion import Concept, derivatives, divide, parts_of, strongest

PX = 64
PLAIN = {"input_px": PX, "resize_px": PX, "mean": (0.0,) * 3, "std": (1.0,) * 3}
PARTS = ("label", "patch")


def classifier_of(net: nn.Module, layer: str) -> Classifier:
    return Classifier(
        net,
        preprocessing=Preprocessing(**PLAIN),
        layer=layer,
        class_names=("other", "planted"),
        device="cpu",
        precision="float32",
    )


# --- two planted parts -------------------------------------------------------------------------


@dataclass(frozen=True)
class World:
    """Leaves that all have a label and a patch, and a concept that is both of them.

    Attributes
    ----------
    pictures, masks
        (n, 3, 64, 64) in [0, 1]; (n, 2, 64, 64) bool, of the label and of the patch.
    """

    pictures: Tensor
    masks: Tensor
    whole: Concept


def planted(n: int) -> tuple[Tensor, Tensor]:
    """Pictures (n, 3, 64, 64) of leaves, and where label, patch and blade are."""
    rng = np.random.default_rng(0)
    pictures, places = [], []
    for number in range(n):
        leaf = sample(FAMILIES[number % len(FAMILIES)], rng)
        drawn = draw(
            replace(
                leaf,
                label=replace(leaf.label, present=True),
                pebble=replace(leaf.pebble, present=False),
            )
        )
        x, y = leaf.pebble.center_px
        box = (x - 40, y - 32, x + 40, y + 32)
        patch = Image.new("L", drawn.image.size, 0)
        ImageDraw.Draw(drawn.image).ellipse(box, fill=(200, 40, 150))
        ImageDraw.Draw(patch).ellipse(box, fill=1)
        pictures.append(np.asarray(drawn.image.resize((PX, PX), Image.Resampling.BOX)))
        places.append(np.stack([drawn.masks["label"], np.asarray(patch) > 0, drawn.masks["blade"]]))
    shown = torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).float() / 255
    return shown, nn.functional.adaptive_avg_pool2d(torch.from_numpy(np.stack(places)).float(), PX)


def trained(pictures: Tensor, places: Tensor) -> nn.Sequential:
    """A network whose last maps are "anything planted" and "leaf": it need not tell parts apart."""

    def block(n_in: int, n_out: int, stride: int) -> nn.Sequential:
        conv = nn.Conv2d(n_in, n_out, 3, stride, 1)
        return nn.Sequential(conv, nn.BatchNorm2d(n_out), nn.ReLU())

    torch.manual_seed(0)
    last = nn.Sequential(nn.Conv2d(24, 2, 1), nn.ReLU())
    net = nn.Sequential(
        block(3, 16, 2), block(16, 24, 2), block(24, 24, 1), last,
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2, 2),
    )  # fmt: skip
    nn.init.constant_(last[0].bias, 0.3)
    nn.init.eye_(net[6].weight)
    wanted = torch.stack([places[:, 0] + places[:, 1], places[:, 2]], dim=1)
    wanted = nn.functional.adaptive_avg_pool2d(wanted, 16)
    steps = 200
    optimizer = torch.optim.Adam(net[:4].parameters(), 1e-2)
    for step in range(steps):
        optimizer.param_groups[0]["lr"] = 1e-2 * (1 - step / steps) + 1e-4
        rows = torch.randint(0, len(pictures), (16,))
        hidden = net[:3](pictures[rows])
        # A price on activity keeps what channels say apart.
        loss = nn.functional.mse_loss(net[3](hidden), wanted[rows]) + 0.05 * hidden.mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return net.eval()


@pytest.fixture(scope="module")
def world() -> World:
    pictures, places = planted(40)
    classifier = classifier_of(trained(pictures, places), "3")
    basis = NMF(2)
    basis.fit(classifier.encode(pictures).mean(dim=(2, 3)))
    concept = int(basis.dictionary[:, 0].argmax())
    return World(pictures, places[:, :2] > 0.5, Concept(classifier, basis, concept))


def best_iou(maps: Tensor, masks: Tensor) -> NDArray[np.float64]:
    """IoU (r, parts) of maps (n, r, h, w) with masks, over all pictures together.

    Maps are laid over the pictures bilinearly and cut at one level for all of them, of 19 between
    0 and the largest value the one that suits the part best: for parents as for children.
    """
    large = nn.functional.interpolate(maps, (PX, PX), mode="bilinear")
    found = np.zeros((maps.shape[1], masks.shape[1]))
    for k in range(maps.shape[1]):
        for level in torch.linspace(0.05, 0.95, 19) * large[:, k].max():
            hit = (large[:, k] > level)[:, None]
            iou = (hit & masks).sum((0, 2, 3)) / (hit | masks).sum((0, 2, 3))
            found[k] = np.maximum(found[k], iou.numpy())
    return found


def maps_of(concept: Concept, pictures: Tensor) -> Tensor:
    with torch.no_grad():
        return concept.basis.encode_maps(concept.classifier.encode(pictures))


def test_a_concept_of_two_planted_parts_splits_into_them(world: World) -> None:
    parent = best_iou(maps_of(world.whole, world.pictures), world.masks)[world.whole.index]
    assert (parent > 0.3).all(), "the parent has both parts"
    parts = divide(world.whole, world.pictures, "2", n_concepts=2)
    children = best_iou(maps_of(parts.concept(0), world.pictures), world.masks)
    owner = children.argmax(axis=0)
    assert set(owner) == {0, 1}, "each part has a child of its own"
    assert (children[owner, [0, 1]] >= parent + 0.1).all(), (parent, children)
    assert (children[owner, [1, 0]] < 0.4).all(), "and the child has little of the other"


def test_shares_and_the_residual_total_one_and_parts_matter(world: World) -> None:
    parts = divide(world.whole, world.pictures, "2", n_concepts=2)
    assert float(parts.shares.sum()) + parts.residual == pytest.approx(1)
    assert (parts.shares > 0.2).all()
    again = divide(world.whole, world.pictures, "2", n_concepts=2)
    assert torch.equal(again.basis.dictionary, parts.basis.dictionary)
    assert torch.equal(again.contributions, parts.contributions)


def test_parts_divide_in_turn(world: World) -> None:
    parts = divide(world.whole, world.pictures, "2", n_concepts=2)
    finer = divide(parts.concept(1), world.pictures, "1", n_concepts=3)
    assert finer.classifier.layer == "1"
    assert finer.basis.dictionary.shape == (3, 24)
    assert torch.allclose(finer.parent_values, parts.values[:, 1], rtol=1e-3, atol=1e-4)
    assert float(finer.shares.sum()) + finer.residual == pytest.approx(1)


# --- closed forms ------------------------------------------------------------------------------


def straight() -> Classifier:
    """Three layers of positive weights without offsets: nothing in it is ever rectified."""
    generator = torch.Generator().manual_seed(1)
    convs = [nn.Conv2d(3, 6, 4, 4, bias=False), nn.Conv2d(6, 5, 1, bias=False)]
    net = nn.Sequential(
        convs[0], nn.ReLU(), convs[1], nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        nn.Linear(5, 2),
    )  # fmt: skip
    for conv in convs:
        conv.weight.data = torch.rand(conv.weight.shape, generator=generator) ** 6
    return classifier_of(net, "3")


def some_pictures(n: int) -> Tensor:
    """Patches of saturated colours, no two pictures of the same mixture."""
    generator = torch.Generator().manual_seed(0)
    colours = torch.rand(n, 3, 1, 1, generator=generator) ** 2
    patches = torch.rand(n, 3, 8, 8, generator=generator) ** 3
    return nn.functional.interpolate(colours * patches, (PX, PX))


def test_shares_are_what_removing_a_part_takes_away_where_all_is_linear() -> None:
    classifier, pictures = straight(), some_pictures(40)
    basis = NMF(1)  # a code of one concept is the length along it
    basis.fit(classifier.encode(pictures).mean(dim=(2, 3)))
    whole = Concept(classifier, basis, 0)
    parts = divide(whole, pictures, "1", n_concepts=2)
    early = parts.classifier
    with torch.no_grad():
        said = early.activations(pictures)
        codes = parts.basis.encode_maps(said.maps)
        before = whole.of_maps(early.onward(said, classifier))
        for k in range(2):
            part = torch.einsum("nhw,d->ndhw", codes[:, k], parts.basis.dictionary[k])
            rest = early.onward(replace(said, maps=said.maps - part), classifier)
            after = whole.of_maps(rest)
            assert torch.allclose(before - after, parts.contributions[:, k], rtol=1e-2, atol=1e-3)
    assert torch.allclose(before, parts.parent_values, atol=1e-4)


@pytest.mark.parametrize("pooling", ["code_of_mean", "mean_of_codes"])
def test_derivatives_are_those_of_finite_differences(pooling: str) -> None:
    classifier, pictures = straight(), some_pictures(3)
    basis = NMF(2)
    basis.fit(classifier.encode(some_pictures(30)).mean(dim=(2, 3)))
    concept = Concept(classifier, basis, 1, pooling)  # type: ignore[arg-type]
    early = classifier.at("1")
    found = derivatives([concept], early, pictures)
    said = early.activations(pictures)
    along = torch.rand(said.maps.shape, generator=torch.Generator().manual_seed(3))
    with torch.no_grad():
        near = [
            concept.of_maps(early.onward(replace(said, maps=said.maps + e * along), classifier))
            for e in (-0.001, 0.001)
        ]
    expected = (near[1] - near[0]) / 0.002
    got = (found.gradients[0] * along).sum((1, 2, 3))
    assert (found.values[0] > 0).any()
    # Codes are homogeneous here, so that the gradient is the same all the way from 0.
    assert torch.allclose(got, expected, rtol=0.02, atol=0.02 * float(expected.abs().max()))
    parts_there = NMF(2)
    parts_there.fit(found.maps.permute(0, 2, 3, 1).reshape(-1, 6))
    codes, parts = parts_of(parts_there, found.maps, found.gradients[0])
    assert codes.shape[:2] == (3, 2)
    assert parts.shape == (3, 2)


@pytest.mark.parametrize("method", ["semi_nmf", "pca", "ica", "sae", "archetypal"])
def test_other_methods_have_parts_too(method: str) -> None:
    classifier, pictures = straight(), some_pictures(24)
    basis = METHODS[method](2)
    basis.fit(classifier.encode(pictures).permute(0, 2, 3, 1).reshape(-1, 5)[:600])
    sums = basis.dictionary.sum(1)  # what activity lowers has no parts
    if method == "archetypal":
        sums = sums - sums.mean()
    parts = divide(Concept(classifier, basis, int(sums.argmax())), pictures, "1", 2)
    assert torch.isfinite(parts.contributions).all()
    assert float(parts.contributions.abs().sum()) > 0


def test_a_transformer_whose_layers_give_negative_values_and_a_class_token() -> None:
    torch.manual_seed(0)
    vit = load_classifier("timm:test_vit", weights="none", device="cpu", precision="float32")
    px = vit.preprocessing.input_px
    pictures = nn.functional.interpolate(some_pictures(12), (px, px))
    early = vit.at("blocks.2")
    assert vit.rectified
    assert early.rectified
    with torch.no_grad():
        onward = early.onward(early.activations(pictures), vit)
        assert torch.allclose(onward, vit.encode(pictures), atol=1e-5)
    basis = NMF(2)
    basis.fit(vit.encode(pictures).mean(dim=(2, 3)))
    values = torch.stack([Concept(vit, basis, k).values(pictures).sum() for k in range(2)])
    whole = Concept(vit, basis, int(values.argmax()), "mean_of_codes")
    parts = divide(whole, pictures, "blocks.2", n_concepts=2)
    assert torch.allclose(parts.parent_values, whole.values(pictures), atol=1e-4)
    assert torch.isfinite(parts.shares).all()


def test_the_strongest_are_those_that_have_it() -> None:
    values = torch.tensor([0.0, 3.0, -1.0, 5.0, 2.0, 2.0])
    assert strongest(values, 2).tolist() == [3, 1]
    assert strongest(values, 9).tolist() == [3, 1, 4, 5]
    assert len(strongest(torch.rand(2000), 5)) == 128


# --- faults ------------------------------------------------------------------------------------


def test_layers_that_do_not_come_before_are_refused() -> None:
    classifier = straight()
    basis = NMF(2)
    basis.fit(classifier.encode(some_pictures(20)).mean(dim=(2, 3)))
    whole, pictures = Concept(classifier, basis, 0), some_pictures(20)
    for layer, why in (
        ("3", "not computed before 3; choose from 0, 1"),
        ("nope", "not computed before 3; choose from 0, 1"),
        ("2", "gives the same maps as 3; choose from 0, 1"),
    ):
        with pytest.raises(LensError, match=f"--divide {layer}: {why}"):
            divide(whole, pictures, layer)


def test_a_concept_that_is_off_has_no_parts() -> None:
    classifier = straight()
    basis = NMF(1)
    basis.fit(classifier.encode(some_pictures(20)).mean(dim=(2, 3)))
    basis.restore({"dictionary": -basis.dictionary})
    with pytest.raises(LensError, match="nothing at layer 1 raises the concept"):
        divide(Concept(classifier, basis, 0), some_pictures(20), "1")
