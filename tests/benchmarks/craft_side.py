"""craft-xai's side of the benchmarks, and what both sides are told.

craft-xai imports TensorFlow for a sampler that is not used here: an empty module stands in for it.
"""

from __future__ import annotations

import importlib.util
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import Tensor

from lens_core.classifier import load_classifier
from lens_core.images import ClassFolder, read_view, to_float
from lens_core.models.sources import open_source
from lens_core.models.split import run_until

R = 10
N_DESIGNS = 32


def craft_class() -> Any:
    """`craft.craft_torch.Craft`, None where it is not installed."""
    if importlib.util.find_spec("craft") is None:
        return None
    sys.modules["tensorflow"] = ModuleType("tensorflow")
    from craft.craft_torch import Craft

    del sys.modules["tensorflow"]  # torch stumbles over a module that is none
    return Craft


@dataclass(frozen=True)
class Task:
    """What every side is told. `layer`, `weight` and `bias` are for the peer."""

    model: str
    images: Path
    folder: ClassFolder
    files: tuple[Path, ...]
    layer: str
    weight: Tensor
    bias: Tensor
    threads: int


def patch_px(side: int) -> int:
    """CRAFT's 64 at 224, and in proportion."""
    return round(side * 64 / 224)


class Clock:
    """Seconds by stage, on the wall and of the processor."""

    def __init__(self) -> None:
        self.laps: dict[str, tuple[float, float]] = {}
        self._last = now()

    def lap(self, stage: str) -> None:
        """End a stage."""
        here = now()
        self.laps[stage] = minus(here, self._last)
        self._last = here

    def move(self, stage: str, out_of: str, seconds: tuple[float, float]) -> None:
        """Count a part of one stage as another."""
        self.laps[stage] = seconds
        self.laps[out_of] = minus(self.laps[out_of], seconds)


def now() -> tuple[float, float]:
    """Wall and processor."""
    return time.perf_counter(), time.process_time()


def minus(a: tuple[float, float], b: tuple[float, float]) -> tuple[float, float]:
    """a − b."""
    return a[0] - b[0], a[1] - b[1]


def craft(task: Task, prepared: bool) -> Callable[[], dict[str, Any]]:
    """craft-xai's, on our prepared model or on the model as it was loaded."""
    Craft = craft_class()
    encoding = (0.0, 0.0)
    if prepared:
        classifier = load_classifier(task.model, device="cpu")
        preprocessing = classifier.preprocessing
        encode: Callable[[Tensor], Tensor] = classifier.encode
    else:
        source = open_source(task.model)
        preprocessing = source.preprocessing
        module = source.module.eval()
        layer = module.get_submodule(task.layer)
        mean, std = (
            torch.tensor(values).view(1, -1, 1, 1)
            for values in (preprocessing.mean, preprocessing.std)
        )

        def encode(x: Tensor) -> Tensor:
            return run_until(module, layer, x)

    def g(x: Tensor) -> Tensor:
        nonlocal encoding
        start = now()
        answer = encode(x)
        encoding = minus(encoding, minus(start, now()))
        return answer

    def h(maps: Tensor) -> Tensor:
        return maps.mean(dim=(2, 3)) @ task.weight.T + task.bias

    def run() -> dict[str, Any]:
        nonlocal encoding
        encoding = (0.0, 0.0)
        clock = Clock()
        views = [read_view(file, preprocessing, 32).model for file in task.files]
        inputs = to_float(torch.stack(views))
        if not prepared:
            inputs = (inputs - mean) / std
        clock.lap("decode")
        peer = Craft(
            g, h, number_of_concepts=R, patch_size=patch_px(inputs.shape[-1]), device="cpu"
        )
        _, values, dictionary = peer.fit(inputs)
        clock.lap("cut and nmf")
        clock.move("crops", "cut and nmf", encoding)
        encoding = (0.0, 0.0)
        importances = peer.estimate_importance(inputs, task.folder.class_id, N_DESIGNS)
        clock.lap("codes and masks")
        clock.move("images", "codes and masks", encoding)
        return {
            "seconds": clock.laps,
            "values": torch.from_numpy(values),
            "dictionary": torch.from_numpy(dictionary),
            "importances": torch.from_numpy(importances),
        }

    return run
