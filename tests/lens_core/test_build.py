"""Building an atlas: what it holds is true, and it is the same however often it is interrupted."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from lens_core.atlas import Atlas, LensError, verify_atlas
from lens_core.build import BuildSettings, build_atlas
from lens_core.classifier import Classifier, load_classifier
from lens_core.images import to_float

QUICK = BuildSettings(
    concepts=4, bases=("concepts", "units"), visualizations=False, display_px=64, seed=1
)


@pytest.fixture(scope="module")
def classifier(tiny_model: str) -> Classifier:
    return load_classifier(tiny_model, device="cpu", precision="float32")


@pytest.fixture(scope="module")
def atlas(
    classifier: Classifier, tiny_images: Path, tmp_path_factory: pytest.TempPathFactory
) -> Atlas:
    out = tmp_path_factory.mktemp("built") / "atlas"
    build_atlas(classifier, tiny_images, out, QUICK)
    return Atlas.open(out)


def test_it_is_whole_and_says_what_it_is(atlas: Atlas) -> None:
    assert verify_atlas(atlas) == []
    assert [(c.id, c.name, c.folder) for c in atlas.classes] == [
        (0, "red fox", "Red_Fox"),
        (1, "green", "greens"),
        (2, "blue", "blue"),
    ]
    assert [(d.id, d.basis, d.n_concepts) for d in atlas.dictionaries] == [
        ("concepts", "concepts", 4),
        ("units", "units", 4),
    ]
    assert atlas.manifest.model.labels == ("red fox", "green", "blue")
    assert atlas.manifest.model.spec == "tiny.py:tiny"


def test_images_are_those_predicted_as_the_class(atlas: Atlas) -> None:
    green = atlas.load_class(1)
    assert (green.info.n_candidates, green.info.n_images) == (16, 15)
    assert "greens/03.png" not in set(green.images["file"])
    assert green.info.accuracy == 15 / 16
    assert (green.images["predicted"] == 1).all()
    assert green.info.n_held_out == (green.images["split"] == "held_out").sum() == 4


def test_shares_residual_and_bias_total_one(atlas: Atlas) -> None:
    for entry in atlas.classes:
        info = atlas.load_class(entry.id).info
        for fit in info.fits:
            shares = [c.importance for c in info.of_dictionary(fit.dictionary)]
            assert sum(shares) + fit.residual + fit.bias == pytest.approx(1, abs=1e-5)
            assert shares == sorted(shares, reverse=True)


def test_unit_values_and_contributions_are_those_of_the_model(
    atlas: Atlas, classifier: Classifier, tiny_images: Path
) -> None:
    from lens_core.images import read_view

    red = atlas.load_class(0)
    views = [
        read_view(tiny_images / file, classifier.preprocessing, 64).model
        for file in red.images["file"]
    ]
    pooled = classifier.encode(to_float(torch.stack(views))).mean((2, 3))
    by_row = sorted(red.info.of_dictionary("units"), key=lambda c: c.index)
    units = [int(c.id.removeprefix("units-")) for c in by_row]
    assert set(units[:1]) == {0}, "red is what makes a red fox"
    values = red.array("units/image_values")
    assert np.allclose(values, pooled[:, units], atol=1e-5)
    assert classifier.linear_head is not None
    weight = classifier.linear_head.weight[0, units].numpy()
    shares = red.array("units/contributions") * red.images["logit"].to_numpy()[:, None]
    assert np.allclose(shares, values * weight, atol=1e-4)
    maps = red.array("units/maps").astype(np.float32)
    assert np.allclose(maps.mean((2, 3)), values, atol=1e-2)


def test_concepts_reconstruct_crops_and_the_errors_are_told(atlas: Atlas) -> None:
    for entry in atlas.classes:
        one = atlas.load_class(entry.id)
        fit = one.info.fits[0]
        assert fit.error_crops < 0.5
        assert fit.error_maps >= 0
        assert fit.error_held_out is not None
        rows = one.array("concepts/dictionary")
        assert np.allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-4)
        assert len(one.crops) == len(one.array("concepts/crop_values")) == 16 * len(one.images)


def test_strongest_crops_come_from_different_photographs(atlas: Atlas) -> None:
    blue = atlas.load_class(2)
    values = blue.array("concepts/crop_values")
    for concept in blue.info.of_dictionary("concepts"):
        rows = list(concept.crop_rows)
        owners = blue.crops["image"].to_numpy()[rows]
        assert len(set(owners)) == len(rows) == len(concept.crops) <= 10
        strengths = values[rows, concept.index]
        assert (np.diff(strengths) <= 0).all()
        assert strengths[0] == values[:, concept.index].max()
        assert all(blue.path(picture).is_file() for picture in concept.crops)


def test_aligned_classes_and_similar_concepts(atlas: Atlas) -> None:
    top = atlas.load_class(0).info.of_dictionary("units")[0]
    assert top.alignment[0].name == "red fox"
    assert top.alignment[0].cosine == pytest.approx(10 / np.sqrt(103), abs=1e-5)
    similar = atlas.similar
    assert (similar["class_id"] != similar["other_class_id"]).all()
    assert (np.diff(similar["cosine"]) <= 0).all()
    names = {c.id for e in atlas.classes for c in e.concepts}
    assert set(similar["concept_id"]) <= names


def test_same_seed_same_hash_and_another_seed_another(
    atlas: Atlas, classifier: Classifier, tiny_images: Path, tmp_path: Path
) -> None:
    again = build_atlas(classifier, tiny_images, tmp_path / "again", QUICK)
    assert again.hash == atlas.hash
    other = QUICK.model_copy(update={"seed": 2})
    assert build_atlas(classifier, tiny_images, tmp_path / "other", other).hash != atlas.hash


def test_a_build_killed_in_the_middle_goes_on_to_the_same_atlas(
    atlas: Atlas, classifier: Classifier, tiny_model: str, tiny_images: Path, tmp_path: Path
) -> None:
    out = tmp_path / "atlas"
    command = [
        sys.executable, "-c",
        "import sys\n"
        "from lens_core.build import BuildSettings, build_atlas\n"
        "from lens_core.classifier import load_classifier\n"
        "model, images, out, settings = sys.argv[1:]\n"
        "c = load_classifier(model, device='cpu', precision='float32')\n"
        "build_atlas(c, images, out, BuildSettings.model_validate_json(settings))\n",
        tiny_model, str(tiny_images), str(out), QUICK.model_dump_json(),
    ]  # fmt: skip
    environment = {**os.environ, "OMP_NUM_THREADS": str(torch.get_num_threads())}
    process = subprocess.Popen(command, env=environment)
    first, second = out / "classes" / "00000" / "class.json", out / "classes" / "00001"
    while process.poll() is None and not (first.is_file() and list(second.parent.glob("00001*"))):
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL, "the build was over before it could be killed"
    assert not (out / "atlas.json").exists()
    with pytest.raises(LensError, match="run the same 'lens atlas build' again"):
        Atlas.open(out)
    kept = first.stat().st_mtime_ns
    build_atlas(classifier, tiny_images, out, QUICK)
    assert first.stat().st_mtime_ns == kept, "a finished class is not made again"
    assert Atlas.open(out).hash == atlas.hash
    assert verify_atlas(Atlas.open(out)) == []


def test_a_head_that_is_not_linear_names_its_estimator(
    tiny_model: str, tiny_images: Path, tmp_path: Path
) -> None:
    bent = load_classifier(tiny_model.replace(":tiny", ":bent"), device="cpu")
    settings = QUICK.model_copy(update={"sobol_designs": 16, "sobol_images": 2})
    build_atlas(bent, tiny_images, tmp_path / "atlas", settings, classes="blue")
    atlas = Atlas.open(tmp_path / "atlas")
    assert "gradient" in atlas.dictionaries[0].importance
    info = atlas.load_class(2).info
    for fit in info.fits:
        mine = info.of_dictionary(fit.dictionary)
        total = sum(c.importance for c in mine) + fit.residual + fit.bias
        assert total == pytest.approx(1, abs=1e-5)
        assert all(c.sobol_total_se is not None for c in mine)
        assert mine[0].alignment == ()
    assert info.of_dictionary("units")[0].id == "units-2"


def test_two_layers_are_two_dictionaries(tiny_images: Path, tmp_path: Path) -> None:
    file = tmp_path / "deep.py"
    file.write_text(
        "import torch\nfrom torch import nn\n"
        "def make():\n"
        "    torch.manual_seed(0)\n"
        "    net = nn.Sequential(nn.Conv2d(3, 8, 4, 4), nn.ReLU(), nn.Conv2d(8, 8, 3, 2, 1),\n"
        "        nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 3))\n"
        "    net.preprocessing = {'input_px': 64, 'resize_px': 64}\n"
        "    net.class_names = ['red fox', 'green', 'blue']\n"
        "    nn.init.constant_(net[-1].bias, 5.0)\n"
        "    return net\n",
        encoding="utf-8",
    )
    classifier = load_classifier(f"{file}:make", device="cpu", precision="float32")
    settings = QUICK.model_copy(update={"bases": ("concepts",), "select": "labelled"})
    build_atlas(
        classifier, tiny_images, tmp_path / "atlas", settings, layers=["3", "1"], classes="blue"
    )
    atlas = Atlas.open(tmp_path / "atlas")
    shapes = {d.id: (d.layer, d.map_shape) for d in atlas.dictionaries}
    assert shapes == {"concepts.3": ("3", (8, 8)), "concepts.1": ("1", (16, 16))}
    assert atlas.load_class(2).array("concepts.1/maps").shape == (16, 4, 16, 16)


def test_fitting_on_positions(classifier: Classifier, tiny_images: Path, tmp_path: Path) -> None:
    settings = QUICK.model_copy(update={"fit_on": "maps", "bases": ("concepts",)})
    build_atlas(classifier, tiny_images, tmp_path / "atlas", settings, classes="blue")
    atlas = Atlas.open(tmp_path / "atlas")
    assert atlas.dictionaries[0].fitted_on == "maps"
    blue = atlas.load_class(2)
    values, maps = blue.array("concepts/image_values"), blue.array("concepts/maps")
    assert np.allclose(values, maps.astype(np.float32).mean((2, 3)), atol=1e-2)


def test_a_class_that_is_never_predicted(tiny_model: str, tmp_path: Path) -> None:
    from PIL import Image

    (tmp_path / "images" / "green").mkdir(parents=True)
    Image.new("RGB", (64, 64), "red").save(tmp_path / "images" / "green" / "a.png")
    classifier = load_classifier(tiny_model, device="cpu")
    with pytest.raises(LensError, match=r"none of the 1 pictures .* is predicted as 'green'"):
        build_atlas(classifier, tmp_path / "images", tmp_path / "atlas", QUICK)
    assert list((tmp_path / "atlas" / "classes").iterdir()) == []


def test_a_transformer_that_reads_its_class_token(tiny_images: Path, tmp_path: Path) -> None:
    torch.manual_seed(0)
    vit = load_classifier("timm:test_vit", weights="none", device="cpu", precision="float32")
    with torch.no_grad():
        best = int(vit.logits(torch.full((1, 3, 160, 160), 0.3)).argmax())
    labels = tmp_path / "labels.csv"
    labels.write_text(f"folder,class\nblue,{best}\n", encoding="utf-8")
    settings = QUICK.model_copy(
        update={"select": "labelled", "sobol_designs": 8, "sobol_images": 1}
    )
    notes: list[str] = []
    build_atlas(vit, tiny_images, tmp_path / "a", settings, labels=labels, note=notes.append)
    atlas = Atlas.open(tmp_path / "a")
    assert atlas.dictionaries[0].rectified
    assert "layer blocks.4 gives negative activations" in notes[0]
    one = atlas.load_class(best)
    assert one.array("concepts/maps").shape == (16, 4, 10, 10)
    fit = one.info.fits[0]
    shares = sum(c.importance for c in one.info.of_dictionary("concepts"))
    assert shares + fit.residual + fit.bias == pytest.approx(1, abs=1e-5)
    assert abs(shares) > 1e-4, "patches reach the logit through the class token's attention"


def test_visualizations_are_stored_and_the_same_each_time(
    classifier: Classifier, tiny_images: Path, tmp_path: Path
) -> None:
    settings = QUICK.model_copy(
        update={"visualizations": True, "visualization_px": 32, "visualization_steps": 3}
    )
    hashes = set()
    for name in ("a", "b"):
        manifest = build_atlas(classifier, tiny_images, tmp_path / name, settings, classes="blue")
        hashes.add(manifest.hash)
    # Finishing again finds the spectrum there, in the atlas and its manifest.
    measured = (tmp_path / "a" / "spectrum.safetensors").read_bytes()
    hashes.add(build_atlas(classifier, tiny_images, tmp_path / "a", settings, classes="blue").hash)
    assert (tmp_path / "a" / "spectrum.safetensors").read_bytes() == measured
    assert verify_atlas(Atlas.open(tmp_path / "a")) == []
    assert len(hashes) == 1
    blue = Atlas.open(tmp_path / "a").load_class(2)
    assert blue.info.visualization == "pictures/class.webp"
    looks = [c.visualization for c in blue.info.of_dictionary("concepts")]
    assert all(look and blue.path(look).is_file() for look in looks)
    assert all(c.visualization is None for c in blue.info.of_dictionary("units"))
