"""Files of one leaf: a WebP picture, and its masks as the bits of one 16-bit PNG."""

from __future__ import annotations

import io
import os
from pathlib import Path

import numpy as np
from PIL import Image

from experiments.generators.leaves.render import MASKS, Mask, Rendered
from lens_core.atlas import LensError

WEBP_QUALITY = 92


def encode_picture(rendered: Rendered) -> bytes:
    """The picture as WebP, without metadata."""
    buffer = io.BytesIO()
    rendered.image.save(buffer, "WEBP", quality=WEBP_QUALITY, method=1)
    return buffer.getvalue()


def encode_masks(masks: dict[str, Mask]) -> bytes:
    """All masks in one PNG: bit k of a pixel is the mask `MASKS[k]`."""
    bits = np.zeros(masks["blade"].shape, np.uint16)
    for k, name in enumerate(MASKS):
        bits |= masks[name].astype(np.uint16) << np.uint16(k)
    buffer = io.BytesIO()
    Image.fromarray(bits).save(buffer, "PNG", compress_level=3)
    return buffer.getvalue()


def read_masks(path: Path) -> dict[str, Mask]:
    """Masks by name, (256, 256) bool each, from a file that `write_dataset` wrote.

    Raises
    ------
    LensError
        If the file is missing or no such picture.
    """
    try:
        with Image.open(path) as picture:
            bits = np.asarray(picture)
    except OSError as error:
        raise LensError(f"{path}: not a file of masks; write the leaves again") from error
    return {name: (bits >> k) & 1 == 1 for k, name in enumerate(MASKS)}


def write_file(path: Path, data: bytes) -> None:
    """Write a small file so that it is there whole or not at all (no fsync: thousands of them)."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        temporary.write_bytes(data)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
