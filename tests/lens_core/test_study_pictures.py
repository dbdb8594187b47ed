"""Pictures for studies: several of a concept, and squares hidden where the model says."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image

from lens_core.build import BuildSettings, build_atlas
from lens_core.classifier import Classifier, load_classifier
from lens_core.visualization.pictures_cli import pictures
from lens_core.visualization.study_pictures import hidden_values, places, with_square
from webapp.cli import Terminal

SETTINGS = BuildSettings(
    concepts=3, visualizations=False, measures=False, display_px=64, seed=1, held_out=0.4
)


@pytest.fixture(scope="module")
def classifier(tiny_model: str) -> Classifier:
    return load_classifier(tiny_model, device="cpu", precision="float32")


def test_hiding_what_a_unit_sees_leaves_nothing_of_it(classifier: Classifier) -> None:
    """The tiny model's units see colours; a red square in the corner is hidden or not."""
    picture = Image.new("RGB", (64, 64), (20, 20, 230))
    picture.paste((230, 20, 20), (0, 0, 26, 26))
    squares = list(places(0.4, 4))
    whole = classifier.encode(torch.zeros(1, 3, 64, 64)).shape[1]
    values = hidden_values(classifier, picture, squares, torch.eye(whole))
    x = torch.from_numpy(np.asarray(picture).copy()).permute(2, 0, 1)[None].float() / 255
    plain = classifier.encode(x).mean((2, 3))[0].numpy()
    red = 0
    assert values.shape == (16, whole)
    assert int(values[:, red].argmin()) == 0, "the square over the red corner"
    assert values[0, red] < 0.3 * plain[red]
    assert values[-1, red] == pytest.approx(plain[red], rel=0.15)


def test_a_square_hides_its_part_alone() -> None:
    picture = Image.new("RGB", (50, 50), (200, 10, 10))
    hidden = np.asarray(with_square(picture, (0.2, 0.6, 0.4)))
    assert (hidden[31:49, 11:29] == 128).all()
    changed = (hidden != np.asarray(picture)).any(axis=2)
    assert changed.sum() == changed[30:50, 10:30].sum() == 400
    edge = hidden[30:50, 10]
    assert (edge == edge[0, 0]).all()
    assert abs(int(edge[0, 0]) - 128) > 50, "seen on a page of the same grey"


def test_the_command_writes_pictures_and_a_table(
    classifier: Classifier, tiny_model: str, tiny_images: Path, tmp_path: Path
) -> None:
    build_atlas(classifier, tiny_images, tmp_path / "atlas", SETTINGS)
    options = ["--visualizations", "2", "--photographs", "2", "--px", "32", "--steps", "2"]
    arguments = [str(tmp_path / "atlas"), "--model", tiny_model, "--out", str(tmp_path / "out")]
    said = CliRunner().invoke(pictures, [*arguments, *options], obj=Terminal())
    assert said.exit_code == 0, said.output
    with (tmp_path / "out" / "pictures.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    looks = [row for row in rows if row["method"] == "maco"]
    hidden = [row for row in rows if row["method"] == "hidden"]
    by_item: dict[str, list[bytes]] = {}
    for row in looks:
        assert (row["image"], row["value"]) == ("", "")
        by_item.setdefault(row["item"], []).append((tmp_path / "out" / row["file"]).read_bytes())
    assert by_item
    assert all(len(set(two)) == 2 for two in by_item.values()), "from different starts"
    assert hidden
    for first, second in zip(hidden[::2], hidden[1::2], strict=True):
        assert (first["item"], first["image"]) == (second["item"], second["image"])
        assert float(first["value"]) > float(second["value"])
        assert first["image"]
    again = CliRunner().invoke(pictures, [*arguments, *options], obj=Terminal())
    assert "is not empty" in str(again.exception)
