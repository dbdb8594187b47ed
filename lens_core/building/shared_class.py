"""One class in the terms of a dictionary that all classes share.

All rows of the dictionary have a part in the class's logits, so all are counted; the class then
shows those that matter most, and keeps of every row the few numbers that the closing pass over all
classes needs (`lens_core.building.shared_close`). Notation: r rows in all, k of them shown.

Rows can be thousands. No tensor has more than `_AT_ONCE` numbers in which they meet positions.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lens_core.atlas import DictionaryFit, DictionaryInfo, LensError, Track
from lens_core.building.collect import ClassImages
from lens_core.building.explain import Explained, SharedRows, attribute
from lens_core.building.settings import BuildSettings
from lens_core.classifier import Classifier
from lens_core.factorization import Factorization, Units
from lens_core.images import to_float
from lens_core.importance import (
    ConceptSummaries,
    Shares,
    sobol_of_contributions,
    summarise,
)

_AT_ONCE = 2**25


def explain_shared(
    classifier: Classifier,
    images: ClassImages,
    info: DictionaryInfo,
    basis: Factorization,
    crops: Tensor,
    settings: BuildSettings,
    track: Track,
    label: str,
) -> Explained:
    """Apply a fitted dictionary to a class.

    Parameters
    ----------
    crops
        Pooled activations (n_used · m, d), crops of one image beside one another.
    """
    used = images.used
    counted = _count(classifier, images, basis, settings, track, label)
    contributions = counted.contributions[used]
    try:
        shares = Shares.of(contributions, images.logit[used], counted.bias[used])
    except LensError as error:
        raise LensError(f"class {images.class_id}: {error}") from error
    rows = _shown(shares.concepts, contributions, settings.class_concepts)
    seen = _look_at_crops(basis, crops, images, rows, settings)
    maps, strongest_maps = _maps(classifier, images, basis, rows, seen, settings, track, label)
    whole = summarise(counted.contributions, used, images.predicted == images.class_id)
    linear = classifier.linear_head is not None
    return Explained(
        info=info,
        basis=basis,
        names=row_names(info.id, basis, rows.tolist()),
        dictionary=basis.dictionary.cpu()[rows],
        crop_values=seen.values,
        image_values=counted.values[used][:, rows],
        contributions=contributions[:, rows],
        maps=maps,
        shares=Shares(shares.concepts[rows], shares.bias, shares.residual),
        summaries=_of_rows(whole, rows),
        # Sampling would need a mask for every row; what is not shown cannot be left out of it.
        sobol=sobol_of_contributions(contributions).mean(0)[rows] if linear else None,
        sobol_error=None,
        fit=DictionaryFit(
            dictionary=info.id,
            residual=shares.residual,
            bias=shares.bias,
            others=float(shares.concepts.sum() - shares.concepts[rows].sum()),
            error_crops=seen.error,
            error_maps=counted.error,
            error_held_out=seen.error_held_out,
            n_iterations=basis.n_iterations,
        ),
        shared=SharedRows(
            rows=tuple(rows.tolist()),
            contributions=contributions,
            arrays={
                "class_importances": shares.concepts.numpy(),
                "class_prevalence": np.array(whole.prevalence),
                "class_firing": seen.firing,
                "strongest_rows": seen.alive.astype(np.int32),
                "strongest_crops": seen.strongest,
                "strongest_values": seen.strengths,
                "strongest_maps": strongest_maps,
            },
        ),
    )


def row_names(dictionary_id: str, basis: Factorization, rows: list[int]) -> tuple[str, ...]:
    """Ids of concepts; a unit is called by its channel, as in every dictionary of units."""
    numbers = [basis.units[row] for row in rows] if isinstance(basis, Units) else rows
    return tuple(f"{dictionary_id}-{number}" for number in numbers)


@dataclass(frozen=True)
class _Counted:
    """Of all the folder's images n: values, contributions (n, r), bias (n,); error of positions."""

    values: Tensor
    contributions: Tensor
    bias: Tensor
    error: float


def _count(
    classifier: Classifier,
    images: ClassImages,
    basis: Factorization,
    settings: BuildSettings,
    track: Track,
    label: str,
) -> _Counted:
    parts: list[tuple[Tensor, Tensor, Tensor]] = []
    missed = norm = 0.0
    for rows in _batches(len(images.views), classifier, basis, settings, track, label):
        with torch.no_grad():
            activations = classifier.activations(to_float(images.views[rows]))
            maps = activations.maps
            spatial = basis.encode_maps(maps)
            fit = images.fit[rows].to(maps.device)
            rebuilt = torch.einsum("nrhw,rd->ndhw", spatial[fit], basis.dictionary)
            missed += float((maps[fit] - rebuilt).double().square().sum())
            norm += float(maps[fit].double().square().sum())
        counted = attribute(classifier, images.class_id, basis, activations, spatial, settings)
        parts.append(tuple(part.detach().cpu() for part in counted))  # type: ignore[arg-type]
    values, contributions, bias = (torch.cat(column) for column in zip(*parts, strict=True))
    return _Counted(values, contributions, bias, (missed / max(norm, 1e-30)) ** 0.5)


