"""Images of a class from whichever folder, so that an atlas knows the model's mistakes."""

from __future__ import annotations

from pathlib import Path

import pytest

from lens_core.atlas import Atlas
from lens_core.build import BuildSettings, build_atlas
from lens_core.classifier import load_classifier

QUICK = BuildSettings(
    concepts=3, visualizations=False, measures=False, display_px=64, select="anywhere",
    attributions=("gradcam",), attributed_images=17,
)  # fmt: skip


def test_a_class_holds_what_the_model_takes_for_it(
    tiny_model: str, tiny_images: Path, tmp_path: Path
) -> None:
    classifier = load_classifier(tiny_model, device="cpu", precision="float32")
    build_atlas(classifier, tiny_images, tmp_path / "atlas", QUICK, classes="Red_Fox,greens")
    atlas = Atlas.open(tmp_path / "atlas")
    fox, green = (atlas.load_class(entry.id) for entry in atlas.classes)
    assert [file for file in fox.images["file"] if not file.startswith("Red_Fox/")] == [
        "greens/03.png"
    ], "the one of the greens that is really red"
    assert (fox.images["predicted"] == fox.info.id).all()
    assert set(fox.info.attributed) == set(range(17)), "mistakes are explained, too"
    # Accuracy stays that of the class's own folder.
    assert (fox.info.accuracy, green.info.accuracy) == (1.0, pytest.approx(15 / 16))
    assert len(green.images) == 15
