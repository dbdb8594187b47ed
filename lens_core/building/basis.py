"""Which directions a class's activations are described in: dictionaries fitted, units chosen."""

from __future__ import annotations

import torch
from torch import Tensor

from lens_core.atlas import DictionaryInfo, LensError, Track
from lens_core.building.collect import ClassImages
from lens_core.building.settings import BuildSettings
from lens_core.classifier import Activations, Classifier
from lens_core.factorization import METHODS, Factorization, Units
from lens_core.factorization.sparse_autoencoder import SparseAutoencoder
from lens_core.factorization.sparse_codes import BatchTopKSAE, TopKSAE
from lens_core.images import to_float

_TOP_K = {"topk_sae": TopKSAE, "batch_topk_sae": BatchTopKSAE}
_POSITIONS_AN_IMAGE = 16
_RELEVANCE_IMAGES = 64


def new_basis(
    classifier: Classifier, images: ClassImages, info: DictionaryInfo, settings: BuildSettings
) -> Factorization:
    """What the dictionary asks for, not fitted yet."""
    if info.basis == "units":
        return Units(info.n_concepts, relevance(classifier, images, settings))
    return new_method(info.method, info.n_concepts, settings)


def new_method(method: str, n_concepts: int, settings: BuildSettings) -> Factorization:
    """A factorization by its name, not fitted yet.

    Raises
    ------
    LensError
        The settings say what the method does not take, or it takes no so few concepts.
    """
    try:
        if settings.active is None:
            return METHODS[method](n_concepts, seed=settings.seed)
        if method not in _TOP_K:
            names = " and ".join(_TOP_K)
            raise LensError(f"--active is for {names}, not for {method}: leave it out")
        return _TOP_K[method](n_concepts, k=settings.active, seed=settings.seed)
    except ValueError as error:
        raise LensError(f"--concepts {n_concepts}: {method}: {error}") from error


def fit_basis(basis: Factorization, activations: Tensor, where: str, track: Track) -> None:
    """Fit to A (n, d).

    Raises
    ------
    LensError
        The method cannot be fitted to these activations.
    """
    try:
        with torch.no_grad():
            if isinstance(basis, SparseAutoencoder):
                basis.fit(activations, track)
            else:
                basis.fit(activations)
    except ValueError as error:
        raise LensError(f"{where}: {error}") from error


def logit_of(classifier: Classifier, class_id: int, maps: Tensor, of: Activations) -> Tensor:
    """The class's logit (n,) for maps in place of those in `of`, whose context is kept."""
    return logits_of(classifier, maps, of)[:, class_id]


def logits_of(classifier: Classifier, maps: Tensor, of: Activations) -> Tensor:
    """All logits (n, C) for maps in place of those in `of`, whose context is kept."""

    def wide(context: Tensor | None) -> Tensor | None:
        if context is None or len(context) == len(maps):
            return context
        return context.expand(len(maps), *context.shape[1:])

    return classifier.head(maps, wide(of.negative), wide(of.prefix))


@torch.no_grad()
def sampled_positions(
    classifier: Classifier, images: ClassImages, settings: BuildSettings
) -> Tensor:
    """Activations of single positions, up to `_POSITIONS_AN_IMAGE` of each image for fitting."""
    generator = torch.Generator().manual_seed(settings.seed * 1_000_003 + images.class_id)
    views = images.views[images.fit]
    chosen = []
    for start in range(0, len(views), settings.batch):
        maps = classifier.encode(to_float(views[start : start + settings.batch])).flatten(2)
        for one in maps.transpose(1, 2).cpu():
            order = torch.randperm(len(one), generator=generator)
            chosen.append(one[order[:_POSITIONS_AN_IMAGE]])
    return torch.cat(chosen)


def spread(mask: Tensor, at_most: int) -> list[int]:
    """Up to `at_most` rows where the mask is set, evenly spread."""
    rows: list[int] = mask.nonzero()[:, 0].tolist()
    if len(rows) <= at_most:
        return rows
    return [rows[i * len(rows) // at_most] for i in range(at_most)]


@torch.enable_grad()
def relevance(classifier: Classifier, images: ClassImages, settings: BuildSettings) -> Tensor:
    """What one unit of each channel's activation adds to the class's logit, (d,)."""
    if classifier.linear_head is not None:
        return classifier.linear_head.weight[images.class_id]
    total = torch.zeros(classifier.n_channels, device=classifier.device)
    level = torch.zeros_like(total)
    chosen = spread(images.fit, _RELEVANCE_IMAGES)
    for start in range(0, len(chosen), settings.batch):
        rows = chosen[start : start + settings.batch]
        with torch.no_grad():
            activations = classifier.activations(to_float(images.views[rows]))
        maps = activations.maps.requires_grad_(True)
        logit = logit_of(classifier, images.class_id, maps, activations)
        (gradient,) = torch.autograd.grad(logit.sum(), maps)
        total += (gradient * maps.detach()).sum(dim=(0, 2, 3))
        level += maps.detach().mean(dim=(2, 3)).sum(0)
    return total / level.clamp(min=1e-12)
