"""MACO: pictures that excite a concept or a class, with natural Fourier magnitude.

All targets are optimised at once, as one batch; only phases change. See
:mod:`~lens_core.visualization.targets` for what is maximised,
:mod:`~lens_core.visualization.phase` for what a picture is made of, and
:mod:`~lens_core.visualization.optimise` for the loop.

Source: Fel et al., NeurIPS 2023, arXiv 2306.06805, sections 3 and 4.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import nn

from lens_core.atlas import Track, no_track

from .optimise import Build, Visualizations, in_lots, optimise
from .phase import PhasePictures
from .settings import MacoSettings
from .spectrum import Spectrum
from .targets import Sight, Targets

__all__ = ["Sight", "Targets", "Visualizations", "visualize", "visualize_in_lots"]


def visualize(
    classifier: Sight,
    targets: Targets,
    spectrum: Spectrum,
    settings: MacoSettings | None = None,
    seed: int = 0,
    track: Track = no_track,
) -> Visualizations:
    """Optimise one picture for each target.

    Parameters
    ----------
    classifier : lens_core.Classifier
        Cut at the layer in which the directions live; its weights should need no gradient.
    targets : Targets
        Concepts, channels, units, classes, or sums of them.
    spectrum : Spectrum
        See :func:`~lens_core.visualization.spectrum.measure_spectrum`.
    settings : MacoSettings
        Defaults suit networks with inputs of about 224 px.
    seed : int
        The same seed gives the same pictures on the same device.

    Raises
    ------
    LensError
        If a direction is zero, or nothing is asked for.
    """
    chosen = settings or MacoSettings()
    return optimise(classifier, targets, _from_phases(spectrum, chosen), chosen, seed, track)


def visualize_in_lots(
    classifier: Sight,
    targets: Targets,
    spectrum: Spectrum,
    settings: MacoSettings,
    seed: int = 0,
    track: Track = no_track,
) -> Iterator[Visualizations]:
    """The pictures of :func:`visualize`, `settings.at_once` at a time: for who keeps none of them.

    Memory then does not grow with the number of targets.
    """
    return in_lots(classifier, targets, _from_phases(spectrum, settings), settings, seed, track)


def _from_phases(spectrum: Spectrum, settings: MacoSettings) -> Build:
    def build(part: Targets, first: int, generator: torch.Generator) -> nn.Module:
        return PhasePictures(len(part), settings.size_px, spectrum, generator, settings.contrast)

    return build
