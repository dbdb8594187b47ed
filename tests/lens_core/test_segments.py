"""Superpixels: they tile the picture, follow edges, and are shown to the model whole."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from lens_core.atlas import LensError
from lens_core.segments import Segments, SegmentSettings, as_pictures, cut_segments


def patchwork(size_px: int = 48, half: int = 24) -> Tensor:
    """Four flat quarters: red, green, blue, white."""
    picture = torch.zeros(3, size_px, size_px)
    picture[0, :half, :half] = 1.0
    picture[1, :half, half:] = 1.0
    picture[2, half:, :half] = 1.0
    picture[:, half:, half:] = 1.0
    return picture


def test_one_pass_tiles_the_picture() -> None:
    noise = torch.rand(2, 3, 40, 52, generator=torch.Generator().manual_seed(0))
    segments = cut_segments(noise, SegmentSettings((12,), min_share=0.0))
    for number in range(2):
        own = [k for k in range(len(segments)) if int(segments.image[k]) == number]
        cover = np.sum([segments.full_mask(k).astype(int) for k in own], axis=0)
        assert cover.shape == (40, 52)
        assert (cover == 1).all()


def test_segments_follow_edges() -> None:
    segments = cut_segments(patchwork()[None], SegmentSettings((4,), compactness=1.0, sigma_px=0.0))
    assert len(segments) == 4
    for k, mask in enumerate(segments.masks):
        x0, y0, x1, y1 = segments.boxes[k].tolist()
        assert (x1 - x0, y1 - y0) == (24, 24)
        assert mask.all()


def test_finer_passes_add_only_new_parts() -> None:
    one = cut_segments(patchwork()[None], SegmentSettings((4,), compactness=1.0))
    twice = cut_segments(patchwork()[None], SegmentSettings((4, 4), compactness=1.0))
    assert len(twice) == len(one), "the same cut again adds nothing"
    both = cut_segments(patchwork()[None], SegmentSettings((4, 36), compactness=1.0))
    finer = both.resolution == 1
    assert int((~finer).sum()) == len(one)
    assert 12 < int(finer.sum()) <= 40
    for k in finer.nonzero()[:, 0].tolist():
        for j in (~finer).nonzero()[:, 0].tolist():
            a, b = both.full_mask(k), both.full_mask(j)
            assert (a & b).sum() / (a | b).sum() <= 0.5


def test_a_segment_is_shown_stretched_on_grey() -> None:
    picture = patchwork()
    segments = cut_segments(picture[None], SegmentSettings((4,), compactness=1.0, sigma_px=0.0))
    shown = as_pictures(picture[None], segments, torch.arange(4), 30, (0.4, 0.5, 0.6))
    assert shown.shape == (4, 3, 30, 30)
    for k in range(4):
        x0, y0, _, _ = segments.boxes[k].tolist()
        expected = picture[:, y0, x0].view(3, 1, 1).expand(3, 30, 30)
        assert torch.allclose(shown[k], expected, atol=1e-6), "a square part fills the picture"


def test_what_lies_around_a_segment_is_grey() -> None:
    picture = patchwork()
    y, x = np.mgrid[0:20, 0:20]
    disc = (y - 9.5) ** 2 + (x - 9.5) ** 2 < 100
    box = torch.tensor([[2, 2, 22, 22]])
    segments = Segments(torch.tensor([0]), torch.tensor([0]), box, (disc,), (48, 48))
    shown = as_pictures(picture[None], segments, torch.tensor([0]), 40, (0.4, 0.5, 0.6))[0]
    assert shown[:, 0, 0].tolist() == pytest.approx([0.4, 0.5, 0.6])
    assert shown[:, 20, 20].tolist() == pytest.approx([1.0, 0.0, 0.0])
    assert segments.full_mask(0).sum() == disc.sum()


def test_no_resolution_is_refused() -> None:
    with pytest.raises(LensError, match=r"resolutions are \(\): give at least one"):
        SegmentSettings(())
