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

One weighted sum w of coefficients (a contrast) can do better than that. Where people hardly differ
in it (depth, which everybody meets), more is taken off than V_participant holds, and the interval
is too narrow. So its variance is the largest of three, v_c = wᵀ V_c w,

    v = max(v_participant + v_item − v_both, v_participant, v_item),

with degrees of freedom of its own. Those of one clustering are Bell and McCaffrey's, (Σ λ)² / Σ λ²
over the eigenvalues of the quadratic form that v_c is in independent answers: they tell how many
groups carry a contrast (four of ten layers may do most of it), not how many there are. Those of the
sum are Satterthwaite's, v² / (Σ_c v_c² / f_c + v_both² / G_both). Where a clustering has about two
or less (two or three items), its v_c may be small by luck and that number counts for all.

Sources: Liang and Zeger (1986), Biometrika 73; Bell and McCaffrey (2002), Survey Methodology 28,
and for other likelihoods Kauermann and Carroll (2001), Journal of the American Statistical
Association 96, for CR2; Cameron, Gelbach and Miller (2011), Journal of Business & Economic
Statistics 29, sections 2.2–2.3; Satterthwaite (1946), Biometrics Bulletin 2; MacKinnon, Nielsen and
Webb (2024), Jackknife inference with two-way clustering, arXiv 2406.08880, for the largest of three
variances.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]
Correction = Literal["cr1", "cr2"]
Information = Callable[[Codes, int], Floats]
"""From (N,) codes of groups and their number G: expected information H_g (G, k, k) of each."""

FEWEST = 2.5
"""Degrees of freedom that each clustering needs for Satterthwaite's approximation; no whole number,
as balanced groups have whole ones and rounding must not decide."""
DETERMINED = 1e-9
"""What a group determines alone has no residual; it is left out as nothing can be known of it."""


@dataclass(frozen=True)
class Clustering:
    """What one grouping says of a covariance.

    Attributes
    ----------
    covariance : (k, k).
    adjusted : (G, k, k) B_g, with which V = Σ_g B_g s_g s_gᵀ B_gᵀ.
    information : (G, k, k) expected information H_g.
    bread : (k, k).
    """

    covariance: Floats
    adjusted: Floats
    information: Floats
    bread: Floats

    def degrees(self, weights: Floats) -> float:
        """Bell and McCaffrey's degrees of freedom of a contrast (k,)."""
        along = np.einsum("gab,a->gb", self.adjusted, weights)
        carried = np.einsum("gab,gb->ga", self.information, along)
        own = np.einsum("ga,ga->g", along, carried)
        fitted = np.einsum("ga,ab,gb->g", carried, self.bread, carried)
        # The form is diag(own) − carried · bread · carriedᵀ; these are its trace and its square's.
        shared = carried.T @ carried @ self.bread
        square = float((own**2 - 2 * own * fitted).sum() + np.trace(shared @ shared))
        trace = float((own - fitted).sum())
        return trace**2 / square if square > 0 else float("nan")


@dataclass(frozen=True)
class Clustered:
    """A covariance by participant, or by participant and item.

    Attributes
    ----------
    covariance : (k, k).
    widened : the difference of clusterings was no covariance, so that V_participant + V_item
        stands in.
    parts : of each clustering.
    both : covariance by participant × item and the number of those groups; none for one clustering.
    """

    covariance: Floats
    widened: bool
    parts: tuple[Clustering, ...]
    both: tuple[Floats, int] | None = None

    def contrast(self, weights: ArrayLike) -> tuple[float, float]:
        """Variance and degrees of freedom (one at least) of a weighted sum (k,) of coefficients."""
        w = np.asarray(weights, dtype=float)
        alone = [(float(w @ part.covariance @ w), part.degrees(w)) for part in self.parts]
        variance, degrees = max(alone)
        if self.both is not None:
            taken = float(w @ self.both[0] @ w)
            total = sum(v for v, _ in alone) - taken
            if total > variance:
                spread = sum(v**2 / f for v, f in alone) + taken**2 / self.both[1]
                variance, degrees = total, total**2 / spread
        least = min(f for _, f in alone)
        degrees = degrees if least >= FEWEST else least
        return variance, max(degrees, 1.0)


def clustered_covariance(
    bread: Floats,
    scores: Floats,
    information: Information,
    *,
    participants: Codes,
    items: Codes | None = None,
    correction: Correction = "cr2",
) -> Clustered:
    """Covariance by participant, or by participant and item."""
    people = clustering(bread, scores, participants, information, correction)
    if items is None:
        return Clustered(people.covariance, False, (people,))
    stimuli = clustering(bread, scores, items, information, correction)
    pairs = codes(participants * (int(items.max()) + 1) + items)
    both = cluster_covariance(bread, scores, pairs)
    bound = people.covariance + stimuli.covariance
    covariance = bound - both
    widened = not positive_definite(covariance)
    return Clustered(
        bound if widened else covariance,
        widened,
        (people, stimuli),
        (both, int(pairs.max()) + 1),
    )


def clustering(
    bread: Floats,
    scores: Floats,
    groups: Codes,
    information: Information,
    correction: Correction = "cr2",
) -> Clustering:
    """CR1 or CR2 of the module's docstring from (k, k), (N, k) and (N,) integer codes."""
    size = int(groups.max()) + 1
    each = information(groups, size)
    if correction == "cr1":
        adjusted = np.broadcast_to(bread * np.sqrt(_few(scores, size)), each.shape)
    else:
        root = np.linalg.cholesky(bread)
        leverage = root.T @ each @ root
        values, vectors = np.linalg.eigh(np.eye(len(bread)) - leverage)
        scale = np.where(values > DETERMINED, np.maximum(values, DETERMINED) ** -0.5, 0.0)
        half = np.einsum("gab,gb,gcb->gac", vectors, scale, vectors)
        adjusted = root @ half @ root.T
    along = np.einsum("gab,gb->ga", adjusted, group_sums(scores, groups, size))
    return Clustering(along.T @ along, adjusted, each, bread)


def cluster_covariance(bread: Floats, scores: Floats, groups: Codes) -> Floats:
    """CR1 of the module's docstring alone: (k, k)."""
    size = int(groups.max()) + 1
    sums = group_sums(scores, groups, size)
    return np.asarray(bread @ (sums.T @ sums) @ bread * _few(scores, size))


def _few(scores: Floats, size: int) -> float:
    """CR1's factor for few groups."""
    n, k = scores.shape
    # With one answer in each cell there is nothing to correct for but the coefficients.
    return size / (size - 1) * (n - 1) / (n - k) if size > 1 else 1.0


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
