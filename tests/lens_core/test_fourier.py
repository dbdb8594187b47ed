"""The baselines of MACO (Fourier and pixel pictures) and pictures that start from a photograph."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from lens_core.atlas import LensError
from lens_core.visualization.accentuation import AccentuatedPictures, accentuate
from lens_core.visualization.crops import draw_boxes, take_crops
from lens_core.visualization.fourier import SpectrumPictures, spectrum_scale, visualize_fourier
from lens_core.visualization.pixels import PixelPictures, visualize_pixels
from lens_core.visualization.settings import (
    AccentuationSettings,
    FourierSettings,
    Optimisation,
    PixelSettings,
)
from lens_core.visualization.targets import Targets
from tests.support.eye import Eye

FOURIER = FourierSettings(size_px=32, steps=40, crops=3, crop_px=32)
PIXELS = PixelSettings(size_px=32, steps=40, crops=3, crop_px=32)


@pytest.fixture(scope="module")
def eye() -> Eye:
    return Eye(input_px=32)


@pytest.fixture(scope="module")
def targets() -> Targets:
    return Targets(torch.rand(2, 8, generator=torch.Generator().manual_seed(1)), (2,))


@pytest.mark.parametrize("method", ["fourier", "pixels"])
def test_the_objective_rises_and_the_seed_counts(eye: Eye, targets: Targets, method: str) -> None:
    def make(seed: int) -> tuple[Tensor, Tensor]:
        if method == "fourier":
            made = visualize_fourier(eye, targets, FOURIER, seed)
        else:
            made = visualize_pixels(eye, targets, PIXELS, seed)
        return made.images, made.objective

    images, objective = make(0)
    assert images.shape == (3, 3, 32, 32)
    assert 0 <= images.min() < images.max() <= 1
    assert (objective[-5:].mean(0) > objective[:3].mean(0)).all()
    assert torch.equal(images, make(0)[0])
    assert not torch.allclose(images, make(1)[0], atol=0.05)


@pytest.mark.parametrize("size_px", [16, 31, 64])
@pytest.mark.parametrize("decay", [0.0, 1.0, 1.5])
def test_a_random_spectrum_gives_pictures_of_natural_slope(size_px: int, decay: float) -> None:
    scale = spectrum_scale(size_px, decay)
    assert float(scale.square().mean()) == pytest.approx(1, rel=1e-4)
    assert float(scale[4, 0] / scale[2, 0]) == pytest.approx(2**-decay, rel=1e-4)
    settings = FourierSettings(size_px=size_px, decay=decay)
    pictures = SpectrumPictures(4, size_px, settings, torch.Generator().manual_seed(0))
    found = torch.fft.rfft2(pictures.decorrelated().detach(), norm="ortho").abs().mean((0, 1))
    near, far = found[1:4, 1:4].mean(), found[5:8, 5:8].mean()
    expected = scale[1:4, 1:4].mean() / scale[5:8, 5:8].mean()
    assert float(near / far) == pytest.approx(float(expected), rel=0.35)


def test_the_gradient_of_the_spectrum_is_right() -> None:
    pictures = SpectrumPictures(
        1, 6, FourierSettings(size_px=6), torch.Generator().manual_seed(0)
    ).double()

    def image(spectrum: Tensor) -> Tensor:
        made: Tensor = torch.func.functional_call(pictures, {"spectrum": spectrum}, ())
        return made

    spectrum = pictures.spectrum.detach().clone().requires_grad_()
    assert torch.autograd.gradcheck(image, (spectrum,), atol=1e-4)


def test_total_variation_makes_pictures_smooth(eye: Eye, targets: Targets) -> None:
    rough, smooth = (
        visualize_pixels(eye, targets, replace(PIXELS, total_variation=charge)).images
        for charge in (0.0, 50.0)
    )

    def variation(x: Tensor) -> float:
        return float((x[..., 1:] - x[..., :-1]).abs().mean())

    assert variation(smooth) < 0.7 * variation(rough)


def test_pixels_are_free() -> None:
    pictures = PixelPictures(2, 8, torch.Generator().manual_seed(0))
    assert [name for name, _ in pictures.named_parameters()] == ["pixels"]
    assert float(pictures().detach().mean()) == pytest.approx(0.5, abs=0.02)


def test_turned_crops() -> None:
    """A crop of a ramp turned by a quarter is the same ramp in the other direction."""
    ramp = torch.linspace(0, 1, 32).expand(1, 3, 32, 32).contiguous()
    boxes = draw_boxes(
        1,
        Optimisation(crops=1, box_from=0.5, box_to=0.5, box_sd=0.0, centre_sd=0.0),
        0.0,
        torch.Generator().manual_seed(0),
    )
    upright = take_crops(ramp, boxes, 16)
    turned = take_crops(ramp, replace(boxes, turn=torch.tensor([[torch.pi / 2]])), 16)
    assert torch.allclose(turned, upright.transpose(2, 3), atol=1e-5) or torch.allclose(
        turned, upright.transpose(2, 3).flip(2), atol=1e-5
    )
    full = take_crops(ramp, replace(boxes, turn=torch.tensor([[2 * torch.pi]])), 16)
    assert torch.allclose(full, upright, atol=1e-5)


def test_turns_are_as_large_as_asked() -> None:
    settings = Optimisation(crops=500, turn_deg=20)
    turn = draw_boxes(2, settings, 0.0, torch.Generator().manual_seed(0)).turn
    assert turn is not None
    degrees = torch.rad2deg(turn)
    assert float(degrees.abs().max()) <= 20
    assert float(degrees.std()) == pytest.approx(20 / 3**0.5, rel=0.1)
    assert draw_boxes(2, Optimisation(), 0.0, torch.Generator()).turn is None


def test_accentuation_starts_with_the_picture_and_stays_near_it(eye: Eye) -> None:
    generator = torch.Generator().manual_seed(0)
    photograph = nn.functional.interpolate(
        torch.rand(1, 3, 6, 6, generator=generator), 32, mode="bilinear"
    ).clamp(0.02, 0.98)
    pictures = AccentuatedPictures(photograph, decay=1.0)
    assert torch.allclose(pictures().detach(), photograph, atol=1e-4)
    settings = AccentuationSettings(size_px=32, steps=30, crops=3, crop_px=32)
    made = {
        closeness: accentuate(
            eye, Targets(classes=(0, 1)), photograph, replace(settings, closeness=closeness)
        )
        for closeness in (0.0, 1e4)
    }
    free, held = ((made[c].images - photograph).square().mean() for c in (0.0, 1e4))
    assert held < 0.2 * free
    with torch.no_grad():
        before = eye.logits(photograph)[0]
        for target in (0, 1):
            assert eye.logits(made[0.0].images)[target, target] > before[target]


def test_accentuation_needs_a_picture_for_each_target(eye: Eye) -> None:
    with pytest.raises(LensError, match="one for each of 3 targets"):
        accentuate(eye, Targets(classes=(0, 1, 2)), torch.zeros(2, 3, 8, 8))


@pytest.mark.parametrize("wrong", [{"turn_deg": -1.0}, {"total_variation": -1.0}, {"lr": 0.0}])
def test_impossible_settings(wrong: dict[str, float]) -> None:
    with pytest.raises(LensError, match=next(iter(wrong))):
        FourierSettings(**wrong)
