"""Do networks trained on other parts of the data explain alike? MeGe and ReCo.

Fel, Vigouroux, Cadène & Serre, WACV 2022 (arXiv 2009.04521), section 3: k networks, each trained
without one of k folds, explain the same images.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import torch
from torch import Tensor

from lens_core.atlas import LensError
from lens_core.metrics.correlation import spearman


@dataclass(frozen=True)
class Agreement:
    """Generality and consistency of a method's explanations.

    Attributes
    ----------
    mege
        1 / (1 + mean distance of explanations where both networks are right), 0 to 1: how well
        explanations hold for networks that saw other data.
    reco
        Best balanced accuracy, 0 to 1, of telling from the distance alone whether two networks
        agreed: max over thresholds of true positive + true negative rate − 1.
    same, other
        Distances behind them: both networks right; one right and the other not.
    """

    mege: float
    reco: float
    same: Tensor
    other: Tensor


def agreement(maps: Tensor, predictions: Tensor, labels: Tensor, folds: Tensor) -> Agreement:
    """MeGe and ReCo of k networks.

    Parameters
    ----------
    maps
        (k, n, H, W) explanations of the labels by each network.
    predictions
        (k, n) classes that each network predicts.
    labels
        (n,) true classes.
    folds
        (n,) 0 … k − 1: the fold of each image, which network k was not trained on. Two networks are
        compared on the images that exactly one of them was trained on.

    Returns
    -------
    Not a number where there is no pair to compare. The distance is √(1 − |ρ|) with Spearman's ρ;
    pairs with a map that does not vary have none and are left out.
    """
    k, n = predictions.shape
    if k < 2 or maps.shape[:2] != (k, n) or labels.shape != (n,) or folds.shape != (n,):
        raise LensError(
            f"maps {tuple(maps.shape)}, predictions {tuple(predictions.shape)}, labels "
            f"{tuple(labels.shape)} and folds {tuple(folds.shape)} must be (k ≥ 2, n, H, W), "
            "(k, n), (n,) and (n,)"
        )
    same, other = [], []
    right = predictions == labels
    for i, j in combinations(range(k), 2):
        compared = (folds == i) | (folds == j)
        pair = [maps[one, compared].flatten(1).double() for one in (i, j)]
        distance = (1 - spearman(*pair).abs()).clamp(min=0).sqrt()
        defined = ~distance.isnan()
        both = right[i, compared] & right[j, compared]
        one_alone = right[i, compared] ^ right[j, compared]
        same.append(distance[both & defined])
        other.append(distance[one_alone & defined])
    of_same, of_other = torch.cat(same), torch.cat(other)
    return Agreement(
        mege=float(1 / (1 + of_same.mean())),
        reco=_best_split(of_same, of_other),
        same=of_same,
        other=of_other,
    )


def _best_split(same: Tensor, other: Tensor) -> float:
    """max over γ of P(same ≤ γ) + P(other > γ) − 1, not below 0."""
    if not len(same) or not len(other):
        return float("nan")
    thresholds = torch.cat([same, other]).sort().values
    below = torch.searchsorted(same.sort().values, thresholds, right=True) / len(same)
    above = 1 - torch.searchsorted(other.sort().values, thresholds, right=True) / len(other)
    return max(0.0, float((below + above - 1).max()))
