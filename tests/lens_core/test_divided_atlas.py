"""Sub-concepts in an atlas: the tree, its arrays and pictures, and builds that go on."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from experiments.candidates import read_universes
from lens_core.atlas import Atlas, LensError, verify_atlas
from lens_core.build import BuildSettings, build_atlas
from lens_core.building.settings import Division
from lens_core.classifier import Classifier, load_classifier
from lens_core.cli import show

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
    asked = read_universes(atlas, ["concepts", "concepts~3"], "crop", seed=0)
    assert {universe.dictionary for universe in asked} == {"concepts"}


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
    assert Division.parse("layer3") == Division.parse("layer3:") == Division(layer="layer3")
    assert str(Division.parse("blocks.2:5")) == "blocks.2:5"
    for wrong in ("layer3:0", "layer3:101", "layer3:many"):
        with pytest.raises(LensError, match=f"--divide {wrong}: after the colon"):
            Division.parse(wrong)


def test_a_method_that_needs_more_parts_says_so(
    deep: Classifier, tiny_images: Path, tmp_path: Path
) -> None:
    settings = SETTINGS.model_copy(update={"method": "topk_sae", "concepts": 6})
    with pytest.raises(LensError, match="--divide 3:2: topk_sae: k must be from 1"):
        build_atlas(deep, tiny_images, tmp_path / "atlas", settings)
