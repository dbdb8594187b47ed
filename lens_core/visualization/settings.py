"""How a feature visualization is made, and settings that are known to work."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from lens_core.atlas import LensError

_SMALL_INPUT_PX = 160
_STRIDE = 32
"""Of whole networks, usually: crops of its multiples waste no border."""
_LEAST_CROP_PX = 64


@dataclass(frozen=True)
class Optimisation:
    """Settings of one optimisation; all boxes are fractions of the picture's side.

    Attributes
    ----------
    size_px
        Side of the pictures.
    steps
        Steps of the optimiser, at most.
    crops
        Random crops of every picture at each step.
    crop_px
        Side at which crops reach the model; None takes the model's own input size. Half of it
        costs a quarter, and convolutional networks hardly mind.
    box_from, box_to
        Mean side of the crops at the first and the last step, linear between.
    box_sd, centre_sd
        Standard deviation of the crops' side, and of their centre around the picture's.
    turn_deg
        Crops are turned by up to this much, either way.
    noise
        Standard deviation of the noise added to each crop (pictures are in [0, 1]).
    cosine_power
        How much a concept's picture must resemble the concept alone; 0 is the MACO paper's
        objective. See :mod:`~lens_core.visualization.targets`.
    total_variation
        Charge on the mean difference of neighbouring pixels, in units of the objective.
    closeness
        Charge on the mean squared change since the start, in units of the objective.
    lr
        Step length of NAdam.
    at_once
        How many pictures are optimised together; more are made one lot after another.
    crops_at_once
        How many crops the model is shown and differentiated for at a time: what memory holds. None
        takes 32 on a CPU, whose caches like few, and 256 elsewhere. One picture's crops always go
        together. Changes no result but for rounding.
    patience
        Stop once no picture's mean objective over this many steps is 1 % above that over as many
        before; 0 never stops.
    """

    size_px: int = 320
    steps: int = 128
    crops: int = 6
    crop_px: int | None = 160
    box_from: float = 0.5
    box_to: float = 0.2
    box_sd: float = 0.05
    centre_sd: float = 0.15
    turn_deg: float = 0.0
    noise: float = 0.08
    cosine_power: float = 2.0
    total_variation: float = 0.0
    closeness: float = 0.0
    lr: float = 1.0
    at_once: int = 32
    crops_at_once: int | None = None
    patience: int = 32

    def __post_init__(self) -> None:
        name = type(self).__name__
        for field in ("size_px", "steps", "crops", "at_once"):
            if getattr(self, field) < 1:
                raise LensError(f"{name}: {field} is {getattr(self, field)}; it must be ≥ 1")
        for field in ("crop_px", "crops_at_once"):
            chosen = getattr(self, field)
            if chosen is not None and chosen < 1:
                raise LensError(f"{name}: {field} is {chosen}; it must be ≥ 1 or None")
        for field in ("box_from", "box_to"):
            if not 0 < getattr(self, field) <= 1:
                raise LensError(f"{name}: {field} is {getattr(self, field)}; it must be in (0, 1]")
        for field in ("total_variation", "closeness", "noise", "turn_deg"):
            if getattr(self, field) < 0:
                raise LensError(f"{name}: {field} is {getattr(self, field)}; it must be ≥ 0")
        if self.lr <= 0:
            raise LensError(f"{name}: lr is {self.lr}; it must be > 0")


@dataclass(frozen=True)
class MacoSettings(Optimisation):
    """Settings of MACO.

    Attributes
    ----------
    contrast
        Standard deviation of the pictures as a share of that of the photographs measured. Under 1
        fewer colours end up saturated.
    """

    box_to: float = 0.25
    centre_sd: float = 0.18
    contrast: float = 0.85

    @classmethod
    def for_input(
        cls,
        input_px: int,
        fixed_input: bool = False,
        size_px: int | None = None,
        steps: int | None = None,
    ) -> MacoSettings:
        """Settings for a model by the side of its input.

        Parameters
        ----------
        input_px : int
            What the model was trained on.
        fixed_input : bool
            Whether it takes no other size; crops then reach it at that size.
        size_px, steps : int, optional
            Of the pictures, where the user chose them. Crops of smaller pictures reach the model
            smaller, too: they hold no more detail.

        Notes
        -----
        Processor time of one AVX512-BF16 core for a picture, eleven made together: 8.6 to 9.2 s
        with EfficientNet-Lite0 (224 px; 320 px, 128 steps), 1.0 s with LeafNet (128 px; 128 px,
        64 steps).
        """
        small = input_px < _SMALL_INPUT_PX
        # Concepts of small models come from crops magnified three to four times: pictures of few
        # pixels, of which crops see about as much, look like these.
        settings = (
            cls(size_px=128, steps=64, crops=8, box_to=0.35, contrast=0.7) if small else cls()
        )
        size = size_px or settings.size_px
        scaled = (96 if small else 160) * min(1.0, size / settings.size_px)
        wanted = max(_LEAST_CROP_PX, _STRIDE * math.ceil(scaled / _STRIDE))
        return replace(
            settings,
            size_px=size,
            steps=steps or settings.steps,
            crop_px=None if fixed_input or wanted >= input_px else wanted,
        )


@dataclass(frozen=True)
class FourierSettings(Optimisation):
    """Settings of Fourier pictures: nearly the whole picture, shifted, turned and scaled.

    Attributes
    ----------
    decay
        q: spectra are divided by 1/f^q.
    """

    box_from: float = 0.9
    box_to: float = 0.9
    box_sd: float = 0.05
    centre_sd: float = 0.05
    turn_deg: float = 10.0
    noise: float = 0.02
    lr: float = 0.05
    decay: float = 1.0


@dataclass(frozen=True)
class PixelSettings(Optimisation):
    """Settings of pixel pictures: nearly the whole picture, without turns."""

    box_from: float = 0.95
    box_to: float = 0.95
    box_sd: float = 0.02
    centre_sd: float = 0.02
    noise: float = 0.0
    lr: float = 0.05


@dataclass(frozen=True)
class AccentuationSettings(FourierSettings):
    """Settings of feature accentuation."""

    closeness: float = 100.0
