from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from experiments.stimuli import (
    PADDING,
    Cut,
    StimulusNames,
    chunks,
    cut_out,
    encode,
    extended,
    padded,
    write_stimuli,
)
from experiments.study import Study
from lens_core.atlas import LensError


def noise(seed: int, px: int = 32, flat: bool = False) -> Image.Image:
    pixels = np.random.default_rng(seed).integers(0, 256, (px, px, 3), dtype=np.uint8)
    return Image.fromarray(pixels * 0 + 90 if flat else pixels)


@given(st.integers(0, 50), st.integers(4, 40), st.integers(0, 200), st.booleans())
@settings(max_examples=40, deadline=None)
def test_padding_changes_the_size_and_nothing_else(
    seed: int, px: int, room: int, flat: bool
) -> None:
    plain = encode(noise(seed, px, flat), 80)
    data = extended(plain)
    size = len(data) + 8 + 2 * room
    result = padded(data, size)
    assert len(result) == size
    assert int.from_bytes(result[4:8], "little") == size - 8
    assert [name for name, _ in chunks(result)][-1] == PADDING
    with Image.open(io.BytesIO(plain)) as before, Image.open(io.BytesIO(result)) as after:
        assert before.size == after.size == (px, px)
        assert before.convert("RGB").tobytes() == after.convert("RGB").tobytes()


def test_padding_cannot_shrink() -> None:
    data = extended(encode(noise(0), 80))
    for size in (len(data), len(data) + 6, len(data) + 9):
        with pytest.raises(ValueError, match="cannot pad"):
            padded(data, size)


def test_metadata_is_stripped(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x010E] = "the answer is left"
    noise(1, 64).save(tmp_path / "photo.jpg", exif=exif, icc_profile=b"profile", comment=b"left")
    names = StimulusNames(0)
    name = names.name(Cut(tmp_path / "photo.jpg"))
    write_stimuli(tmp_path / "out", names, size_px=32, quality=80)
    data = (tmp_path / "out" / f"{name}.webp").read_bytes()
    assert b"the answer" not in data
    assert b"profile" not in data
    assert {chunk for chunk, _ in chunks(data)} == {b"VP8X", b"VP8 ", PADDING}


def test_files_of_a_study_differ_in_pixels_alone(study: Study) -> None:
    paths = [study.stimulus_path(stimulus) for stimulus in study.stimulus_ids]
    assert len(paths) > 100
    assert len({path.stat().st_size for path in paths}) == 1
    ends = [chunks(path.read_bytes())[-1] for path in paths]
    assert min(len(noise) for _, noise in ends) >= 2, "the largest file has padding, too"
    assert all(name == PADDING and 0 not in noise for name, noise in ends)
    shapes = set()
    for path in paths:
        with Image.open(path) as picture:
            shapes.add((picture.size, picture.mode, picture.format))
    assert shapes == {((48, 48), "RGB", "WEBP")}


def test_cut_out_takes_the_box() -> None:
    pixels = np.zeros((40, 40, 3), np.uint8)
    pixels[10:20, 20:40] = (200, 10, 10)
    piece = cut_out(Image.fromarray(pixels), (0.5, 0.25, 1.0, 0.5), 16)
    assert piece.size == (16, 16)
    assert np.asarray(piece).reshape(-1, 3).min(0).tolist() == [200, 10, 10]


def test_names_are_random_stable_and_distinct() -> None:
    cuts = [Cut(Path(f"{number}.webp")) for number in range(200)]
    names, again, other = StimulusNames(1), StimulusNames(1), StimulusNames(2)
    first = [names.name(cut) for cut in cuts]
    assert first == [again.name(cut) for cut in cuts]
    assert first == [names.name(cut) for cut in cuts]
    assert len({*first, *(other.name(cut) for cut in cuts)}) == 400
    assert names.name(Cut(cuts[0].file, copy=1)) not in first
    assert sorted(first) != first


def test_missing_and_damaged_pictures_are_one_line(tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_bytes(b"no picture")
    for file, fault in (("broken.png", "cannot be read"), ("none.png", "is missing")):
        names = StimulusNames(0)
        names.name(Cut(tmp_path / file))
        with pytest.raises(LensError, match=fault):
            write_stimuli(tmp_path / "out", names, size_px=8, quality=80)


@pytest.mark.browser
def test_a_browser_shows_padded_pictures(study: Study, chromium: object) -> None:
    import base64

    page = chromium.new_page()  # type: ignore[attr-defined]
    path = study.stimulus_path(study.stimulus_ids[0])
    address = "data:image/webp;base64," + base64.b64encode(path.read_bytes()).decode()
    size = page.evaluate(
        "async a => {const i = new Image(); i.src = a; await i.decode();"
        " return [i.naturalWidth, i.naturalHeight]}",
        address,
    )
    page.close()
    assert size == [48, 48]
