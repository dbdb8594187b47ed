"""What a picture is to show: concepts, channels, single units, classes, and weighted sums of them.

Notation: k pictures, n crops of each, P the crops' side at the model, g goals: c directions (c, d)
in the space of the layer and C' classes. S (k, g) says how much each picture wants of each goal.

Value of a crop for a class: its logit. For a direction w (d,): the projection a · w / ‖w‖ times
cos(a, w)^p, with a (d,) the crop's activation, averaged over positions. The MACO paper's objective
is p = 0. Concepts of one class overlap, and the projection alone grows with everything that excites
the layer: with p = 2 pictures show what is particular to the concept (Carter et al., Activation
Atlas, Distill 2019, use the same factor).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.nn import functional

from lens_core.atlas import LensError

_EPS = 1e-12
_MIN_COSINE = 0.1


class Sight(Protocol):
    """What is needed of a `lens_core.Classifier`."""

    @property
    def device(self) -> torch.device: ...

    @property
    def preprocessing(self) -> Any: ...  # .input_px

    def encode(self, x: Tensor) -> Tensor:
        """Pictures (n, 3, H, W) in [0, 1] → maps (n, d, h, w)."""

    def logits(self, x: Tensor) -> Tensor:
        """Pictures (n, 3, H, W) in [0, 1] → logits (n, C)."""


@dataclass(frozen=True)
class Targets:
    """What to visualize.

    Attributes
    ----------
    directions
        (c, d), each row a concept at the classifier's layer, or None.
    classes
        Indices of classes.
    weights
        (k, c + number of classes): how much picture i wants of each direction, then of each class;
        what it shall avoid is negative. None: a picture for each direction, then for each class.
    at_centre
        Read directions at the middle position of the maps instead of the mean over all: a
        direction of one channel is then a single unit.

    Examples
    --------
    >>> len(Targets(torch.eye(3), classes=(7,)))
    4
    >>> both = Targets(torch.eye(3)[:1], (7,), weights=torch.tensor([[1.0, 0.5]]))
    >>> len(both)
    1
    """

    directions: Tensor | None = None
    classes: tuple[int, ...] = ()
    weights: Tensor | None = None
    at_centre: bool = False

    def __post_init__(self) -> None:
        if self.weights is not None and self.weights.shape[1:] != (self.n_goals,):
            raise LensError(
                f"weights of targets must be (pictures, {self.n_goals}), one column for each "
                f"direction and class, not {tuple(self.weights.shape)}"
            )

    def __len__(self) -> int:
        return self.n_goals if self.weights is None else len(self.weights)

    @property
    def n_directions(self) -> int:
        """c."""
        return 0 if self.directions is None else len(self.directions)

    @property
    def n_goals(self) -> int:
        """g."""
        return self.n_directions + len(self.classes)

    @classmethod
    def channels(cls, indices: Sequence[int], n_channels: int, single: bool = False) -> Targets:
        """Channels of the layer; with `single` only their unit in the middle of the map."""
        wrong = [index for index in indices if not 0 <= index < n_channels]
        if wrong:
            raise LensError(f"the layer has channels 0 to {n_channels - 1}, not {wrong[0]}")
        return cls(torch.eye(n_channels)[list(indices)], at_centre=single)

    def __getitem__(self, pictures: slice) -> Targets:
        """Those of some pictures, with the same goals."""
        weights = torch.eye(len(self)) if self.weights is None else self.weights
        return Targets(self.directions, self.classes, weights[pictures], self.at_centre)

    def in_parts(self, at_once: int) -> Iterator[Targets]:
        """Parts of at most `at_once` pictures; concepts apart from classes if it must be."""
        if len(self) <= at_once:
            yield self
        elif self.weights is not None:
            for rows in torch.split(self.weights, at_once):
                yield Targets(self.directions, self.classes, rows, self.at_centre)
        else:
            if self.directions is not None and len(self.directions):
                for some in torch.split(self.directions, at_once):
                    yield Targets(some, at_centre=self.at_centre)
            for first in range(0, len(self.classes), at_once):
                yield Targets(classes=self.classes[first : first + at_once])


class Goal:
    """Crops (k·n, 3, P, P) → objective (k,), the mean over each picture's crops."""

    def __init__(self, targets: Targets, classifier: Sight, cosine_power: float) -> None:
        self.classifier = classifier
        self.cosine_power = cosine_power
        self.at_centre = targets.at_centre
        self.k = len(targets)
        c = targets.n_directions
        share = torch.eye(self.k) if targets.weights is None else targets.weights.float()
        self.of_directions = share[:, :c].to(classifier.device)
        self.of_classes = share[:, c:].to(classifier.device)
        # Only pictures that want a goal of the kind are shown to that end of the network.
        self.wanting_directions = _rows(self.of_directions)
        self.wanting_classes = _rows(self.of_classes)
        self.classes = torch.tensor(targets.classes, dtype=torch.long, device=classifier.device)
        self.directions = torch.zeros(0)
        if targets.directions is not None and c:
            norms = targets.directions.norm(dim=1)
            if not bool((norms > 0).all()):
                empty = int((norms == 0).nonzero()[0, 0])
                raise LensError(f"direction {empty} is zero everywhere: no picture can excite it")
            unit = functional.normalize(targets.directions.float(), dim=1)
            self.directions = unit.to(classifier.device)

    def __call__(self, crops: Tensor) -> Tensor:
        by_picture = crops.view(self.k, -1, *crops.shape[1:])
        scores = crops.new_zeros(self.k)
        if len(self.wanting_directions):
            rows = self.wanting_directions
            values = self._along(by_picture[rows])  # (k', c)
            scores = scores.index_add(0, rows, (values * self.of_directions[rows]).sum(1))
        if len(self.wanting_classes):
            rows = self.wanting_classes
            mine = by_picture[rows]
            logits = self.classifier.logits(mine.flatten(0, 1))
            values = logits.view(*mine.shape[:2], -1).mean(1)[:, self.classes]
            scores = scores.index_add(0, rows, (values * self.of_classes[rows]).sum(1))
        return scores

    def _along(self, crops: Tensor) -> Tensor:
        """Crops (k', n, 3, P, P) → values of all directions (k', c)."""
        maps = self.classifier.encode(crops.flatten(0, 1))
        if self.at_centre:
            seen = maps[..., maps.shape[-2] // 2, maps.shape[-1] // 2]
        else:
            seen = maps.mean((2, 3))
        along = seen @ self.directions.T
        if self.cosine_power:
            cosine = along / seen.norm(dim=1, keepdim=True).clamp(min=_EPS)
            # The floor leaves a slope where a crop shows nothing of the concept yet.
            along = along * cosine.clamp(min=_MIN_COSINE) ** self.cosine_power
        values: Tensor = along.view(*crops.shape[:2], -1).mean(1)
        return values


def _rows(share: Tensor) -> Tensor:
    """Pictures with any share, as indices."""
    return share.ne(0).any(1).nonzero()[:, 0]
