"""Concepts divided at earlier layers, against planted truth, closed forms and broken input."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from torch import Tensor, nn

from experiments.generators.leaves import FAMILIES, draw, sample
from lens_core.atlas import Atlas, LensError, verify_atlas
from lens_core.build import BuildSettings, build_atlas
from lens_core.building.settings import Division
from lens_core.classifier import Classifier, Preprocessing, load_classifier
from lens_core.cli import show
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
    codes, parts = parts_of(NMF_of(found.maps), found.maps, found.gradients[0])
    assert codes.shape[:2] == (3, 2)
    assert parts.shape == (3, 2)


def NMF_of(maps: Tensor) -> NMF:
    basis = NMF(2)
    basis.fit(maps.permute(0, 2, 3, 1).reshape(-1, maps.shape[1]))
    return basis


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


# --- in an atlas -------------------------------------------------------------------------------

DEEP = """
import torch
from torch import nn
def make():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(3, 8, 4, 4), nn.ReLU(), nn.Conv2d(8, 8, 3, 1, 1), nn.ReLU(),
        nn.Conv2d(8, 8, 3, 2, 1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 3))
    net.preprocessing = {'input_px': 64, 'resize_px': 64}
    net.class_names = ['red fox', 'green', 'blue']
    nn.init.constant_(net[-1].bias, 5.0)
    return net
