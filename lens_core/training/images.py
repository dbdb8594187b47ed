"""Images of a folder in memory, and light augmentation that keeps shapes what they are."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor
from torch.nn import functional as F

from lens_core.atlas import LensError
from lens_core.device import available_cores
from lens_core.images import SUFFIXES


@dataclass(frozen=True)
class Examples:
    """Images (n, 3, px, px) uint8 with class indices (n,)."""

    x: Tensor
    y: Tensor

    def __len__(self) -> int:
        return len(self.y)


def list_examples(
    folder: Path, class_names: tuple[str, ...] | None = None
) -> list[tuple[str, Path]]:
    """(class, file) of every image in a folder that has one folder a class, in a fixed order.

    Raises
    ------
    LensError
        If the folder is missing, has fewer than two classes, an empty one, or one not in
        `class_names`.
    """
    if not folder.is_dir():
        raise LensError(f"{folder}: no such folder; it must hold one folder of images a class")
    classes = sorted(p for p in folder.iterdir() if p.is_dir() and not p.name.startswith("."))
    if class_names is None and len(classes) < 2:
        raise LensError(f"{folder}: needs one folder of images a class, at least two of them")
    found: list[tuple[str, Path]] = []
    for place in classes:
        if class_names is not None and place.name not in class_names:
            raise LensError(f"{place}: there is no such class among the training images")
        files = sorted(p for p in place.iterdir() if p.suffix.lower() in SUFFIXES)
        if not files:
            raise LensError(f"{place}: no images in this class; add some or remove the folder")
        found += [(place.name, file) for file in files]
    if not found:
        raise LensError(f"{folder}: no images; it must hold one folder of images a class")
    return found


def fingerprint(examples: list[tuple[str, Path]]) -> str:
    """SHA-256 over classes, file names and contents."""
    digest = hashlib.sha256()
    for name, file in examples:
        content = hashlib.sha256(file.read_bytes()).hexdigest()
        digest.update(f"{name}\0{file.name}\0{content}\n".encode())
    return digest.hexdigest()


def load_examples(
    examples: list[tuple[str, Path]], class_names: tuple[str, ...], input_px: int
) -> Examples:
    """Decode all images at the network's input size (short side resized, centre cut).

    Raises
    ------
    LensError
        Where a file is no readable image; the message names it.
    """
    pixels = np.empty((len(examples), 3, input_px, input_px), np.uint8)

    def decode(k: int) -> None:
        pixels[k] = _decode(examples[k][1], input_px)

    with ThreadPoolExecutor(available_cores()) as pool:
        for _ in pool.map(decode, range(len(examples))):
            pass
    index = {name: i for i, name in enumerate(class_names)}
    labels = torch.tensor([index[name] for name, _ in examples])
    return Examples(torch.from_numpy(pixels), labels)


def _decode(file: Path, px: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    try:
        with Image.open(file) as raw:
            picture = ImageOps.exif_transpose(raw).convert("RGB")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise LensError(f"{file}: not a readable image ({error}); remove or replace it") from error
    square = ImageOps.fit(picture, (px, px), Image.Resampling.BILINEAR)
    return np.asarray(square).transpose(2, 0, 1)


def batches(
    examples: Examples, size: int, px: int, generator: torch.Generator
) -> Iterator[tuple[Tensor, Tensor]]:
    """One epoch in random order, augmented: x (b, 3, px, px) in [0, 1], y (b,)."""
    order = torch.randperm(len(examples), generator=generator)
    for chosen in torch.split(order, size):
        # Batch norm cannot learn from a single image.
        if len(chosen) > 1:
            x = examples.x[chosen].float().div_(255)
            yield augment(x, generator, px), examples.y[chosen]


def augment(x: Tensor, generator: torch.Generator, px: int | None = None) -> Tensor:
    """Turn ≤ 8°, zoom and shift ≤ 5 %, mirror, change exposure and white balance a little.

    Parameters
    ----------
    x : Tensor (n, 3, h, w) in [0, 1]
    px : int, optional
        Side of the square result; without it the size stays.
    """
    n = len(x)

    def uniform(*shape: int, spread: float) -> Tensor:
        return (torch.rand(n, *shape, generator=generator) * 2 - 1) * spread

    angle, zoom = uniform(spread=0.14), 1 + uniform(spread=0.05)
    flip = torch.where(torch.rand(n, generator=generator) < 0.5, -1.0, 1.0)
    cos, sin = torch.cos(angle) * zoom, torch.sin(angle) * zoom
    shift = uniform(2, spread=0.05)
    theta = torch.stack(
        [
            torch.stack([cos * flip, -sin, shift[:, 0]], dim=1),
            torch.stack([sin * flip, cos, shift[:, 1]], dim=1),
        ],
        dim=1,
    )
    height, width = (px, px) if px else x.shape[2:]
    grid = F.affine_grid(theta, [n, 3, height, width], align_corners=False)
    x = F.grid_sample(x, grid, padding_mode="reflection", align_corners=False)
    gain = (1 + uniform(1, 1, 1, spread=0.15)) * (1 + uniform(3, 1, 1, spread=0.06))
    return (x * gain).clamp_(0, 1)
