"""Do maps change with what should change them, and stay with what should not?

Stability under small noise, similarity to the map of another class, similarity to the map of a
network with random weights.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from lens_core.atlas import LensError, Track, no_track
from lens_core.attribution.base import Attribution, checked_images
from lens_core.attribution.targets import ClassTargets, LayerTargets, Targets
from lens_core.classifier import Classifier
from lens_core.metrics.correlation import spearman

Distance = Callable[[Tensor, Tensor], Tensor]
"""Of maps (n, H, W) and (n, H, W): (n,)."""
Neighbours = Literal["around", "above"]


def l2_distance(a: Tensor, b: Tensor) -> Tensor:
    """Euclidean distance of each pair of maps."""
    distance: Tensor = (a - b).flatten(1).norm(dim=1)
    return distance


def squared_l2_distance(a: Tensor, b: Tensor) -> Tensor:
    """Its square: what Xplique calls l2."""
    return l2_distance(a, b) ** 2


def l1_distance(a: Tensor, b: Tensor) -> Tensor:
    """Sum of absolute differences of each pair of maps."""
    distance: Tensor = (a - b).flatten(1).abs().sum(dim=1)
    return distance


def stability(
    method: Attribution,
    images: Tensor,
    targets: Targets,
    radius: float = 0.1,
    nb_samples: int = 20,
    distance: Distance = l2_distance,
    seed: int = 0,
    batch: int = 64,
    track: Track = no_track,
    neighbours: Neighbours = "around",
) -> Tensor:
    """Mean distance (n,) of maps to those of pictures nearby; the smaller the more stable.

    Average sensitivity of Bhatt et al. (IJCAI 2020, definition 2): neighbours are drawn evenly
    within `radius` of each pixel, above and below (``"around"``).

    Xplique's AverageStability (2.0) is the variant ``neighbours="above"``, ``nb_samples=200``,
    ``distance=squared_l2_distance`` and ``radius=1 / (C · H · W)``: it divides by the number of
    input values and does not look at the radius that it is given.
    """
    images = checked_images(images)
    generator = torch.Generator().manual_seed(seed)
    original = method.explain(images, targets, batch=batch, seed=seed)
    total = torch.zeros(len(images), dtype=torch.float64)
    for _ in track(range(nb_samples), "stability", nb_samples):
        noise = torch.rand(images.shape[1:], generator=generator) * radius
        if neighbours == "around":
            noise = 2 * noise - radius
        nearby = method.explain(images + noise, targets, batch=batch, seed=seed)
        total += distance(original, nearby)
    return total / nb_samples


def random_logit(
    method: Attribution, images: Tensor, targets: ClassTargets, seed: int = 0, batch: int = 64
) -> Tensor:
    """Structural similarity (n,) of the map of each image's class to that of a random other one.

    Sixt et al., ICML 2020, section 4: the nearer to 1, the less the map depends on what it should
    explain.
    """
    images = checked_images(images)
    n, n_classes = len(images), len(targets.classifier.class_names)
    if n_classes < 2:
        raise LensError("random_logit needs a classifier with at least two classes")
    targets.check(n)
    own = torch.as_tensor(targets.classes).expand(n)
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.randint(n_classes - 1, (n,), generator=generator)
    others = replace(targets, classes=tuple((drawn + (drawn >= own)).tolist()))
    of_own = method.explain(images, targets, batch=batch, seed=seed)
    of_other = method.explain(images, others, batch=batch, seed=seed)
    return structural_similarity(of_own, of_other)


@dataclass(frozen=True)
class Randomization:
    """Maps of networks whose upper layers are random, against those of the trained one.

    Attributes
    ----------
    layers
        Which were randomized last, stage by stage.
    correlations
        (stages, n) rank correlations; near 0 where maps depend on weights. Not a number where a
        map does not vary, as when Grad-CAM's relu leaves nothing of it.
    """

    layers: tuple[str, ...]
    correlations: Tensor


def model_randomization(
    method: Attribution,
    images: Tensor,
    targets: LayerTargets,
    stages: int = 4,
    absolute: bool = False,
    seed: int = 0,
    batch: int = 64,
    track: Track = no_track,
) -> Randomization:
    """Cascading randomization from the output downwards (Adebayo et al., NeurIPS 2018, section 4).

    Each stage draws a further share of the layers anew, from a normal distribution with the mean
    and spread that each weight tensor had. The trained network is copied, not touched.

    Parameters
    ----------
    stages
        In how many steps all layers are reached; 4 makes the first the top quarter, Xplique's only
        one.
    absolute
        Compare magnitudes of maps, as the paper also does.
    """
    images = checked_images(images)
    trained = method.explain(images, targets, batch=batch, seed=seed)
    classifier = copy.deepcopy(targets.classifier)
    layers = [
        (name, module)
        for name, module in classifier.module.named_modules()
        if any(True for _ in module.parameters(recurse=False))
    ][::-1]
    generator = torch.Generator().manual_seed(seed)
    bounds = [round(stage * len(layers) / stages) for stage in range(stages + 1)]
    names, found = [], []
    for stage in track(range(stages), "randomization", stages):
        for _, module in layers[bounds[stage] : bounds[stage + 1]]:
            _randomize(module, generator)
        random = replace(targets, classifier=_cut_again(classifier))
        maps = method.explain(images, random, batch=batch, seed=seed)
        pair = (trained.abs(), maps.abs()) if absolute else (trained, maps)
        found.append(spearman(*(one.flatten(1).double() for one in pair)))
        names.append(layers[max(bounds[stage + 1] - 1, 0)][0])
    return Randomization(tuple(names), torch.stack(found))


def structural_similarity(a: Tensor, b: Tensor, window: int = 11, deviation: float = 1.5) -> Tensor:
    """Mean SSIM (n,) of maps (n, H, W), each pair on its own range of values.

    Wang et al., IEEE TIP 2004: Gaussian window, K = .01 and .03; windows lie inside the maps.
    Pairs that do not vary at all are the same: 1.
    """
    a, b = a.double()[:, None], b.double()[:, None]
    both = torch.cat([a, b], dim=1).flatten(1)
    spread = (both.amax(1) - both.amin(1)).view(-1, 1, 1, 1)
    window = min(window, *a.shape[2:])
    at = torch.arange(window, dtype=a.dtype, device=a.device) - (window - 1) / 2
    line = torch.exp(-at.square() / (2 * deviation**2))
    weights = torch.outer(line, line)
    weights = (weights / weights.sum())[None, None]

    def local(x: Tensor) -> Tensor:
        return functional.conv2d(x, weights)

    mean_a, mean_b = local(a), local(b)
    var_a, var_b = local(a * a) - mean_a**2, local(b * b) - mean_b**2
    together = local(a * b) - mean_a * mean_b
    c1, c2 = (0.01 * spread) ** 2, (0.03 * spread) ** 2
    above = (2 * mean_a * mean_b + c1) * (2 * together + c2)
    below = (mean_a**2 + mean_b**2 + c1) * (var_a + var_b + c2)
    similarity = torch.where(spread > 0, above / below, torch.ones_like(above))
    return similarity.mean(dim=(1, 2, 3))


@torch.no_grad()
def _randomize(module: nn.Module, generator: torch.Generator) -> None:
    for parameter in module.parameters(recurse=False):
        if parameter.numel() < 2:
            continue
        draw = torch.randn(parameter.shape, generator=generator).to(parameter)
        parameter.copy_(parameter.mean() + parameter.std() * draw)


def _cut_again(classifier: Classifier) -> Classifier:
    """The head may have changed its nature with its weights: verify the cut anew."""
    return classifier.at(classifier.layer)
