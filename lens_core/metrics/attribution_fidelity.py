"""Do attribution maps say what the model does? Deletion, Insertion, µFidelity.

Pixels are hidden from (or shown to) the model, and what it then says is held against the order, or
the sizes, that a map gave. Shapes: images (n, 3, H, W) in [0, 1]; maps (n, H, W). Memory holds one
batch of pictures, whatever the number of steps or samples. Deletion and Insertion are published for
probabilities: give ``ClassTargets(…, output="probability")``; with logits their areas have no
common scale.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from lens_core.atlas import LensError, Track, no_track
from lens_core.attribution.base import checked_images
from lens_core.attribution.perturbation import Baseline, Question, grid_masks, questions
from lens_core.attribution.targets import Targets
from lens_core.metrics.concept_fidelity import Curve
from lens_core.metrics.correlation import pearson, spearman


def deletion(
    images: Tensor,
    targets: Targets,
    maps: Tensor,
    steps: int | None = None,
    baseline: Baseline = "mean",
    batch: int = 64,
    track: Track = no_track,
) -> Curve:
    """Scores as the most important pixels are hidden first (Petsiuk et al., BMVC 2018, section 4).

    A small area speaks for the map.

    Parameters
    ----------
    steps
        Into how many equal parts pixels are split; None takes the height, a row's worth of pixels
        a step, as published (Xplique: 10).
    baseline
        What hidden pixels show; as published the colour that the model's input is centred on
        (Xplique: 0.0).

    Returns
    -------
    Curve
        `scores` (n, steps + 1), `areas` (n,) under them over the share of pixels, `area` their
        mean.
    """
    return _curve(images, targets, maps, steps, baseline, True, batch, track)


def insertion(
    images: Tensor,
    targets: Targets,
    maps: Tensor,
    steps: int | None = None,
    baseline: Baseline = "blur",
    batch: int = 64,
    track: Track = no_track,
) -> Curve:
    """Scores as the most important pixels are shown first, over the blurred picture.

    As `deletion`, the other way round; a large area speaks for the map (Xplique: baseline 0.0).
    """
    return _curve(images, targets, maps, steps, baseline, False, batch, track)


def mu_fidelity(
    images: Tensor,
    targets: Targets,
    maps: Tensor,
    grid_size: int | None = 9,
    subset_percent: float = 0.2,
    nb_samples: int = 200,
    baseline: Baseline = "mean",
    correlation: Literal["pearson", "spearman"] = "pearson",
    subsets: Literal["fixed", "bernoulli"] = "fixed",
    seed: int = 0,
    batch: int = 64,
    track: Track = no_track,
) -> Tensor:
    """Correlation (n,) of what a map gives random parts with the drop of the score without them.

    Bhatt et al., IJCAI 2020, definition 3. The published form has Pearson's correlation and parts S
    of one size; Xplique's is ``correlation="spearman", subsets="bernoulli", baseline=0.0``.

    Parameters
    ----------
    grid_size
        Parts are made of cells of such a grid; None makes them of single pixels.
    subset_percent
        Share of the cells (or pixels) that is hidden.
    subsets
        "fixed": the same number each time. "bernoulli": each cell hidden with that probability.

    Returns
    -------
    Not a number where either side does not vary: no correlation is defined.
    """
    images = _checked(images, targets, maps)
    side = grid_size or 0
    cells = side**2 if grid_size else maps[0].numel()
    size = max(1, round(subset_percent * cells))
    if not 0 < subset_percent < 1 or size >= cells:
        raise LensError(
            f"subset_percent {subset_percent} of {cells} cells leaves nothing to choose; "
            "take a share between 0 and 1"
        )
    generator = torch.Generator().manual_seed(seed)
    asked = list(questions(images, targets, baseline, batch))
    whole = [ask.whole()[0] for ask in asked]
    labels = _labels(side, maps) if grid_size else None
    claims, drops = [], []
    for start in track(range(0, nb_samples, batch), "µFidelity", -(-nb_samples // batch)):
        draws = [
            torch.rand(cells, generator=generator) for _ in range(min(batch, nb_samples - start))
        ]
        hidden = torch.stack([_subset(draw, size, subset_percent, subsets) for draw in draws])
        masks = 1 - (hidden[:, labels] if labels is not None else hidden.view(-1, *maps.shape[1:]))
        claims.append(torch.einsum("nhw,mhw->nm", maps.double().cpu(), 1 - masks.double()))
        drops.append(
            torch.stack(
                [
                    full - ask(masks.to(ask.image.device))
                    for full, ask in zip(whole, asked, strict=True)
                ]
            )
        )
    correlate = spearman if correlation == "spearman" else pearson
    return correlate(torch.cat(claims, dim=1), torch.cat(drops, dim=1))


def _subset(
    draw: Tensor, size: int, share: float, subsets: Literal["fixed", "bernoulli"]
) -> Tensor:
    if subsets == "bernoulli":
        return (draw < share).float()
    hidden = torch.zeros_like(draw)
    hidden[draw.topk(size).indices] = 1
    return hidden


def _labels(side: int, maps: Tensor) -> Tensor:
    """(H, W): the cell of each pixel."""
    numbers = torch.arange(side**2, dtype=torch.float32)[None]
    return grid_masks(numbers, (maps.shape[1], maps.shape[2]))[0].long()


def _curve(
    images: Tensor,
    targets: Targets,
    maps: Tensor,
    steps: int | None,
    baseline: Baseline,
    hide: bool,
    batch: int,
    track: Track,
) -> Curve:
    images = _checked(images, targets, maps)
    pixels = maps[0].numel()
    counts = torch.linspace(0, pixels, (steps or maps.shape[1]) + 1, dtype=torch.float64).round()
    asked = track(questions(images, targets, baseline, batch), "curves", len(images))
    scores = [_steps(ask, one, counts, hide) for ask, one in zip(asked, maps, strict=True)]
    return Curve(torch.stack(scores))


def _steps(ask: Question, one: Tensor, counts: Tensor, hide: bool) -> Tensor:
    """Scores with the first of the pixels hidden, or shown, for each count."""
    order = one.flatten().argsort(descending=True, stable=True)
    rank = order.argsort().view(one.shape).to(ask.image.device)

    def masks_of(some: Tensor) -> Tensor:
        reached = rank < some.to(rank.device)[:, None, None]
        return (~reached if hide else reached).float()

    return ask.each(counts, masks_of)


def _checked(images: Tensor, targets: Targets, maps: Tensor) -> Tensor:
    images = checked_images(images)
    if maps.shape != (len(images), *images.shape[2:]):
        raise LensError(
            f"maps {tuple(maps.shape)} do not fit {len(images)} pictures of "
            f"{images.shape[2]} × {images.shape[3]} px"
        )
    targets.check(len(images))
    return images
