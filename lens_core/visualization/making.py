"""Pictures of an atlas's concepts made again, by any method, for comparison."""

from __future__ import annotations

from typing import Literal, get_args

import torch
from safetensors.torch import load

from lens_core.atlas import Atlas, AtlasClass, Track, no_track
from lens_core.classifier import Classifier

from .exhibits import Exhibit, photographs
from .fourier import visualize_fourier
from .maco import visualize
from .optimise import Visualizations
from .picture import to_pictures
from .pixels import visualize_pixels
from .settings import FourierSettings, MacoSettings, Optimisation, PixelSettings
from .spectrum import FILE, Spectrum, measure_spectrum
from .targets import Targets

Method = Literal["maco", "fourier", "pixels"]
METHODS: tuple[Method, ...] = get_args(Method)

_SPECTRUM_IMAGES = 128
_SPENT = ("size_px", "steps", "crops", "crop_px", "at_once", "patience", "cosine_power")


def settings_for(
    classifier: Classifier, method: Method, px: int | None = None, steps: int | None = None
) -> Optimisation:
    """Settings of a method that spend as much as MACO's defaults for that model.

    Pictures of one size, as many steps, crops and pixels a crop: then methods can be compared.
    """
    maco = MacoSettings.for_input(
        classifier.preprocessing.input_px, classifier.fixed_input, px, steps
    )
    if method == "maco":
        return maco
    spent = {name: getattr(maco, name) for name in _SPENT}
    return FourierSettings(**spent) if method == "fourier" else PixelSettings(**spent)


def spectrum_of(atlas: Atlas, classifier: Classifier) -> Spectrum:
    """The atlas's own; of an atlas built without pictures, that of up to 128 of its photographs."""
    if atlas.exists(FILE):
        return Spectrum(**load(atlas.store.read(FILE)))
    px = classifier.preprocessing.input_px
    each = max(1, _SPECTRUM_IMAGES // len(atlas.classes))
    views = [photographs(atlas.load_class(entry.id), px, each) for entry in atlas.classes]
    return measure_spectrum(torch.cat(views))


def make(
    classifier: Classifier,
    targets: Targets,
    method: Method,
    spectrum: Spectrum,
    settings: Optimisation,
    seed: int = 0,
    track: Track = no_track,
) -> Visualizations:
    """Pictures for targets by the method of that name."""
    if isinstance(settings, FourierSettings):
        return visualize_fourier(classifier, targets, settings, seed, track, spectrum.colour)
    if isinstance(settings, PixelSettings):
        return visualize_pixels(classifier, targets, settings, seed, track)
    assert isinstance(settings, MacoSettings)
    return visualize(classifier, targets, spectrum, settings, seed, track)


def make_again(
    classifier: Classifier,
    one: AtlasClass,
    shown: Exhibit,
    dictionary: str,
    method: Method,
    spectrum: Spectrum,
    px: int | None = None,
    steps: int | None = None,
    seed: int = 0,
    track: Track = no_track,
) -> Exhibit:
    """The exhibit with its pictures made by another method, its class's own picture included."""
    directions = torch.from_numpy(one.array(f"{dictionary}/dictionary")).float()
    targets = Targets(directions[list(shown.rows)], (shown.class_id,))
    settings = settings_for(classifier, method, px, steps)
    made = to_pictures(make(classifier, targets, method, spectrum, settings, seed, track))
    return shown.shown_as(made[:-1], made[-1])
