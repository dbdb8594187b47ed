"""Feature visualizations of a class's concepts and of its logit, in one optimisation a layer.

Pictures are written lot by lot as they are made, so that memory holds one lot however many concepts
there are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load

from lens_core.atlas import AtlasWriter, ClassWriter, Track
from lens_core.building.explain import Explained
from lens_core.building.settings import BuildSettings
from lens_core.classifier import Classifier
from lens_core.images import ClassFolder, read_views, to_float
from lens_core.visualization.maco import Targets, visualize_in_lots
from lens_core.visualization.picture import to_pictures
from lens_core.visualization.settings import MacoSettings
from lens_core.visualization.spectrum import FILE, Spectrum, measure_spectrum

_SPECTRUM_IMAGES = 128


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
    if writer.has_file(FILE):
        return Spectrum(**load(writer.read_file(FILE)))
    spectrum = spectrum_of(classifier, folders, settings)
    arrays = {name: array.numpy() for name, array in spectrum.arrays.items()}
    writer.write_arrays(FILE.removesuffix(".safetensors"), arrays)
    return spectrum


def portraits(
    classifiers: Mapping[str, Classifier],
    class_id: int,
    explained: Sequence[Explained],
    spectrum: Spectrum,
    settings: BuildSettings,
    out: ClassWriter,
    track: Track,
) -> dict[str, str]:
    """Make and write pictures; returns their files by concept id, and by "class".

    That is the picture of the class's logit, made at the first layer.
    """
    files: dict[str, str] = {}
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
        first = not files
        targets = Targets(
            directions=rows[alive] if names else None, classes=(class_id,) if first else ()
        )
        if not len(targets):
            continue
        pictures = _pictures(classifier, targets, spectrum, settings, track)
        for name, picture in zip([*names, *(["class"] if first else [])], pictures, strict=True):
            files[name] = out.write_picture(f"pictures/{name}.webp", picture)
    return files


def _pictures(
    classifier: Classifier,
    targets: Targets,
    spectrum: Spectrum,
    settings: BuildSettings,
    track: Track,
) -> Iterator[Image.Image]:
    maco = maco_settings(classifier, settings)
    for lot in visualize_in_lots(classifier, targets, spectrum, maco, settings.seed, track):
        yield from to_pictures(lot)


def maco_settings(classifier: Classifier, settings: BuildSettings) -> MacoSettings:
    """Settings of the pictures: what suits the model's input, save for what the user chose."""
    return MacoSettings.for_input(
        classifier.preprocessing.input_px,
        classifier.fixed_input,
        settings.visualization_px,
        settings.visualization_steps,
    )
