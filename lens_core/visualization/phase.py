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

import math
from typing import Any

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
        level = spectrum.levels().to(device)
        detail = contrast / float((1 + level.square().mean()).sqrt())
        magnitude = _with_deviation(spectrum.resized(size_px).to(device), size_px, detail)
        self.register_buffer("magnitude", magnitude)
        self.register_buffer("colour", spectrum.colour.to(device) * _SIGMOID_GAIN)
        self.register_buffer("level", detail * level)
        mean = spectrum.mean.to(device).clamp(0.02, 0.98)
        self.register_buffer("offset", torch.logit(mean))
        shape = (k, *magnitude.shape)
        self.phase = nn.Parameter(torch.randn(shape, generator=generator, device=device))

    def standard_phase(self) -> Tensor:
        """φ̂: φ with mean 0 and standard deviation 1 over all of each picture."""
        centred = self.phase - self.phase.mean((1, 2, 3), keepdim=True)
        # A norm is a quick pass over the numbers, where torch's standard deviation is a slow one.
        norm = torch.linalg.vector_norm(centred, dim=(1, 2, 3), keepdim=True)
        standard: Tensor = centred / (norm / math.sqrt(self.magnitude.numel() - 1) + _EPS)
        return standard

    def decorrelated(self) -> Tensor:
        """s: detail of one standard deviation in all pictures, around each channel's own mean."""
        detail, level = self._parts()
        return detail + level[..., None, None]

    def forward(self) -> Tensor:
        """Pictures (k, 3, S, S) in [0, 1]."""
        detail, level = self._parts()
        # The matrix meets detail and means apart: one pass over the pixels less.
        middle = level @ self.colour.T + self.offset
        colour = self.colour.expand(len(detail), 3, 3)
        rgb = torch.baddbmm(middle[..., None], colour, detail.flatten(2))
        return torch.sigmoid(rgb).view_as(detail)

    def _parts(self) -> tuple[Tensor, Tensor]:
        """Detail (k, 3, S, S), whose mean is 0, and each channel's mean (k, 3)."""
        phase = self.standard_phase()
        level = self.level * torch.sin(phase[..., 0, 0])
        waves: Tensor = _Waves.apply(_hermitian(phase, self.size_px), self.magnitude)
        return torch.fft.irfft2(waves, s=(self.size_px, self.size_px)), level


class _Waves(torch.autograd.Function):
    """M e^{iφ}: `torch.polar` with a gradient for the phase alone, in half the time."""

    @staticmethod
    def forward(ctx: Any, phase: Tensor, magnitude: Tensor) -> Tensor:
        parts = phase.new_empty(*phase.shape, 2)
        torch.mul(phase.cos(), magnitude, out=parts[..., 0])
        torch.mul(phase.sin(), magnitude, out=parts[..., 1])
        ctx.save_for_backward(parts)
        return torch.view_as_complex(parts)

    @staticmethod
    def backward(ctx: Any, *cotangents: Tensor) -> tuple[Tensor, None]:
        (parts,) = ctx.saved_tensors
        pull = torch.view_as_real(cotangents[0].resolve_conj())
        # de^{iφ} = i e^{iφ} dφ
        return pull[..., 1] * parts[..., 0] - pull[..., 0] * parts[..., 1], None


def _with_deviation(magnitude: Tensor, size_px: int, deviation: float) -> Tensor:
    """The magnitude of pictures with mean 0 and this standard deviation over all channels.

    Phases change neither (Parseval), so both are settled once and not at each step.
    """
    weight = torch.full_like(magnitude[0], 2.0)
    weight[:, 0] = 1.0
    if size_px % 2 == 0:
        weight[:, -1] = 1.0  # its own mirror image, as the first column is
    free = magnitude.clone()
    free[..., 0, 0] = 0.0
    channels, pixels = len(free), size_px**2
    # Over channels × pixels values, less the one for the mean.
    power = (free.double().square() * weight).sum() / pixels / (channels * pixels - 1)
    return free * (deviation / (float(power.sqrt()) + _EPS))


def _hermitian(phase: Tensor, size_px: int) -> Tensor:
    """Make φ(−f) = −φ(f) in the columns that are their own mirror images.

    A real picture needs that. The inverse transform would otherwise average what disagrees there,
    and the magnitude would no longer be the template's.
    """
    columns = [_odd(phase[..., :1]), phase[..., 1:]]
    if size_px % 2 == 0:
        columns = [columns[0], phase[..., 1:-1], _odd(phase[..., -1:])]
    return torch.cat(columns, dim=-1)


def _odd(column: Tensor) -> Tensor:
    """(φ(f) − φ(−f)) / 2 of a column (…, S, 1)."""
    return (column - torch.roll(column.flip(-2), 1, dims=-2)) / 2
