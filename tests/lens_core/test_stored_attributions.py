"""Attribution maps in an atlas: those of the library, on images that concepts speak through."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from lens_core.atlas import Atlas, LensError, verify_atlas
from lens_core.attribution import ClassTargets
from lens_core.attribution.class_activation import GradCAM
from lens_core.build import BuildSettings, build_atlas
from lens_core.classifier import Classifier, load_classifier
from lens_core.cli import build
from lens_core.images import read_view, to_float

QUICK = BuildSettings(
    concepts=3, visualizations=False, measures=False, display_px=64,
    attributions=("gradcam", "occlusion"), attributed_images=5,
)  # fmt: skip


@pytest.fixture(scope="module")
def classifier(tiny_model: str) -> Classifier:
    return load_classifier(tiny_model, device="cpu", precision="float32")


@pytest.fixture(scope="module")
def atlas(
    classifier: Classifier, tiny_images: Path, tmp_path_factory: pytest.TempPathFactory
) -> Atlas:
    out = tmp_path_factory.mktemp("attributed") / "atlas"
    build_atlas(classifier, tiny_images, out, QUICK, classes="blue")
    return Atlas.open(out)


def test_maps_are_those_of_the_library(
    atlas: Atlas, classifier: Classifier, tiny_images: Path
) -> None:
    assert verify_atlas(atlas) == []
    blue = atlas.load_class(2)
    rows = blue.info.attributed
    assert len(rows) == len(set(rows)) == 5
    files = blue.images["file"].to_numpy()[list(rows)]
    views = [read_view(tiny_images / f, classifier.preprocessing, 64).model for f in files]
    expected = GradCAM().explain(to_float(torch.stack(views)), ClassTargets(classifier, 2))
    found = blue.array("attributions/gradcam/maps").astype(np.float32)
    assert found.shape == (5, 64, 64)
    largest = expected.abs().amax(dim=(1, 2), keepdim=True)
    assert np.allclose(found, expected / largest, atol=2e-3)


def test_each_method_is_judged(atlas: Atlas) -> None:
    blue = atlas.load_class(2)
    gradcam, occlusion = blue.info.attributions
    assert (gradcam.method, gradcam.signed) == ("gradcam", False)
    assert (occlusion.method, occlusion.title) == ("occlusion", "Occlusion")
    for one in (gradcam, occlusion):
        gone = blue.array(f"attributions/{one.method}/deletion")
        come = blue.array(f"attributions/{one.method}/insertion")
        assert gone.shape == come.shape == (5, 17)
        assert one.deletion == pytest.approx(
            float(torch.trapezoid(torch.from_numpy(gone), dim=1).mean()) / 16, abs=1e-5
        )
        assert one.deletion < one.insertion, "blue patches are what the class is made of"
        assert np.allclose(gone[:, 0], come[:, -1], atol=1e-5), "both ends are the whole picture"


def test_images_are_the_surest_and_those_that_the_concepts_speak_through(atlas: Atlas) -> None:
    blue = atlas.load_class(2)
    surest, second = blue.info.attributed[:2]
    assert surest == blue.images["probability"].argmax()
    first = blue.info.of_dictionary("concepts")[0]
    shares = blue.array("concepts/contributions") * blue.images["logit"].to_numpy()[:, None]
    order = [row for row in (-shares[:, first.index]).argsort(kind="stable") if row != surest]
    assert second == order[0]


def test_unknown_methods_are_refused_before_any_work(tmp_path: Path) -> None:
    out = tmp_path / "atlas"
    arguments = ["--images", "nowhere", "--model", "none", "--out", str(out)]
    result = CliRunner().invoke(build, [*arguments, "--attributions", "gradcamm"])
    assert isinstance(result.exception, LensError)
    assert "nearest: gradcam" in str(result.exception)
    assert not out.exists()