"""
SETTINGS = BuildSettings(
    concepts=3,
    select="labelled",
    divisions=(Division(layer="3", concepts=2), Division(layer="1", concepts=2)),
    visualizations=False,
    measures=False,
    display_px=64,
)
FIRST, SECOND = "concepts~3", "concepts~3~1"


@pytest.fixture(scope="module")
def deep(tmp_path_factory: pytest.TempPathFactory) -> Classifier:
    file = tmp_path_factory.mktemp("deep") / "deep.py"
    file.write_text(DEEP, encoding="utf-8")
    return load_classifier(f"{file}:make", layer="5", device="cpu", precision="float32")


@pytest.fixture(scope="module")
def atlas(deep: Classifier, tiny_images: Path, tmp_path_factory: pytest.TempPathFactory) -> Atlas:
    out = tmp_path_factory.mktemp("divided") / "atlas"
    build_atlas(deep, tiny_images, out, SETTINGS, classes="blue,greens")
    return Atlas.open(out)


def test_an_atlas_holds_the_tree(atlas: Atlas) -> None:
    assert verify_atlas(atlas) == []
    told = [(d.id, d.layer, d.parent, d.depth) for d in atlas.dictionaries]
    assert told == [
        ("concepts", "5", None, 0),
        (FIRST, "3", "concepts", 1),
        (SECOND, "1", FIRST, 2),
    ]
    assert atlas.manifest.settings["divisions"] == ["3:2", "1:2"]
    info = atlas.load_class(2).info
    parts = info.of_dictionary(FIRST)
    assert parts, "something is divided"
    for part in parts:
        assert part.parent is not None
        assert part.share_of_parent is not None
        assert part.id in {f"{part.parent}.0", f"{part.parent}.1"}
        whole = info.concept(part.parent)
        assert part.importance == pytest.approx(part.share_of_parent * whole.importance)
        assert whole.dictionary == "concepts"
        assert part.alignment == ()
        assert part.sobol_total is None
        assert part.reliability is None
    finer = info.of_dictionary(SECOND)
    assert finer
    assert all(f.parent and f.parent.count(".") == 1 for f in finer)
    assert [c.id for c in info.children(str(parts[0].parent))] != []


def test_arrays_of_parts_have_the_shapes_of_any(atlas: Atlas) -> None:
    one = atlas.load_class(2)
    n = len(one.images)
    for name, side in ((FIRST, 16), (SECOND, 16)):
        r = len(one.info.of_dictionary(name))
        assert one.array(f"{name}/dictionary").shape == (r, 8)
        assert one.array(f"{name}/crop_values").shape == (len(one.crops), r)
        assert one.array(f"{name}/image_values").shape == (n, r)
        assert one.array(f"{name}/contributions").shape == (n, r)
        maps = one.array(f"{name}/maps").astype(np.float32)
        assert maps.shape == (n, r, side, side)
        assert np.allclose(maps.mean((2, 3)), one.array(f"{name}/image_values"), atol=1e-2)
        fit = next(f for f in one.info.fits if f.dictionary == name)
        total = sum(c.importance for c in one.info.of_dictionary(name))
        assert total + fit.residual + fit.bias == pytest.approx(1, abs=1e-5)
        assert 0 <= fit.error_crops < 0.6
        assert fit.error_held_out is not None


def test_parts_are_shown_in_crops_of_their_parent(atlas: Atlas) -> None:
    one = atlas.load_class(2)
    values = one.array("concepts/crop_values")
    for part in one.info.of_dictionary(FIRST):
        whole = one.info.concept(str(part.parent))
        strengths = values[list(part.crop_rows), whole.index]
        assert (strengths > 0).all()
        assert strengths.min() >= np.quantile(values[:, whole.index], 0.8)
        assert all(one.path(picture).is_file() for picture in part.crops)


def test_the_same_each_time_also_when_it_goes_on(
    atlas: Atlas, deep: Classifier, tiny_images: Path, tmp_path: Path
) -> None:
    shutil.copytree(atlas.root, tmp_path / "atlas")
    (tmp_path / "atlas" / "atlas.json").unlink()
    shutil.rmtree(tmp_path / "atlas" / "classes" / "00002")
    notes: list[str] = []
    again = build_atlas(
        deep, tiny_images, tmp_path / "atlas", SETTINGS, classes="blue,greens", note=notes.append
    )
    assert "1 of 2 classes are there already" in notes
    assert again.hash == atlas.hash
    assert verify_atlas(Atlas.open(tmp_path / "atlas")) == []


def test_concepts_with_too_few_crops_stay_whole(
    deep: Classifier, tiny_images: Path, tmp_path: Path
) -> None:
    settings = SETTINGS.model_copy(update={"divisions": (Division(layer="3", concepts=20),)})
    notes: list[str] = []
    build_atlas(deep, tiny_images, tmp_path / "atlas", settings, classes="blue", note=notes.append)
    told = [n for n in notes if "not divided, for fewer than 200 crops" in n]
    assert len(told) == 1
    atlas = Atlas.open(tmp_path / "atlas")
    info = atlas.load_class(2).info
    assert info.of_dictionary("concepts~3") == ()
    answer = CliRunner().invoke(show, [str(atlas.root), "--class", "blue"])
    assert answer.output.count("not divided: too few crops have it") == 3


def test_the_tree_is_printed(atlas: Atlas) -> None:
    lines = CliRunner().invoke(show, [str(atlas.root), "--class", "blue"]).output.splitlines()
    info = atlas.load_class(2).info
    part = info.of_dictionary(SECOND)[0]
    parent, whole = str(part.parent), str(info.concept(str(part.parent)).parent)
    places = [
        next(i for i, line in enumerate(lines) if line.split()[:1] == [name])
        for name in (whole, parent, part.id)
    ]
    assert places == sorted(places)
    margins = [len(lines[i]) - len(lines[i].lstrip()) for i in places]
    assert margins == [4, 6, 8]
    assert f"{part.share_of_parent:.1%} of it" in lines[places[2]]


def test_pictures_of_parts_are_made(deep: Classifier, tiny_images: Path, tmp_path: Path) -> None:
    settings = SETTINGS.model_copy(
        update={
            "visualizations": True,
            "visualization_px": 32,
            "visualization_steps": 2,
            "divisions": SETTINGS.divisions[:1],
        }
    )
    build_atlas(deep, tiny_images, tmp_path / "atlas", settings, classes="blue")
    one = Atlas.open(tmp_path / "atlas").load_class(2)
    looks = [part.visualization for part in one.info.of_dictionary(FIRST)]
    assert looks
    assert all(look and one.path(look).is_file() for look in looks)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"bases": ("units",)}, "--divide needs concepts of each class"),
        ({"scopes": ("shared",)}, "--divide needs concepts of each class"),
        ({"method": "kmeans"}, "--divide: values of kmeans jump"),
        (
            {"divisions": (Division(layer="1"), Division(layer="3"))},
            "--divide 3: not computed before 1; there is none",
        ),
    ],
)
def test_what_cannot_be_divided_is_refused_before_anything_is_written(
    deep: Classifier,
    tiny_images: Path,
    tmp_path: Path,
    change: dict[str, object],
    message: str,
) -> None:
    settings = SETTINGS.model_copy(update=change)
    with pytest.raises(LensError, match=message):
        build_atlas(deep, tiny_images, tmp_path / "atlas", settings)
    assert not (tmp_path / "atlas").exists()


def test_the_option_is_read() -> None:
    assert Division.parse("layer3") == Division(layer="layer3", concepts=3)
    assert str(Division.parse("blocks.2:5")) == "blocks.2:5"
    for wrong in ("layer3:", "layer3:0", "layer3:many"):
        if wrong.endswith(":"):
            assert Division.parse(wrong).concepts == 3
            continue
        with pytest.raises(LensError, match=f"--divide {wrong}: after the colon"):
            Division.parse(wrong)
