"""The one loop that makes every feature visualization, whatever a picture is made of.

A parametrisation holds k pictures and gives them as (k, 3, S, S) in [0, 1]; each step takes random
crops of all, shows them to the classifier, and moves the parameters up the sum of the objectives.
Pictures share no parameter, so that is the same as one optimisation a picture, in one batch.

Memory does not grow with the number of pictures: `Optimisation.at_once` are painted together, and
of these the crops of a few at a time go through the classifier and back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from lens_core.atlas import LensError, Track, no_track

from .crops import draw_boxes, take_crops
from .settings import Optimisation
from .targets import Goal, Sight, Targets

Build = Callable[[Targets, int, torch.Generator], nn.Module]
"""Pictures for targets: (targets, number of the first, generator) → module giving (k, 3, S, S)."""

_CROPS_AT_ONCE = {"cpu": 32}
_CROPS_AT_ONCE_ELSEWHERE = 256


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
    made = list(in_lots(classifier, targets, build, settings, seed, track))
    if len(made) == 1:
        return made[0]
    steps = min(len(lot.objective) for lot in made)
    return Visualizations(
        torch.cat([lot.images for lot in made]),
        torch.cat([lot.transparency for lot in made]),
        torch.cat([lot.objective[:steps] for lot in made], dim=1),
    )


def in_lots(
    classifier: Sight,
    targets: Targets,
    build: Build,
    settings: Optimisation,
    seed: int = 0,
    track: Track = no_track,
) -> Iterator[Visualizations]:
    """The pictures of :func:`optimise`, lot by lot, so that no more than a lot need be held."""
    if not len(targets):
        raise LensError("nothing to visualize: give directions or classes")
    first = 0
    for number, part in enumerate(targets.in_parts(settings.at_once)):
        generator = torch.Generator(classifier.device).manual_seed(seed + number)
        # cuDNN's quickest gradients add in any order, and pictures would differ between runs.
        with torch.backends.cudnn.flags(deterministic=True, benchmark=False):
            pictures = build(part, first, generator)
            lot = _climb(classifier, part, pictures, settings, generator, track)
        yield lot
        first += len(part)


def _climb(
    classifier: Sight,
    targets: Targets,
    pictures: nn.Module,
    settings: Optimisation,
    generator: torch.Generator,
    track: Track,
) -> Visualizations:
    device = classifier.device
    k, size = len(targets), settings.size_px
    few = max(1, _crops_at_once(settings, device) // settings.crops)
    parts = [slice(start, min(start + few, k)) for start in range(0, k, few)]
    goals = [Goal(targets[part], classifier, settings.cosine_power) for part in parts]
    optimizer = torch.optim.NAdam(pictures.parameters(), lr=settings.lr)
    transparency = torch.zeros(k, size, size, device=device)
    crop_px = settings.crop_px or int(classifier.preprocessing.input_px)
    start = pictures().detach() if settings.closeness else None
    history: list[Tensor] = []
    for step in track(range(settings.steps), "visualizing concepts", settings.steps):
        boxes = draw_boxes(k, settings, step / max(settings.steps - 1, 1), generator)
        image = pictures()
        scores = image.new_empty(k)
        pull = torch.empty_like(image)
        for part, goal in zip(parts, goals, strict=True):
            leaf = image[part].detach().requires_grad_()
            crops = take_crops(leaf, boxes[part], crop_px)
            if settings.noise:
                noise = torch.randn(crops.shape, generator=generator, device=device)
                crops = torch.add(crops, noise, alpha=settings.noise)
            found = goal(crops)
            (pull[part],) = torch.autograd.grad(-found.sum(), leaf)
            scores[part] = found.detach()
        transparency += pull.abs().mean(1)
        if settings.total_variation or start is not None:
            leaf = image.detach().requires_grad_()
            (charge,) = torch.autograd.grad(_penalty(leaf, start, settings), leaf)
            pull = pull + charge
        optimizer.zero_grad(set_to_none=True)
        image.backward(pull)
        optimizer.step()
        history.append(scores)
        if _has_settled(history, settings.patience):
            break
    with torch.no_grad():
        images = pictures()
    peak = transparency.amax((1, 2), keepdim=True).clamp(min=1e-30)
    return Visualizations(images.detach(), transparency / peak, torch.stack(history))


def _crops_at_once(settings: Optimisation, device: torch.device) -> int:
    return settings.crops_at_once or _CROPS_AT_ONCE.get(device.type, _CROPS_AT_ONCE_ELSEWHERE)


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
