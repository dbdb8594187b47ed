"""MACO: pictures that excite a concept or a class, with natural Fourier magnitude.

All concepts and classes asked for are optimised at once, as one batch. Notation: k pictures of
side S, n crops of each at every step, A (k·n, d) the crops' activations, averaged over positions.

Objective of a picture, averaged over its crops: for a class its logit, for a concept w (d,) the
projection A · w / ‖w‖ times cos(A, w)^p. The paper's objective is p = 0. Concepts of one class
overlap, and the projection alone grows with everything that excites the layer: with p = 2 pictures
show what is particular to the concept (Carter et al., Activation Atlas, Distill 2019, use the same
factor). Pictures share no parameter, so their objectives are simply added.

Source: Fel et al., NeurIPS 2023, arXiv 2306.06805, sections 3 and 4.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.nn import functional

from lens_core.atlas import LensError, Track, no_track

from .crops import draw_boxes, take_crops
from .phase import PhasePictures
from .settings import MacoSettings
from .spectrum import Spectrum

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
    """What to visualize: concepts first, then classes.

    Attributes
    ----------
    directions
        (c, d), each row a concept at the classifier's layer.
    classes
        Indices of classes.
    """

    directions: Tensor | None = None
    classes: tuple[int, ...] = ()

    def __len__(self) -> int:
        return (0 if self.directions is None else len(self.directions)) + len(self.classes)


@dataclass(frozen=True)
class Visualizations:
    """Pictures in the targets' order.

    Attributes
    ----------
    images
        (k, 3, S, S) in [0, 1].
    transparency
        (k, S, S) in [0, 1]: how much each pixel was asked to change over all steps; shown as
        opacity.
    objective
        (steps, k): the objective at each step made.
    """

    images: Tensor
    transparency: Tensor
    objective: Tensor


def visualize(
    classifier: Sight,
    targets: Targets,
    spectrum: Spectrum,
    settings: MacoSettings | None = None,
    seed: int = 0,
    track: Track = no_track,
) -> Visualizations:
    """Optimise one picture for each target.

    Parameters
    ----------
    classifier : lens_core.Classifier
        Cut at the layer in which the directions live; its weights should need no gradient.
    targets : Targets
        Concepts and classes.
    spectrum : Spectrum
        See :func:`~lens_core.visualization.spectrum.measure_spectrum`.
    settings : MacoSettings
        Defaults suit networks with inputs of about 224 px.
    seed : int
        The same seed gives the same pictures on the same device.

    Raises
    ------
    LensError
        If a direction is zero, or nothing is asked for.
    """
    if not len(targets):
        raise LensError("nothing to visualize: give directions or classes")
    settings = settings or MacoSettings()
    parts = list(_in_parts(targets, settings.at_once))
    # cuDNN's quickest gradients add in any order, and pictures would differ between runs.
    with torch.backends.cudnn.flags(deterministic=True, benchmark=False):
        made = [
            _optimise(classifier, part, spectrum, settings, seed + i, track)
            for i, part in enumerate(parts)
        ]
    if len(made) == 1:
        return made[0]
    steps = min(len(part.objective) for part in made)
    return Visualizations(
        torch.cat([part.images for part in made]),
        torch.cat([part.transparency for part in made]),
        torch.cat([part.objective[:steps] for part in made], dim=1),
    )


def _in_parts(targets: Targets, at_once: int) -> Iterator[Targets]:
    """Cut targets into parts of at most `at_once`, concepts apart from classes if it must be."""
    if len(targets) <= at_once:
        yield targets
        return
    if targets.directions is not None and len(targets.directions):
        for rows in torch.split(targets.directions, at_once):
            yield Targets(rows)
    for first in range(0, len(targets.classes), at_once):
        yield Targets(classes=targets.classes[first : first + at_once])


def _optimise(
    classifier: Sight,
    targets: Targets,
    spectrum: Spectrum,
    settings: MacoSettings,
    seed: int,
    track: Track,
) -> Visualizations:
    goal = _Goal(targets, classifier, settings.cosine_power)
    device = classifier.device
    generator = torch.Generator(device).manual_seed(seed)
    pictures = PhasePictures(len(targets), settings.size_px, spectrum, generator)
    optimizer = torch.optim.NAdam([pictures.phase], lr=settings.lr)
    transparency = torch.zeros(len(targets), settings.size_px, settings.size_px, device=device)
    crop_px = settings.crop_px or int(classifier.preprocessing.input_px)
    history: list[Tensor] = []
    for step in track(range(settings.steps), "visualizing concepts", settings.steps):
        boxes = draw_boxes(len(targets), settings, step / max(settings.steps - 1, 1), generator)
        image = pictures()
        leaf = image.detach().requires_grad_()
        crops = take_crops(leaf, boxes, crop_px)
        noise = torch.randn(crops.shape, generator=generator, device=device)
        scores = goal(crops + settings.noise * noise)
        (pull,) = torch.autograd.grad(-scores.sum(), leaf)
        transparency += pull.abs().mean(1)
        optimizer.zero_grad(set_to_none=True)
        image.backward(pull)
        optimizer.step()
        history.append(scores.detach())
        if _has_settled(history, settings.patience):
            break
    with torch.no_grad():
        images = pictures()
    peak = transparency.amax((1, 2), keepdim=True).clamp(min=1e-30)
    return Visualizations(images.detach(), transparency / peak, torch.stack(history))


def _has_settled(history: list[Tensor], patience: int) -> bool:
    """Whether no picture's objective has risen by 1 % over the last `patience` steps.

    Single steps are noise: their crops are few and random. Means over `patience` steps are
    compared, and only once in as many steps.
    """
    if patience == 0 or len(history) < 2 * patience or len(history) % patience:
        return False
    now = torch.stack(history[-patience:]).mean(0)
    before = torch.stack(history[-2 * patience : -patience]).mean(0)
    return bool((now <= before + 0.01 * before.abs()).all())


class _Goal:
    """Crops (k·n, 3, P, P) → objective (k,)."""

    def __init__(self, targets: Targets, classifier: Sight, cosine_power: float) -> None:
        self.classifier = classifier
        self.k = len(targets)
        self.classes = targets.classes
        self.cosine_power = cosine_power
        self.directions: Tensor | None = None
        if targets.directions is not None and len(targets.directions):
            norms = targets.directions.norm(dim=1)
            if not bool((norms > 0).all()):
                empty = int((norms == 0).nonzero()[0, 0])
                raise LensError(f"direction {empty} is zero everywhere: no picture can excite it")
            self.directions = functional.normalize(targets.directions.float(), dim=1).to(
                classifier.device
            )

    def __call__(self, crops: Tensor) -> Tensor:
        n = len(crops) // self.k
        c = 0 if self.directions is None else len(self.directions)
        parts = []
        if self.directions is not None:
            pooled = self.classifier.encode(crops[: c * n]).mean((2, 3)).reshape(c, n, -1)
            along = (pooled * self.directions[:, None]).sum(2)
            cosine = along / pooled.norm(dim=2).clamp(min=_EPS)
            # The floor leaves a slope where a crop shows nothing of the concept yet.
            parts.append((along * cosine.clamp(min=_MIN_COSINE) ** self.cosine_power).mean(1))
        if self.classes:
            logits = self.classifier.logits(crops[c * n :]).reshape(self.k - c, n, -1).mean(1)
            wanted = torch.tensor(self.classes, device=logits.device)
            parts.append(logits.gather(1, wanted[:, None])[:, 0])
        return torch.cat(parts)
