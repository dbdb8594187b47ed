"""What pictures show, before a classifier that took no part in making them.

A small network learns leaves and gives an atlas and its pictures; the judge looks at colours and
gratings and was never trained by gradients. MACO's pictures find their own concept's crops among
ten, and Fourier pictures less well.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from experiments.generators.leaves import draw, sample
from lens_core.atlas import Atlas, LensError
from lens_core.build import BuildSettings, build_atlas
from lens_core.classifier import load_classifier
from lens_core.training.train import TrainSettings, train_folder
from lens_core.visualization.cli import visualizations
from lens_core.visualization.exhibits import exhibit, looks, to_tensor, views_of
from lens_core.visualization.judging import find_class
from tests.support.gabor import PX, fit_judge
from webapp.cli import Terminal

pytestmark = pytest.mark.slow

FAMILIES = ("Betulaceae", "Ginkgoaceae", "Ulmaceae")
JUDGED = ("Betulaceae", "Ginkgoaceae")
MASKS = ("background", "blade")
PICTURE_PX, STEPS = 96, 32
"""Of both methods alike: enough for networks with inputs of 64 px."""


@dataclass(frozen=True)
class World:
    """Where things lie: photographs' masks, both models, and the atlas of two families."""

    masks: Path
    maker: Path
    judge: str
    atlas: Path


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    root = tmp_path_factory.mktemp("pictures")
    rng = np.random.default_rng(0)
    for family in FAMILIES:
        for kind in ("images", "masks"):
            (root / kind / family).mkdir(parents=True)
        for number in range(50):
            drawn = draw(sample(family, rng))
            small = drawn.image.resize((PX, PX), Image.Resampling.BILINEAR)
            small.save(root / "images" / family / f"{number:03d}.png")
            bits = sum(drawn.masks[name].astype(np.int32) << i for i, name in enumerate(MASKS))
            Image.fromarray(np.asarray(bits, dtype=np.uint16)).save(
                root / "masks" / family / f"{number:03d}.png"
            )
    settings = TrainSettings(epochs=24, width=12, input_px=PX, precision="float32")
    train_folder(root / "images", root / "maker", settings)
    assert fit_judge(root / "images", root / "judge") > 0.6, "it is a classifier, too"
    classifier = load_classifier(str(root / "maker"), device="cpu", precision="float32")
    build_atlas(
        classifier,
        root / "images",
        root / "atlas",
        BuildSettings(
            concepts=10,
            display_px=PX,
            measures=False,
            visualization_px=PICTURE_PX,
            visualization_steps=STEPS,
        ),
        classes=",".join(JUDGED),
    )
    judge = f"{root / 'judge' / 'judge.py'}:make"
    return World(root / "masks", root / "maker", judge, root / "atlas")


def run(*options: str | int | Path) -> Result:
    return CliRunner().invoke(visualizations, [str(option) for option in options], obj=Terminal())


@pytest.fixture(scope="module")
def table(world: World) -> list[dict[str, str]]:
    out = world.atlas.parent / "table.csv"
    sheet = world.atlas.parent / "sheet.webp"
    done = run(
        world.atlas, "--model", world.judge, "--model", world.maker, "--method", "stored",
        "--method", "fourier", "--px", PICTURE_PX, "--steps", STEPS, "--masks", world.masks,
        "--out", out,
        "--sheet", sheet, "--device", "cpu",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    with Image.open(sheet) as opened:
        assert opened.width > 11 * 112
    with out.open(newline="") as file:
        return list(csv.DictReader(file))


def mean(table: list[dict[str, str]], method: str, judge: str, column: str) -> float:
    """Over the families."""
    values = [
        float(row[column]) for row in table if (row["method"], row["judge"]) == (method, judge)
    ]
    assert len(values) == len(JUDGED)
    return float(np.mean(values))


def test_pictures_find_their_own_concept(table: list[dict[str, str]]) -> None:
    assert all(row["n"] == "10" for row in table)
    ours, theirs = (mean(table, method, "make", "top1") for method in ("stored", "fourier"))
    assert ours >= 0.5, "chance is .1"
    assert ours > theirs
    ours, theirs = (mean(table, method, "make", "mean_rank") for method in ("stored", "fourier"))
    assert ours < min(3.0, theirs), "chance is 5.5"


def test_pictures_are_nearer_to_photographs(table: list[dict[str, str]]) -> None:
    ours, theirs = (mean(table, method, "make", "kid") for method in ("stored", "fourier"))
    assert ours < theirs
    for row in table:
        assert float(row["kid_low"]) <= float(row["kid"]) <= float(row["kid_high"])
    assert mean(table, "stored", "make", "neighbours") > 2 / 10


def test_who_judges_is_told(table: list[dict[str, str]]) -> None:
    assert {(row["judge"], row["took_part"]) for row in table} == {
        ("make", "False"),
        ("maker", "True"),
    }
    assert all(0 <= float(row["parts"]) <= 1 for row in table)
    assert {row["transfer"] for row in table} <= {"0.0", "1.0"}


def test_views_leave_out_what_is_transparent(world: World) -> None:
    atlas = Atlas.open(world.atlas)
    one = atlas.load_class(1)
    shown = exhibit(one, "concepts", looks(one, "concepts", atlas))
    assert shown is not None
    assert len(shown.pictures) == len(shown.crops) == len(shown.rows)
    picture = np.zeros((40, 40, 4), dtype=np.uint8)
    picture[..., 0] = 255
    picture[:20, :20, 3] = 255
    views, weights = views_of(Image.fromarray(picture), 8)
    assert views.shape == (18, 3, 8, 8)
    assert float(weights.sum()) == pytest.approx(1)
    assert weights[0] > 10 * weights[8]  # top left, bottom right
    assert to_tensor(Image.fromarray(picture))[:, 30, 30].tolist() == [0.5, 0.5, 0.5]


def test_classes_are_found_by_name(world: World) -> None:
    judge = load_classifier(world.judge, device="cpu")
    assert find_class(judge, ("elm family", "ULMACEAE")) == 2
    assert find_class(judge, ("ant",)) is None


def test_wrong_input(world: World, tmp_path: Path) -> None:
    there = tmp_path / "there.csv"
    there.write_text("mine")
    for options, message in (
        (("--model", world.judge, "--method", "fourier"), "own model"),
        (("--model", world.judge, "--classes", "Fagaceae"), "no such class"),
        (("--model", world.judge, "--dictionary", "units"), "no dictionary"),
        (("--model", world.judge, "--masks", tmp_path), "cannot be read"),
        (("--model", world.judge, "--out", there), "is there already"),
    ):
        done = run(world.atlas, *options)
        assert isinstance(done.exception, LensError), done.output
        assert message in str(done.exception)
    assert there.read_text() == "mine"
