"""The Fourier magnitude and the colours of natural pictures, which MACO holds fixed.

Notation: M (3, H, W/2+1) the mean magnitude of the pictures' half spectra, as `torch.fft.rfft2`
lays them out; C (3, 3) the colour matrix, rgb − mean = C · s, with the channels of s uncorrelated
and of unit variance; f the distance of a frequency from zero, in cycles a pixel.

Source: MACO (Fel et al., NeurIPS 2023), section 3; decorrelated colours after Olah et al. (Distill
2017).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from lens_core.atlas import LensError

FILE = "spectrum.safetensors"
"""Where an atlas keeps it."""

# Standard deviations of brightness, blue–yellow and green–magenta in photographs differ by about
# this much; used where the pictures given have no variance to measure.
_DEFAULT_SD = (0.42, 0.10, 0.04)
_DEFAULT_AXES = ((1.0, 1.0, 1.0), (1.0, 0.0, -1.0), (1.0, -2.0, 1.0))
_MIN_VARIANCE = 1e-8
# Of the two-dimensional Hann window.
_WINDOW_MEAN, _WINDOW_RMS = 1 / 4, 3 / 8


@dataclass(frozen=True)
class Spectrum:
    """What a set of pictures has in common.

    Attributes
    ----------
    magnitude
        (3, H, W/2+1) float32, ≥ 0: mean Fourier magnitude in decorrelated colours.
    colour
        (3, 3) float32: takes decorrelated colours of unit variance to rgb.
    mean
        (3,) float32: the mean colour in [0, 1].
    """

    magnitude: Tensor
    colour: Tensor
    mean: Tensor

    def resized(self, size_px: int) -> Tensor:
        """Magnitude for pictures of another size, (3, size_px, size_px//2+1)."""
        return resize_magnitude(self.magnitude, size_px)

    def levels(self) -> Tensor:
        """(3,): how far a picture's mean lies from that of all, in each decorrelated colour.

        In standard deviations of the detail within pictures. Both are read off the magnitude: the
        window it was measured with passes 1/4 of a constant, and 3/8 of the rms of everything.
        """
        height, half = self.magnitude.shape[-2:]
        width = 2 * (half - 1) if height % 2 == 0 else 2 * half - 1  # pictures are square
        weight = torch.full_like(self.magnitude[0], 2.0)
        weight[:, 0] = 1.0
        if width % 2 == 0:
            weight[:, -1] = 1.0  # its own mirror image
        rms = (self.magnitude.square() * weight).sum((1, 2)).sqrt() / (height * width) / _WINDOW_RMS
        level = self.magnitude[:, 0, 0] / (height * width) / _WINDOW_MEAN
        everything = rms.square().mean()
        detail = (everything - level.square().mean()).clamp(min=1e-4 * float(everything) + 1e-12)
        return level / detail.sqrt()

    @property
    def arrays(self) -> dict[str, Tensor]:
        """All of it by name, on the CPU, as files hold it."""
        arrays = {"magnitude": self.magnitude, "colour": self.colour, "mean": self.mean}
        return {name: array.cpu().contiguous() for name, array in arrays.items()}

    def save(self, path: Path) -> None:
        """Write as safetensors; the caller decides where and when (one file an image set)."""
        partial = path.with_name(path.name + ".partial")
        save_file(self.arrays, partial)
        partial.replace(path)

    @classmethod
    def load(cls, path: Path) -> Spectrum:
        """Read what :meth:`save` wrote; LensError if the file is something else."""
        try:
            arrays = load_file(path)
            return cls(arrays["magnitude"], arrays["colour"], arrays["mean"])
        except (OSError, SafetensorError, KeyError):
            raise LensError(f"{path}: not a spectrum; remove it and it is measured again") from None


def measure_spectrum(images: Tensor | Iterable[Tensor], batch: int = 32) -> Spectrum:
    """Measure the spectrum of pictures.

    Parameters
    ----------
    images : Tensor (n, 3, H, H) or iterable of (3, H, H)
        Pictures in [0, 1], all of one size. A few hundred suffice.
    batch : int
        How many are transformed at once.

    Returns
    -------
    Spectrum
        Computed in float32. Pictures are faded out towards their borders (Hann window), otherwise
        the jump from each border to the opposite one is taken for detail.
    """
    pictures = images if isinstance(images, Tensor) else torch.stack(list(images))
    if pictures.ndim != 4 or pictures.shape[1] != 3 or len(pictures) == 0:
        raise LensError(f"a spectrum needs pictures (n, 3, H, W), not {tuple(pictures.shape)}")
    pictures = pictures.float()
    mean, colour = measure_colour(pictures)
    whiten = torch.linalg.inv(colour)
    height, width = pictures.shape[-2:]
    window = _hann(height, pictures)[:, None] * _hann(width, pictures)
    total = pictures.new_zeros(3, height, width // 2 + 1)
    for part in torch.split(pictures, batch):
        s = torch.einsum("ij,njhw->nihw", whiten, part - mean[:, None, None])
        total += torch.fft.rfft2(s * window).abs().sum(0)
    return Spectrum(total / len(pictures), colour, mean)


def _hann(n: int, like: Tensor) -> Tensor:
    # Periodic Hann, offset by half a pixel so that it is symmetric and nowhere 0.
    return torch.sin(torch.pi * (torch.arange(n, device=like.device) + 0.5) / n) ** 2


def measure_colour(pictures: Tensor) -> tuple[Tensor, Tensor]:
    """Mean colour (3,) and colour matrix C (3, 3) with C Cᵀ the covariance of rgb over pixels."""
    pixels = pictures.transpose(0, 1).flatten(1)
    mean = pixels.mean(1)
    centred = pixels - mean[:, None]
    covariance = (centred @ centred.T / pixels.shape[1]).double()
    variance, axes = torch.linalg.eigh(covariance)
    if float(variance[-1]) < _MIN_VARIANCE:
        return mean, default_colour().to(pictures)
    # Grey pictures have no variance in two of three directions: a floor keeps C invertible.
    sd = variance.clamp(min=float(variance[-1]) * 1e-4).sqrt()
    order = torch.tensor([2, 1, 0], device=axes.device)  # brightness first
    return mean, (axes * sd)[:, order].to(pictures)


def default_colour() -> Tensor:
    """Colour matrix of photographs in general, (3, 3): brightness varies most, hue little."""
    axes = torch.nn.functional.normalize(torch.tensor(_DEFAULT_AXES), dim=1).T
    return axes * torch.tensor(_DEFAULT_SD)


def resize_magnitude(magnitude: Tensor, size_px: int) -> Tensor:
    """Magnitude (c, H, H/2+1) for pictures of `size_px` a side, (c, size_px, size_px//2+1).

    Interpolates bilinearly between neighbouring frequencies (in the layout with zero in the
    middle, where neighbours are neighbours), at the same cycles a pixel. Magnitudes fall about
    as 1/f, which no straight line follows near zero, so M·f is interpolated and divided by f
    again. The zero frequency itself keeps its value.
    """
    height = magnitude.shape[-2]
    if height == size_px:
        return magnitude
    width = 2 * (magnitude.shape[-1] - 1) if height % 2 == 0 else 2 * magnitude.shape[-1] - 1
    flat = magnitude * _distance(height, width, magnitude)
    flat = torch.fft.fftshift(_whole(flat, width), dim=(-2, -1))
    middle_y, middle_x = height // 2, width // 2
    ring = flat[..., middle_y - 1 : middle_y + 2, middle_x - 1 : middle_x + 2].sum((-2, -1))
    flat[..., middle_y, middle_x] = ring / 8  # 0 so far: replaced by the mean of its neighbours
    # One line more on each side, as frequencies go on: the highest of them then has neighbours.
    flat = torch.nn.functional.pad(flat[None], (1, 1, 1, 1), mode="circular")
    fy = torch.fft.fftfreq(size_px, device=flat.device) * height + middle_y + 1
    fx = torch.fft.rfftfreq(size_px, device=flat.device) * width + middle_x + 1
    grid = torch.stack(
        [
            (fx / (width + 1) * 2 - 1).expand(size_px, -1),
            (fy / (height + 1) * 2 - 1)[:, None].expand(-1, len(fx)),
        ],
        dim=-1,
    )
    resized = torch.nn.functional.grid_sample(
        flat, grid[None], mode="bilinear", padding_mode="border", align_corners=True
    )[0]
    distance = _distance(size_px, size_px, resized)
    distance[0, 0] = 1.0
    resized = resized / distance
    resized[..., 0, 0] = magnitude[..., 0, 0]
    return resized


def _whole(half: Tensor, width: int) -> Tensor:
    """Full spectrum magnitude (…, H, W) of a half one (…, H, W/2+1): M(−f) = M(f)."""
    mirrored = half[..., 1 : (width + 1) // 2].flip(-1)
    rows = torch.roll(mirrored.flip(-2), 1, dims=-2)
    return torch.cat([half, rows], dim=-1)


def _distance(height: int, width: int, like: Tensor) -> Tensor:
    fy = torch.fft.fftfreq(height, device=like.device)[:, None]
    fx = torch.fft.rfftfreq(width, device=like.device)
    return torch.sqrt(fy**2 + fx**2)
