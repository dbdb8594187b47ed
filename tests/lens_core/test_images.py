"""Folders, names, views: what is matched, what is refused, and that nothing is decoded twice."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lens_core.atlas import LensError
from lens_core.images import ClassFolder, find_classes, read_view, read_views
from lens_core.models.preprocessing import Preprocessing

NAMES = ["ant", "tiger cat", "crane", "crane", "fly", "leaf"]
SYNONYMS = [["ant", "emmet"], ["tiger cat"], ["crane"], ["crane"], ["fly"], ["leaf", "blade"]]
PREPROCESSING = Preprocessing(input_px=32, resize_px=40)


def folders(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).mkdir(parents=True)
    return root


@pytest.mark.parametrize(
    ("folder", "class_id"),
    [("ant", 0), ("Ants", 0), ("Emmet", 0), ("TIGER_CAT", 1), ("tiger-cats", 1), ("flies", 4),
     ("leaves", 5)],
)  # fmt: skip
def test_folders_match_by_any_name(tmp_path: Path, folder: str, class_id: int) -> None:
    (found,) = find_classes(folders(tmp_path, folder), NAMES, SYNONYMS)
    assert (found.class_id, found.name, found.path.name) == (class_id, NAMES[class_id], folder)


def test_a_folder_that_matches_nothing_is_told_the_nearest_names(tmp_path: Path) -> None:
    with pytest.raises(LensError, match=r"'tigercat' matches no class.*nearest: tiger cat"):
        find_classes(folders(tmp_path, "tigercat"), NAMES)


def test_ambiguous_names_need_the_labels_file(tmp_path: Path) -> None:
    root = folders(tmp_path / "images", "crane", "x", "extra")
    with pytest.raises(LensError, match="class 2 or 3"):
        find_classes(root, NAMES, classes="crane")
    labels = tmp_path / "labels.csv"
    labels.write_text("folder,class\ncrane,3\nx,Emmet\n", encoding="utf-8")
    found = find_classes(root, NAMES, SYNONYMS, labels)
    assert [(f.class_id, f.path.name) for f in found] == [(0, "x"), (3, "crane")]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("x,17", "the model has classes 0 to 5, not 17"),
        ("x,antt", "no class 'antt'; nearest: ant"),
        ("x,crane", "several classes 'crane'"),
        ("x,", "line 2: a folder and a class are needed"),
        ("y,ant", "has no folder 'y'"),
    ],
)
def test_labels_that_do_not_fit(tmp_path: Path, row: str, message: str) -> None:
    labels = tmp_path / "labels.csv"
    labels.write_text(f"folder,class\n{row}\n", encoding="utf-8")
    with pytest.raises(LensError, match=message):
        find_classes(folders(tmp_path / "images", "x"), NAMES, labels=labels)


def test_missing_empty_and_doubled_folders(tmp_path: Path) -> None:
    with pytest.raises(LensError, match="no such folder"):
        find_classes(tmp_path / "absent", NAMES)
    with pytest.raises(LensError, match="holds no folders"):
        find_classes(folders(tmp_path / "none", ""), NAMES)
    with pytest.raises(LensError, match="both class 'ant'"):
        find_classes(folders(tmp_path / "two", "ant", "ants"), NAMES)
    (empty,) = find_classes(folders(tmp_path / "empty", "ant"), NAMES)
    with pytest.raises(LensError, match="class 'ant' holds no pictures"):
        empty.files()


def test_classes_are_chosen_by_folder_or_index(tmp_path: Path) -> None:
    root = folders(tmp_path, "ants", "flies", "unknown")
    assert [f.class_id for f in find_classes(root, NAMES, classes="flies,0")] == [0, 4]
    with pytest.raises(LensError, match="no such folder; nearest: flies"):
        find_classes(root, NAMES, classes="fliess")
    with pytest.raises(LensError, match="no folder holds that class"):
        find_classes(root, NAMES, classes="1")


def test_files_are_sorted_and_others_ignored(tmp_path: Path) -> None:
    for name in ("b.JPG", "a.png", "notes.txt"):
        (tmp_path / name).touch()
    assert [f.name for f in ClassFolder(0, "ant", tmp_path).files()] == ["a.png", "b.JPG"]


def test_the_view_is_torchvisions(tmp_path: Path) -> None:
    from torchvision.transforms import v2

    rng = np.random.default_rng(0)
    picture = Image.fromarray(rng.integers(0, 255, (60, 97, 3), dtype=np.uint8))
    picture.save(tmp_path / "p.png")
    expected = v2.CenterCrop(32)(v2.Resize(40)(picture))
    view = read_view(tmp_path / "p.png", PREPROCESSING, 50)
    assert np.array_equal(view.model.numpy().transpose(1, 2, 0), np.asarray(expected))


def test_model_and_display_see_the_same(tmp_path: Path) -> None:
    y, x = np.mgrid[0:120, 0:200]
    pixels = np.stack([x, y * 2, np.zeros_like(x)], axis=2).astype(np.uint8)
    Image.fromarray(pixels).save(tmp_path / "p.png")
    view = read_view(tmp_path / "p.png", PREPROCESSING, 64)
    shown = np.asarray(view.display.resize((32, 32), Image.Resampling.BOX), dtype=float)
    seen = view.model.numpy().transpose(1, 2, 0).astype(float)
    assert view.display.size == (64, 64)
    assert np.abs(shown - seen).max() < 4


def test_orientation_and_transparency_are_handled(tmp_path: Path) -> None:
    tall = Image.new("RGB", (20, 60), "red")
    tall.paste("blue", (0, 0, 20, 30))
    exif = Image.Exif()
    exif[0x0112] = 6  # turned clockwise by 90° to be shown
    tall.save(tmp_path / "turned.jpg", exif=exif, quality=100)
    pixels = read_view(tmp_path / "turned.jpg", Preprocessing(8, resize_px=8), 32).model
    assert pixels[0, 4, 1] > 200, "red lies to the left once the picture is turned"
    assert pixels[2, 4, 6] > 200
    Image.new("RGBA", (40, 40), (0, 255, 0, 128)).save(tmp_path / "glass.png")
    assert read_view(tmp_path / "glass.png", PREPROCESSING, 32).model.shape == (3, 32, 32)


def test_corrupt_pictures_are_named_or_skipped(tmp_path: Path) -> None:
    for number in range(12):
        Image.new("RGB", (50, 50), (number, 0, 0)).save(tmp_path / f"{number:02d}.png")
    broken = tmp_path / "05.png"
    broken.write_bytes(broken.read_bytes()[:60])
    files = sorted(tmp_path.iterdir())
    with pytest.raises(LensError, match=r"05\.png: cannot be read as a picture") as caught:
        list(read_views(files, PREPROCESSING, 32))
    assert "--skip-corrupt" in str(caught.value)
    views = list(read_views(files, PREPROCESSING, 32, skip_corrupt=True))
    assert [isinstance(view, LensError) for view in views].index(True) == 5
    good = [view for view in views if not isinstance(view, LensError)]
    assert [view.file.stem for view in good] == [f"{n:02d}" for n in range(12) if n != 5]
