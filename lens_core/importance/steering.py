"""Steering: what the classifier says as one concept is added or taken away, dose by dose.

The linear representation hypothesis says that adding α·w_i to activations raises concept i and
nothing else. A dose–response curve shows how far that holds: a slope at first, then the dose where
the prediction changes, and the dose from which more no longer helps or activations have left the
data.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from lens_core.metrics.distributions import knn_distances

Logits = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class DoseResponse:
    """Answers to activations plus each dose of one direction, for every image.

    Attributes
    ----------
    doses
        (k,) α, rising, 0 among them.
    logit, probability
        (n, k) of the class.
    predicted
        (n, k) the class with the largest logit.
    distance
        (n, k) to the k-th nearest real activation (pooled over positions), on the unit sphere; not
        a number where no real ones were given.
    """

    doses: Tensor
    logit: Tensor
    probability: Tensor
    predicted: Tensor
    distance: Tensor

    @property
    def changed(self) -> Tensor:
        """(n, k) whether the prediction is another than at dose 0."""
        return self.predicted != self.predicted[:, self._zero, None]

    def middle(self) -> DoseResponse:
        """The median over images as the response of one; it changes where most images do."""
        return DoseResponse(
            doses=self.doses,
            logit=self.logit.median(0, keepdim=True).values,
            probability=self.probability.median(0, keepdim=True).values,
            predicted=(self.changed.double().mean(0, keepdim=True) >= 0.5).long(),
            distance=self.distance.median(0, keepdim=True).values,
        )

    @property
    def slope(self) -> Tensor:
        """Change of the logit for one unit of dose at dose 0, by the doses next to it: (n,)."""
        zero = self._zero
        low, high = max(zero - 1, 0), min(zero + 1, len(self.doses) - 1)
        rise = self.logit[:, high] - self.logit[:, low]
        return rise / (self.doses[high] - self.doses[low])

    @property
    def changes_at(self) -> Tensor:
        """Smallest dose in size at which the prediction is another than at 0 (n,); else nan."""
        return self._smallest(self.changed)

    @property
    def bends_at(self) -> Tensor:
        """Dose > 0 from which the response runs against its slope at 0 (n,); not a number if never.

        The last dose before the first step, away from 0, whose sign is opposite to the slope.
        """
        zero = self._zero
        steps = torch.diff(self.logit[:, zero:], dim=1) * self.slope.sign()[:, None]
        against = torch.cat([steps < 0, torch.zeros_like(steps[:, :1], dtype=torch.bool)], dim=1)
        first = against.to(torch.int8).argmax(1)
        return torch.where(against.any(1), self.doses[zero:][first], torch.nan)

    def leaves_at(self, limit: float) -> Tensor:
        """Smallest dose in size whose distance to real activations exceeds the limit (n,)."""
        return self._smallest(self.distance > limit)

    @property
    def _zero(self) -> int:
        return int((self.doses == 0).nonzero()[0, 0])

    def _smallest(self, where: Tensor) -> Tensor:
        order = self.doses.abs().argsort(stable=True)
        sorted_where = where[:, order]
        first = sorted_where.to(torch.int8).argmax(1)
        return torch.where(sorted_where.any(1), self.doses[order][first], torch.nan)


@torch.no_grad()
def steer(
    head: Logits,
    activations: Tensor,
    direction: Tensor,
    class_id: int,
    doses: Tensor,
    real: Tensor | None = None,
    k: int = 10,
    rectified: bool = True,
) -> DoseResponse:
    """Record the answers to A + α w for all doses α.

    Parameters
    ----------
    head
        Activations (n, d, …) → logits (n, C) of all classes.
    activations
        (n, d, …), the direction (d,) is added at every position.
    doses
        (m,) α in units of the activations if w has length 1; must contain 0.
    real
        (n_real, d) pooled activations of real images, to tell when a dose leaves them.
    rectified
        Activations cannot fall below 0 in the layer, so neither do steered ones.

    Raises
    ------
    ValueError
        There is no dose 0, or fewer than two doses.
    """
    doses = doses.sort().values.to(activations)
    if len(doses) < 2 or not bool((doses == 0).any()):
        raise ValueError("doses must be at least two, 0 among them, to compare with")
    step = direction.to(activations).view(1, -1, *[1] * (activations.ndim - 2))
    logits, means = [], []
    for dose in doses:
        moved = activations + dose * step
        moved = moved.clamp(min=0) if rectified else moved
        logits.append(head(moved))
        means.append(moved.flatten(2).mean(2) if moved.ndim > 2 else moved)
    answers = torch.stack(logits, dim=1)
    n = len(activations)
    distance = answers.new_full((n, len(doses)), torch.nan)
    if real is not None:
        distance = knn_distances(torch.cat(means), real, k).view(len(doses), n).T
    return DoseResponse(
        doses=doses,
        logit=answers[..., class_id],
        probability=answers.softmax(-1)[..., class_id],
        predicted=answers.argmax(-1),
        distance=distance,
    )


@torch.no_grad()
def ablated(head: Logits, activations: Tensor, direction: Tensor) -> Tensor:
    """Logits (n, C) of activations (n, d, …) with a direction projected out.

    Of a unit (one-hot direction) that sets it to 0; of a concept it removes all along it.

    Parameters
    ----------
    direction
        (d,) the same for all images, or (n, d) one for each. Directions of 0 remove nothing.
    """
    unit = torch.nn.functional.normalize(direction.to(activations), dim=-1).expand(
        len(activations), -1
    )
    along = torch.einsum("nd...,nd->n...", activations, unit)
    return head(activations - torch.einsum("n...,nd->nd...", along, unit))


@torch.no_grad()
def ablation(head: Logits, activations: Tensor, direction: Tensor, class_id: int) -> Tensor:
    """Drop of the class's logit (n,) when a direction is projected out; see `ablated`.

    Comparing units and concepts, layer by layer, tells local from distributed representations.
    """
    return (head(activations) - ablated(head, activations, direction))[:, class_id]
