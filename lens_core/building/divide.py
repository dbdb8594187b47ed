"""Sub-concepts in an atlas: each concept of a class divided at an earlier layer, level by level.

One dictionary a level. It stacks the rows that the parents were divided into, each coded against
its siblings alone: a position has so much of each part of concept 3, and again of each of 5.

A sub-concept's value is the mean over positions, its share that of `lens_core.recursion` over the
parent's strongest crops, and its contribution to an image's logit the parent's, times the same
share taken in that image.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import torch

from lens_core.atlas import DictionaryInfo, LensError, Track
from lens_core.building.collect import ClassImages
from lens_core.building.explain import Divided, Explained
from lens_core.building.pieces import (
    BATCH,
    Parent,
    Piece,
    Stacked,
    cut_crops,
    over_crops,
    over_images,
)
from lens_core.building.settings import BuildSettings
from lens_core.classifier import Classifier
from lens_core.factorization import METHODS
from lens_core.importance import Shares, summarise
from lens_core.recursion import LEAST_PICTURES, Concept, NoPartsError, cut_before, divide, strongest

IMPORTANCE = "share of the parent's importance, by integrated gradients × value"


def plan_divisions(
    dictionaries: Sequence[DictionaryInfo],
    classifiers: Mapping[str, Classifier],
    settings: BuildSettings,
) -> list[DictionaryInfo]:
    """One dictionary for each division.

    Raises
    ------
    LensError
        There are no concepts of single classes to divide, their method has no derivative or
        cannot find so few, or a layer is not before the one that it divides.
    """
    infos: list[DictionaryInfo] = []
    if not settings.divisions:
        return infos
    own = [d for d in dictionaries if d.basis == "concepts" and d.scope == "class"]
    if not own:
        raise LensError("--divide needs concepts of each class: add --basis concepts --scope class")
    if settings.method == "kmeans":
        raise LensError(
            "--divide: values of kmeans jump between centres and have no derivative that could be "
            "shared out; choose another --method"
        )
    parent, classifier = own[0], classifiers[own[0].layer]
    for division in settings.divisions:
        classifier = cut_before(classifier, division.layer)
        try:
            METHODS[settings.method](division.concepts)
        except ValueError as error:
            raise LensError(f"--divide {division}: {settings.method}: {error}") from error
        parent = DictionaryInfo(
            id=f"{parent.id}~{division.layer}",
            layer=division.layer,
            method=settings.method,
            n_concepts=parent.n_concepts * division.concepts,
            fitted_on="maps",
            importance=IMPORTANCE,
            rectified=classifier.rectified,
            signed=parent.signed,
            n_channels=classifier.n_channels,
            map_shape=classifier.map_shape,
            parent=parent.id,
            depth=parent.depth + 1,
        )
        infos.append(parent)
    return infos


def divide_class(
    dictionaries: Sequence[DictionaryInfo],
    classifiers: Mapping[str, Classifier],
    images: ClassImages,
    explained: Sequence[Explained],
    settings: BuildSettings,
    track: Track,
    note: Callable[[str], None],
    label: str,
) -> list[Explained]:
    """Divide the concepts of a class, their parts, and so on.

    Parameters
    ----------
    dictionaries
        Those of `plan_divisions`. A level at which nothing is divided is left out, and so are
        those below it.
    classifiers
        By layer, of all levels and of what they divide.
    """
    by_id = {one.info.id: one for one in explained}
    found: list[Explained] = []
    parents: list[Parent] = []
    for info, division in zip(dictionaries, settings.divisions, strict=True):
        assert info.parent is not None
        whole = by_id[info.parent]
        if whole.divided is None:
            parents = _whole(whole, classifiers[whole.info.layer], images, settings)
        pieces = _divide_each(info, division.concepts, parents, images, settings, track, label)
        _tell(parents, pieces, division.concepts, note, label)
        if not pieces:
            break
        one = _conclude(info, whole, pieces, images, settings, track, label)
        parents = _parts(one, pieces)
        by_id[info.id] = one
        found.append(one)
    return found


def _whole(
    one: Explained, classifier: Classifier, images: ClassImages, settings: BuildSettings
) -> list[Parent]:
    """The concepts of a dictionary that is itself no division."""
    pooled = classifier.linear_head is not None and settings.fit_on == "crops"
    parents = []
    for row, name in enumerate(one.names):
        concept = Concept(classifier, one.basis, row)
        parents.append(
            Parent(
                name=name,
                concept=concept,
                in_images=concept if pooled else replace(concept, pooling="mean_of_codes"),
                crop_values=one.crop_values[:, row],
                among=torch.ones(len(one.crop_values), dtype=torch.bool),
                contributions=one.contributions[:, row],
                importance=float(one.shares.concepts[row]),
            )
        )
    return parents


def _parts(one: Explained, pieces: Sequence[Piece]) -> list[Parent]:
    """The rows of a division as concepts to divide in turn."""
    owners = [(piece, k) for piece in pieces for k in range(piece.size)]
    parents = []
    for row, (piece, k) in enumerate(owners):
        concept = piece.parts.concept(k)
        parents.append(
            Parent(
                name=one.names[row],
                concept=concept,
                in_images=concept,
                crop_values=one.crop_values[:, row],
                among=piece.shown,
                contributions=one.contributions[:, row],
                importance=float(one.shares.concepts[row]),
            )
        )
    return parents


def _divide_each(
    info: DictionaryInfo,
    n_concepts: int,
    parents: Sequence[Parent],
    images: ClassImages,
    settings: BuildSettings,
    track: Track,
    label: str,
) -> list[Piece]:
    """Divide all parents that enough fitted crops have."""
    pieces = []
    n_crops = len(parents[0].crop_values) // int(images.used.sum())
    may_fit = images.fit[images.used].repeat_interleave(n_crops)
    for parent in track(parents, f"{label}: dividing at {info.layer}", len(parents)):
        candidates = (may_fit & parent.among).nonzero()[:, 0]
        least = LEAST_PICTURES * n_concepts
        rows = candidates[strongest(parent.crop_values[candidates], least)]
        if len(rows) < least:
            continue
        try:
            parts = divide(
                parent.concept,
                cut_crops(images, rows, parent.concept.classifier, settings),
                info.layer,
                n_concepts,
                settings.method,
                settings.seed,
                BATCH,
            )
        except NoPartsError:
            continue
        except ValueError as error:
            raise LensError(f"{label}: {parent.name}: {error}") from error
        fitted = torch.zeros_like(may_fit)
        fitted[rows] = True
        weakest = parent.crop_values[rows].min()
        shown = fitted | (~may_fit & parent.among & (parent.crop_values >= weakest))
        pieces.append(Piece(parent, parts, fitted, shown))
    return pieces


def _tell(
    parents: Sequence[Parent],
    pieces: Sequence[Piece],
    n_concepts: int,
    note: Callable[[str], None],
    label: str,
) -> None:
    divided = {piece.parent.name for piece in pieces}
    whole = [parent.name for parent in parents if parent.name not in divided]
    if whole:
        note(
            f"{label}: not divided, for fewer than {LEAST_PICTURES * n_concepts} crops that have "
            f"it or nothing that raises it there: {', '.join(whole)}"
        )


def _conclude(
    info: DictionaryInfo,
    whole: Explained,
    pieces: Sequence[Piece],
    images: ClassImages,
    settings: BuildSettings,
    track: Track,
    label: str,
) -> Explained:
    """Apply the divisions of a level to all crops and images of the class."""
    crop_values, fit = over_crops(info, pieces, images, settings, track, label)
    image_values, contributions, maps = over_images(info, pieces, images, settings, track, label)
    shares = torch.cat([piece.parts.shares for piece in pieces])
    importance = torch.cat([piece.parts.shares * piece.parent.importance for piece in pieces])
    residual = 1.0 - whole.shares.bias - float(importance.sum())
    used = torch.ones(len(contributions), dtype=torch.bool)
    summaries = summarise(contributions, used, used)
    return Explained(
        info=info,
        basis=Stacked([piece.parts.basis for piece in pieces]),
        names=tuple(f"{p.parent.name}.{k}" for p in pieces for k in range(p.size)),
        dictionary=torch.cat([piece.parts.basis.dictionary.cpu() for piece in pieces]),
        crop_values=crop_values,
        image_values=image_values,
        contributions=contributions,
        maps=maps,
        shares=Shares(importance, whole.shares.bias, residual),
        # All these images are predicted as the class by selection: that tells no reliability.
        summaries=replace(summaries, reliability=(None,) * len(shares)),
        sobol=None,
        sobol_error=None,
        fit=fit.model_copy(update={"residual": residual, "bias": whole.shares.bias}),
        divided=Divided(
            parents=tuple(p.parent.name for p in pieces for _ in range(p.size)),
            shares=shares,
            shown=torch.stack([p.shown for p in pieces for _ in range(p.size)], dim=1),
        ),
    )
