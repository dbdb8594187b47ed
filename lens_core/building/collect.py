"""First pass over a class: decode each photograph once, predict, select, split, encode crops."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from lens_core import crops
from lens_core.atlas import LensError, Track
from lens_core.building.settings import BuildSettings
from lens_core.classifier import Classifier
from lens_core.images import ClassFolder, View, read_views, to_float
from lens_core.spooled import Displays, Pictures, Pixels


@dataclass(frozen=True)
class ClassImages:
    """The photographs of one folder, or of all that the settings let a class look at.

    Attributes
    ----------
    files
        Paths relative to the images folder, n of them.
    views
        (n, 3, px, px) uint8, the model's view; on disk, like `displays`.
    displays
        Pictures of the same field of view for those in use.
    predicted, probability, logit
        (n,) the model's class; probability and logit of the folder's class.
    used
        (n,) bool: the ones that the atlas shows.
    held_out
        (n,) bool: used, but no dictionary is fitted on them.
    """

    class_id: int
    files: tuple[str, ...]
    views: Pictures
    displays: Sequence[Image.Image]
    predicted: Tensor
    probability: Tensor
    logit: Tensor
    used: Tensor
    held_out: Tensor

    @property
    def fit(self) -> Tensor:
        """(n,) bool: used, and dictionaries are fitted on them."""
        return self.used & ~self.held_out


@torch.inference_mode()
def collect(
    classifier: Classifier,
    folder: ClassFolder,
    root: Path,
    settings: BuildSettings,
    track: Track,
    note: Callable[[str], None],
) -> ClassImages:
    """Read the folder and let the model judge it.

    Raises
    ------
    LensError
        A picture cannot be read, or none is predicted as the class.
    """
    files = folder.candidates()
    views = track(
        read_views(files, classifier.preprocessing, settings.display_px, settings.skip_corrupt),
        f"{folder.name}: reading",
        len(files),
    )
    names: list[str] = []
    px = classifier.preprocessing.input_px
    pixels = Pixels((3, px, px))
    displays = Displays(settings.display_px)
    parts: list[tuple[Tensor, Tensor, Tensor]] = []
    for batch in _batches(_readable(views, note), settings.batch):
        stack = torch.stack([view.model for view in batch])
        logits = classifier.logits(to_float(stack)).cpu()
        predicted = logits.argmax(1)
        mine = logits[:, folder.class_id]
        parts.append((predicted, logits.softmax(1)[:, folder.class_id], mine))
        for view, guess in zip(batch, predicted.tolist(), strict=True):
            pixels.append(view.model.numpy())
            names.append(view.file.relative_to(root).as_posix())
            if settings.select == "labelled" or guess == folder.class_id:
                displays.append(view.display)
    if not parts:
        raise LensError(f"--images: no picture in {folder.path} can be read")
    predicted, probability, logit = (torch.cat(column) for column in zip(*parts, strict=True))
    used = (
        torch.ones(len(names), dtype=torch.bool)
        if settings.select == "labelled"
        else predicted == folder.class_id
    )
    if not used.any():
        raise LensError(
            f"--images: none of the {len(names)} pictures in {folder.path} is predicted as "
            f"{folder.name!r}; take them all with --select labelled, or leave the class out with "
            "--classes"
        )
    return ClassImages(
        class_id=folder.class_id,
        files=tuple(names),
        views=Pictures(pixels, range(len(pixels))),
        displays=displays,
        predicted=predicted,
        probability=probability,
        logit=logit,
        used=used,
        held_out=_held_out(used, settings, folder.class_id),
    )


@torch.inference_mode()
def encode_crops(
    classifier: Classifier, images: ClassImages, settings: BuildSettings, track: Track, label: str
) -> Tensor:
    """Pooled activations (n_used · m, d) of all crops of the images in use, on the CPU."""
    px = classifier.preprocessing.input_px
    patch = settings.patch_px or crops.default_patch_px(px)
    per_image = len(crops.grid(px, patch))
    step = max(1, settings.batch // per_image)
    pictures = images.views[images.used]
    # In one place from the start: small results kept one by one between large buffers would leave
    # the allocator holes that it cannot use again, a megabyte or two for each picture.
    pooled = torch.empty(len(pictures) * per_image, classifier.n_channels)
    for start in track(range(0, len(pictures), step), label, -(-len(pictures) // step)):
        cut = crops.cut(to_float(pictures[start : start + step]), patch, px)
        rows = slice(start * per_image, start * per_image + len(cut))
        pooled[rows] = classifier.encode(cut).mean(dim=(2, 3))
    return pooled


def _held_out(used: Tensor, settings: BuildSettings, class_id: int) -> Tensor:
    """Draw the held-out images of a class by seed; at least one image stays for fitting."""
    rows = np.flatnonzero(used.numpy())
    count = min(round(settings.held_out * len(rows)), len(rows) - 1)
    rng = np.random.default_rng([settings.seed, class_id])
    chosen = torch.zeros_like(used)
    chosen[torch.from_numpy(rng.permutation(rows)[:count].copy())] = True
    return chosen


def _readable(views: object, note: Callable[[str], None]) -> Iterator[View]:
    for view in views:  # type: ignore[attr-defined]
        if isinstance(view, LensError):
            note(f"skipped: {view}")
        else:
            yield view


def _batches(views: Iterator[View], size: int) -> Iterator[list[View]]:
    while batch := list(islice(views, size)):
        yield batch
