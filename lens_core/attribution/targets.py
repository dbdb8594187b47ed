"""What is explained: one score of each picture. Classes, concepts, units, any function, all alike.

Methods see scores (m,) of pictures (m, 3, H, W) in [0, 1] and nothing else of a model, save those
that read a layer: they ask a `LayerTargets` for the layer's maps and for the score of given maps.
`rows` says of each picture which of the explained images it was made from, so that every image may
have a target of its own.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from lens_core.atlas import LensError
from lens_core.attribution.concept_maps import code_gradient, implicit_code
from lens_core.classifier import Activations, Classifier
from lens_core.factorization import Factorization

Chosen = int | Sequence[int]
"""One index for all images, or one for each."""


class Targets(ABC):
    """Scores of pictures."""

    @property
    def device(self) -> torch.device:
        """Where pictures are wanted."""
        return torch.device("cpu")

    @property
    def neutral(self) -> Tensor:
        """(3,) the colour that stands for nothing: what the model's input is centred on."""
        return torch.full((3,), 0.5)

    @property
    def differentiable(self) -> bool:
        """Whether gradients flow from scores to pictures."""
        return True

    @property
    @abstractmethod
    def chosen(self) -> Chosen:
        """What is explained: a column of the model's answers, for all images or one for each."""

    @abstractmethod
    def scores(self, images: Tensor, rows: Tensor) -> Tensor:
        """Scores (m,) of pictures (m, 3, H, W); rows (m,) number the images they were made from."""

    def check(self, n: int) -> None:
        """Refuse targets given one by one for another number of images."""
        if not isinstance(self.chosen, int) and len(self.chosen) != n:
            raise LensError(f"{len(self.chosen)} targets for {n} images: give one, or one for each")


@dataclass(frozen=True)
class LayerTargets(Targets):
    """Scores that a classifier computes from the maps of its layer."""

    classifier: Classifier

    @property
    def device(self) -> torch.device:
        """The classifier's."""
        return self.classifier.device

    @property
    def neutral(self) -> Tensor:
        """The colour that normalisation maps to 0."""
        return torch.tensor(self.classifier.preprocessing.mean)

    def scores(self, images: Tensor, rows: Tensor) -> Tensor:
        """Through the layer; differentiable in the pictures."""
        return self.scores_of(self.classifier.activations(images), rows)

    @abstractmethod
    def scores_of(self, activations: Activations, rows: Tensor) -> Tensor:
        """Scores (m,) of what the layer says; differentiable in its maps."""

    def heard(self, activations: Activations) -> Tensor:
        """The maps (m, d, h, w) that the score listens to."""
        return activations.maps


@dataclass(frozen=True)
class ClassTargets(LayerTargets):
    """The logit of a class, or its probability.

    Attributes
    ----------
    classes
        Index of a class, for all images or one for each.
    output
        "logit" for explanations; "probability" (softmax) is what several metrics are defined on.
    """

    classes: Chosen
    output: Literal["logit", "probability"] = "logit"

    def __post_init__(self) -> None:
        _check_range(self.classes, len(self.classifier.class_names), "class")

    @property
    def chosen(self) -> Chosen:
        """The classes."""
        return self.classes

    def scores_of(self, activations: Activations, rows: Tensor) -> Tensor:
        """The chosen column of the head's answer."""
        answers = self.classifier.head_of(activations)
        if self.output == "probability":
            answers = answers.softmax(1)
        return _pick(answers, self.chosen, rows)

    def heard(self, activations: Activations) -> Tensor:
        """Maps with their negative part, where the head uses it."""
        if activations.negative is None:
            return activations.maps
        return activations.maps - activations.negative


