"""The analysis' clustered statistics on thousands of balanced studies at once.

Shapes: R studies, C conditions (bases, methods, pairs), P people and I items of a condition, k
coefficients. In a balanced study all people of a condition meet the same items equally often, so an
answer's expected information depends on condition and item alone, (R, C, I, k, k). These are the
formulas of :mod:`analysis.sandwich` written for batches; ``coverage_programmes.py`` holds a study
of every cell against the modules themselves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from analysis.sandwich import DETERMINED, FEWEST

Floats = NDArray[np.float64]
STEPS, SETTLED = 50, 1e-10


@dataclass(frozen=True)
class Fitted:
    """What R studies said.

    Attributes
    ----------
    coefficients : (R, k).
    scores : (R, C, P, I, k) sums over a person's answers to an item.
    information : (R, C, I, k, k) of those answers.
    n_answers : of a study.
    """

    coefficients: Floats
    scores: Floats
    information: Floats
    n_answers: int


def binomial_fit(right: Floats, x: Floats, repeats: int) -> Fitted:
    """A logit of counts (R, C, P, I) out of ``repeats`` on rows x (C, I, k)."""
    n_studies, people, k = len(right), right.shape[2], x.shape[-1]
    flat, sums = x.reshape(-1, k), right.sum(2).reshape(n_studies, -1)
    beta = np.zeros((n_studies, k))
    for _ in range(STEPS):
        p = special.expit(beta @ flat.T)
        weighted = repeats * people * p * (1 - p)
        hessian = np.einsum("ru,uk,ul->rkl", weighted, flat, flat, optimize=True)
        step = solved(hessian, (sums - repeats * people * p) @ flat)
        beta = beta + step
        if np.abs(step).max() < SETTLED:
            break
    p = special.expit(np.einsum("cik,rk->rci", x, beta))
    scores = (right - repeats * p[:, :, None, :])[..., None] * x[None, :, None]
    squares = x[..., :, None] * x[..., None, :]
    information = repeats * (p * (1 - p))[..., None, None] * squares[None]
    return Fitted(beta, scores, information, right[0].size * repeats)


def ordinal_fit(counts: Floats, repeats: int) -> Fitted:
    """Proportional odds of two conditions from counts (R, 2, P, I, levels) of each rating."""
    sums = counts.sum((2, 3))
    below = np.cumsum(sums.sum(1), axis=-1)[:, :-1] / sums.sum((1, 2))[:, None]
    natural = np.column_stack([special.logit(below), np.zeros(len(counts))])
    for _ in range(STEPS):
        scores, information = ordinal_scores(natural)
        hessian = np.einsum("rc,rckl->rkl", sums.sum(-1), information)
        step = solved(hessian, np.einsum("rcl,rclk->rk", sums, scores))
        natural = natural + step
        if np.abs(step).max() < SETTLED:
            break
    scores, information = ordinal_scores(natural)
    of_cells = np.einsum("rcpil,rclk->rcpik", counts, scores, optimize=True)
    items = counts.shape[3]
    spread = repeats * np.repeat(information[:, :, None], items, axis=2)
    return Fitted(natural, of_cells, spread, int(counts[0].sum()))


def ordinal_scores(natural: Floats) -> tuple[Floats, Floats]:
    """Scores (R, 2, levels, k) of each rating, expected information (R, 2, k, k) of one rating."""
    thresholds, second = natural[:, None, :-1], np.array([0.0, 1.0])
    up_to = special.expit(thresholds - (natural[:, -1:] * second)[..., None])
    slopes = up_to * (1 - up_to)
    ends = ((0, 0), (0, 0), (1, 1))
    p = np.diff(np.pad(up_to, ends, constant_values=((0, 0), (0, 0), (0, 1))))
    sloped = np.pad(slopes, ends)
    levels = p.shape[-1]
    scores = np.zeros((*p.shape, levels))
    place = np.arange(levels - 1)
    scores[:, :, place, place] = slopes
    scores[:, :, place + 1, place] = -slopes
    scores[..., -1] = -np.diff(sloped) * second[:, None]
    scores = scores / p[..., None]
    return scores, np.einsum("rcl,rclk,rclm->rckm", p, scores, scores)


def solved(matrices: Floats, vectors: Floats) -> Floats:
    """(R, k) solutions of (R, k, k) and (R, k)."""
    return np.asarray(np.linalg.solve(matrices, vectors[..., None])[..., 0])


def contrasts(
    fit: Fitted, weights: Sequence[Floats], *, within: bool, shared: bool
) -> list[tuple[Floats, Floats]]:
    """Variance and degrees of freedom (R,) of each contrast, as the analysis gives them.

    Parameters
    ----------
    within : everybody is in all conditions; shared : all conditions have the same items.
    """
    people = fit.scores.shape[2]
    bread = np.linalg.inv(people * fit.information.sum((1, 2)))
    root = np.linalg.cholesky(bread)
    sides = []
    for sums, information, alike, copies in (
        (fit.scores.sum(3), fit.information.sum(2), within, people),
        (fit.scores.sum(2), people * fit.information, shared, 1),
    ):
        if alike:
            sums, information = sums.sum(1, keepdims=True), information.sum(1, keepdims=True)
        sides.append(Side(root, sums, information, copies))
    both = fit.scores.sum(1, keepdims=True) if within and shared else fit.scores
    pairs, k = int(np.prod(both.shape[1:4])), both.shape[-1]
    few = pairs / (pairs - 1) * (fit.n_answers - 1) / (fit.n_answers - k)
    found = []
    for w in weights:
        alone = [(side.variance(w), side.degrees(w)) for side in sides]
        taken = few * ((both @ (bread @ w)[:, None, None, :, None])[..., 0] ** 2).sum((1, 2, 3))
        (first, f_first), (second, f_second) = alone
        total = first + second - taken
        degrees = total**2 / (first**2 / f_first + second**2 / f_second + taken**2 / pairs)
        larger = first > second
        best = np.where(larger, first, second)
        together = total > best
        degrees = np.where(together, degrees, np.where(larger, f_first, f_second))
        least = np.minimum(f_first, f_second)
        degrees = np.where(least >= FEWEST, degrees, least)
        found.append((np.where(together, total, best), np.maximum(degrees, 1.0)))
    return found


class Side:
    """One clustering of a batch, in coordinates where the bread is the identity."""

    def __init__(self, root: Floats, sums: Floats, information: Floats, copies: int) -> None:
        """``copies`` groups share each information; there are as many more sums."""
        self.root, self.copies = root, copies
        self.leverage = np.einsum("rka,r...kl,rlb->r...ab", root, information, root, optimize=True)
        values, vectors = np.linalg.eigh(np.eye(root.shape[-1]) - self.leverage)
        scale = np.where(values > DETERMINED, np.maximum(values, DETERMINED) ** -0.5, 0.0)
        self.half = np.einsum("...ab,...b,...cb->...ac", vectors, scale, vectors, optimize=True)
        along = sums @ root[:, None]
        self.along = (
            np.einsum("rcab,rcpb->rcpa", self.half, along)
            if copies > 1
            else np.einsum("rciab,rcib->rcia", self.half, along)
        )

    def variance(self, w: Floats) -> Floats:
        """(R,) of a contrast (k,)."""
        turned = w @ self.root
        return np.asarray(((self.along @ turned[:, None, :, None])[..., 0] ** 2).sum((1, 2)))

    def degrees(self, w: Floats) -> Floats:
        """(R,) Bell and McCaffrey's degrees of freedom of a contrast."""
        own = np.einsum("r...ab,rb->r...a", self.half, w @ self.root)
        carried = np.einsum("r...ab,r...b->r...a", self.leverage, own)
        places = tuple(range(1, carried.ndim - 1))
        diagonal, fitted = (own * carried).sum(-1), (carried**2).sum(-1)
        shared = self.copies * np.einsum("r...a,r...b->r...ab", carried, carried).sum(places)
        trace = self.copies * (diagonal - fitted).sum(places)
        square = self.copies * (diagonal**2 - 2 * diagonal * fitted).sum(places)
        square = square + np.einsum("rab,rba->r", shared, shared)
        return np.asarray(trace**2 / square)
