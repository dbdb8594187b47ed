"""How good a factorization A ≈ U W is: error, sparsity, dead concepts, stability.

The measures are those of Fel et al. (NeurIPS 2023, arXiv 2306.07304, section 3): reconstruction,
sparsity, stability, distribution of Â and whether it stays among real activations.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations

import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from lens_core.factorization.base import Factorization, relative_error
from lens_core.factorization.nmf import NMF
from lens_core.factorization.nmf_stack import fit_stack
from lens_core.metrics.distributions import knn_distances, sliced_wasserstein


def r_squared(activations: Tensor, reconstruction: Tensor) -> float:
    """1 − Σ(A − Â)² / Σ(A − mean of each channel)²: 0 for a constant guess, 1 for no error.

    Centred on the mean of each channel; the mean over everything would count differences between
    channels, which any constant row rebuilds, as explained. Where no channel varies: 1 if the
    reconstruction is exact, else minus infinity.
    """
    a = activations.double()
    error = float((a - reconstruction.double()).square().sum())
    spread = float((a - a.mean(0)).square().sum())
    if spread == 0:
        return 1.0 if error == 0 else -float("inf")
    return 1.0 - error / spread


def hoyer(values: Tensor) -> Tensor:
    """Sparsity of each row (n,): (√r − ‖u‖₁/‖u‖₂) / (√r − 1), 0 if all equal, 1 if one only.

    Hoyer, J. Mach. Learn. Res. 2004, section 3.1. Rows of 0 have no sparsity: not a number. With
    r = 1 every other row counts as 1.
    """
    u = values.double().abs()
    ratio = u.sum(1) / u.norm(dim=1)
    root = u.shape[1] ** 0.5
    sparsity: Tensor = ratio if u.shape[1] == 1 else (root - ratio) / (root - 1)
    return sparsity


def mean_l0(values: Tensor, threshold: float = 0.0) -> float:
    """How many concepts a row has on average: |u| above the threshold."""
    return float((values.abs() > threshold).double().sum(1).mean())


def firing_rates(values: Tensor, threshold: float = 0.0) -> Tensor:
    """Share of rows that have each concept (r,). A dead concept's is 0."""
    return (values.abs() > threshold).double().mean(0)


def matched_cosines(first: Tensor, second: Tensor) -> Tensor:
    """Cosines of the rows of one dictionary with those of another, best matched one to one.

    The Hungarian method maximises their total; min(r₁, r₂) values in the order of the first.
    Rows of 0 match with 0.
    """
    unit = torch.nn.functional.normalize
    cosines = unit(first.double(), dim=1) @ unit(second.double(), dim=1).T
    rows, columns = linear_sum_assignment(-cosines.cpu().numpy())
    return cosines[torch.from_numpy(rows), torch.from_numpy(columns)]


def stability(
    activations: Tensor,
    make: Callable[[], Factorization],
    n_folds: int = 4,
    seed: int = 0,
    groups: Tensor | None = None,
) -> float:
    """Mean matched cosine between the dictionaries of all pairs of folds; 1 is perfectly stable.

    Folds are disjoint: each dictionary is fitted on 1/n_folds of the groups, drawn with the seed.

    Parameters
    ----------
    groups
        (n,) whole numbers from 0; rows of one group (the crops of an image) stay in one fold. By
        default each row is a group.

    Raises
    ------
    ValueError
        Fewer than two folds, or fewer groups than folds.
    """
    of_row = torch.arange(len(activations)) if groups is None else groups.cpu().long()
    n_groups = int(of_row.max()) + 1
    if n_folds < 2 or n_groups < n_folds:
        raise ValueError(
            f"stability needs at least 2 folds and a group of rows for each, not {n_folds} folds "
            f"of {n_groups}"
        )
    generator = torch.Generator().manual_seed(seed)
    fold_of_group = torch.randperm(n_groups, generator=generator) % n_folds
    fold_of_row = fold_of_group[of_row].to(activations.device)
    folds = [activations[fold_of_row == fold] for fold in range(n_folds)]
    return stability_of([method.dictionary for method in _fitted(folds, make)])


def _fitted(folds: list[Tensor], make: Callable[[], Factorization]) -> list[Factorization]:
    """A new method fitted to each fold, together where that is quicker."""
    methods = [make() for _ in folds]
    stacked = [one for one in methods if isinstance(one, NMF) and one.solver == "hals"]
    if len(stacked) == len(methods) and max(fold.numel() for fold in folds) < 2**20:
        fit_stack(folds, stacked)
    else:
        for method, fold in zip(methods, folds, strict=True):
            method.fit(fold)
    return methods


def stability_of(dictionaries: Sequence[Tensor]) -> float:
    """Mean matched cosine over all pairs of dictionaries."""
    pairs = [float(matched_cosines(a, b).mean()) for a, b in combinations(dictionaries, 2)]
    return sum(pairs) / len(pairs)


@dataclass(frozen=True)
class FactorizationScores:
    """What is worth keeping of one fitted factorization on one set of activations.

    Attributes
    ----------
    relative_l2
        ‖A − Â‖ / ‖A‖.
    r_squared
        Centred on each channel's mean.
    hoyer
        Mean over rows that have any concept; not a number if none has.
    l0
        Mean number of concepts a row.
    dead
        How many concepts no row has.
    wasserstein
        Sliced distance between A and Â, in units of the activations.
    ood
        Mean distance of Â to its k-th nearest real activation, over that of real activations among
        themselves: 1 is as near as real ones, more is farther out.
    """

    relative_l2: float
    r_squared: float
    hoyer: float
    l0: float
    dead: int
    wasserstein: float
    ood: float


def score(
    factorization: Factorization, activations: Tensor, k: int = 10, seed: int = 0
) -> FactorizationScores:
    """All measures of a fitted factorization on A (n, d), n > k.

    Parameters
    ----------
    k
        Which neighbour counts for `ood`.
    seed
        Of the projections for `wasserstein`.
    """
    values = factorization.encode(activations)
    rebuilt = factorization.decode(values)
    real = activations.to(rebuilt)
    among_real = float(knn_distances(real, real, k, skip_self=True).mean())
    from_rebuilt = float(knn_distances(rebuilt, real, k).mean())
    sparsity = hoyer(values)
    return FactorizationScores(
        relative_l2=relative_error(real, rebuilt),
        r_squared=r_squared(real, rebuilt),
        hoyer=float(sparsity[~sparsity.isnan()].mean()),
        l0=mean_l0(values),
        dead=int((firing_rates(values) == 0).sum()),
        wasserstein=sliced_wasserstein(real, rebuilt, seed=seed),
        ood=from_rebuilt / among_real if among_real else float("nan"),
    )
