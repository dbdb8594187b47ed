"""Sub-concepts: what a concept is made of, one layer earlier, and so on to any depth.

CRAFT (Fel et al., CVPR 2023, section 3.2): the pictures that excite a concept most are encoded at
an earlier layer and factorized there. A picture's value of concept p, u_p, is a function of the
activations A (n, d, h, w) at that layer, and a sub-concept k accounts for the part

    c_k(x) = Σ_xy v_k(x, y) ⟨g(x, y), w_k⟩,   g = ∫₀¹ ∂u_p/∂A (αA) dα

of it, with v the code of a position and W (k × d) the new dictionary: integrated gradients × value
(Sundararajan et al., ICML 2017), by `STEPS` midpoints. Summed over the pictures and divided by
Σ u_p these are signed shares; what is missing to 1 is a residual. It holds what W does not
reconstruct, and the value u_p(0) that offsets of the layers between give empty activations.

Limits: where the network is not linear, a share depends on the way from 0 to A, and parts that
need one another split what they bring about between them. The gradient at A alone is cheaper, but
three convolutions further on it has little to do with what removing a part does.

Positions make up the rows that are factorized, not pooled pictures: early layers see little at
once, and parts that always come together have one pooled activation but lie at different places.
Only positions that raise u_p count, those that make up `COVERED` of what does.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from lens_core.atlas import LensError
from lens_core.attribution.code_gradients import code_gradient
from lens_core.classifier import Activations, Classifier
from lens_core.factorization import METHODS, Factorization, relative_error

Pooling = Literal["code_of_mean", "mean_of_codes"]

STEPS = 5
STRONGEST = 0.1
"""Share of the pictures that a concept is divided on (CRAFT's 90th percentile)."""
MOST_PICTURES = 128
LEAST_PICTURES = 10
"""Pictures that each sub-concept needs at least."""
COVERED = 0.9
_POSITIONS_A_PICTURE = 32
_SUGGESTED = 6


class NoPartsError(LensError):
    """Nothing at the earlier layer raises the concept."""


@dataclass(frozen=True)
class Concept:
    """A direction at a layer whose values can be differentiated.

    Attributes
    ----------
    classifier
        Cut at the layer that the basis belongs to.
    index
        Row of the basis's dictionary.
    pooling
        What the value of a picture is: the code of its mean activation, or the mean of the codes
        of its positions.
    """

    classifier: Classifier
    basis: Factorization
    index: int
    pooling: Pooling = "code_of_mean"

    @torch.no_grad()
    def values(self, pictures: Tensor, batch: int = 64) -> Tensor:
        """The concept's value (n,) of pictures (n, 3, H, W) in [0, 1], on the CPU."""
        parts = torch.split(pictures, batch)
        return torch.cat([self.of_maps(self.classifier.encode(part)).cpu() for part in parts])

    def of_maps(self, maps: Tensor) -> Tensor:
        """The concept's value (n,) for maps (n, d, h, w) of its layer."""
        if self.pooling == "code_of_mean":
            return self.basis.encode(maps.mean(dim=(2, 3)))[:, self.index]
        return self.basis.encode_maps(maps)[:, self.index].mean(dim=(1, 2))


@dataclass(frozen=True)
class SubConcepts:
    """What a concept is made of, over the n pictures that it was divided on.

    Attributes
    ----------
    classifier
        Cut at the earlier layer.
    basis
        The k sub-concepts there.
    values
        (n, k) mean over positions of their codes.
    contributions
        (n, k) signed parts of the parent's value.
    parent_values
        (n,)
    error
        ‖A − V W‖ / ‖A‖ over the positions that W was fitted on.
    """

    parent: Concept
    classifier: Classifier
    basis: Factorization
    values: Tensor
    contributions: Tensor
    parent_values: Tensor
    error: float

    @property
    def shares(self) -> Tensor:
        """(k,) signed shares of the parent's values; with `residual` they total 1."""
        return self.contributions.double().sum(0) / self.parent_values.double().sum()

    @property
    def residual(self) -> float:
        """The share that no sub-concept accounts for."""
        return 1.0 - float(self.shares.sum())

    def concept(self, index: int) -> Concept:
        """One of them, ready to be divided in turn."""
        return Concept(self.classifier, self.basis, index, "mean_of_codes")


def divide(
    parent: Concept,
    pictures: Tensor,
    layer: str,
    n_concepts: int = 3,
    method: str = "nmf",
    seed: int = 0,
    batch: int = 16,
) -> SubConcepts:
    """Find what a concept is made of.

    Parameters
    ----------
    parent
        A concept, or a sub-concept found before (`SubConcepts.concept`).
    pictures
        (n, 3, H, W) in [0, 1] that excite it, usually crops; see `strongest`. Their activations
        and gradients at the layer are held in memory together.
    layer
        One that is computed before the parent's.
    n_concepts
        Sub-concepts, k.
    method
        How they are found: a name in `lens_core.factorization.METHODS`.
    batch
        Pictures differentiated at once.

    Raises
    ------
    NoPartsError
        Nothing at the layer raises the concept in these pictures.
    LensError
        The layer is not before the parent's or cannot be cut at; the parent's method has codes
        without derivative.

    Examples
    --------
    >>> whole = Concept(classifier, basis, 3)                      # doctest: +SKIP
    >>> rows = strongest(whole.values(crops), at_least=30)         # doctest: +SKIP
    >>> parts = divide(whole, crops[rows], "layer3")               # doctest: +SKIP
    >>> finer = divide(parts.concept(0), crops[rows], "layer2")    # doctest: +SKIP
    """
    early = cut_before(parent.classifier, layer)
    generator = torch.Generator().manual_seed(seed)
    seen = [derivatives([parent], early, part) for part in torch.split(pictures, batch)]
    activations = torch.cat(
        [_relevant_positions(one.maps, one.gradients[0], generator) for one in seen]
    )
    if len(activations) < n_concepts:
        raise NoPartsError(
            f"nothing at layer {layer} raises the concept in these pictures: choose others, or a "
            "later layer"
        )
    basis = METHODS[method](n_concepts, seed=seed)
    with torch.no_grad():
        basis.fit(activations)
        rebuilt = basis.decode(basis.encode(activations))
    found = [parts_of(basis, one.maps, one.gradients[0]) for one in seen]
    return SubConcepts(
        parent=parent,
        classifier=early,
        basis=basis,
        values=torch.cat([codes.mean(dim=(2, 3)) for codes, _ in found]).cpu(),
        contributions=torch.cat([parts for _, parts in found]).cpu(),
        parent_values=torch.cat([one.values[0] for one in seen]).cpu(),
        error=relative_error(activations, rebuilt),
    )


def strongest(values: Tensor, at_least: int) -> Tensor:
    """Rows of the largest values (n,), strongest first: `STRONGEST` of all.

    At least so many and at most `MOST_PICTURES`, but no picture without the concept (value ≤ 0),
    so that there may be fewer.
    """
    order = torch.argsort(values, descending=True, stable=True)
    order = order[: max(at_least, min(MOST_PICTURES, round(STRONGEST * len(values))))]
    return order[values[order] > 0]


def cut_before(classifier: Classifier, layer: str) -> Classifier:
    """The same network cut at a layer that is computed before the one it is cut at now.

    Raises
    ------
    LensError
        It is not, or cannot be cut at; layers that can are named.
    """
    names = [one.name for one in classifier.layers]
    before = names[: names.index(classifier.layer)] if classifier.layer in names else names
    if layer in before:
        try:
            early = classifier.at(layer)
            if not _same_maps(early, classifier):
                return early
            reason = f"gives the same maps as {classifier.layer}"
        except LensError as error:
            reason = str(error).removeprefix(f"--layer {layer}: ").partition(";")[0]
    else:
        reason = f"not computed before {classifier.layer}"
    depth = classifier.layer.count(".") + 1
    candidates: list[str] = []
    for name in reversed(before):
        if name.count(".") <= depth and len(candidates) < _SUGGESTED and _differs(classifier, name):
            candidates.append(name)
    hint = f"choose from {', '.join(reversed(candidates))}" if candidates else "there is none"
    raise LensError(f"--divide {layer}: {reason}; {hint}")


@dataclass(frozen=True)
class Derivatives:
    """What an earlier layer says of n pictures, and what p concepts make of it.

    Attributes
    ----------
    maps
        (n, d, h, w) at the earlier layer.
    values
        Of each concept, (n,).
    gradients
        Of each concept ∂u/∂maps, (n, d, h, w), the mean on the way from empty maps to these.
    """

    maps: Tensor
    values: tuple[Tensor, ...]
    gradients: tuple[Tensor, ...]


def derivatives(concepts: Sequence[Concept], early: Classifier, pictures: Tensor) -> Derivatives:
    """Differentiate concepts, all of one later layer, for one batch of pictures in [0, 1]."""
    later = concepts[0].classifier
    with torch.no_grad():
        actual = early.activations(pictures)
        top = early.onward(actual, later)
        values = [one.of_maps(top) for one in concepts]
    totals = [torch.zeros_like(actual.maps) for _ in concepts]
    for step in range(STEPS):
        scale = (step + 0.5) / STEPS
        maps = (actual.maps * scale).requires_grad_()
        negative = None if actual.negative is None else actual.negative * scale
        with torch.enable_grad():
            top = early.onward(Activations(maps, negative, actual.prefix), later)
        for total, cotangent in zip(totals, _cotangents(concepts, top.detach()), strict=True):
            (gradient,) = torch.autograd.grad(top, maps, cotangent, retain_graph=True)
            total += gradient / STEPS
    return Derivatives(actual.maps, tuple(values), tuple(totals))


def parts_of(basis: Factorization, maps: Tensor, gradient: Tensor) -> tuple[Tensor, Tensor]:
    """Codes v (n, k, h, w) of maps, and what they account for, c (n, k); see the module."""
    with torch.no_grad():
        codes = basis.encode_maps(maps)
        slopes = torch.einsum("ndhw,kd->nkhw", gradient, basis.dictionary.to(gradient))
        return codes, (codes * slopes).sum(dim=(2, 3))


def _relevant_positions(maps: Tensor, gradient: Tensor, generator: torch.Generator) -> Tensor:
    """Activations (m, d) of positions that raise the concept, at most so many of each picture."""
    relevance = (maps * gradient).sum(1).flatten(1).clamp(min=0).cpu()  # lots are drawn there
    ordered, order = relevance.sort(dim=1, descending=True, stable=True)
    before = ordered.cumsum(1) - ordered
    wanted = (ordered > 0) & (before < COVERED * ordered.sum(1, keepdim=True))
    mask = torch.zeros_like(wanted).scatter(1, order, wanted)
    lots = torch.rand(mask.shape, generator=generator).masked_fill(~mask, 2.0)
    chosen = lots.topk(min(_POSITIONS_A_PICTURE, lots.shape[1]), dim=1, largest=False)
    rows = maps.flatten(2).transpose(1, 2)  # (n, h·w, d)
    index = chosen.indices.to(rows.device)
    drawn = torch.gather(rows, 1, index.unsqueeze(2).expand(-1, -1, rows.shape[2]))
    return drawn[(chosen.values < 2.0).to(rows.device)]


def _cotangents(concepts: Sequence[Concept], maps: Tensor) -> Iterator[Tensor]:
    """∂u/∂maps (n, d, h, w) of each concept for maps of its layer."""
    n, d, h, w = maps.shape
    known: tuple[Factorization, Pooling] | None = None
    for one in concepts:
        pooled = one.pooling == "code_of_mean"
        if known is None or known[0] is not one.basis or known[1] != one.pooling:
            known = (one.basis, one.pooling)
            rows = maps.mean(dim=(2, 3)) if pooled else maps.permute(0, 2, 3, 1).reshape(-1, d)
            code = code_gradient(one.basis, rows)
        gradient = code.of(one.index) / (h * w)
        if pooled:
            yield gradient[:, :, None, None].expand(n, d, h, w)
        else:
            yield gradient.view(n, h, w, d).permute(0, 3, 1, 2)


def _differs(classifier: Classifier, layer: str) -> bool:
    try:
        return not _same_maps(classifier.at(layer), classifier)
    except LensError:
        return False


@torch.no_grad()
def _same_maps(one: Classifier, other: Classifier) -> bool:
    px = other.preprocessing.input_px
    noise = torch.rand(1, 3, px, px, generator=torch.Generator().manual_seed(0))
    return torch.equal(one.encode(noise), other.encode(noise))
