"""The leaves on disk: resumable, independent of workers, and not told apart by colour."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from experiments.generators.cli import leaves as command
from experiments.generators.leaves import FAMILIES, draw
from experiments.generators.leaves.dataset import read_dataset, write_dataset
from experiments.generators.leaves.storage import read_masks
from lens_core.atlas import LensError, no_track


class Terminal:
    """What commands need of the terminal."""

    track = staticmethod(no_track)

    def note(self, text: str) -> None: ...


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("leaves") / "data"
    write_dataset(out, per_class=2, seed=4, workers=1)
    return out


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()
    }


def test_files_hold_what_the_specs_say(small: Path) -> None:
    found = read_dataset(small)
    assert len(found) == 3 * len(FAMILIES)
    for leaf in found[::5]:
        rendered = draw(leaf.spec)
        masks = read_masks(small / leaf.masks)
        assert list(masks) == list(rendered.masks)
        assert all((masks[name] == rendered.masks[name]).all() for name in masks)
        stored = np.asarray(Image.open(small / leaf.picture).convert("RGB")).astype(float)
        error = np.abs(stored - np.asarray(rendered.image)).mean()
        assert error < 6  # WebP, high quality
        assert leaf.picture == f"{leaf.split}/{leaf.spec.family}/{Path(leaf.picture).name}"
    assert not list(small.rglob("*.partial"))
    assert not list(small.glob(".leaves-started.json"))


def test_interrupted_runs_end_in_the_same_bytes(small: Path, tmp_path: Path) -> None:
    out = tmp_path / "again"

    class StopError(Exception):
        pass

    def stop_early(items, label, total=None):  # type: ignore[no-untyped-def]
        for k, item in enumerate(items):
            if k == 5:
                raise StopError
            yield item

    with pytest.raises(StopError):
        write_dataset(out, per_class=2, seed=4, track=stop_early, workers=1)
    assert not (out / "leaves.json").exists()
    written = []

    def count(items, label, total=None):  # type: ignore[no-untyped-def]
        for item in items:
            written.append(item)
            yield item

    write_dataset(out, per_class=2, seed=4, track=count, workers=1)
    assert len(written) == 3 * len(FAMILIES) - 5
    assert contents(out) == contents(small)
    written.clear()
    write_dataset(out, per_class=2, seed=4, track=count, workers=1)
    assert written == []


@pytest.mark.slow
def test_workers_do_not_matter(small: Path, tmp_path: Path) -> None:
    out = tmp_path / "parallel"
    write_dataset(out, per_class=2, seed=4, workers=2)
    assert contents(out) == contents(small)


def test_foreign_folders_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(LensError, match="not empty"):
        write_dataset(tmp_path, per_class=1, workers=1)
    assert contents(tmp_path) == {"thesis.txt": b"mine"}
    write_dataset(tmp_path, per_class=1, workers=1, force=True)
    assert (tmp_path / "thesis.txt").read_text() == "mine"
    # Other settings in the same place are another data set.
    with pytest.raises(LensError, match="--force"):
        write_dataset(tmp_path, per_class=1, seed=1, workers=1)
    with pytest.raises(LensError, match="lens data leaves"):
        read_dataset(tmp_path / "train")


def test_command(tmp_path: Path) -> None:
    arguments = ["--out", str(tmp_path / "d"), "--per-class", "1", "--seed", "2"]
    result = CliRunner().invoke(command, arguments, obj=Terminal())
    assert result.exit_code == 0, result.output
    assert "16 leaves of 8 families" in result.stdout
    document = json.loads((tmp_path / "d" / "leaves.json").read_text())
    assert document["families"] == list(FAMILIES)
    wrong = CliRunner().invoke(command, [*arguments[:2], "--per-class", "0"], obj=Terminal())
    assert isinstance(wrong.exception, LensError)
    assert "--per-class" in str(wrong.exception)


def test_some_families_are_the_same_pictures(small: Path, tmp_path: Path) -> None:
    out = tmp_path / "two"
    arguments = ["--out", str(out), "--per-class", "2", "--seed", "4", "--families"]
    result = CliRunner().invoke(command, [*arguments, "Ulmaceae, Fagaceae"], obj=Terminal())
    assert result.exit_code == 0, result.output
    assert "6 leaves of 2 families" in result.stdout
    every, two = contents(small), contents(out)
    assert len(two) == 6 * 2 + 1
    assert all(every[name] == two[name] for name in two if name != "leaves.json")
    assert {leaf.spec.family for leaf in read_dataset(out)} == {"Ulmaceae", "Fagaceae"}
    wrong = CliRunner().invoke(command, [*arguments, "Ulmaceae,Oak"], obj=Terminal())
    assert isinstance(wrong.exception, LensError)
    assert "--families: Oak; there are Araceae" in str(wrong.exception)


@pytest.mark.slow
def test_no_family_is_told_by_colour(tmp_path: Path) -> None:
    """A forest and a regression on colour histograms stay under 1.5 × chance."""
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    from experiments.generators.leaves import sample

    def histogram(spec) -> np.ndarray:  # type: ignore[no-untyped-def]
        picture = np.asarray(draw(spec).image)
        q = (picture // 64).astype(int)
        joint = np.bincount((q[..., 0] * 16 + q[..., 1] * 4 + q[..., 2]).ravel(), minlength=64)
        flat = picture.reshape(-1, 3) / 255
        return np.concatenate([np.sqrt(joint / 65536), flat.mean(0), flat.std(0)])

    n = 40
    x = np.array(
        [
            histogram(sample(family, np.random.default_rng([99, f, i])))
            for f, family in enumerate(FAMILIES)
            for i in range(n)
        ]
    )
    y = np.repeat(np.arange(len(FAMILIES)), n)
    fold = np.arange(len(y)) % 2
    for model in (
        RandomForestClassifier(200, random_state=0),
        make_pipeline(StandardScaler(), LogisticRegression(C=0.05, max_iter=1000)),
    ):
        right = [
            (model.fit(x[fold != k], y[fold != k]).predict(x[fold == k]) == y[fold == k])
            for k in (0, 1)
        ]
        accuracy = float(np.concatenate(right).mean())
        assert accuracy <= 1.5 / len(FAMILIES), accuracy
