"""From activations of a class to one dictionary: concepts, values, contributions, maps, errors.

Where the head is linear after mean pooling, an image's concept values are the code of its pooled
activation (as the crops that the dictionary was fitted on are pooled) and contributions are exact.
Elsewhere values are those of the positions, and contributions are gradient×input.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lens_core.atlas import DictionaryFit, DictionaryInfo, LensError, Track
from lens_core.building.basis import fit_basis, logit_of, new_basis, sampled_positions, spread
from lens_core.building.collect import ClassImages
from lens_core.building.masks import sampled_sobol
from lens_core.building.settings import BuildSettings
from lens_core.classifier import Activations, Classifier
from lens_core.factorization import Factorization, Units, relative_error
from lens_core.images import to_float
from lens_core.importance import (
    ConceptSummaries,
    Shares,
    SobolDesign,
    gradient_input,
    sobol_of_contributions,
    summarise,
)

LINEAR = "closed form: value × weight of a linear head"
NON_LINEAR = "gradient × value"


@dataclass(frozen=True)
class SharedRows:
    """What a class keeps of a shared dictionary besides the rows that it shows.

    Attributes
    ----------
    rows
        The rows of the shared dictionary that the class shows, in the order of its own.
    contributions
        (n_used, all rows), which place the images.
    arrays
        What is stored for the closing pass over all classes, by name.
    """

    rows: tuple[int, ...]
    contributions: Tensor
    arrays: Mapping[str, NDArray[np.generic]]


@dataclass(frozen=True)
class Divided:
    """What rows that are sub-concepts know of the concepts that they are part of.

    Attributes
    ----------
    parents
        Concept ids, one a row.
    shares
        (r,) signed shares of the parent's value.
    shown
        (n_crops, r) bool: the parent's strongest crops.
    """

    parents: tuple[str, ...]
    shares: Tensor
    shown: Tensor


@dataclass(frozen=True)
class Explained:
    """One dictionary of one class; n counts all the folder's images, n_used those in use.

    Attributes
    ----------
    names
        Concept ids, one a row of the dictionary.
    dictionary
        W (r, d).
    crop_values, image_values, contributions
        (n_crops, r), (n_used, r), (n_used, r); contributions in units of the logit.
    maps
        (n_used, r, h, w) float16 concept values of the positions.
    basis
        What encodes with it.
    shared
        Of a dictionary that all classes share; then r counts the rows that the class shows, while
        `basis` has all of them.
    divided
        Of a dictionary of sub-concepts.
    """

    info: DictionaryInfo
    basis: Factorization
    names: tuple[str, ...]
    dictionary: Tensor
    crop_values: Tensor
    image_values: Tensor
    contributions: Tensor
    maps: Tensor
    shares: Shares
    summaries: ConceptSummaries
    sobol: Tensor | None
    sobol_error: Tensor | None
    fit: DictionaryFit
    shared: SharedRows | None = None
    divided: Divided | None = None


@dataclass
class _Running:
    """What the second pass adds up for one dictionary."""

    info: DictionaryInfo
    basis: Factorization
    values: list[Tensor] = field(default_factory=list)
    contributions: list[Tensor] = field(default_factory=list)
    bias: list[Tensor] = field(default_factory=list)
    maps: list[Tensor] = field(default_factory=list)
    sobol: list[tuple[Tensor, Tensor]] = field(default_factory=list)
    squared_error: float = 0.0
    squared_norm: float = 0.0


def explain(
    classifier: Classifier,
    images: ClassImages,
    dictionaries: Sequence[DictionaryInfo],
    crops: Tensor,
    settings: BuildSettings,
    track: Track,
    label: str,
) -> list[Explained]:
    """Fit and apply all dictionaries of the classifier's layer.

    Parameters
    ----------
    crops
        Pooled activations (n_used · m, d), crops of one image beside one another.
    """
    per_image = len(crops) // int(images.used.sum())
    fitted_crops = images.fit[images.used].repeat_interleave(per_image)
    data = crops[fitted_crops]
    if settings.fit_on == "maps":
        data = sampled_positions(classifier, images, settings)
    running = []
    for info in dictionaries:
        basis = new_basis(classifier, images, info, settings)
        fit_basis(basis, data.to(classifier.device), f"{label}: {info.id}", track)
        running.append(_Running(info, basis))
    _second_pass(classifier, images, running, settings, track, label)
    return [_conclude(state, images, crops, fitted_crops) for state in running]


def _second_pass(
    classifier: Classifier,
    images: ClassImages,
    running: list[_Running],
    settings: BuildSettings,
    track: Track,
    label: str,
) -> None:
    n = len(images.views)
    sampled = set(spread(images.used, settings.sobol_images))
    for start in track(range(0, n, settings.batch), label, -(-n // settings.batch)):
        rows = slice(start, start + settings.batch)
        with torch.no_grad():
            activations = classifier.activations(to_float(images.views[rows]))
        for state in running:
            _apply(classifier, images, state, activations, rows, sampled, settings)


def _apply(
    classifier: Classifier,
    images: ClassImages,
    state: _Running,
    activations: Activations,
    rows: slice,
    sampled: set[int],
    settings: BuildSettings,
) -> None:
    maps = activations.maps
    used, fit = images.used[rows], images.fit[rows]
    with torch.no_grad():
        spatial = state.basis.encode_maps(maps)
        rebuilt = torch.einsum("nrhw,rd->ndhw", spatial[fit], state.basis.dictionary)
        state.squared_error += float((maps[fit] - rebuilt).double().square().sum())
        state.squared_norm += float(maps[fit].double().square().sum())
    codes, contributions, bias = attribute(
        classifier, images.class_id, state.basis, activations, spatial, settings
    )
    if classifier.linear_head is None:
        dictionary = state.basis.dictionary
        design = SobolDesign.draw(len(dictionary), settings.sobol_designs, settings.seed)
        for place in range(len(maps)):
            if rows.start + place in sampled:
                said = activations[place : place + 1]
                state.sobol.append(
                    sampled_sobol(
                        classifier,
                        images.class_id,
                        said,
                        spatial[place],
                        dictionary,
                        design,
                        settings.batch,
                    )
                )
    state.values.append(codes.cpu())
    state.contributions.append(contributions.cpu())
    state.bias.append(bias.cpu())
    state.maps.append(spatial[used.to(spatial.device)].half().cpu())


def attribute(
    classifier: Classifier,
    class_id: int,
    basis: Factorization,
    activations: Activations,
    spatial: Tensor,
    settings: BuildSettings,
) -> tuple[Tensor, Tensor, Tensor]:
    """What makes up the class's logit of n images.

    Parameters
    ----------
    spatial
        (n, r, h, w) concept values of the positions of `activations`.

    Returns
    -------
    concept values (n, r), contributions (n, r) in units of the logit, and biases (n,).
    """
    head = classifier.linear_head
    codes = spatial.mean(dim=(2, 3))
    if head is None:

        def logit(x: Tensor) -> Tensor:
            return logit_of(classifier, class_id, x, activations)

        return codes, *gradient_input(logit, spatial, basis.dictionary)
    with torch.no_grad():
        if settings.fit_on == "crops":
            codes = basis.encode(activations.maps.mean(dim=(2, 3)))
        contributions = codes * (basis.dictionary @ head.weight[class_id])
        return codes, contributions, head.bias[class_id].expand(len(codes))


def _conclude(
    state: _Running, images: ClassImages, crops: Tensor, fitted_crops: Tensor
) -> Explained:
    used = images.used
    values, contributions = torch.cat(state.values), torch.cat(state.contributions)
    bias = torch.cat(state.bias)
    try:
        shares = Shares.of(contributions[used], images.logit[used], bias[used])
    except LensError as error:
        raise LensError(f"class {images.class_id}: {error}") from error
    dictionary = state.basis.dictionary.cpu()
    crop_values = state.basis.encode(crops.to(state.basis.dictionary.device)).cpu()
    rebuilt = crop_values @ dictionary
    held = ~fitted_crops
    if state.sobol:
        sobol = torch.stack([totals for totals, _ in state.sobol]).mean(0)
        errors = torch.stack([error for _, error in state.sobol])
        sobol_error = errors.square().sum(0).sqrt() / len(errors)
    else:
        sobol = sobol_of_contributions(contributions[used]).mean(0)
        sobol_error = None
    if isinstance(state.basis, Units):
        rows: Sequence[int] = state.basis.units
    else:
        rows = range(len(dictionary))
    return Explained(
        info=state.info,
        basis=state.basis,
        names=tuple(f"{state.info.id}-{row}" for row in rows),
        dictionary=dictionary,
        crop_values=crop_values,
        image_values=values[used],
        contributions=contributions[used],
        maps=torch.cat(state.maps),
        shares=shares,
        summaries=summarise(contributions, used, images.predicted == images.class_id),
        sobol=sobol,
        sobol_error=sobol_error,
        fit=DictionaryFit(
            dictionary=state.info.id,
            residual=shares.residual,
            bias=shares.bias,
            error_crops=relative_error(crops[fitted_crops], rebuilt[fitted_crops]),
            error_maps=(state.squared_error / max(state.squared_norm, 1e-30)) ** 0.5,
            error_held_out=relative_error(crops[held], rebuilt[held]) if held.any() else None,
            n_iterations=state.basis.n_iterations,
        ),
    )
