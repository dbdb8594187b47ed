"""Attribution by gradients under noise: their mean, mean square and variance.

captum's NoiseTunnel is not used: its noise has one size for all pictures and comes from the global
generator, and its variance is a difference of two large sums.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor

from lens_core.atlas import LensError
from lens_core.attribution.base import Attribution, Reducer, Run, reduce_channels
from lens_core.attribution.gradients import pixel_gradient
from lens_core.attribution.targets import Targets


@dataclass(frozen=True)
class _Noisy(Attribution):
    """Gradients at x + ε, ε ~ N(0, (noise · (max x − min x))²), summed up in one pass.

    Attributes
    ----------
    nb_samples
        How many gradients; the paper sees no gain beyond 50.
    noise
        Standard deviation as a share of each picture's range, 10 to 20 % in the paper.
    """

    needs: ClassVar[Literal["predict", "gradient", "layer"]] = "gradient"
    nb_samples: int = 50
    noise: float = 0.15

    def __post_init__(self) -> None:
        if self.nb_samples < 2:
            raise LensError(f"nb_samples must be at least 2, not {self.nb_samples}")

    @abstractmethod
    def _statistic(self, mean: Tensor, variance: Tensor) -> Tensor:
        """The map (n, H, W) from moments (n, 3, H, W) of the gradient; variance is unbiased."""

    def _maps(self, images: Tensor, targets: Targets, run: Run) -> Tensor:
        found = []
        for rows in self._chunks(len(images), run):
            moments = self._moments(images[rows], targets, rows, run)
            found.append(self._statistic(*moments).cpu())
        return torch.cat(found)

    def _moments(
        self, images: Tensor, targets: Targets, rows: Tensor, run: Run
    ) -> tuple[Tensor, Tensor]:
        """Mean and variance by groups of samples (Chan et al., 1979): two pictures an image."""
        images = images.to(targets.device)
        rows = rows.to(targets.device)
        deviation = self.noise * (images.amax((1, 2, 3)) - images.amin((1, 2, 3)))
        generator = torch.Generator().manual_seed(run.seed)
        at_once = max(1, run.batch // len(images))
        mean, squares = torch.zeros_like(images), torch.zeros_like(images)
        for done in range(0, self.nb_samples, at_once):
            k = min(at_once, self.nb_samples - done)
            # One draw for all images: what is said of one depends neither on others nor on batch.
            draws = [torch.randn(images.shape[1:], generator=generator) for _ in range(k)]
            epsilon = torch.stack(draws).to(images.device)[:, None] * deviation.view(-1, 1, 1, 1)
            noisy = (images + epsilon).flatten(0, 1)
            gradients = pixel_gradient(noisy, targets, rows.repeat(k)).view(k, *images.shape)
            here = gradients.mean(0)
            away = here - mean
            squares += (gradients - here).square_().sum(0) + away.square() * (done * k / (done + k))
            mean += away * (k / (done + k))
        return mean, squares / (self.nb_samples - 1)


@dataclass(frozen=True)
class SmoothGrad(_Noisy):
    """Mean gradient under noise (Smilkov et al., 2017, arXiv 1706.03825).

    Magnitudes are added over colours, as the authors show it.
    """

    title: ClassVar[str] = "SmoothGrad"
    reducer: Reducer = "sum_abs"

    def _statistic(self, mean: Tensor, variance: Tensor) -> Tensor:
        return reduce_channels(mean, self.reducer)


@dataclass(frozen=True)
class SquareGrad(_Noisy):
    """Mean squared gradient under noise (Hooker et al., NeurIPS 2019: SmoothGrad-Squared)."""

    title: ClassVar[str] = "SquareGrad"
    reducer: Reducer = "sum"

    def _statistic(self, mean: Tensor, variance: Tensor) -> Tensor:
        of_sample = variance * ((self.nb_samples - 1) / self.nb_samples)
        return reduce_channels(mean.square() + of_sample, self.reducer)


@dataclass(frozen=True)
class VarGrad(_Noisy):
    """Variance of the gradient under noise, unbiased (Adebayo et al., ICLR 2018 workshop).

    0 where the score is linear in a pixel, however much the pixel matters.
    """

    title: ClassVar[str] = "VarGrad"
    reducer: Reducer = "sum"

    def _statistic(self, mean: Tensor, variance: Tensor) -> Tensor:
        return reduce_channels(variance, self.reducer)
