"""The atlas: whole or not at all, readable without torch, and it notices a flipped byte."""

from __future__ import annotations

import errno
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from lens_core.atlas import Atlas, AtlasDamaged, AtlasWriter, LensError, verify_atlas
from lens_core.atlas.files import write_atomic
from tests.support.atlases import make_atlas


def test_reader_returns_what_was_written(synthetic_atlas: Atlas) -> None:
    ant = synthetic_atlas.load_class(0)
    assert ant.info.name == "ant"
    assert len(ant.images) == ant.info.n_images == 24
    values = ant.array("concepts/crop_values")
    assert values.shape == (len(ant.crops), 4)
    strongest = ant.info.concept("concepts-2").crop_rows[0]
    assert values[strongest, 2] == values[:, 2].max()
    assert ant.path("images/0003.webp").is_file()


def test_shares_are_sorted_by_importance(synthetic_atlas: Atlas) -> None:
    shares = [c.importance for c in synthetic_atlas.load_class(1).info.of_dictionary("concepts")]
    assert shares == sorted(shares, reverse=True)


def test_same_content_has_the_same_hash(tmp_path: Path) -> None:
    one = make_atlas(tmp_path / "one", n_classes=2, n_images=12)
    two = make_atlas(tmp_path / "two", n_classes=2, n_images=12)
    other = make_atlas(tmp_path / "other", n_classes=2, n_images=12, seed=1)
    assert one.hash == two.hash != other.hash


def test_whole_atlas_verifies(synthetic_atlas: Atlas) -> None:
    assert verify_atlas(synthetic_atlas) == []


@pytest.mark.parametrize(
    "relative",
    [
        "classes/00001/images/0002.webp",
        "classes/00001/arrays.safetensors",
        "classes/00001/class.json",
        "similar.parquet",
    ],
)
def test_a_flipped_byte_is_found(tmp_path: Path, relative: str) -> None:
    make_atlas(tmp_path / "atlas", n_classes=2, n_images=12)
    file = tmp_path / "atlas" / relative
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(bytes(data))
    findings = verify_atlas(Atlas.open(tmp_path / "atlas"))
    assert findings == [f"{relative}: changed since it was written"]


def test_a_changed_manifest_is_found(tmp_path: Path) -> None:
    make_atlas(tmp_path / "atlas", n_classes=2, n_images=12)
    manifest = tmp_path / "atlas" / "atlas.json"
    manifest.write_text(manifest.read_text().replace("Synthetic insects", "Synthetic beetles"))
    findings = verify_atlas(Atlas.open(tmp_path / "atlas"))
    assert findings == ["atlas.json: its content does not match its hash"]


def test_missing_and_foreign_files_are_found(tmp_path: Path) -> None:
    make_atlas(tmp_path / "atlas", n_classes=2, n_images=12)
    (tmp_path / "atlas" / "classes/00000/crops.parquet").unlink()
    (tmp_path / "atlas" / "note.txt").write_text("hello")
    assert verify_atlas(Atlas.open(tmp_path / "atlas")) == [
        "classes/00000/crops.parquet: missing",
        "note.txt: not listed in the atlas",
    ]


def test_an_interrupted_class_leaves_nothing(tmp_path: Path, synthetic_atlas: Atlas) -> None:
    writer = _writer_like(tmp_path / "atlas", synthetic_atlas)
    with pytest.raises(KeyboardInterrupt), writer.new_class(0) as out:
        out.write_arrays({"concepts/dictionary": np.zeros((2, 3), np.float32)})
        raise KeyboardInterrupt
    assert not writer.has_class(0)
    assert list((tmp_path / "atlas" / "classes").iterdir()) == []
    with pytest.raises(LensError, match="run the same 'lens atlas build' again"):
        Atlas.open(tmp_path / "atlas")


def test_building_goes_on_with_the_same_settings_only(tmp_path: Path) -> None:
    make_atlas(tmp_path / "atlas", n_classes=2, n_images=12)
    first = tmp_path / "atlas" / "classes/00000/class.json"
    written = first.stat().st_mtime_ns
    make_atlas(tmp_path / "atlas", n_classes=2, n_images=12)
    assert first.stat().st_mtime_ns == written
    with pytest.raises(LensError, match="other settings"):
        make_atlas(tmp_path / "atlas", n_classes=2, n_images=12, seed=5)


def test_a_foreign_folder_is_left_alone(tmp_path: Path, synthetic_atlas: Atlas) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(LensError, match="holds no atlas"):
        _writer_like(tmp_path, synthetic_atlas)
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


def test_full_disk_is_one_clear_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("lens_core.atlas.files.os.fsync", full)
    with pytest.raises(LensError, match="no space left"):
        write_atomic(tmp_path / "file", b"data")
    assert list(tmp_path.iterdir()) == []


def test_newer_format_is_refused(tmp_path: Path) -> None:
    make_atlas(tmp_path / "atlas", n_classes=1, n_images=12)
    manifest = tmp_path / "atlas" / "atlas.json"
    manifest.write_text(manifest.read_text().replace('"format_version": 2', '"format_version": 3'))
    with pytest.raises(LensError, match="update lens-lab"):
        Atlas.open(tmp_path / "atlas")


def test_garbage_is_named(tmp_path: Path) -> None:
    (tmp_path / "atlas.json").write_text("{")
    with pytest.raises(AtlasDamaged, match="is not JSON"):
        Atlas.open(tmp_path)


@pytest.mark.parametrize("module", ["lens_core.atlas", "lens_core", "experiments", "webapp.cli"])
def test_importing_needs_no_torch(module: str) -> None:
    code = f"import sys; sys.modules['torch'] = None; import {module}; print('fine')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "fine", done.stderr


def _writer_like(path: Path, atlas: Atlas) -> AtlasWriter:
    return AtlasWriter(
        path,
        title=atlas.title,
        model=atlas.manifest.model,
        settings=atlas.manifest.settings,
        dictionaries=atlas.dictionaries,
    )
