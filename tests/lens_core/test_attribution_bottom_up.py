"""The control map sees what pops out, and nothing else."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from lens_core.attribution import spectral_residual
from lens_core.metrics.correlation import pearson

PX, CELL, MARGIN = 192, 26, 18


def bars(odd: tuple[int, int], seed: int) -> tuple[Tensor, tuple[int, int]]:
    """Upright bars in 6 rows and columns that are not quite straight, one bar lying down; where."""
    generator = torch.Generator().manual_seed(seed)
    image = torch.full((PX, PX), 0.3)
    place = (0, 0)
    for i in range(6):
        for j in range(6):
            shift = torch.randint(-5, 6, (2,), generator=generator)
            y, x = (MARGIN + CELL // 2 + CELL * torch.tensor([i, j]) + shift).tolist()
            tall, wide = (2, 8) if (i, j) == odd else (8, 2)
            image[y - tall : y + tall, x - wide : x + wide] = 0.9
            place = (y, x) if (i, j) == odd else place
    return image.expand(1, 3, -1, -1), place


@pytest.mark.parametrize(("odd", "seed"), [((1, 4), 0), ((4, 1), 1), ((2, 2), 2), ((3, 4), 3)])
def test_the_odd_one_out_pops_out(odd: tuple[int, int], seed: int) -> None:
    image, (y, x) = bars(odd, seed)
    found = spectral_residual(image)[0]
    assert found.shape == (PX, PX)
    assert (found.min(), found.max()) == (0, 1)
    top, left = divmod(int(found.argmax()), PX)
    assert abs(top - y) < CELL / 2
    assert abs(left - x) < CELL / 2
    assert found[y - 8 : y + 8, x - 8 : x + 8].mean() > 3 * found.mean()


def test_contrast_does_not_matter_and_mirrors_do() -> None:
    image, _ = bars((1, 4), 0)
    found = spectral_residual(image)
    dim = spectral_residual(image * 0.4 + 0.2)
    assert pearson(found.flatten(1).double(), dim.flatten(1).double()) > 0.98
    mirrored = spectral_residual(image.flip(3))
    assert pearson(found.flip(2).flatten(1).double(), mirrored.flatten(1).double()) > 0.98


def test_a_picture_without_anything_has_an_empty_map() -> None:
    assert (spectral_residual(torch.full((1, 3, 40, 60), 0.3)) == 0).all()
    assert spectral_residual(torch.rand(2, 3, 40, 60)).shape == (2, 40, 60)
