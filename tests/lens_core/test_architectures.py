"""Whole atlases from real architectures: what is said of each layer, and that it adds up."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from lens_core.atlas import Atlas, verify_atlas
from lens_core.attribution.concept_maps import concept_maps
from lens_core.build import BuildSettings, build_atlas
from lens_core.classifier import load_classifier
from lens_core.images import read_views, to_float

SPECS = {
    "torchvision:resnet18": False,
    "torchvision:mobilenet_v3_small": True,
    "torchvision:swin_t": True,
    "torchvision:convnext_tiny": True,
    "timm:test_vit": True,
    "timm:test_efficientnet": True,
}
"""And whether the layer gives negative activations, which then must be said."""


@pytest.fixture(scope="module")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six pictures of blobs in one folder."""
    root = tmp_path_factory.mktemp("photographs")
    (root / "things").mkdir()
    rng = np.random.default_rng(0)
    for number in range(6):
        small = Image.fromarray(rng.integers(0, 255, (12, 12, 3), dtype=np.uint8))
        small.resize((96, 96), Image.Resampling.BICUBIC).save(root / "things" / f"{number}.png")
    return root


@pytest.mark.slow
@pytest.mark.parametrize("spec", SPECS)
def test_an_atlas_of(spec: str, photographs: Path, tmp_path: Path) -> None:
    torch.manual_seed(0)
    classifier = load_classifier(spec, weights="none", device="cpu", precision="float32")
    views = read_views(
        sorted((photographs / "things").iterdir()), classifier.preprocessing, 64, False
    )
    pictures = torch.stack([view.model for view in views])  # type: ignore[union-attr]
    with torch.no_grad():
        class_id = int(classifier.logits(to_float(pictures)).mean(0).argmax())
    labels = tmp_path / "labels.csv"
    labels.write_text(f"folder,class\nthings,{class_id}\n", encoding="utf-8")
    settings = BuildSettings(
        concepts=3, select="labelled", held_out=0, visualizations=False, display_px=64,
        patch_px=classifier.preprocessing.input_px * 5 // 8, sobol_designs=8, sobol_images=1,
        measured_images=2, stability_folds=0,
    )  # fmt: skip
    said: list[str] = []
    build_atlas(
        classifier, photographs, tmp_path / "atlas", settings, labels=labels, note=said.append
    )
    atlas = Atlas.open(tmp_path / "atlas")
    assert verify_atlas(atlas) == []
    assert atlas.dictionaries[0].rectified is SPECS[spec] is any("negative" in s for s in said)
    one = atlas.load_class(class_id)
    fit = one.info.fits[0]
    shares = [concept.importance for concept in one.info.concepts]
    assert sum(shares) + fit.residual + fit.bias == pytest.approx(1, abs=1e-5)
    assert one.array("concepts/maps").shape == (6, 3, *classifier.map_shape)
    assert fit.fidelity[0].deletion is not None
    dictionary = torch.from_numpy(one.array("concepts/dictionary"))
    maps = concept_maps(classifier, dictionary, to_float(pictures[:2]))
    assert maps.shape[:2] == (2, 3)
    assert bool((maps >= 0).all())
    assert bool((maps > 0).any())
