"""Feature visualizations of an atlas before a model that judges them: one row of figures a class.

See :mod:`lens_core.metrics.feature_visualization` for the figures. Each picture is seen in
eighteen views (:func:`~lens_core.visualization.exhibits.views_of`), weighted by their opacity.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from lens_core.atlas import LensError
from lens_core.classifier import Classifier
from lens_core.metrics.colour import colour_distances, mean_lab
from lens_core.metrics.distributions import knn_distances
from lens_core.metrics.feature_visualization import (
    Transfer,
    kid,
    leading_parts,
    match,
    nearest_crops,
    neighbour_share,
    plausibility,
    transferability,
)

from .exhibits import N_VIEWS, Exhibit, opacity, to_tensor, views_of

_BATCH = 64
_NEIGHBOURS = 10


@dataclass(frozen=True)
class Verdict:
    """What a judge says of one method's pictures of one class; empty where it cannot say.

    Attributes
    ----------
    took_part
        The pictures were made for this very model: it is no independent judge.
    n
        Concepts, each with one picture.
    plausibility, plausibility_real
        Median distance to the 10th nearest real crop: of pictures, and of real crops themselves.
    kid, kid_low, kid_high
        Between pictures' views and crops; 95 % interval over pictures and photographs.
    transfer, transfer_probability
        Whether the class's own picture is taken for the class, and how surely; whole or in views,
        as the judge sees it best.
    top1, mean_rank, chance
        Pictures whose own concept's crops are the most similar of n; their mean place; 1/n.
    neighbours
        Share of each picture's 10 nearest crops that are its own concept's; by chance 1/n.
    colour_difference, colour_difference_others
        Median CIEDE2000 between a picture and its own concept's crops; and other concepts'.
    parts
        Pictures whose nearest crops show the same part as their own concept's (needs masks).
    """

    method: str
    judge: str
    took_part: bool
    class_id: int
    class_name: str
    n: int
    plausibility: float
    plausibility_real: float
    kid: float
    kid_low: float
    kid_high: float
    transfer: float | None
    transfer_probability: float | None
    top1: float
    mean_rank: float
    chance: float
    neighbours: float
    colour_difference: float
    colour_difference_others: float
    parts: float | None

    def row(self) -> dict[str, object]:
        """As a row of a table."""
        return asdict(self)


@dataclass(frozen=True)
class Features:
    """What a judge sees of an exhibit, d features each.

    Attributes
    ----------
    views, weights
        (k, v, d) of the pictures' views, and (k, v).
    crops
        k tensors (n_i, d).
    """

    views: Tensor
    weights: Tensor
    crops: tuple[Tensor, ...]

    @property
    def pictures(self) -> Tensor:
        """(k, d): one row a picture, the weighted mean of its views, each of length 1."""
        unit = nn.functional.normalize(self.views, dim=2)
        return (unit * self.weights[..., None]).sum(1)

    @property
    def unit_crops(self) -> Tensor:
        """All crops (n, d), each of length 1."""
        return nn.functional.normalize(torch.cat(self.crops), dim=1)


def look(judge: Classifier, shown: Exhibit, crops: tuple[Tensor, ...] | None = None) -> Features:
    """Features of an exhibit; those of crops may be given, as they are the same for all methods."""
    px = judge.preprocessing.input_px
    few = max(1, _BATCH // N_VIEWS)
    seen, weights = [], []
    # A few pictures at a time: views of many would be half a gigabyte for every fifty.
    for start in range(0, len(shown.pictures), few):
        pairs = [views_of(picture, px) for picture in shown.pictures[start : start + few]]
        seen.append(_features(judge, torch.cat([views for views, _ in pairs])))
        weights += [weight for _, weight in pairs]
    if crops is None:
        crops = tuple(
            _features(judge, torch.stack([to_tensor(crop, px) for crop in own]))
            for own in shown.crops
        )
    return Features(torch.cat(seen).view(len(weights), N_VIEWS, -1), torch.stack(weights), crops)


@torch.inference_mode()
def _features(judge: Classifier, x: Tensor) -> Tensor:
    """Pictures (n, 3, px, px) → (n, d), mean over positions of the judge's layer."""
    parts = [judge.encode(part).mean((2, 3)).cpu() for part in torch.split(x, _BATCH)]
    return torch.cat(parts).clone()


