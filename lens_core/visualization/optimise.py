"""The one loop that makes every feature visualization, whatever a picture is made of.

A parametrisation holds k pictures and gives them as (k, 3, S, S) in [0, 1]; each step takes random
crops of all, shows them to the classifier, and moves the parameters up the sum of the objectives.
Pictures share no parameter, so that is the same as one optimisation a picture, in one batch.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from lens_core.atlas import LensError, Track, no_track

from .crops import draw_boxes, take_crops
from .settings import Optimisation
from .targets import Goal, Sight, Targets

Build = Callable[[Targets, int, torch.Generator], nn.Module]
"""Pictures for targets: (targets, number of the first, generator) → module giving (k, 3, S, S)."""


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


def optimise(
    classifier: Sight,
    targets: Targets,
    build: Build,
    settings: Optimisation,
    seed: int = 0,
    track: Track = no_track,
) -> Visualizations:
    """Make a picture for each target, `settings.at_once` at a time.

    Parameters
    ----------
    build
        Makes the pictures to start from; its parameters are optimised.
    seed
        The same seed gives the same pictures on the same device (turned crops on a GPU excepted:
        their gradients add in any order).

    Raises
    ------
    LensError
        If a direction is zero, or nothing is asked for.
    """
    if not len(targets):
        raise LensError("nothing to visualize: give directions or classes")
    made: list[Visualizations] = []
    first = 0
    # cuDNN's quickest gradients add in any order, and pictures would differ between runs.
    with torch.backends.cudnn.flags(deterministic=True, benchmark=False):
        for number, part in enumerate(targets.in_parts(settings.at_once)):
            generator = torch.Generator(classifier.device).manual_seed(seed + number)
            pictures = build(part, first, generator)
            made.append(_climb(classifier, part, pictures, settings, generator, track))
            first += len(part)
    if len(made) == 1:
        return made[0]
    steps = min(len(part.objective) for part in made)
    return Visualizations(
        torch.cat([part.images for part in made]),
        torch.cat([part.transparency for part in made]),
        torch.cat([part.objective[:steps] for part in made], dim=1),
    )


def _climb(
    classifier: Sight,
    targets: Targets,
    pictures: nn.Module,
    settings: Optimisation,
    generator: torch.Generator,
    track: Track,
) -> Visualizations:
    goal = Goal(targets, classifier, settings.cosine_power)
    device = classifier.device
    k, size = len(targets), settings.size_px
    optimizer = torch.optim.NAdam(pictures.parameters(), lr=settings.lr)
    transparency = torch.zeros(k, size, size, device=device)
    crop_px = settings.crop_px or int(classifier.preprocessing.input_px)
    start = pictures().detach() if settings.closeness else None
    history: list[Tensor] = []
    for step in track(range(settings.steps), "visualizing concepts", settings.steps):
        boxes = draw_boxes(k, settings, step / max(settings.steps - 1, 1), generator)
        image = pictures()
        leaf = image.detach().requires_grad_()
        crops = take_crops(leaf, boxes, crop_px)
        if settings.noise:
            noise = torch.randn(crops.shape, generator=generator, device=device)
            crops = torch.add(crops, noise, alpha=settings.noise)
        scores = goal(crops)
        (pull,) = torch.autograd.grad(-scores.sum(), leaf)
        transparency += pull.abs().mean(1)
        if settings.total_variation or start is not None:
            (charge,) = torch.autograd.grad(_penalty(leaf, start, settings), leaf)
            pull = pull + charge
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


def _penalty(image: Tensor, start: Tensor | None, settings: Optimisation) -> Tensor:
    """What the settings charge for neighbours that differ and for leaving the start, summed."""
    charge = image.new_zeros(())
    if settings.total_variation:
        across = (image[..., 1:] - image[..., :-1]).abs().mean((1, 2, 3))
        down = (image[..., 1:, :] - image[..., :-1, :]).abs().mean((1, 2, 3))
        charge = charge + settings.total_variation * (across + down).sum()
    if start is not None:
        charge = charge + settings.closeness * (image - start).square().mean((1, 2, 3)).sum()
    return charge


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
