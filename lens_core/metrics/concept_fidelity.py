"""Do importances of concepts say what the model does? C-Deletion, C-Insertion, C-µFidelity.

Concepts are taken out of (or put into) activations rebuilt from their values, and what the head
then says is held against the order, or the sizes, that an importance gave. Definitions: CRAFT (Fel
et al., CVPR 2023, section 4.1) and Fel et al. (NeurIPS 2023, arXiv 2306.07304, section 4), after
deletion and insertion of pixels (Petsiuk et al., BMVC 2018) and µFidelity (Bhatt et al., IJCAI
2020, section 3.3).

Shapes: values U (n, r, …) with any positions after the concepts; dictionary W (r, d); a head maps
activations (m, d, …) to the score of the class (m,); importances (n, r), one row an image, or (r,)
for all.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from lens_core.importance.masked import Head, masked_logits
from lens_core.metrics.correlation import pearson, spearman


@dataclass(frozen=True)
class Curve:
    """Scores as concepts go or come, one after the other.

    Attributes
    ----------
    scores
        (n, r + 1): before the first, after the first, … after the last.
    """

    scores: Tensor

    @property
    def areas(self) -> Tensor:
        """Area under each image's curve over the share of concepts, 0 to 1: (n,)."""
        return torch.trapezoid(self.scores, dim=1) / (self.scores.shape[1] - 1)

    @property
    def area(self) -> float:
        """Mean over images: the metric. Deletion is better when small, insertion when large."""
        return float(self.areas.mean())


def deletion(
    head: Head, values: Tensor, dictionary: Tensor, importances: Tensor, batch: int = 256
) -> Curve:
    """C-Deletion: all concepts at first, then without the most important one, the next …"""
    masks = 1 - _steps(values, importances)
    return Curve(masked_logits(head, values, dictionary, masks, batch))


def insertion(
    head: Head, values: Tensor, dictionary: Tensor, importances: Tensor, batch: int = 256
) -> Curve:
    """C-Insertion: no concept at first, then the most important one, the next …"""
    masks = _steps(values, importances)
    return Curve(masked_logits(head, values, dictionary, masks, batch))


def mu_fidelity(
    head: Head,
    values: Tensor,
    dictionary: Tensor,
    importances: Tensor,
    subset_size: int | None = None,
    nb_samples: int = 128,
    correlation: Literal["pearson", "spearman"] = "pearson",
    seed: int = 0,
    batch: int = 256,
) -> Tensor:
    """C-µFidelity of each image (n,), −1 to 1: correlation of importance and drop of the score.

    For random subsets S of concepts of one fixed size, Σ_{i ∈ S} importance_i against
    f(all) − f(all without S).

    Parameters
    ----------
    subset_size
        |S|; by default a fifth of the concepts, at least 1.
    nb_samples
        Subsets drawn for all images alike.
    correlation
        "pearson" as published; "spearman" as Xplique computes it.

    Returns
    -------
    Not a number where either side does not vary: no correlation is defined.

    Raises
    ------
    ValueError
        A size that leaves nothing to choose.
    """
    r = values.shape[1]
    size = subset_size if subset_size is not None else max(round(0.2 * r), 1)
    if not 0 < size < r:
        raise ValueError(f"subset_size must be from 1 to {r - 1} with {r} concepts, not {size}")
    generator = torch.Generator().manual_seed(seed)
    order = torch.rand(nb_samples, r, generator=generator).argsort(dim=1)
    removed = (order < size).to(values)
    kept = torch.cat([torch.ones_like(removed[:1]), 1 - removed])
    scores = masked_logits(head, values, dictionary, kept, batch)
    drops = scores[:, :1] - scores[:, 1:]
    claimed = _each(values, importances) @ removed.T
    if correlation == "spearman":
        return spearman(claimed.double(), drops.double())
    return pearson(claimed.double(), drops.double())


def _each(values: Tensor, importances: Tensor) -> Tensor:
    """Importances (n, r) of each image."""
    n, r = values.shape[:2]
    if importances.shape not in ((r,), (n, r)):
        raise ValueError(
            f"importances must be ({r},) or ({n}, {r}), not {tuple(importances.shape)}"
        )
    return importances.to(values).expand(n, r)


def _steps(values: Tensor, importances: Tensor) -> Tensor:
    """Masks (n, r + 1, r): none, the most important concept, the two most important ones …"""
    ranking = _each(values, importances).argsort(dim=1, descending=True, stable=True)
    rank = ranking.argsort(dim=1)
    counts = torch.arange(values.shape[1] + 1, device=values.device)
    return (rank[:, None, :] < counts[None, :, None]).to(values)
