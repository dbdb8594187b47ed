"""The one interface of all attribution methods: explain(images, targets) → maps.

A method is a frozen dataclass of its settings, under the names that its paper gives them. Shapes,
in all files of this package: images (n, 3, H, W) in [0, 1]; maps (n, H, W) float32, larger where
more speaks for the target. `batch` is the largest number of pictures that a model is given at once:
with it memory stays the same whatever the number of samples, and results do not depend on it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from lens_core.atlas import LensError, Track, no_track
from lens_core.attribution.targets import LayerTargets, Targets

Reducer = Literal["max_abs", "sum_abs", "sum", "mean"]
"""How three colour channels become one number."""


@dataclass(frozen=True)
class Run:
    """How to compute, as against what: changes no result but for `seed`."""

    batch: int = 64
    seed: int = 0
    track: Track = no_track


class Attribution(ABC):
    """A way to say which pixels a score comes from.

    Attributes
    ----------
    title
        Name to print.
    needs
        "predict" suits any function; "gradient" one that torch can differentiate; "layer" a
        classifier with a layer.
    signed
        Whether maps have negative values that speak against the target.
    """

    title: ClassVar[str]
    needs: ClassVar[Literal["predict", "gradient", "layer"]]
    signed: ClassVar[bool] = False

    def explain(
        self,
        images: Tensor | NDArray[np.floating],
        targets: Targets,
        *,
        batch: int = 64,
        seed: int = 0,
        track: Track = no_track,
    ) -> Tensor:
        """Maps (n, H, W) of images (n, 3, H, W) in [0, 1], on the CPU.

        Parameters
        ----------
        batch
            Pictures given to the model at once; bounds memory.
        seed
            Of everything drawn. Equal seeds give equal maps, whatever the batch.

        Raises
        ------
        LensError
            The method needs more of the targets than they have, or shapes do not fit.
        """
        images = checked_images(images)
        self._check(targets, len(images), batch)
        maps = self._maps(images, targets, Run(batch, seed, track))
        return maps.detach().float().cpu()

    @abstractmethod
    def _maps(self, images: Tensor, targets: Targets, run: Run) -> Tensor:
        """The maps (n, H, W)."""

    def _check(self, targets: Targets, n: int, batch: int) -> None:
        targets.check(n)
        if batch < 1:
            raise LensError(f"batch must be at least 1, not {batch}")
        if self.needs == "layer" and not isinstance(targets, LayerTargets):
            raise LensError(f"{self.title} reads a layer: give class, concept or unit targets")
        if self.needs == "gradient" and not targets.differentiable:
            raise LensError(
                f"{self.title} needs gradients, which this function has not; use occlusion, rise, "
                "lime, kernel_shap, sobol or hsic"
            )

    def _chunks(self, n: int, run: Run) -> Iterator[Tensor]:
        """Numbers of the images, a batch at a time."""
        chunks = list(parts(torch.arange(n), run.batch))
        yield from run.track(chunks, self.title, len(chunks))


def parts(tensor: Tensor, batch: int) -> Iterator[Tensor]:
    """Its rows, `batch` at a time."""
    for start in range(0, len(tensor), batch):
        yield tensor[start : start + batch]


def reduce_channels(values: Tensor, reducer: Reducer) -> Tensor:
    """(n, 3, H, W) → (n, H, W)."""
    if reducer == "max_abs":
        return values.abs().amax(1)
    if reducer == "sum_abs":
        return values.abs().sum(1)
    return values.sum(1) if reducer == "sum" else values.mean(1)


def enlarged(maps: Tensor, size: tuple[int, int]) -> Tensor:
    """Coarse maps (n, h, w) → (n, H, W), bilinear."""
    large = functional.interpolate(maps[:, None], size, mode="bilinear", align_corners=False)
    return large[:, 0]


def checked_images(images: Tensor | NDArray[np.floating]) -> Tensor:
    """Pictures as float32, refused where they are none."""
    images = torch.as_tensor(images).detach()
    if images.ndim != 4 or images.shape[1] != 3 or 0 in images.shape:
        raise LensError(f"pictures must be (n, 3, H, W) in [0, 1], not {tuple(images.shape)}")
    return images.float()
