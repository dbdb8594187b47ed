"""How far the concepts of a class can be trusted: quality, fidelity, steering, ablation.

All is asked of the model itself, on a fixed sample of the class's images: whether importances say
what the decision does when concepts go (`lens_core.metrics.concept_fidelity`), what more or less of
each concept does (`lens_core.importance.steering`), and what is lost without the strongest one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lens_core.atlas import (
    Ablation,
    DictionaryFit,
    FactorizationQuality,
    Fidelity,
    LensError,
    Steering,
    Track,
)
from lens_core.building.basis import logits_of, new_basis, spread
from lens_core.building.collect import ClassImages
from lens_core.building.explain import Explained
from lens_core.building.masks import head_of_image
from lens_core.building.settings import BuildSettings
from lens_core.classifier import Activations, Classifier
from lens_core.factorization import Factorization
from lens_core.images import to_float
from lens_core.importance.masked import Head
from lens_core.importance.steering import ablated, steer
from lens_core.metrics import (
    deletion,
    frechet_distance,
    insertion,
    knn_distances,
    mu_fidelity,
    score,
    stability,
)

DOSES = (-2.0, -1.5, -1.0, -0.75, -0.5, -0.25, 0.0, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0)
"""Doses at which every concept's response is recorded, in units of its typical activation."""
TYPICAL = 0.9
"""Quantile of a concept's values over crops that counts as its typical activation."""
_NEIGHBOUR = 10
_LEAVES = 0.95
_ROWS = 512
_SUBSETS = 128


@dataclass(frozen=True)
class Measured:
    """What a sample of images says of one dictionary of one class.

    Attributes
    ----------
    ablations
        (r,) mean drop of the logit without each concept's direction.
    steering
        One a concept; None where it is dead.
    arrays
        Curves of all concepts, by their names in the atlas.
    """

    quality: FactorizationQuality
    fidelity: tuple[Fidelity, ...]
    ablation: Ablation
    ablations: tuple[float, ...]
    steering: tuple[Steering | None, ...]
    arrays: dict[str, NDArray[np.generic]]

    def of(self, fit: DictionaryFit) -> DictionaryFit:
        """The same fit with what was measured."""
        return fit.model_copy(
            update={
                "quality": self.quality,
                "fidelity": self.fidelity,
                "ablation": self.ablation,
            }
        )


@dataclass(frozen=True)
class _Sample:
    """Images that are asked, and what real activations look like."""

    rows: list[int]
    activations: Activations
    real: Tensor
    limit: float

    @property
    def neighbour(self) -> int:
        return min(_NEIGHBOUR, len(self.real) - 1)


@torch.no_grad()
def measure(
    classifier: Classifier,
    images: ClassImages,
    explained: Sequence[Explained],
    crops: Tensor,
    settings: BuildSettings,
    track: Track,
    label: str,
) -> dict[str, Measured]:
    """Measure all dictionaries of the classifier's layer, by their ids.

    Parameters
    ----------
    crops
        Pooled activations (n_used · m, d), crops of one image beside one another.
    """
    sample = _draw(classifier, images, settings)
    found = {}
    for one in track(explained, label, len(explained)):
        fidelity = _fidelity(classifier, images, one, sample, settings)
        steering, arrays = _steering(classifier, images.class_id, one, sample)
        ablation, ablations = _ablation(classifier, images.class_id, one, sample)
        found[one.info.id] = Measured(
            quality=_quality(classifier, images, one, crops, settings),
            fidelity=fidelity,
            ablation=ablation,
            ablations=ablations,
            steering=steering,
            arrays=arrays,
        )
    return found


def _draw(classifier: Classifier, images: ClassImages, settings: BuildSettings) -> _Sample:
    at_most = settings.measured_images
    if classifier.linear_head is None:
        at_most = min(at_most, settings.sobol_images)
    rows = spread(images.used, at_most)
    pooled = []
    used = images.views[images.used]
    for start in range(0, len(used), settings.batch):
        maps = classifier.encode(to_float(used[start : start + settings.batch]))
        pooled.append(maps.mean(dim=(2, 3)))
    real = torch.cat(pooled)
    k = min(_NEIGHBOUR, len(real) - 1)
    limit = float("inf")
    if k:
        limit = float(knn_distances(real, real, k, skip_self=True).quantile(_LEAVES))
    return _Sample(rows, classifier.activations(to_float(images.views[rows])), real, limit)


