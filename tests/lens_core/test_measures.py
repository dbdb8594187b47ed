"""What an atlas says of how far its concepts can be trusted, against what can be worked out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from lens_core.atlas import Atlas, AtlasClass, verify_atlas
from lens_core.build import BuildSettings, build_atlas
from lens_core.building.measure import DOSES
from lens_core.building.settings import METHODS as METHOD_NAMES
from lens_core.classifier import Classifier, load_classifier
from lens_core.factorization import METHODS
from lens_core.factorization.sparse_codes import (
    BatchTopKSAE,
    JumpReLUSAE,
    TopKSAE,
    VanillaSAE,
)

QUICK = BuildSettings(
    concepts=4, bases=("concepts", "units"), visualizations=False, display_px=64, held_out=0
)


@pytest.fixture(scope="module")
def classifier(tiny_model: str) -> Classifier:
    return load_classifier(tiny_model, device="cpu", precision="float32")


@pytest.fixture(scope="module")
def blue(
    classifier: Classifier, tiny_images: Path, tmp_path_factory: pytest.TempPathFactory
) -> AtlasClass:
    out = tmp_path_factory.mktemp("measured") / "atlas"
    build_atlas(classifier, tiny_images, out, QUICK, classes="blue")
    atlas = Atlas.open(out)
    assert verify_atlas(atlas) == []
    return atlas.load_class(2)


def test_exact_importances_are_exactly_faithful(blue: AtlasClass) -> None:
    for fit in blue.info.fits:
        exact, sobol, random = fit.fidelity
        assert (sobol.estimator, random.estimator) == ("sobol", "random")
        assert exact.mu_fidelity == pytest.approx(1, abs=1e-6)
        assert exact.deletion is not None
        assert random.deletion is not None
        assert exact.insertion is not None
        assert random.insertion is not None
        assert exact.deletion <= random.deletion
        assert exact.insertion >= random.insertion


def test_a_unit_is_worth_its_activation_times_its_weight(
    blue: AtlasClass, classifier: Classifier
) -> None:
    assert classifier.linear_head is not None
    units = blue.info.of_dictionary("units")
    values = blue.array("units/image_values").mean(0)
    weight = classifier.linear_head.weight[2]
    for unit in units:
        expected = values[unit.index] * float(weight[int(unit.id.removeprefix("units-"))])
        assert unit.ablation == pytest.approx(expected, rel=1e-3, abs=1e-5)
    ablation = blue.info.fits[1].ablation
    assert ablation is not None
    # The blue channel is the most active unit of every picture of blue.
    top = max(units, key=lambda unit: values[unit.index])
    assert ablation.drop == pytest.approx(top.ablation, rel=1e-3)
    assert ablation.drop_share > 0.5
    assert ablation.flips == 1


def test_more_of_a_concept_raises_the_logit_along_a_line(
    blue: AtlasClass, classifier: Classifier
) -> None:
    assert classifier.linear_head is not None
    weight = classifier.linear_head.weight[2].numpy()
    doses = blue.array("concepts/steering/doses")
    assert tuple(doses.tolist()) == DOSES
    dictionary = blue.array("concepts/dictionary")
    curves = blue.array("concepts/steering/logit")
    up = doses >= 0
    for concept in blue.info.of_dictionary("concepts"):
        assert concept.steering is not None
        direction = dictionary[concept.index]
        rise = concept.steering.unit * direction @ weight / np.linalg.norm(direction)
        curve = curves[concept.index][up]
        assert np.allclose(curve - curve[0], rise * doses[up], atol=1e-4)
        assert concept.steering.bends_at is None
    changed = blue.array("concepts/steering/changed")
    assert (changed[:, doses == 0] == 0).all()
    strongest = blue.info.of_dictionary("concepts")[0]
    assert strongest.steering is not None
    assert strongest.steering.changes_at is not None
    assert strongest.steering.changes_at < 0, "taking it away is what changes the answer"


def test_quality_of_units_that_leave_nothing_out(
    classifier: Classifier, tiny_images: Path, tmp_path: Path
) -> None:
    settings = QUICK.model_copy(update={"bases": ("units",), "concepts": 6})
    build_atlas(classifier, tiny_images, tmp_path / "atlas", settings, classes="blue")
    quality = Atlas.open(tmp_path / "atlas").load_class(2).info.fits[0].quality
    assert quality is not None
    assert quality.r_squared == pytest.approx(1, abs=1e-9)
    assert quality.wasserstein == pytest.approx(0, abs=1e-9)
    assert quality.frechet == pytest.approx(0, abs=1e-6)
    # Over real ones, each its own nearest neighbour, the tenth is the ninth other.
    assert quality.ood is not None
    assert 0.8 < quality.ood <= 1
    assert quality.stability == pytest.approx(1)


def test_without_measures_and_without_enough_images(
    classifier: Classifier, tiny_images: Path, tmp_path: Path
) -> None:
    settings = QUICK.model_copy(update={"measures": False})
    build_atlas(classifier, tiny_images, tmp_path / "plain", settings, classes="blue")
    plain = Atlas.open(tmp_path / "plain").load_class(2)
    assert plain.info.fits[0].quality is None
    assert not [name for name in plain.array_names() if "steering" in name]
    few = tmp_path / "few" / "blue"
    few.mkdir(parents=True)
    source = tiny_images / "blue" / "00.png"
    (few / "00.png").write_bytes(source.read_bytes())
    build_atlas(classifier, few.parent, tmp_path / "one", QUICK)
    one = Atlas.open(tmp_path / "one").load_class(2).info
    assert one.fits[0].quality is not None
    assert one.fits[0].quality.stability is None
    assert all(c.steering is None or c.steering.leaves_at is None for c in one.concepts)


def test_the_option_names_every_method() -> None:
    assert set(METHOD_NAMES) == set(METHODS)


@pytest.mark.parametrize(
    ("method", "head"),
    [*((name, "tiny") for name in METHOD_NAMES), ("pca", "bent"), ("kmeans", "bent")],
)
def test_every_method_makes_an_atlas_that_adds_up(
    method: str,
    head: str,
    tiny_model: str,
    tiny_images: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, sae in {
        "sae": VanillaSAE,
        "topk_sae": TopKSAE,
        "batch_topk_sae": BatchTopKSAE,
        "jumprelu_sae": JumpReLUSAE,
    }.items():
        monkeypatch.setitem(
            METHODS, name, lambda n, *, seed=0, sae=sae: sae(n, steps=60, seed=seed)
        )
    spec = tiny_model.replace(":tiny", f":{head}")
    classifier = load_classifier(spec, device="cpu", precision="float32")
    settings = BuildSettings(
        concepts=4, method=method, visualizations=False, display_px=64, sobol_designs=8,
        stability_folds=0, measured_images=4,
    )  # fmt: skip
    build_atlas(classifier, tiny_images, tmp_path / "atlas", settings, classes="blue")
    atlas = Atlas.open(tmp_path / "atlas")
    assert verify_atlas(atlas) == []
    info = atlas.dictionaries[0]
    assert info.method == method
    one = atlas.load_class(2)
    fit = one.info.fits[0]
    shares = [c.importance for c in one.info.of_dictionary("concepts")]
    assert sum(shares) + fit.residual + fit.bias == pytest.approx(1, abs=1e-5)
    maps = one.array("concepts/maps").astype(np.float32)
    assert info.signed == (not METHODS[method](4).non_negative)
    assert (maps >= 0).all() or info.signed
    # Positions are coded by the method itself.
    if method == "kmeans":
        assert set(np.unique(maps)) <= {0.0, 1.0}
        assert (maps.sum(1) == 1).all()
    if method == "pca":
        assert (maps[:, 0] == 1).all()
    rebuilt = torch.from_numpy(one.array("concepts/crop_values") @ one.array("concepts/dictionary"))
    assert bool(rebuilt.isfinite().all())
    assert np.isfinite(fit.error_crops)
    assert fit.error_crops < 1 or method.endswith("sae"), "60 steps train no autoencoder"