def judge_class(
    judge: Classifier,
    shown: Exhibit,
    seen: Features,
    method: str,
    name: str,
    took_part: bool,
    masks: Path | None = None,
    seed: int = 0,
) -> Verdict:
    """All figures of one method's pictures of one class; `name` is what the judge is called."""
    crops = torch.cat(seen.crops)
    k = min(_NEIGHBOURS, len(crops) - 1)
    owners = torch.arange(len(seen.crops)).repeat_interleave(
        torch.tensor([len(own) for own in seen.crops])
    )
    far = plausibility(seen.views.flatten(0, 1), crops, k).view(seen.weights.shape)
    among = knn_distances(crops, crops, k, skip_self=True)
    n = len(shown.pictures)
    kernel = kid(
        seen.views.flatten(0, 1),
        crops,
        torch.arange(n).repeat_interleave(N_VIEWS),
        torch.tensor([image for own in shown.crop_images for image in own]),
        resamples=200,
        seed=seed,
    )
    matched = match(seen.pictures, seen.crops)
    nearest = nearest_crops(seen.pictures, crops, _NEIGHBOURS)
    own_colour, other_colour = _colours(shown)
    transfer = _transfer(judge, shown)
    return Verdict(
        method=method,
        judge=name,
        took_part=took_part,
        class_id=shown.class_id,
        class_name=shown.name,
        n=n,
        plausibility=float((far * seen.weights).sum(1).median()),
        plausibility_real=float(among.median()),
        kid=kernel.value,
        kid_low=kernel.low,
        kid_high=kernel.high,
        transfer=None if transfer is None else transfer[0],
        transfer_probability=None if transfer is None else transfer[1],
        top1=matched.top1,
        mean_rank=float(matched.ranks.double().mean()),
        chance=1 / n,
        neighbours=float(neighbour_share(nearest, owners).mean()),
        colour_difference=own_colour,
        colour_difference_others=other_colour,
        parts=None if masks is None else _parts(shown, nearest, owners, masks),
    )


def _transfer(judge: Classifier, shown: Exhibit) -> tuple[float, float] | None:
    """Of the class's own picture, where the judge knows a class of that name."""
    index = find_class(judge, (shown.name, *shown.synonyms))
    if index is None or shown.class_picture is None:
        return None
    px = judge.preprocessing.input_px
    views, weights = views_of(shown.class_picture, px)
    with torch.inference_mode():
        logits = judge.logits(torch.cat([to_tensor(shown.class_picture, px)[None], views])).cpu()
    # Some methods fill the picture with one thing, others with parts of the size of a crop.
    whole, parts = logits[:1], (logits[1:] * weights[:, None]).sum(0, keepdim=True)
    found = max((transferability(one, [index]) for one in (whole, parts)), key=_surest)
    return found.accuracy, found.probability


def _surest(found: Transfer) -> tuple[float, float]:
    return found.accuracy, found.probability


def find_class(judge: Classifier, names: Sequence[str]) -> int | None:
    """The judge's class of one of these names, whatever the case; None if it has none."""
    plain = {name.casefold().replace("_", " ") for name in names}
    for index, (name, synonyms) in enumerate(zip(judge.class_names, judge.synonyms, strict=True)):
        if plain & {one.casefold().replace("_", " ") for one in (name, *synonyms)}:
            return index
    return None


def _colours(shown: Exhibit) -> tuple[float, float]:
    """Median colour difference to a picture's own crops, and to those of other concepts."""
    pictures = [
        mean_lab(
            np.asarray(picture.convert("RGB"), dtype=np.float64) / 255, opacity(picture).numpy()
        )
        for picture in shown.pictures
    ]
    crops = [
        np.mean([mean_lab(np.asarray(crop, dtype=np.float64) / 255) for crop in own], axis=0)
        for own in shown.crops
    ]
    distances = colour_distances(pictures, crops)
    own = np.eye(len(pictures), dtype=bool)
    return float(np.median(distances[own])), float(np.median(distances[~own]))


def _parts(shown: Exhibit, nearest: Tensor, owners: Tensor, masks: Path) -> float:
    """Share of pictures whose nearest crops show the part that leads in their own crops."""
    cover = torch.cat(
        [
            torch.stack(
                [
                    _cover(masks, shown.files[image], box)
                    for image, box in zip(images, boxes, strict=True)
                ]
            )
            for images, boxes in zip(shown.crop_images, shown.crop_boxes, strict=True)
        ]
    )
    base = cover.mean(0)
    own = torch.stack([cover[owners == i].mean(0) for i in range(len(nearest))])
    right = leading_parts(own, base) == leading_parts(cover[nearest].mean(1), base)
    return float(right.double().mean())


def _cover(masks: Path, file: str, box: tuple[float, float, float, float]) -> Tensor:
    """(16,) share of the box that each part covers; a mask's bits say which parts a pixel is of."""
    path = masks / Path(file).with_suffix(".png")
    try:
        with Image.open(path) as opened:
            bits = np.asarray(opened).astype(np.int64)
    except OSError as error:
        raise LensError(
            f"--masks {masks}: {path} cannot be read ({error.strerror or 'no picture'}); one PNG a "
            "picture is expected, whose bits say which parts a pixel belongs to"
        ) from error
    height, width = bits.shape[:2]
    x0, y0, x1, y1 = box
    inside = bits[round(y0 * height) : round(y1 * height), round(x0 * width) : round(x1 * width)]
    return torch.tensor([float(((inside >> bit) & 1).mean()) for bit in range(16)])
