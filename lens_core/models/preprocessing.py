"""What a model expects of its pictures, read from the model's own metadata."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from torch import nn

from lens_core.atlas import LensError

_IMAGENET_MEAN = (0.485, 0.456, 0.406)
_IMAGENET_STD = (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class Preprocessing:
    """Resize the short side to `resize_px`, cut the central square of `input_px`, normalise.

    `mean` and `std` are per channel, for pictures in [0, 1]; `interpolation` is one of
    "nearest", "bilinear", "bicubic", "lanczos".
    """

    input_px: int = 224
    mean: tuple[float, ...] = _IMAGENET_MEAN
    std: tuple[float, ...] = _IMAGENET_STD
    resize_px: int = 256
    interpolation: str = "bilinear"

    def __post_init__(self) -> None:
        if self.interpolation not in {"nearest", "bilinear", "bicubic", "lanczos"}:
            raise LensError(
                f"preprocessing: interpolation {self.interpolation!r} is unknown; "
                "use nearest, bilinear, bicubic or lanczos"
            )
        if self.input_px < 1 or self.resize_px < self.input_px:
            raise LensError(
                f"preprocessing: resize_px ({self.resize_px}) must be at least "
                f"input_px ({self.input_px})"
            )

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any], where: str) -> Preprocessing:
        """Read from JSON-like values; an unknown name is an error that names `where`."""
        known = {field.name for field in fields(cls)}
        unknown = sorted(set(values) - known)
        if unknown:
            raise LensError(
                f"{where}: preprocessing has no field {unknown[0]!r}; known are "
                + ", ".join(sorted(known))
            )
        clean: dict[str, Any] = {
            k: tuple(v) if isinstance(v, list) else v for k, v in values.items()
        }
        return cls(**clean)

    def to_mapping(self) -> dict[str, Any]:
        """JSON-ready form, read back by `from_mapping`."""
        return {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self).items()}


def from_torchvision(weights: Any) -> Preprocessing:
    """Preprocessing of a torchvision weights entry (its `transforms()`)."""
    preset = weights.transforms()
    return Preprocessing(
        input_px=int(preset.crop_size[0]),
        mean=tuple(float(m) for m in preset.mean),
        std=tuple(float(s) for s in preset.std),
        resize_px=int(preset.resize_size[0]),
        interpolation=str(preset.interpolation.value),
    )


def from_timm(module: nn.Module) -> Preprocessing:
    """Preprocessing of a timm model (its data configuration)."""
    from timm import data

    resolve: Any = data.resolve_model_data_config  # type: ignore[attr-defined]
    config = resolve(module)
    input_px = int(config["input_size"][-1])
    interpolation = str(config["interpolation"])
    return Preprocessing(
        input_px=input_px,
        mean=tuple(float(m) for m in config["mean"]),
        std=tuple(float(s) for s in config["std"]),
        resize_px=max(input_px, math.floor(input_px / float(config["crop_pct"]))),
        interpolation=interpolation if interpolation in {"bilinear", "bicubic"} else "bicubic",
    )
