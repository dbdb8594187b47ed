"""Magnitude and colours measured from pictures."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from lens_core.atlas import LensError
from lens_core.visualization.spectrum import (
    Spectrum,
    default_colour,
    measure_colour,
    measure_spectrum,
    resize_magnitude,
)


def frequencies(size: int) -> Tensor:
    """Distance from zero, (size, size//2+1), in cycles a pixel."""
    return torch.hypot(
        torch.fft.fftfreq(size)[:, None].expand(-1, size // 2 + 1),
        torch.fft.rfftfreq(size).expand(size, -1),
    )


def power_law(exponent: float, size: int) -> Tensor:
    """Magnitudes f^exponent, (3, size, size//2+1), 1 at zero."""
    f = frequencies(size)
    f[0, 0] = 1.0
    return (f**exponent).expand(3, -1, -1).clone()


def noise_pictures(exponent: float, n: int = 24, size: int = 64, seed: int = 0) -> Tensor:
    """Pictures around .5 whose amplitude falls as f^exponent, in every colour channel."""
    generator = torch.Generator().manual_seed(seed)
    white = torch.fft.rfft2(torch.randn(n, 3, size, size, generator=generator))
    shaped = torch.fft.irfft2(white * power_law(exponent, size), s=(size, size))
    shaped = shaped - shaped.mean((2, 3), keepdim=True)
    return 0.5 + 0.1 * shaped / shaped.std()


def slope(magnitude: Tensor, low: float = 0.06, high: float = 0.4) -> float:
    """Exponent of the power law that fits between two frequencies."""
    f = frequencies(magnitude.shape[-2])
    chosen = (f > low) & (f < high)
    x, y = f[chosen].log(), magnitude.mean(0)[chosen].log()
    return float(((x - x.mean()) * (y - y.mean())).sum() / ((x - x.mean()) ** 2).sum())


@pytest.mark.parametrize("exponent", [-1.0, -1.5, 0.0])
def test_noise_of_a_known_slope(exponent: float) -> None:
    spectrum = measure_spectrum(noise_pictures(exponent))
    assert slope(spectrum.magnitude) == pytest.approx(exponent, abs=0.1)


def test_borders_are_not_taken_for_detail() -> None:
    """A ramp has a jump where its ends meet, but nothing of it within."""
    ramp = torch.linspace(0, 1, 64).expand(4, 3, 64, 64)
    magnitude = measure_spectrum(ramp).magnitude[0]
    assert magnitude[0, 16] < 1e-2 * magnitude[0, 1]


@settings(max_examples=20, deadline=None)
@given(size=st.integers(24, 150), measured=st.integers(24, 90), exponent=st.floats(-1.5, -0.5))
def test_resizing_keeps_zero_frequency_and_power_laws(
    size: int, measured: int, exponent: float
) -> None:
    magnitude = power_law(exponent, measured)
    magnitude[:, 0, 0] = 1234.5
    resized = resize_magnitude(magnitude, size)
    assert resized.shape == (3, size, size // 2 + 1)
    assert torch.equal(resized[:, 0, 0], magnitude[:, 0, 0])
    f = frequencies(size)
    inside = (f > 2 / measured) & (f < 0.45)
    expected = (f**exponent)[inside]
    assert torch.allclose(resized[0][inside], expected, rtol=0.1)


def test_resizing_does_not_mix_a_frequency_with_its_mirror() -> None:
    magnitude = torch.zeros(1, 32, 17)
    magnitude[0, 4, 4] = 1.0
    resized = resize_magnitude(magnitude, 64)
    assert resized[0, 8, 8] == pytest.approx(1.0, abs=1e-5)
    assert float(resized[0, 40:].sum()) == 0


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_colours_are_decorrelated_and_come_back(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    mix = torch.randn(3, 3, generator=generator)
    pictures = torch.einsum("ij,njhw->nihw", mix, torch.randn(4, 3, 16, 16, generator=generator))
    mean, colour = measure_colour(pictures)
    pixels = pictures.transpose(0, 1).flatten(1) - mean[:, None]
    s = torch.linalg.solve(colour, pixels)
    assert torch.allclose(colour @ s, pixels, atol=1e-3)
    if torch.linalg.cond(mix) < 20:  # else the floor under small variances is at work
        assert torch.allclose(s @ s.T / s.shape[1], torch.eye(3), atol=1e-2)


@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
def test_pictures_of_one_colour_give_finite_numbers(value: float) -> None:
    spectrum = measure_spectrum(torch.full((3, 3, 16, 16), value))
    assert torch.equal(spectrum.colour, default_colour())
    assert torch.isfinite(spectrum.magnitude).all()
    assert torch.isfinite(spectrum.resized(24)).all()


def test_grey_pictures_give_an_invertible_colour_matrix() -> None:
    grey = torch.rand(4, 1, 16, 16).expand(-1, 3, -1, -1)
    spectrum = measure_spectrum(grey)
    assert torch.linalg.cond(spectrum.colour) < 1e3
    assert torch.isfinite(spectrum.magnitude).all()


def test_batches_do_not_matter() -> None:
    pictures = noise_pictures(-1.0, n=7, size=16)
    a, b = measure_spectrum(pictures, batch=2), measure_spectrum(list(pictures), batch=100)
    assert torch.allclose(a.magnitude, b.magnitude, rtol=1e-4)


def test_how_far_mean_colours_lie_apart() -> None:
    """Half the pictures brighter by as much as the other half is darker, over known detail."""
    generator = torch.Generator().manual_seed(0)
    detail = 0.05 * torch.randn(40, 1, 64, 64, generator=generator)
    shift = torch.tensor([0.1, -0.1]).repeat(20).view(-1, 1, 1, 1)
    spectrum = measure_spectrum((0.5 + shift + detail).expand(-1, 3, -1, -1))
    # Brightness alone varies: the detail of one channel of three stands for that of all.
    assert float(spectrum.levels()[0]) == pytest.approx(0.1 / 0.05 * 3**0.5, rel=0.2)


def test_on_disk_and_back(tmp_path: Path) -> None:
    spectrum = measure_spectrum(noise_pictures(-1.0, n=3, size=16))
    path = tmp_path / "spectrum.safetensors"
    spectrum.save(path)
    loaded = Spectrum.load(path)
    assert torch.equal(loaded.magnitude, spectrum.magnitude)
    assert torch.equal(loaded.colour, spectrum.colour)
    assert [entry.name for entry in tmp_path.iterdir()] == ["spectrum.safetensors"]


@pytest.mark.parametrize("content", [None, b"", b"something else"])
def test_a_file_that_is_no_spectrum(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "spectrum.safetensors"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(LensError, match=r"spectrum\.safetensors"):
        Spectrum.load(path)


@pytest.mark.parametrize("shape", [(0, 3, 8, 8), (2, 1, 8, 8), (3, 8, 8)])
def test_what_is_no_set_of_pictures(shape: tuple[int, ...]) -> None:
    with pytest.raises(LensError, match="pictures"):
        measure_spectrum(torch.zeros(shape))