@dataclass(frozen=True, eq=False)
class ConceptTargets(LayerTargets):
    """The value u_i of a concept: the code of the layer's mean over positions.

    Differentiated through what holds at the solution (CRAFT, section 3.4), so that what other
    concepts explain already counts for nothing.

    Attributes
    ----------
    basis
        Of the classifier's layer: a fitted factorization, or a dictionary W (r, d) coded by
        non-negative least squares.
    concepts
        Row of the dictionary, for all images or one for each.
    code
        "implicit", or "projection": the plain product a · w_i.
    ridge
        α of non-negative least squares; needed where rows are collinear.
    """

    basis: Factorization | Tensor
    concepts: Chosen
    code: Literal["implicit", "projection"] = "implicit"
    ridge: float = 0.0

    def __post_init__(self) -> None:
        d, shape = self.classifier.n_channels, tuple(self.dictionary.shape)
        if len(shape) != 2 or shape[1] != d:
            raise LensError(
                f"dictionary {shape} does not fit layer {self.classifier.layer}, which has {d} "
                "channels; cut the classifier at the dictionary's layer"
            )
        _check_range(self.concepts, shape[0], "concept")

    @property
    def dictionary(self) -> Tensor:
        """W (r, d)."""
        return self.basis if isinstance(self.basis, Tensor) else self.basis.dictionary

    @property
    def chosen(self) -> Chosen:
        """The concepts."""
        return self.concepts

    def scores_of(self, activations: Activations, rows: Tensor) -> Tensor:
        """Values of the chosen concepts."""
        pooled = activations.maps.mean(dim=(2, 3))
        if self.code == "projection":
            return _pick(pooled @ self.dictionary.to(pooled).T, self.chosen, rows)
        if isinstance(self.basis, Tensor):
            values = implicit_code(pooled, self.basis.to(pooled), self.ridge)
            return _pick(values, self.chosen, rows)
        if not (torch.is_grad_enabled() and pooled.requires_grad):
            return _pick(self.basis.encode(pooled).to(pooled), self.chosen, rows)
        return self._differentiable(self.basis, pooled, rows)

    def _differentiable(self, basis: Factorization, pooled: Tensor, rows: Tensor) -> Tensor:
        """Values with the derivative that the factorization's own way to code has."""
        found = code_gradient(basis, pooled, self.ridge)
        gradient = torch.stack([found.of(i) for i in range(found.values.shape[1])], dim=1)
        around = torch.einsum("nd,nrd->nr", pooled - pooled.detach(), gradient)
        return _pick(found.values + around, self.chosen, rows)


@dataclass(frozen=True)
class UnitTargets(LayerTargets):
    """The mean activation of a unit (channel) of the layer over positions."""

    units: Chosen

    def __post_init__(self) -> None:
        _check_range(self.units, self.classifier.n_channels, "unit")

    @property
    def chosen(self) -> Chosen:
        """The units."""
        return self.units

    def scores_of(self, activations: Activations, rows: Tensor) -> Tensor:
        """Means of the chosen channels."""
        return _pick(activations.maps.mean(dim=(2, 3)), self.chosen, rows)


@dataclass(frozen=True)
class PredictTargets(Targets):
    """Any function of pictures, from torch or not: all that black-box methods need.

    Attributes
    ----------
    predict
        Pictures (m, 3, H, W) in [0, 1] → answers (m, C), or scores (m,).
    outputs
        Column of the answers, for all images or one for each; not used where answers are scores.
    takes
        "torch": tensors, and gradients flow if `predict` lets them. "numpy": float32 arrays.
    channels_last
        Pictures are wanted as (m, H, W, 3), as TensorFlow and scikit-image have them.
    """

    predict: Callable[[Any], Any]
    outputs: Chosen = 0
    takes: Literal["torch", "numpy"] = "torch"
    channels_last: bool = False

    @property
    def differentiable(self) -> bool:
        """Only through torch."""
        return self.takes == "torch"

    @property
    def chosen(self) -> Chosen:
        """The outputs."""
        return self.outputs

    def scores(self, images: Tensor, rows: Tensor) -> Tensor:
        """What `predict` says of the pictures.

        Raises
        ------
        LensError
            Its answer is neither (m, C) nor (m,).
        """
        given: Any = images.permute(0, 2, 3, 1) if self.channels_last else images
        if self.takes == "numpy":
            given = given.detach().cpu().numpy()
        answers = torch.as_tensor(self.predict(given))
        if answers.ndim not in (1, 2) or len(answers) != len(images):
            raise LensError(
                f"predict answered {tuple(answers.shape)} to {len(images)} pictures; "
                f"it must return ({len(images)}, classes) or ({len(images)},)"
            )
        if answers.ndim == 1:
            return answers
        _check_range(self.outputs, answers.shape[1], "output")
        return _pick(answers, self.chosen, rows)


def _pick(answers: Tensor, chosen: Chosen, rows: Tensor) -> Tensor:
    if isinstance(chosen, int):
        return answers[:, chosen]
    columns = torch.as_tensor(chosen, device=answers.device)[rows.to(answers.device)]
    return answers.gather(1, columns[:, None]).squeeze(1)


def _check_range(chosen: Chosen, count: int, what: str) -> None:
    if not isinstance(chosen, int | Sequence):
        kind = type(chosen).__name__
        raise LensError(f"{what}: give a number or a list of numbers, not {kind}; call .tolist()")
    for one in [chosen] if isinstance(chosen, int) else chosen:
        if not 0 <= one < count:
            raise LensError(f"{what} {one} does not exist: there are {count}, counted from 0")
