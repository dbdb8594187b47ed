"""What is left of the score of a picture times its map: Average Drop, Increase, Gain."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from lens_core.atlas import LensError
from lens_core.attribution.base import checked_images
from lens_core.attribution.perturbation import Baseline, questions
from lens_core.attribution.targets import Targets


@dataclass(frozen=True)
class Averages:
    """Of each image, all shares from 0 to 1; `.mean()` of one of them is the metric.

    Attributes
    ----------
    drop
        (n,) max(0, y − y') / y: the smaller the better.
    increase
        (n,) 1 where y' > y, else 0: the larger the better.
    gain
        (n,) max(0, y' − y) / (1 − y): the larger the better.
    """

    drop: Tensor
    increase: Tensor
    gain: Tensor


def averages(
    images: Tensor,
    targets: Targets,
    maps: Tensor,
    absolute: bool = False,
    baseline: Baseline = 0.0,
    batch: int = 64,
) -> Averages:
    """Score y of pictures against y' of pictures times maps scaled to 0 … 1.

    Drop and increase: Chattopadhyay et al., WACV 2018 (Grad-CAM++), section 5.1. Gain: Zhang et
    al., CVIU 2024 (Opti-CAM), section 4.

    Parameters
    ----------
    targets
        Scores from 0 to 1: ``ClassTargets(…, output="probability")``.
    absolute
        Take the magnitudes of maps, as Xplique does, so that what speaks against the target is kept
        as well.
    baseline
        What pixels with a map of 0 show; 0, black, is the published product.

    Raises
    ------
    LensError
        Scores are no probabilities.
    """
    images = checked_images(images)
    targets.check(len(images))
    before, after = [], []
    for ask, one in zip(questions(images, targets, baseline, batch), maps, strict=True):
        values = one.abs() if absolute else one
        low, high = values.min(), values.max()
        # A map that is the same everywhere chooses nothing, and all is hidden.
        mask = (values - low) / (high - low).clamp(min=1e-12)
        scores = ask(torch.stack([torch.ones_like(mask), mask]).to(ask.image.device))
        before.append(scores[0])
        after.append(scores[1])
    y, masked = torch.stack(before), torch.stack(after)
    if not bool(((y > 0) & (y <= 1)).all()):
        raise LensError('drop and gain are shares of probabilities: use output="probability"')
    return Averages(
        drop=(y - masked).clamp(min=0) / y,
        increase=(masked > y).double(),
        gain=(masked - y).clamp(min=0) / (1 - y).clamp(min=1e-12),
    )
