"""Pictures on disk read like the tensor that they were."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from lens_core.spooled import Displays, Pictures, Pixels


@pytest.fixture
def stack() -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (7, 3, 5, 6), dtype=torch.uint8, generator=generator)


def test_they_are_indexed_like_a_tensor(stack: torch.Tensor) -> None:
    pictures = Pictures.of(stack)
    assert len(pictures) == 7
    assert pictures.shape == stack.shape
    for rows in (slice(None), slice(2, 5), slice(5, 99), [3, 0, 3], 4, -1):
        assert torch.equal(pictures[rows], stack[rows])
    assert torch.equal(pictures[2, :, 1:3, 2:], stack[2, :, 1:3, 2:])
    assert torch.equal(pictures[1:4, :, 1:3], stack[1:4, :, 1:3])


def test_a_mask_leaves_them_on_disk(stack: torch.Tensor) -> None:
    mask = torch.tensor([True, False, True, True, False, False, True])
    some = Pictures.of(stack)[mask]
    assert isinstance(some, Pictures)
    assert torch.equal(some[:], stack[mask])
    assert torch.equal(some[1:3], stack[mask][1:3])
    assert torch.equal(some[torch.tensor([False, True, False, True])][:], stack[[2, 6]])
    with pytest.raises(IndexError, match="mask of 4"):
        some[mask]
    with pytest.raises(IndexError, match="mask"):
        some[torch.tensor([0, 1, 2, 3])]
    with pytest.raises(IndexError):
        some[4]


def test_other_shapes_are_refused(stack: torch.Tensor) -> None:
    pixels = Pixels((3, 5, 6))
    with pytest.raises(ValueError, match="bytes"):
        pixels.append(np.zeros((3, 6, 5), np.uint8))
    with pytest.raises(ValueError, match="bytes"):
        pixels.append(np.zeros((3, 5, 6), np.float32))


def test_displays_come_back_as_they_were() -> None:
    rng = np.random.default_rng(0)
    arrays = rng.integers(0, 256, (3, 8, 8, 3), dtype=np.uint8)
    displays = Displays(8)
    for array in arrays:
        displays.append(Image.fromarray(array))
    assert [np.array_equal(np.asarray(d), a) for d, a in zip(displays, arrays, strict=True)] == [
        True,
        True,
        True,
    ]
    assert np.array_equal(np.asarray(displays[-1]), arrays[2])
    assert len(displays[1:]) == 2
    with pytest.raises(IndexError):
        displays[3]