def _quality(
    classifier: Classifier,
    images: ClassImages,
    one: Explained,
    crops: Tensor,
    settings: BuildSettings,
) -> FactorizationQuality:
    """Of the whole dictionary, on the crops of all images in use."""
    some = crops[torch.linspace(0, len(crops) - 1, min(_ROWS, len(crops))).long()]
    k = min(_NEIGHBOUR, len(some) - 1)
    scores = score(one.basis, some.to(one.basis.dictionary.device), k, settings.seed)
    frechet = None
    if len(crops) > crops.shape[1]:
        # A class keeps its own dictionary's codes of all crops, but of a shared one's some columns.
        values = one.basis.encode(crops) if one.shared else one.crop_values
        rebuilt = one.basis.decode(values.to(one.basis.dictionary))
        frechet = frechet_distance(crops.to(rebuilt), rebuilt)
    return FactorizationQuality(
        r_squared=scores.r_squared,
        hoyer=_number(scores.hoyer),
        l0=scores.l0,
        dead=int((one.crop_values.abs().amax(0) == 0).sum()),
        wasserstein=scores.wasserstein,
        frechet=frechet,
        ood=_number(scores.ood),
        stability=_stability(classifier, images, one, crops, settings),
    )


def _stability(
    classifier: Classifier,
    images: ClassImages,
    one: Explained,
    crops: Tensor,
    settings: BuildSettings,
) -> float | None:
    """Agreement of dictionaries of disjoint images; None where it was not asked or not possible."""
    n_fit = int(images.fit.sum())
    folds = min(settings.stability_folds, n_fit)
    if folds < 2 or one.info.scope == "shared":
        return None
    per_image = len(crops) // int(images.used.sum())
    fitted = images.fit[images.used].repeat_interleave(per_image)
    groups = torch.arange(n_fit).repeat_interleave(per_image)

    def make() -> Factorization:
        return new_basis(classifier, images, one.info, settings)

    data = crops[fitted].to(classifier.device)
    try:
        return stability(data, make, folds, settings.seed, groups)
    except (ValueError, LensError):
        return None  # the method needs more rows than a fold has


def _fidelity(
    classifier: Classifier,
    images: ClassImages,
    one: Explained,
    sample: _Sample,
    settings: BuildSettings,
) -> tuple[Fidelity, ...]:
    """Of the atlas's own importances, of Sobol's, and of none: a random order.

    Concepts that the class does not show stay as they are.
    """
    r = len(one.dictionary)
    if r < 2:
        return ()
    places = torch.cumsum(images.used.long(), 0)[sample.rows] - 1
    contributions = one.contributions[places]
    generator = torch.Generator().manual_seed(settings.seed)
    claims = {one.info.importance: contributions}
    if one.sobol is not None:
        claims["sobol"] = one.sobol.expand(len(places), r)
    claims["random"] = torch.rand(len(places), r, generator=generator)
    totals = {name: torch.zeros(3, dtype=torch.float64) for name in claims}
    correlations: dict[str, list[float]] = {name: [] for name in claims}
    for place in range(len(places)):
        values, dictionary, head = _one_image(classifier, images, one, sample, place, settings)
        for name, claimed in claims.items():
            mine = claimed[place : place + 1].to(values)
            without = deletion(head, values, dictionary, mine)
            with_it = insertion(head, values, dictionary, mine)
            full = float(without.scores[0, 0])
            totals[name] += torch.tensor([without.area, with_it.area, full], dtype=torch.float64)
            told = mu_fidelity(
                head, values, dictionary, mine, nb_samples=_SUBSETS, seed=settings.seed
            )
            correlations[name] += [float(c) for c in told if not c.isnan()]
    found = []
    for name, (without, with_it, full) in totals.items():
        scale = float(full) if float(full) > 0 else float("nan")
        values_of = correlations[name]
        found.append(
            Fidelity(
                estimator=name,
                deletion=_number(float(without) / scale),
                insertion=_number(float(with_it) / scale),
                mu_fidelity=sum(values_of) / len(values_of) if values_of else None,
            )
        )
    return tuple(found)


