"""Attribution by a linear model of the score over superpixels: LIME and Kernel SHAP.

z (m, s) says which of the s segments are kept. Least squares need only Zᵀ K Z and Zᵀ K y, which are
summed up a batch at a time.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor

from lens_core.atlas import LensError
from lens_core.attribution.base import Run, parts
from lens_core.attribution.perturbation import (
    Perturbation,
    Question,
    batches,
    seeded,
)
from lens_core.attribution.segments import grid_segments, slic_segments


@dataclass(frozen=True)
class _Surrogate(Perturbation):
    """Superpixels kept or hidden.

    Attributes
    ----------
    segments
        "slic" follows the picture's edges; "grid" does not look at the picture.
    nb_segments
        About how many.
    """

    segments: Literal["slic", "grid"] = "slic"
    nb_segments: int = 50

    def _labels(self, ask: Question) -> Tensor:
        """(H, W), 0 … s − 1."""
        if self.segments == "grid":
            return grid_segments(ask.size, self.nb_segments).to(ask.image.device)
        return slic_segments(ask.image[0], self.nb_segments).to(ask.image.device)


@dataclass(frozen=True)
class Lime(_Surrogate):
    """Coefficients of a ridge regression near the picture (Ribeiro et al., KDD 2016, section 3).

    As in the authors' image explainer: segments kept with probability ½, the picture itself among
    the samples, samples weighted by exp(−d² / kernel_width²)^½ with d the cosine distance of z to
    all ones, hidden segments painted in their mean colour; but with SLIC segments.

    Attributes
    ----------
    nb_samples
        Pictures asked about.
    kernel_width
        How quickly samples that hide much stop to count.
    alpha
        Ridge penalty.
    prob
        That a segment is kept.
    hide
        Hidden segments show their mean colour, or the baseline.
    """

    title: ClassVar[str] = "LIME"
    signed: ClassVar[bool] = True
    nb_samples: int = 1000
    kernel_width: float = 0.25
    alpha: float = 1.0
    prob: float = 0.5
    hide: Literal["segment_mean", "baseline"] = "segment_mean"

    def _one(self, ask: Question, run: Run) -> Tensor:
        labels = self._labels(ask)
        if self.hide == "segment_mean":
            ask = _painted(ask, labels)
        s = int(labels.max()) + 1
        generator = seeded(run.seed)
        moments = torch.zeros(s + 1, s + 1, dtype=torch.float64)
        products = torch.zeros(s + 1, dtype=torch.float64)
        for number, count in enumerate(batches(self.nb_samples, run.batch)):
            kept = torch.stack([torch.rand(s, generator=generator) for _ in range(count)])
            z = (kept < self.prob).double()
            if number == 0:
                z[0] = 1
            answers = ask(z.float().to(labels.device)[:, labels])
            design = torch.cat([z, torch.ones(count, 1, dtype=z.dtype)], dim=1)
            weighted = design * self._closeness(z)[:, None]
            moments += weighted.T @ design
            products += weighted.T @ answers
        penalty = torch.full((s + 1,), self.alpha, dtype=torch.float64)
        penalty[-1] = 0  # the intercept is free
        return _solved(moments + penalty.diag(), products)[:-1][labels.cpu()]

    def _closeness(self, z: Tensor) -> Tensor:
        distance = 1 - (z.sum(1) / z.shape[1]).sqrt()  # the cosine of z and all ones
        return torch.exp(-distance.square() / self.kernel_width**2).sqrt()


@dataclass(frozen=True)
class KernelShap(_Surrogate):
    """Shapley values of segments by weighted least squares (Lundberg & Lee, NeurIPS 2017).

    Values of an image add up to f(x) − f(baseline) exactly: the two are constraints, not samples.
    Where all subsets are fewer than `nb_samples`, they are all asked about and values are exact;
    else subsets are drawn by the Shapley kernel, each with its complement (Covert & Lee, AISTATS
    2021, section 4.2). A map holds a segment's value at each of its pixels.

    Attributes
    ----------
    nb_samples
        None takes 2 s + 2,048, as the authors' package does.
    """

    title: ClassVar[str] = "Kernel SHAP"
    signed: ClassVar[bool] = True
    nb_samples: int | None = None

    def _one(self, ask: Question, run: Run) -> Tensor:
        labels = self._labels(ask)
        s = int(labels.max()) + 1
        full, empty = ask.whole()
        if s == 1:
            return torch.full(ask.size, full - empty)
        total = self.nb_samples if self.nb_samples is not None else 2 * s + 2048
        if total < 2:
            raise LensError(f"nb_samples must be at least 2, not {total}")
        moments = torch.zeros(s, s, dtype=torch.float64)
        products = torch.zeros(s, dtype=torch.float64)
        for z, weights in self._subsets(s, total, run):
            answers = ask(z.float().to(labels.device)[:, labels]) - empty
            weighted = z * weights[:, None]
            moments += weighted.T @ z
            products += weighted.T @ answers
        return _constrained(moments, products, full - empty)[labels.cpu()]

    def _subsets(self, s: int, total: int, run: Run) -> Iterator[tuple[Tensor, Tensor]]:
        """Subsets (m, s) that are neither empty nor full, and their weights."""
        if s < 20 and 2**s - 2 <= total:
            for numbers in parts(torch.arange(1, 2**s - 1), run.batch):
                z = ((numbers[:, None] >> torch.arange(s)) & 1).double()
                yield z, _shapley_kernel(s)[z.sum(1).long()]
            return
        generator = seeded(run.seed)
        by_size = torch.zeros(s + 1, dtype=torch.float64)
        sizes = torch.arange(1, s, dtype=torch.float64)
        by_size[1:s] = 1 / (sizes * (s - sizes))  # the kernel times the number of such subsets
        for pairs in batches((total + 1) // 2, max(1, run.batch // 2)):
            half = torch.stack([self._draw(s, by_size, generator) for _ in range(pairs)])
            yield torch.cat([half, 1 - half]), torch.ones(2 * pairs, dtype=torch.float64)

    @staticmethod
    def _draw(s: int, by_size: Tensor, generator: torch.Generator) -> Tensor:
        size = torch.multinomial(by_size, 1, generator=generator)
        return (torch.randperm(s, generator=generator) < size).double()


def _shapley_kernel(s: int) -> Tensor:
    """(s − 1) / (C(s, k) k (s − k)) for k = 0 … s; the ends, infinite, are constraints: 0 here."""
    weights = [(s - 1) / (math.comb(s, k) * k * (s - k)) for k in range(1, s)]
    return torch.tensor([0.0, *weights, 0.0], dtype=torch.float64)


def _constrained(moments: Tensor, products: Tensor, total: float) -> Tensor:
    """argmin φᵀ M φ − 2 φᵀ p with Σ φ = total."""
    s = len(products)
    system = torch.zeros(s + 1, s + 1, dtype=torch.float64)
    system[:s, :s] = moments / moments.diagonal().mean()
    system[s, :s] = system[:s, s] = 1
    right = torch.cat([products / moments.diagonal().mean(), products.new_tensor([total])])
    return _solved(system, right)[:s]


def _solved(system: Tensor, right: Tensor) -> Tensor:
    """Least squares, so that a segment that no sample moved does not end the whole computation."""
    solution: Tensor = torch.linalg.lstsq(system, right[:, None], driver="gelsd").solution
    return solution[:, 0]


def _painted(ask: Question, labels: Tensor) -> Question:
    """The same question, hidden segments in their mean colour."""
    flat = labels.flatten()
    colours = torch.zeros(3, int(flat.max()) + 1, device=flat.device)
    colours.index_add_(1, flat, ask.image[0].flatten(1).to(colours))
    colours /= torch.bincount(flat)
    hidden = colours[:, labels][None].contiguous(memory_format=torch.channels_last)
    return Question(ask.image, hidden, ask.targets, ask.row, ask.batch)
