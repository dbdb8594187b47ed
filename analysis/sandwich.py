"""Covariances of estimates that know of participants and of items, for any likelihood.

Notation: scores s_i = d log P(y_i) / dβ (N, k), bread A = (Σ_i H_i)⁻¹ = C Cᵀ with the expected
information H_i of an answer. For a grouping with G groups g, whose answers have the leverage
E_g = Cᵀ H_g C,

    V = A (Σ_g s_g s_gᵀ) A · G/(G−1) · (N−1)/(N−k),     s_g = Σ_{i in g} s_i          ("CR1")
    V = A (Σ_g r_g r_gᵀ) A,     r_g = C⁻ᵀ (I − E_g)^(−1/2) Cᵀ s_g                     ("CR2")

CR2 has no bias where answers are independent. CR1 counts all groups together, so that it is too
small where each condition has few of its own: five items in each of two conditions are scaled up by
10/9, though each condition loses one of five.

With participants and items crossed, V = V_participant + V_item − V_{participant × item} (the last
one always by CR1, as its groups are many).

Sources: Liang and Zeger (1986), Biometrika 73; Bell and McCaffrey (2002), Survey Methodology 28,
and for other likelihoods Kauermann and Carroll (2001), Journal of the American Statistical
Association 96, for CR2; Cameron, Gelbach and Miller (2011), Journal of Business & Economic
Statistics 29, sections 2.2–2.3.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]
Correction = Literal["cr1", "cr2"]
Information = Callable[[Codes, int], Floats]
"""From (N,) codes of groups and their number G: expected information H_g (G, k, k) of each."""

DETERMINED = 1e-9
"""What a group determines alone has no residual; it is left out as nothing can be known of it."""


def clustered_covariance(
    bread: Floats,
    scores: Floats,
    information: Information,
    *,
    participants: Codes,
    items: Codes | None = None,
    correction: Correction = "cr2",
) -> tuple[Floats, bool]:
    """(k, k) covariance by participant, or by participant and item.

    Returns
    -------
    The covariance; and whether the difference of clusterings was none, so that
    V_participant + V_item stands in.
    """

    def by(group: Codes) -> Floats:
        if correction == "cr1":
            return cluster_covariance(bread, scores, group)
        return leverage_adjusted_covariance(bread, scores, group, information)

    covariance = by(participants)
    if items is None:
        return covariance, False
    both = codes(participants * (int(items.max()) + 1) + items)
    bound = covariance + by(items)
    covariance = bound - cluster_covariance(bread, scores, both)
    widened = not positive_definite(covariance)
    return (bound if widened else covariance), widened


def cluster_covariance(bread: Floats, scores: Floats, groups: Codes) -> Floats:
    """CR1 of the module's docstring: (k, k) from (k, k), (N, k) and (N,) integer codes."""
    n, k = scores.shape
    size = int(groups.max()) + 1
    sums = group_sums(scores, groups, size)
    # With one answer in each cell there is nothing to correct for but the coefficients.
    correction = size / (size - 1) * (n - 1) / (n - k) if size > 1 else 1.0
    return np.asarray(bread @ (sums.T @ sums) @ bread * correction)


def leverage_adjusted_covariance(
    bread: Floats, scores: Floats, groups: Codes, information: Information
) -> Floats:
    """CR2 of the module's docstring: (k, k) from (k, k), (N, k) and (N,) codes."""
    size = int(groups.max()) + 1
    root = np.linalg.cholesky(bread)
    leverage = root.T @ information(groups, size) @ root
    values, vectors = np.linalg.eigh(np.eye(len(bread)) - leverage)
    scale = np.where(values > DETERMINED, np.maximum(values, DETERMINED) ** -0.5, 0.0)
    along = np.einsum("gab,ga->gb", vectors, group_sums(scores, groups, size) @ root) * scale
    adjusted = np.einsum("gab,gb->ga", vectors, along) @ root.T
    return np.asarray(adjusted.T @ adjusted)


def summed_outer(values: Floats) -> Information:
    """Information that is a sum of v_i v_iᵀ over answers, of v (N, k)."""
    k = values.shape[1]
    rows, columns = np.tril_indices(k)

    def information(groups: Codes, size: int) -> Floats:
        sums = group_sums(values[:, rows] * values[:, columns], groups, size)
        found = np.empty((size, k, k))
        found[:, rows, columns] = sums
        found[:, columns, rows] = sums
        return found

    return information


def group_sums(values: Floats, groups: Codes, size: int) -> Floats:
    """(G, m) sums of (N, m) by group."""
    columns = [np.bincount(groups, weights=column, minlength=size) for column in values.T]
    return np.column_stack(columns)


def positive_definite(covariance: Floats) -> bool:
    """Whether all directions have a variance clearly above zero.

    With few clusters V_participant + V_item − V_both may fail to; the sum without the last term
    bounds it from above (Davezies, D'Haultfœuille and Guyonvarch 2021, Annals of Statistics 49).
    """
    values = np.linalg.eigvalsh((covariance + covariance.T) / 2)
    return bool(values.min() > 1e-9 * max(values.max(), 0.0))


def codes(labels: ArrayLike) -> Codes:
    """Integer codes 0 … G−1 of labels, in order of appearance."""
    return np.asarray(pd.factorize(np.asarray(labels))[0], dtype=np.int64)
