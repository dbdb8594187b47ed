"""Crops: every pixel is seen, and a crop is the patch it says it is."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lens_core import crops


def test_at_224_there_are_sixteen_and_the_border_is_seen() -> None:
    corners = crops.grid(224, 64)
    assert len(corners) == 16
    assert corners[0] == (0, 0)
    assert corners[-1] == (160, 160)


@given(st.integers(16, 400), st.integers(8, 200))
def test_every_pixel_is_covered_and_none_is_outside(side: int, patch: int) -> None:
    seen = np.zeros(side, dtype=bool)
    for x in {x for x, _ in crops.grid(side, patch)}:
        assert 0 <= x <= side - min(patch, side)
        seen[x : x + patch] = True
    assert seen.all()


@given(st.integers(64, 400), st.integers(16, 64))
def test_neighbours_overlap_by_about_a_fifth(side: int, patch: int) -> None:
    at = sorted({x for x, _ in crops.grid(side, patch)})
    steps = np.diff(at)
    assert (steps <= patch).all()
    assert len(at) <= (side - patch) / (0.8 * patch - 1) + 2


def test_boxes_are_fractions_in_the_grids_order() -> None:
    boxes = crops.boxes(224, 64)
    assert boxes.shape == (16, 4)
    assert boxes[1].tolist() == pytest.approx([53 / 224, 0, 117 / 224, 64 / 224])
    assert float(boxes.max()) == 1.0


def test_a_crop_is_its_patch_resized() -> None:
    pictures = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    cut = crops.cut(pictures, 8, 8)
    corners = crops.grid(32, 8)
    assert cut.shape == (2 * len(corners), 3, 8, 8)
    for picture in range(2):
        for number, (x, y) in enumerate(corners):
            patch = pictures[picture, :, y : y + 8, x : x + 8]
            assert torch.allclose(cut[picture * len(corners) + number], patch)
    assert crops.cut(pictures, 8, 20).shape[-2:] == (20, 20)


def test_a_patch_larger_than_the_picture_is_the_picture() -> None:
    assert crops.grid(32, 64) == ((0, 0),)
    assert crops.cut(torch.zeros(1, 3, 32, 32), 64, 16).shape == (1, 3, 16, 16)
