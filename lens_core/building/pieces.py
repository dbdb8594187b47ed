"""Concepts that were divided, applied to all crops and images of their class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from lens_core import crops
from lens_core.atlas import DictionaryFit, DictionaryInfo, Track
from lens_core.building.collect import ClassImages
from lens_core.building.settings import BuildSettings
from lens_core.classifier import Classifier
from lens_core.factorization import Factorization
from lens_core.images import to_float
from lens_core.recursion import Concept, SubConcepts, derivatives, parts_of

BATCH = 16
"""Pictures differentiated at once."""


@dataclass(frozen=True)
class Parent:
    """A concept to divide.

    Attributes
    ----------
    concept, in_images
        How values of crops and of whole images are pooled may differ.
    crop_values
        (n_crops,)
    among
        (n_crops,) bool: crops that show it, as far as it was divided from a concept itself.
    contributions
        (n_used,) in units of the logit.
    """

    name: str
    concept: Concept
    in_images: Concept
    crop_values: Tensor
    among: Tensor
    contributions: Tensor
    importance: float


@dataclass(frozen=True)
class Piece:
    """A parent divided; `shown` (n_crops,) bool are its strongest crops, fitted on or not."""

    parent: Parent
    parts: SubConcepts
    fitted: Tensor
    shown: Tensor

    @property
    def size(self) -> int:
        return len(self.parts.basis.dictionary)


def cut_crops(
    images: ClassImages, rows: Tensor, classifier: Classifier, settings: BuildSettings
) -> Tensor:
    """Crops (n, 3, px, px) in [0, 1] by their rows among those of all images in use."""
    px = classifier.preprocessing.input_px
    patch = settings.patch_px or crops.default_patch_px(px)
    views = images.views[images.used]
    m = len(crops.grid(px, patch))
    owners = list(dict.fromkeys(row // m for row in rows.tolist()))
    place = {owner: i for i, owner in enumerate(owners)}
    within = [place[row // m] * m + row % m for row in rows.tolist()]
    return crops.pick(views[owners], within, patch, px)


@torch.no_grad()
def over_crops(
    info: DictionaryInfo,
    pieces: Sequence[Piece],
    images: ClassImages,
    settings: BuildSettings,
    track: Track,
    label: str,
) -> tuple[Tensor, DictionaryFit]:
    """Values (n_crops, r) of all crops; reconstruction errors are over each parent's crops."""
    early = pieces[0].parts.classifier
    n = len(pieces[0].fitted)
    errors = {"fitted": _Error(), "held_out": _Error(), "places": _Error()}
    found = []
    for start in track(range(0, n, settings.batch), f"{label}: parts in crops", None):
        rows = torch.arange(start, min(start + settings.batch, n))
        maps = early.encode(cut_crops(images, rows, early, settings))
        values = []
        for piece in pieces:
            codes = piece.parts.basis.encode_maps(maps)
            values.append(codes.mean(dim=(2, 3)).cpu())
            rebuilt = torch.einsum("nkhw,kd->ndhw", codes, piece.parts.basis.dictionary)
            fitted, held = piece.fitted[rows], (piece.shown & ~piece.fitted)[rows]
            errors["places"].add(maps[fitted], rebuilt[fitted])
            errors["fitted"].add(maps[fitted].mean((2, 3)), rebuilt[fitted].mean((2, 3)))
            errors["held_out"].add(maps[held].mean((2, 3)), rebuilt[held].mean((2, 3)))
        found.append(torch.cat(values, dim=1))
    iterations = [piece.parts.basis.n_iterations or 0 for piece in pieces]
    fit = DictionaryFit(
        dictionary=info.id,
        residual=0.0,
        bias=0.0,
        error_crops=errors["fitted"].relative or 0.0,
        error_maps=errors["places"].relative or 0.0,
        error_held_out=errors["held_out"].relative,
        n_iterations=max(iterations) or None,
    )
    return torch.cat(found), fit


@dataclass
class _Error:
    """‖A − Â‖ / ‖A‖, added up."""

    squared: float = 0.0
    norm: float = 0.0

    def add(self, actual: Tensor, rebuilt: Tensor) -> None:
        self.squared += float((actual - rebuilt).double().square().sum())
        self.norm += float(actual.double().square().sum())

    @property
    def relative(self) -> float | None:
        return (self.squared / self.norm) ** 0.5 if self.norm else None


def over_images(
    info: DictionaryInfo,
    pieces: Sequence[Piece],
    images: ClassImages,
    settings: BuildSettings,
    track: Track,
    label: str,
) -> tuple[Tensor, Tensor, Tensor]:
    """Values and contributions (n_used, r) and maps (n_used, r, h, w) float16."""
    early = pieces[0].parts.classifier
    views = images.views[images.used]
    parents = [piece.parent.in_images for piece in pieces]
    values, contributions, maps = [], [], []
    for start in track(range(0, len(views), BATCH), f"{label}: parts in images", None):
        rows = slice(start, start + BATCH)
        seen = derivatives(parents, early, to_float(views[rows]))
        codes, parts = [], []
        for piece, value, gradient in zip(pieces, seen.values, seen.gradients, strict=True):
            code, part = parts_of(piece.parts.basis, seen.maps, gradient)
            # What one unit of the parent's value adds to the logit in this image.
            slope = piece.parent.contributions[rows] / value.cpu()
            slope = torch.where(value.cpu() > 0, slope, torch.zeros_like(slope))
            codes.append(code)
            parts.append(part.cpu() * slope[:, None])
        stacked = torch.cat(codes, dim=1)
        values.append(stacked.mean(dim=(2, 3)).cpu())
        contributions.append(torch.cat(parts, dim=1))
        maps.append(stacked.half().cpu())
    return torch.cat(values), torch.cat(contributions), torch.cat(maps)


class Stacked(Factorization):
    """Several bases of one layer side by side, each coding by itself."""

    def __init__(self, bases: Sequence[Factorization]) -> None:
        super().__init__(sum(len(basis.dictionary) for basis in bases))
        self.bases = tuple(bases)
        self._dictionary = torch.cat([basis.dictionary for basis in bases])

    def fit(self, activations: Tensor) -> Tensor:
        """They are fitted before they are put together."""
        raise RuntimeError("stacked bases are fitted one by one")

    def encode(self, activations: Tensor) -> Tensor:
        """Values (n, r): those of each basis in turn."""
        return torch.cat([basis.encode(activations) for basis in self.bases], dim=1)
