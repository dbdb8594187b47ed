"""Feature visualizations of a class's concepts and of its logit, in one optimisation a layer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import islice

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load

from lens_core.atlas import AtlasWriter, Track
from lens_core.building.explain import Explained
from lens_core.building.settings import BuildSettings
from lens_core.classifier import Classifier
from lens_core.images import ClassFolder, read_views, to_float
from lens_core.visualization.maco import Targets, visualize
from lens_core.visualization.picture import to_pictures
from lens_core.visualization.settings import MacoSettings
from lens_core.visualization.spectrum import Spectrum, measure_spectrum

_SPECTRUM_IMAGES = 128
_SPECTRUM = "spectrum.safetensors"


def spectrum_of(
    classifier: Classifier, folders: Sequence[ClassFolder], settings: BuildSettings
) -> Spectrum:
    """Fourier magnitude of a fixed sample of the given photographs.

    The sample depends on the folders and the seed alone, so that a build that goes on after an
    interruption makes the same pictures.
    """
    files = [file for folder in folders for file in folder.files()]
    order = np.random.default_rng(settings.seed).permutation(len(files))[:_SPECTRUM_IMAGES]
    sample = [files[i] for i in sorted(order)]
    views = read_views(sample, classifier.preprocessing, settings.display_px, True)
    whole = (view.model for view in views if not isinstance(view, Exception))
    return measure_spectrum(torch.stack([to_float(one) for one in islice(whole, len(sample))]))


def stored_spectrum(
    writer: AtlasWriter,
    classifier: Classifier,
    folders: Sequence[ClassFolder],
    settings: BuildSettings,
) -> Spectrum:
    """The atlas's own spectrum, measured and put into it where it is not there yet."""
    if writer.has_file(_SPECTRUM):
        return Spectrum(**load(writer.read_file(_SPECTRUM)))
    spectrum = spectrum_of(classifier, folders, settings)
    arrays = {name: array.numpy() for name, array in spectrum.arrays.items()}
    writer.write_arrays(_SPECTRUM.removesuffix(".safetensors"), arrays)
    return spectrum


def portraits(
    classifiers: Mapping[str, Classifier],
    class_id: int,
    explained: Sequence[Explained],
    spectrum: Spectrum,
    settings: BuildSettings,
    track: Track,
) -> dict[str, Image.Image]:
    """Pictures by concept id, and "class" for the logit of the class (made at the first layer)."""
    made: dict[str, Image.Image] = {}
    for layer, classifier in classifiers.items():
        mine = [
            one
            for one in explained
            if one.info.layer == layer
            and one.shared is None  # those are made once, for all classes
            and (one.info.basis == "concepts" or settings.visualize_units)
        ]
        names = [name for one in mine for name in one.names]
        rows = torch.cat([one.dictionary for one in mine]) if mine else torch.zeros(0, 1)
        alive = rows.norm(dim=1) > 0
        names = [name for name, living in zip(names, alive.tolist(), strict=True) if living]
        first = not made
        targets = Targets(
            directions=rows[alive] if names else None, classes=(class_id,) if first else ()
        )
        if not len(targets):
            continue
        result = visualize(
            classifier, targets, spectrum, maco_settings(classifier, settings), settings.seed, track
        )
        made.update(zip([*names, *(["class"] if first else [])], to_pictures(result), strict=True))
    return made


def maco_settings(classifier: Classifier, settings: BuildSettings) -> MacoSettings:
    """Settings of the pictures: what suits the model's input, save for what the user chose."""
    suited = MacoSettings.for_input(classifier.preprocessing.input_px, classifier.fixed_input)
    return replace(
        suited,
        size_px=settings.visualization_px or suited.size_px,
        steps=settings.visualization_steps or suited.steps,
    )
