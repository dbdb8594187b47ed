"""How a feature visualization is made, and settings that are known to work."""

from __future__ import annotations

from dataclasses import dataclass, replace

from lens_core.atlas import LensError

_SMALL_INPUT_PX = 160


@dataclass(frozen=True)
class MacoSettings:
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
    noise
        Standard deviation of the noise added to each crop (pictures are in [0, 1]).
    cosine_power
        How much a concept's picture must resemble the concept alone; 0 is the MACO paper's
        objective. See :mod:`~lens_core.visualization.maco`.
    lr
        Step length of NAdam.
    at_once
        How many pictures are optimised together; more are made one lot after another.
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
    noise: float = 0.08
    cosine_power: float = 2.0
    lr: float = 1.0
    at_once: int = 32
    patience: int = 32

    def __post_init__(self) -> None:
        for name in ("size_px", "steps", "crops", "at_once"):
            if getattr(self, name) < 1:
                raise LensError(f"MacoSettings: {name} is {getattr(self, name)}; it must be ≥ 1")
        if self.crop_px is not None and self.crop_px < 1:
            raise LensError(f"MacoSettings: crop_px is {self.crop_px}; it must be ≥ 1 or None")
        for name in ("box_from", "box_to"):
            if not 0 < getattr(self, name) <= 1:
                raise LensError(
                    f"MacoSettings: {name} is {getattr(self, name)}; it must be in (0, 1]"
                )

    @classmethod
    def for_input(cls, input_px: int, fixed_input: bool = False) -> MacoSettings:
        """Settings for a model by the side of its input.

        Parameters
        ----------
        input_px : int
            What the model was trained on.
        fixed_input : bool
            Whether it takes no other size; crops then reach it at that size.

        Notes
        -----
        Processor time of one AVX512-BF16 core for a picture, eleven made together: 8.6 to 9.2 s
        with EfficientNet-Lite0 (224 px; 320 px, 128 steps), 1.1 s with LeafNet (128 px; 224 px,
        64 steps).
        """
        small = input_px < _SMALL_INPUT_PX
        # A small network sees nearly its whole input at once: crops must show more of the picture.
        settings = (
            cls(size_px=224, steps=64, box_from=0.6, box_to=0.4, centre_sd=0.2) if small else cls()
        )
        wanted = 96 if small else cls.crop_px
        crop_px = None if fixed_input or wanted is None or wanted >= input_px else wanted
        return replace(settings, crop_px=crop_px)
