"""Feature accentuation: what of a given picture excites a target, and what would excite it more.

The picture starts as the given one and may change its whole Fourier spectrum, low frequencies most;
`closeness` charges for leaving the start. What stands out in the result is where the target sees
itself; the transparency says how much each pixel was pulled.

Source: Hamblin, Fel, Saha, Konkle & Alvarez, "Feature Accentuation: Revealing 'What' Features
Respond to in Natural Images", arXiv 2402.10039, 2024. There closeness is measured in an earlier
layer of the network; here, as a simpler charge, in pixels.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from lens_core.atlas import LensError, Track, no_track

from .fourier import spectrum_scale
from .optimise import Visualizations, optimise
from .settings import AccentuationSettings
from .spectrum import measure_colour
from .targets import Sight, Targets

_DARKEST = 0.01


class AccentuatedPictures(nn.Module):
    """Pictures (k, 3, S, S) that start as given; spectra of what was added are the parameters.

    Values of the given pictures under .01 or over .99 come back as these.
    """

    start: Tensor
    scale: Tensor
    colour: Tensor

    def __init__(self, pictures: Tensor, decay: float) -> None:
        super().__init__()
        self.size_px = pictures.shape[-1]
        _, colour = measure_colour(pictures)
        self.register_buffer("start", torch.logit(pictures.clamp(_DARKEST, 1 - _DARKEST)))
        self.register_buffer("scale", spectrum_scale(self.size_px, decay).to(pictures))
        self.register_buffer("colour", colour * 4.0)
        shape = (*pictures.shape[:2], self.size_px, self.size_px // 2 + 1, 2)
        self.added = nn.Parameter(torch.zeros(shape, device=pictures.device))

    def forward(self) -> Tensor:
        """Pictures (k, 3, S, S) in [0, 1]."""
        spectrum = torch.view_as_complex(self.added) * self.scale
        added = torch.fft.irfft2(spectrum, s=(self.size_px, self.size_px), norm="ortho")
        return torch.sigmoid(self.start + torch.einsum("ij,njhw->nihw", self.colour, added))


def accentuate(
    classifier: Sight,
    targets: Targets,
    pictures: Tensor,
    settings: AccentuationSettings | None = None,
    seed: int = 0,
    track: Track = no_track,
) -> Visualizations:
    """Make of each given picture one that excites its target more.

    Parameters
    ----------
    pictures : Tensor (k, 3, H, W) in [0, 1]
        One for each target, or a single one for all; resized to `settings.size_px`.

    Raises
    ------
    LensError
        If there are neither as many pictures as targets nor one.
    """
    chosen = settings or AccentuationSettings()
    k = len(targets)
    if pictures.ndim != 4 or pictures.shape[1] != 3 or len(pictures) not in (1, k):
        raise LensError(
            f"accentuation needs pictures (n, 3, H, W), one for each of {k} targets or one for "
            f"all, not {tuple(pictures.shape)}"
        )
    size = (chosen.size_px, chosen.size_px)
    resized = functional.interpolate(
        pictures.float(), size, mode="bilinear", align_corners=False, antialias=True
    )
    starts = resized.expand(k, -1, -1, -1).to(classifier.device)

    def build(part: Targets, first: int, generator: torch.Generator) -> nn.Module:
        return AccentuatedPictures(starts[first : first + len(part)], chosen.decay)

    return optimise(classifier, targets, build, chosen, seed, track)
