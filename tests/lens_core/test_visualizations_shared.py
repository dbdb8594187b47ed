"""Pictures of a dictionary that all classes share are judged, and made again, like any others."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner

from lens_core.atlas import Atlas
from lens_core.build import BuildSettings, build_atlas
from lens_core.classifier import load_classifier
from lens_core.visualization.cli import visualizations
from lens_core.visualization.exhibits import exhibit, looks
from tests.support.colours import MODEL, draw_patches
from webapp.cli import Terminal

SETTINGS = BuildSettings(
    concepts=5, scopes=("shared",), class_concepts=2, display_px=64, strongest_crops=6,
    measures=False, visualization_px=32, visualization_steps=2, seed=3,
)  # fmt: skip


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> tuple[Atlas, str]:
    root = tmp_path_factory.mktemp("shared-pictures")
    (root / "colours.py").write_text(MODEL, encoding="utf-8")
    model = f"{root / 'colours.py'}:make"
    (root / "images").mkdir()
    draw_patches(root / "images")
    classifier = load_classifier(model, device="cpu", precision="float32")
    build_atlas(classifier, root / "images", root / "atlas", SETTINGS)
    return Atlas.open(root / "atlas"), model


def test_a_classes_concepts_have_the_pictures_of_the_whole_atlas(world: tuple[Atlas, str]) -> None:
    atlas, _ = world
    one = atlas.load_class(0)
    shown = exhibit(one, "concepts", looks(one, "concepts", atlas))
    assert shown is not None
    assert len(shown.pictures) == 2
    assert all(picture.size == (32, 32) for picture in shown.pictures)


def test_stored_ones_and_new_ones_are_judged(world: tuple[Atlas, str], tmp_path: Path) -> None:
    atlas, model = world
    command = [
        str(atlas.root), "--model", model, "--method", "stored", "--method", "pixels", "--px", "32",
        "--steps", "2",
        "--device", "cpu", "--out", str(tmp_path / "table.csv"),
    ]  # fmt: skip
    done = CliRunner().invoke(visualizations, command, obj=Terminal())
    assert done.exit_code == 0, done.output
    table = pd.read_csv(tmp_path / "table.csv")
    assert set(table["method"]) == {"stored", "pixels"}
    assert (table["n"] == 2).all()
    assert (table.groupby("class_id").size() == 2).all()
    assert table["plausibility"].notna().all()