def _one_image(
    classifier: Classifier,
    images: ClassImages,
    one: Explained,
    sample: _Sample,
    place: int,
    settings: BuildSettings,
) -> tuple[Tensor, Tensor, Head]:
    """Values (1, r, …) of the concepts shown, W (r, d), and the class's logit of what they make.

    Where the head reads means alone there are no positions, and it is asked about means.
    """
    of = sample.activations[place : place + 1]
    full = one.basis.encode_maps(of.maps)
    if classifier.pooled_head is not None:
        full = full.mean(dim=(2, 3))
        if classifier.linear_head is not None and settings.fit_on == "crops":
            full = one.basis.encode(of.maps.mean(dim=(2, 3)))
    rows = list(one.shared.rows) if one.shared else list(range(full.shape[1]))
    hidden = full.clone()
    hidden[:, rows] = 0
    rest = torch.einsum("nr...,rd->nd...", hidden, one.basis.dictionary)
    head = head_of_image(classifier, images.class_id, of)
    return full[:, rows], one.basis.dictionary[rows], lambda x: head(x + rest)


def _steering(
    classifier: Classifier, class_id: int, one: Explained, sample: _Sample
) -> tuple[tuple[Steering | None, ...], dict[str, NDArray[np.generic]]]:
    """Dose and response of each concept: the middle image's, and the share of changed decisions."""
    of = sample.activations
    doses = torch.tensor(DOSES)
    curves = {
        name: torch.full((len(one.dictionary), len(doses)), torch.nan)
        for name in ("logit", "probability", "changed", "distance")
    }
    steering: list[Steering | None] = []
    for row, direction in enumerate(one.dictionary):
        unit = _typical(one.crop_values[:, row]) * float(direction.norm())
        if not unit:
            steering.append(None)
            continue
        step = torch.nn.functional.normalize(direction, dim=0) * unit
        response = steer(
            lambda maps: logits_of(classifier, maps, of),
            of.maps,
            step.to(of.maps),
            class_id,
            doses,
            sample.real if sample.neighbour else None,
            max(sample.neighbour, 1),
        )
        middle = response.middle()
        steering.append(
            Steering(
                unit=unit,
                slope=float(middle.slope),
                changes_at=_dose(middle.changes_at),
                bends_at=_dose(middle.bends_at),
                leaves_at=_dose(middle.leaves_at(sample.limit)),
            )
        )
        for name, values in (
            ("logit", middle.logit),
            ("probability", middle.probability),
            ("changed", response.changed.double().mean(0, keepdim=True)),
            ("distance", middle.distance),
        ):
            curves[name][row] = values[0].float().cpu()
    arrays: dict[str, NDArray[np.generic]] = {
        f"steering/{name}": values.numpy() for name, values in curves.items()
    }
    arrays["steering/doses"] = doses.numpy()
    return tuple(steering), arrays


def _ablation(
    classifier: Classifier, class_id: int, one: Explained, sample: _Sample
) -> tuple[Ablation, tuple[float, ...]]:
    """Without each image's most active concept, and without each concept in all images."""
    of = sample.activations

    def head(maps: Tensor) -> Tensor:
        return logits_of(classifier, maps, of)

    before = head(of.maps)
    dictionary = one.dictionary.to(of.maps)
    drops = []
    for direction in dictionary:
        after = ablated(head, of.maps, direction)
        drops.append(float((before - after)[:, class_id].mean()))
    along = torch.einsum("ndhw,rd->nr", of.maps, torch.nn.functional.normalize(dictionary, dim=1))
    without = ablated(head, of.maps, dictionary[along.argmax(1)])
    drop = float((before - without)[:, class_id].mean())
    level = float(before[:, class_id].mean())
    flips = (before.argmax(1) != without.argmax(1)).double().mean()
    overall = Ablation(drop=drop, drop_share=drop / level if level > 0 else 0.0, flips=float(flips))
    return overall, tuple(drops)


def _typical(values: Tensor) -> float:
    """The quantile `TYPICAL` of the values that are not 0, in size; 0 for a dead concept."""
    living = values.abs()[values != 0]
    return float(living.quantile(TYPICAL)) if len(living) else 0.0


def _dose(found: Tensor) -> float | None:
    return None if bool(found.isnan().any()) else float(found)


def _number(value: float) -> float | None:
    """JSON knows no value that is not a number."""
    return None if value != value else value
