"""Settings for a model, the crops that it sees, and the picture as it is shown."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from lens_core.visualization.crops import _by_matrices, _by_sampling, draw_boxes
from lens_core.visualization.picture import to_picture
from lens_core.visualization.settings import MacoSettings


@pytest.mark.parametrize(
    ("input_px", "fixed", "crop_px"),
    [(224, False, 160), (224, True, None), (128, False, 96), (96, False, None), (480, False, 160)],
)
def test_settings_for_a_model(input_px: int, fixed: bool, crop_px: int | None) -> None:
    settings = MacoSettings.for_input(input_px, fixed)
    assert settings.crop_px == crop_px
    assert (settings.size_px < 320) == (input_px < 160)


@pytest.mark.parametrize(("size_px", "crop_px"), [(256, 128), (512, 160), (64, 64)])
def test_crops_of_small_pictures_are_small(size_px: int, crop_px: int) -> None:
    settings = MacoSettings.for_input(224, size_px=size_px, steps=7)
    assert (settings.size_px, settings.steps, settings.crop_px) == (size_px, 7, crop_px)


def test_both_ways_to_crop_agree() -> None:
    generator = torch.Generator().manual_seed(0)
    boxes = draw_boxes(2, MacoSettings(crops=3), 0.5, generator)
    pull = torch.randn(6, 3, 10, 10, generator=generator, dtype=torch.float64)
    gradients = []
    for crop in (_by_sampling, _by_matrices):
        pictures = torch.rand(2, 3, 24, 24, generator=torch.Generator().manual_seed(1)).double()
        pictures.requires_grad_()
        crops = crop(pictures, type(boxes)(boxes.centre.double(), boxes.side.double()), 10)
        gradients.append((crops, *torch.autograd.grad(crops, pictures, pull)))
    for sampled, multiplied in zip(*gradients, strict=True):
        assert torch.allclose(sampled, multiplied, atol=1e-9)


def test_the_whole_picture_as_a_crop_is_the_picture() -> None:
    picture = torch.rand(1, 3, 12, 12)
    settings = MacoSettings(crops=1, box_from=1.0, box_to=1.0, box_sd=0.0)
    boxes = draw_boxes(1, settings, 0.0, torch.Generator().manual_seed(0))
    assert torch.allclose(_by_sampling(picture, boxes, 12), picture, atol=1e-5)


def test_boxes_stay_inside_and_shrink() -> None:
    settings = MacoSettings(crops=200, box_from=0.6, box_to=0.2)
    generator = torch.Generator().manual_seed(0)
    for progress, mean in ((0.0, 0.6), (0.5, 0.4), (1.0, 0.2)):
        boxes = draw_boxes(3, settings, progress, generator)
        half = boxes.side[..., None] / 2
        assert (boxes.centre - half).min() >= -1e-6
        assert (boxes.centre + half).max() <= 1 + 1e-6
        assert float(boxes.side.mean()) == pytest.approx(mean, abs=0.02)


def test_opacity_of_the_shown_picture() -> None:
    image = torch.linspace(0.4, 0.6, 300).reshape(3, 10, 10)
    transparency = torch.linspace(0, 1, 100).reshape(10, 10)
    shown = np.asarray(to_picture(image, transparency))
    assert shown.shape == (10, 10, 4)
    alpha = shown[..., 3].ravel()
    assert alpha[0] == 0
    assert (alpha[80:] == 255).all()
    assert (alpha[:79] < 255).all()
    assert alpha[40] == pytest.approx(255 * 40 / 79.2, abs=1)


@pytest.mark.parametrize(
    ("low", "high", "shown"),
    [(0.1, 0.9, (0.0, 1.0)), (0.45, 0.55, (0.425, 0.575)), (0.0, 0.2, (0.0, 0.3))],
)
def test_contrast_of_the_shown_picture(low: float, high: float, shown: tuple[float, float]) -> None:
    """Where it is opaque; what cannot be seen does not count."""
    image = torch.zeros(3, 20, 20)
    image[:, ::2, :16], image[:, 1::2, :16] = low, high
    image[:, :, 16:] = 1.0
    transparency = torch.ones(20, 20)
    transparency[:, 16:] = 0.0
    seen = np.asarray(to_picture(image, transparency))[:, :16, :3] / 255
    assert (seen.min(), seen.max()) == pytest.approx(shown, abs=0.01)