def _batches(
    n: int,
    classifier: Classifier,
    basis: Factorization,
    settings: BuildSettings,
    track: Track,
    label: str,
) -> Iterator[slice]:
    height, width = classifier.map_shape
    room = _AT_ONCE // (len(basis.dictionary) * height * width)
    size = max(1, min(settings.batch, room))
    for start in track(range(0, n, size), label, -(-n // size)):
        yield slice(start, start + size)


def _shown(importance: Tensor, contributions: Tensor, at_most: int) -> Tensor:
    """Rows that matter most, of those that occur at all; at least one."""
    order = torch.argsort(importance, descending=True, stable=True)
    occurs = (contributions != 0).any(0)[order]
    return (order[occurs] if bool(occurs.any()) else order[:1])[:at_most]


def _of_rows(whole: ConceptSummaries, rows: Tensor) -> ConceptSummaries:
    """Summaries of the rows shown. An image that none of them leads has the top concept −1."""
    place = torch.full((len(whole.prevalence),), -1)
    place[rows] = torch.arange(len(rows))
    chosen = rows.tolist()
    return ConceptSummaries(
        top=place[whole.top],
        prevalence=tuple(whole.prevalence[row] for row in chosen),
        reliability=tuple(whole.reliability[row] for row in chosen),
        important=tuple(whole.important[row] for row in chosen),
    )


@dataclass(frozen=True)
class _SeenCrops:
    """What crops say.

    Attributes
    ----------
    values
        (n_crops, k) of the rows shown.
    firing
        (r,) crops that have the concept.
    alive
        (m,) rows that any crop has, rising.
    strongest, strengths
        (m, s) their strongest crops, at most one of each photograph, −1 where there are no more,
        and how strong these are.
    """

    values: Tensor
    firing: NDArray[np.int64]
    alive: NDArray[np.int64]
    strongest: NDArray[np.int32]
    strengths: NDArray[np.float32]
    error: float
    error_held_out: float | None


@torch.no_grad()
def _look_at_crops(
    basis: Factorization, crops: Tensor, images: ClassImages, rows: Tensor, settings: BuildSettings
) -> _SeenCrops:
    n_used = int(images.used.sum())
    per_image = len(crops) // n_used
    held = images.held_out[images.used]
    device = basis.dictionary.device
    step = max(1, _AT_ONCE // (len(basis.dictionary) * per_image))
    shown, best, best_crop = [], [], []
    firing = torch.zeros(len(basis.dictionary), dtype=torch.int64)
    missed, norm = torch.zeros(2, dtype=torch.float64), torch.zeros(2, dtype=torch.float64)
    for start in range(0, n_used, step):
        part = crops[start * per_image : (start + step) * per_image].to(device)
        values = basis.encode(part)
        off = (part - values @ basis.dictionary).double().square().sum(1).cpu()
        whole = part.double().square().sum(1).cpu()
        aside = held[start : start + step].repeat_interleave(per_image).long()
        missed.index_add_(0, aside, off)
        norm.index_add_(0, aside, whole)
        values = values.cpu()
        shown.append(values[:, rows])
        firing += (values > 0).sum(0)
        strongest = values.view(-1, per_image, values.shape[1]).max(dim=1)
        best.append(strongest.values)
        best_crop.append(strongest.indices)
    alive = firing.nonzero()[:, 0]
    peak = torch.cat(best)[:, alive]  # (n_used, m)
    order = torch.argsort(peak, dim=0, descending=True, stable=True)[: settings.strongest_crops]
    strengths = peak.gather(0, order)
    where = order * per_image + torch.cat(best_crop)[:, alive].gather(0, order)
    where = where.masked_fill(strengths <= 0, -1)
    error = (missed / norm.clamp(min=1e-30)).sqrt().tolist()
    return _SeenCrops(
        values=torch.cat(shown),
        firing=firing.numpy(),
        alive=alive.numpy(),
        strongest=where.T.contiguous().int().numpy(),
        strengths=strengths.T.contiguous().float().numpy(),
        error=float(error[0]),
        error_held_out=float(error[1]) if bool(held.any()) else None,
    )


def _maps(
    classifier: Classifier,
    images: ClassImages,
    basis: Factorization,
    rows: Tensor,
    seen: _SeenCrops,
    settings: BuildSettings,
    track: Track,
    label: str,
) -> tuple[Tensor, NDArray[np.float16]]:
    """Maps (n_used, k, h, w) of the rows shown, and of each row's strongest crops' images."""
    views = images.views[images.used]
    per_image = len(seen.values) // len(views)
    shown = []
    strongest = np.zeros((*seen.strongest.shape, *classifier.map_shape), np.float16)
    owner = np.where(seen.strongest >= 0, seen.strongest // per_image, -1)
    for part in _batches(len(views), classifier, basis, settings, track, f"{label}: maps"):
        with torch.no_grad():
            spatial = basis.encode_maps(classifier.encode(to_float(views[part]))).half().cpu()
        shown.append(spatial[:, rows])
        row, place = np.nonzero((owner >= part.start) & (owner < part.stop))
        strongest[row, place] = spatial.numpy()[owner[row, place] - part.start, seen.alive[row]]
    return torch.cat(shown), strongest
