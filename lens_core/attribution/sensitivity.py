"""Attribution by global sensitivity of the score to the cells of a grid: Sobol and HSIC."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from lens_core.atlas import LensError
from lens_core.attribution.base import Run, enlarged
from lens_core.attribution.perturbation import Perturbation, Question, grid_masks
from lens_core.importance.hsic import hsic_of
from lens_core.importance.sobol import SobolDesign


@dataclass(frozen=True)
class _Grid(Perturbation):
    """A number for each cell, enlarged to the picture.

    Attributes
    ----------
    grid_size
        Cells a side.
    """

    grid_size: int = 8

    def _ask_cells(self, ask: Question, codes: Tensor) -> Tensor:
        """Scores (m,) with cells kept to the degree that codes (m, g · g) say."""
        return ask.each(codes.to(ask.image.device), lambda some: grid_masks(some, ask.size))

    def _spread(self, cells: Tensor, ask: Question) -> Tensor:
        return enlarged(cells.float().view(1, self.grid_size, self.grid_size), ask.size)[0]


@dataclass(frozen=True)
class Sobol(_Grid):
    """Total Sobol index of each cell: its share in the score's variance, interactions included.

    Fel et al., NeurIPS 2021 (arXiv 2111.04138), Jansen's estimator; nb_design · (grid_size² + 1)
    questions an image. The sequence is scrambled with the seed: unscrambled, as usual elsewhere,
    it is biased at so few points.

    Attributes
    ----------
    nb_design
        N, a power of two.
    """

    title: ClassVar[str] = "Sobol"
    grid_size: int = 11
    nb_design: int = 32

    def __post_init__(self) -> None:
        if self.nb_design < 2 or self.nb_design & (self.nb_design - 1):
            raise LensError(f"nb_design must be a power of two, not {self.nb_design}")

    def _one(self, ask: Question, run: Run) -> Tensor:
        design = SobolDesign.draw(self.grid_size**2, self.nb_design, run.seed)
        totals, _ = design.totals(self._ask_cells(ask, design.masks))
        return self._spread(totals, ask)


@dataclass(frozen=True)
class Hsic(_Grid):
    """Dependence of the score on whether a cell is there (Novello et al., NeurIPS 2022).

    Hilbert–Schmidt criterion between binary masks (kernel: equal or not) and scores (Gaussian, as
    wide as their median distance); see `lens_core.importance.hsic.hsic_of`. Masks come from a
    scrambled Sobol sequence.

    Attributes
    ----------
    nb_design
        Masks, which is also the number of questions an image.
    """

    title: ClassVar[str] = "HSIC"
    grid_size: int = 7
    nb_design: int = 1500

    def _one(self, ask: Question, run: Run) -> Tensor:
        engine = torch.quasirandom.SobolEngine(self.grid_size**2, scramble=True, seed=run.seed)  # type: ignore[no-untyped-call]
        codes = (engine.draw(self.nb_design) < 0.5).float()
        return self._spread(hsic_of(codes.double(), self._ask_cells(ask, codes)), ask)
