"""Pictures whose Fourier magnitude is fixed and whose phase is free.

Notation: φ (k, 3, S, S/2+1) the phases of k pictures, M (3, S, S/2+1) their common magnitude,
s (k, 3, S, S) pictures in decorrelated colours.

The paper standardizes s over the whole picture, which ties every picture to nearly the same mean
colour and spreads the colours of a whole set of photographs over each. Here detail has the contrast
within photographs, and each channel's mean may lie as far from the set's as photographs' usually
do: its magnitude is bounded by the template, and its phase, counted from where it is 0, is free as
all others are.

Source: MACO (Fel et al., NeurIPS 2023), section 3.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .spectrum import Spectrum

_EPS = 1e-6
# The slope of the sigmoid at one half is 1/4: this much contrast before it gives that of the
# pictures measured after it.
_SIGMOID_GAIN = 4.0


class PhasePictures(nn.Module):
    """k pictures in [0, 1], parametrised by their phases alone.

    Parameters
    ----------
    k : int
        How many.
    size_px : int
        Side of the pictures.
    spectrum : Spectrum
        Magnitude and colours.
    contrast : float
        Standard deviation of detail and of mean colours, as a share of photographs'.
    generator : torch.Generator
        Draws the first phases, on the device where the pictures shall be.
    """

    magnitude: Tensor
    colour: Tensor
    offset: Tensor
    level: Tensor

    def __init__(
        self,
        k: int,
        size_px: int,
        spectrum: Spectrum,
        generator: torch.Generator,
        contrast: float = 1.0,
    ) -> None:
        super().__init__()
        device = generator.device
        self.size_px = size_px
        self.register_buffer("magnitude", spectrum.resized(size_px).to(device))
        self.register_buffer("colour", spectrum.colour.to(device) * _SIGMOID_GAIN)
        level = spectrum.levels().to(device)
        self.detail = contrast / float((1 + level.square().mean()).sqrt())
        self.register_buffer("level", self.detail * level)
        mean = spectrum.mean.to(device).clamp(0.02, 0.98)
        self.register_buffer("offset", torch.logit(mean)[:, None, None])
        shape = (k, *self.magnitude.shape)
        self.phase = nn.Parameter(torch.randn(shape, generator=generator, device=device))

    def standard_phase(self) -> Tensor:
        """φ̂: φ with mean 0 and standard deviation 1 over all of each picture."""
        mean = self.phase.mean((1, 2, 3), keepdim=True)
        sd = self.phase.std((1, 2, 3), keepdim=True)
        return _hermitian((self.phase - mean) / (sd + _EPS), self.size_px)

    def decorrelated(self) -> Tensor:
        """s: detail of one standard deviation in all pictures, around each channel's own mean."""
        phase = self.standard_phase()
        s = torch.fft.irfft2(
            torch.polar(self.magnitude.expand_as(phase), phase), s=(self.size_px, self.size_px)
        )
        s = s - s.mean((2, 3), keepdim=True)
        s = s * (self.detail / (s.std((1, 2, 3), keepdim=True) + _EPS))
        level: Tensor = self.level * torch.sin(self._zero_phase())
        coloured: Tensor = s + level[..., None, None]
        return coloured

    def _zero_phase(self) -> Tensor:
        """φ̂ of the zero frequency, (k, 3)."""
        mean, sd = self.phase.mean((1, 2, 3)), self.phase.std((1, 2, 3))
        return (self.phase[..., 0, 0] - mean[:, None]) / (sd[:, None] + _EPS)

    def forward(self) -> Tensor:
        """Pictures (k, 3, S, S) in [0, 1]."""
        rgb = torch.einsum("ij,njhw->nihw", self.colour, self.decorrelated())
        return torch.sigmoid(rgb + self.offset)


def _hermitian(phase: Tensor, size_px: int) -> Tensor:
    """Make φ(−f) = −φ(f) in the columns that are their own mirror images.

    A real picture needs that. The inverse transform would otherwise average what disagrees there,
    and the magnitude would no longer be the template's.
    """
    own = [0, phase.shape[-1] - 1] if size_px % 2 == 0 else [0]
    columns = phase[..., own]
    mirrored = torch.roll(columns.flip(-2), 1, dims=-2)
    odd = (columns - mirrored) / 2
    inner = phase[..., 1 : phase.shape[-1] - (len(own) - 1)]
    return torch.cat([odd[..., :1], inner, odd[..., 1:]], dim=-1)
