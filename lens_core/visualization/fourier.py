"""Fourier pictures: the whole complex spectrum is free, low frequencies are moved most.

Notation: Z (k, 3, S, S/2+1, 2) the free spectrum, real and imaginary part, divided by 1/f^q; f the
distance of a frequency from zero. Dividing makes equal steps in Z equal steps in natural pictures'
terms, where magnitudes fall about as 1/f. Colours are decorrelated, and crops are turned, shifted
and scaled, so that only what survives such changes stays in the picture.

Source: Olah, Mordvintsev & Schubert, "Feature Visualization", Distill 2017 (transformation
robustness; preconditioning and parameterization). The baseline that MACO is compared with.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from lens_core.atlas import Track, no_track

from .optimise import Visualizations, optimise
from .settings import FourierSettings
from .spectrum import default_colour
from .targets import Sight, Targets

_SIGMOID_GAIN = 4.0
_START_SD = 0.01


class SpectrumPictures(nn.Module):
    """k pictures in [0, 1], parametrised by their whole Fourier spectra.

    Parameters
    ----------
    k, size_px
        How many, and their side.
    settings : FourierSettings
        `decay`, q above.
    colour : Tensor (3, 3), optional
        Takes decorrelated colours to rgb; photographs' in general if None.
    generator
        Draws the first spectra, on the device where the pictures shall be.
    """

    scale: Tensor
    colour: Tensor

    def __init__(
        self,
        k: int,
        size_px: int,
        settings: FourierSettings,
        generator: torch.Generator,
        colour: Tensor | None = None,
    ) -> None:
        super().__init__()
        device = generator.device
        self.size_px = size_px
        self.register_buffer("scale", spectrum_scale(size_px, settings.decay).to(device))
        taken = default_colour() if colour is None else colour
        self.register_buffer("colour", taken.to(device) * _SIGMOID_GAIN)
        shape = (k, 3, size_px, size_px // 2 + 1, 2)
        start = torch.randn(shape, generator=generator, device=device) * _START_SD
        self.spectrum = nn.Parameter(start)

    def decorrelated(self) -> Tensor:
        """Pictures (k, 3, S, S) in decorrelated colours, around 0."""
        spectrum = torch.view_as_complex(self.spectrum) * self.scale
        s: Tensor = torch.fft.irfft2(spectrum, s=(self.size_px, self.size_px), norm="ortho")
        return s

    def forward(self) -> Tensor:
        """Pictures (k, 3, S, S) in [0, 1]."""
        return torch.sigmoid(torch.einsum("ij,njhw->nihw", self.colour, self.decorrelated()))


def spectrum_scale(size_px: int, decay: float) -> Tensor:
    """(S, S/2+1): 1/f^q with f in cycles a picture, not under 1; the root of its mean square is 1.

    So a spectrum of ones gives pictures whose standard deviation is 1, whatever their size.
    """
    fy = torch.fft.fftfreq(size_px)[:, None] * size_px
    fx = torch.fft.rfftfreq(size_px) * size_px
    scale = torch.sqrt(fy**2 + fx**2).clamp(min=1.0) ** -decay
    normal: Tensor = scale / scale.square().mean().sqrt()
    return normal


def visualize_fourier(
    classifier: Sight,
    targets: Targets,
    settings: FourierSettings | None = None,
    seed: int = 0,
    track: Track = no_track,
    colour: Tensor | None = None,
) -> Visualizations:
    """Optimise one Fourier picture for each target; see `maco.visualize` for the parameters.

    Parameters
    ----------
    colour : Tensor (3, 3), optional
        The colour matrix of a measured `Spectrum`; photographs' in general if None.
    """
    chosen = settings or FourierSettings()

    def build(part: Targets, first: int, generator: torch.Generator) -> nn.Module:
        return SpectrumPictures(len(part), chosen.size_px, chosen, generator, colour)

    return optimise(classifier, targets, build, chosen, seed, track)
