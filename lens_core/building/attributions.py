"""Attribution maps of a class on a few of its photographs, and how true each method's are.

The photographs are the one that the model is surest of, with which a class is shown, and those that
concepts speak through: in turn, for the most important concept first, the one that it contributes
most to and that is not taken yet.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lens_core.atlas import AttributionInfo, Track
from lens_core.attribution import ClassTargets, attribute, attribution
from lens_core.building.collect import ClassImages
from lens_core.building.explain import Explained
from lens_core.building.settings import BuildSettings
from lens_core.classifier import Classifier
from lens_core.images import to_float
from lens_core.metrics.attribution_fidelity import deletion, insertion

MAP_PX = 64
"""Side of stored maps, at most; a map of a last layer has far fewer places."""
STEPS = 16
"""Parts that pixels go and come in for the deletion and insertion curves."""


@dataclass(frozen=True)
class Attributed:
    """Maps of several methods on some of a class's images.

    Attributes
    ----------
    rows
        The images, as rows of the class's table.
    infos
        One a method.
    arrays
        By their names in the atlas: ``attributions/M/maps`` (k, s, s) float16, each map divided by
        its largest value in size, and ``attributions/M/deletion``, ``…/insertion`` (k, steps + 1)
        probabilities of the class.
    """

    rows: tuple[int, ...]
    infos: tuple[AttributionInfo, ...]
    arrays: dict[str, NDArray[np.generic]]


def attribute_class(
    classifier: Classifier,
    images: ClassImages,
    main: Explained,
    settings: BuildSettings,
    track: Track,
) -> Attributed:
    """Explain the class's logit by all methods that the settings name.

    Raises
    ------
    LensError
        A method is unknown, or needs what the model does not have.
    """
    rows = representative(main, images.probability[images.used], settings.attributed_images)
    pictures = to_float(images.views[images.used][rows])
    targets = ClassTargets(classifier, images.class_id)
    judged = ClassTargets(classifier, images.class_id, output="probability")
    maps = attribute(
        pictures,
        targets,
        settings.attributions,
        batch=settings.batch,
        seed=settings.seed,
        track=track,
    )
    infos, arrays = [], {}
    for name, found in maps.items():
        gone = deletion(pictures, judged, found, STEPS, batch=settings.batch)
        come = insertion(pictures, judged, found, STEPS, batch=settings.batch)
        method = attribution(name)
        infos.append(
            AttributionInfo(
                method=name,
                title=method.title,
                signed=method.signed,
                deletion=gone.area,
                insertion=come.area,
            )
        )
        arrays[f"attributions/{name}/maps"] = _stored(found)
        arrays[f"attributions/{name}/deletion"] = gone.scores.float().cpu().numpy()
        arrays[f"attributions/{name}/insertion"] = come.scores.float().cpu().numpy()
    return Attributed(tuple(rows), tuple(infos), arrays)


def representative(main: Explained, probability: Tensor, at_most: int) -> list[int]:
    """The surest image's row, then those of images that show the class through its concepts.

    `probability` (n,) is the class's, of each image.
    """
    n = len(main.contributions)
    order = torch.argsort(main.shares.concepts, descending=True, stable=True).tolist()
    best = main.contributions.argsort(dim=0, descending=True, stable=True)
    taken = [int(probability.argmax())]
    while len(taken) < min(at_most, n):
        for concept in order:
            free = next(row for row in best[:, concept].tolist() if row not in taken)
            taken.append(free)
            if len(taken) == min(at_most, n):
                break
    return taken


def _stored(maps: Tensor) -> NDArray[np.generic]:
    small = maps[:, None]
    if maps.shape[-1] > MAP_PX:
        small = torch.nn.functional.interpolate(small, (MAP_PX, MAP_PX), mode="area")
    largest = small.abs().amax(dim=(1, 2, 3), keepdim=True).clamp(min=1e-30)
    array: NDArray[np.generic] = (small / largest)[:, 0].half().cpu().numpy()
    return array
