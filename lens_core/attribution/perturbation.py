"""The one mechanism of black-box methods: ask a model about pictures of which parts are hidden.

x' = baseline + m ⊙ (x − baseline), one mask m (H, W) in [0, 1] for all colours: 1 keeps, 0 hides.
Masks are made a batch at a time from small codes and thrown away once scored, so that memory holds
one batch of pictures whatever the number of samples.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor
from torch.nn import functional

from lens_core.attribution.base import Attribution, Run, parts
from lens_core.attribution.targets import Targets

Baseline = float | Literal["mean", "blur"]
"""What stands in for hidden pixels: a brightness, the colour that the model's input is centred on,
or the picture itself, blurred (Gaussian, SD a 45th of its side: 5 px of 224)."""

_BLUR_SHARE = 45


def baseline_of(images: Tensor, baseline: Baseline, neutral: Tensor) -> Tensor:
    """Pictures (n, 3, H, W) in which everything is hidden."""
    if baseline == "blur":
        return gaussian_blur(images, max(images.shape[2:]) / _BLUR_SHARE)
    if baseline == "mean":
        return neutral.to(images).view(1, 3, 1, 1).expand_as(images)
    return torch.full_like(images, float(baseline))


def gaussian_blur(images: Tensor, deviation_px: float) -> Tensor:
    """Gaussian filter, cut off at three standard deviations, edges repeated."""
    radius = max(1, round(3 * deviation_px))
    at = torch.arange(-radius, radius + 1, dtype=images.dtype, device=images.device)
    weights = torch.exp(-at.square() / (2 * deviation_px**2))
    weights = (weights / weights.sum()).view(1, 1, -1)
    n, c, height, width = images.shape
    rows = images.reshape(n * c, 1, height, width)
    rows = functional.pad(rows, (radius, radius, radius, radius), mode="replicate")
    rows = functional.conv2d(rows, weights[..., None, :])
    return functional.conv2d(rows, weights[..., :, None]).view(n, c, height, width)


@dataclass(frozen=True)
class Question:
    """One image whose parts can be hidden, and the model that is asked about it.

    Attributes
    ----------
    image, hidden
        (1, 3, H, W): with everything kept, with everything hidden.
    """

    image: Tensor
    hidden: Tensor
    targets: Targets
    row: int
    batch: int

    @property
    def size(self) -> tuple[int, int]:
        """(H, W)."""
        return self.image.shape[2], self.image.shape[3]

    @torch.no_grad()
    def __call__(self, masks: Tensor) -> Tensor:
        """Scores (m,) in float64 on the CPU under masks (m, H, W), `batch` at a time."""
        difference = self.image - self.hidden
        scores = []
        for some in parts(masks, self.batch):
            pictures = torch.addcmul(self.hidden, some[:, None].to(self.image), difference)
            rows = torch.full((len(pictures),), self.row, device=pictures.device)
            scores.append(self.targets.scores(pictures, rows).detach().cpu().double())
        return torch.cat(scores)

    def each(self, codes: Tensor, masks_of: Callable[[Tensor], Tensor]) -> Tensor:
        """Scores (m,) of codes (m, …), whose masks are made only when they are asked about."""
        return torch.cat([self(masks_of(some)) for some in parts(codes, self.batch)])

    def whole(self) -> tuple[float, float]:
        """Scores with everything kept and with everything hidden."""
        nothing = torch.zeros(1, *self.size, device=self.image.device)
        kept, hidden = self(torch.cat([nothing + 1, nothing])).tolist()
        return kept, hidden


def questions(
    images: Tensor, targets: Targets, baseline: Baseline, batch: int
) -> Iterator[Question]:
    """One question an image, in order."""

    def there(picture: Tensor) -> Tensor:
        # Channels last from the start, or each batch would be laid out anew.
        return picture.to(targets.device).contiguous(memory_format=torch.channels_last)

    for row in range(len(images)):
        image = there(images[row : row + 1])
        hidden = there(baseline_of(image, baseline, targets.neutral))
        yield Question(image, hidden, targets, row, batch)


@dataclass(frozen=True)
class Perturbation(Attribution):
    """A method that only asks about hidden parts: for any function, torch or not.

    Attributes
    ----------
    baseline
        What hidden pixels show.
    """

    needs: ClassVar[Literal["predict", "gradient", "layer"]] = "predict"
    baseline: Baseline = "mean"

    @abstractmethod
    def _one(self, ask: Question, run: Run) -> Tensor:
        """The map (H, W) of one image."""

    def _maps(self, images: Tensor, targets: Targets, run: Run) -> Tensor:
        asked = questions(images, targets, self.baseline, run.batch)
        tracked = run.track(asked, self.title, len(images))
        return torch.stack([self._one(ask, run).float().cpu() for ask in tracked])


def grid_masks(codes: Tensor, size: tuple[int, int]) -> Tensor:
    """Codes (m, g · g) of square cells → masks (m, H, W) with sharp edges."""
    side = round(codes.shape[1] ** 0.5)
    cells = codes.view(-1, 1, side, side)
    return functional.interpolate(cells, size, mode="nearest-exact")[:, 0]


def seeded(seed: int) -> torch.Generator:
    """A generator on the CPU: the same draws on every device."""
    return torch.Generator().manual_seed(seed)


def batches(total: int, batch: int) -> Iterable[int]:
    """Sizes of the batches that make up a total."""
    return (min(batch, total - start) for start in range(0, total, batch))
