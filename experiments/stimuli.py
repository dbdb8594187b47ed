"""Pictures of a study: cut, stripped of metadata, equal in dimensions and in bytes, named opaquely.

Nothing but the pixels may tell two stimuli apart: names are random, and every file is padded to
one size with a RIFF chunk that decoders skip (WebP container specification, "unknown chunks").
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from experiments.schedule import generator
from lens_core.atlas import LensError, Track, no_track
from lens_core.atlas.files import sha256_bytes

GREY = (128, 128, 128)
"""Behind what is transparent in a picture, as feature visualizations are in part."""
PADDING = b"PADD"
"""Name of the padding chunk; any that no decoder knows would do."""
_LEAST_PADDING = 2
"""Bytes: padding can never be nothing for the largest file alone, whose end would show it."""


@dataclass(frozen=True)
class Cut:
    """What to cut out of which picture.

    Attributes
    ----------
    file : the picture.
    box : ``x0 y0 x1 y1`` as fractions of its width and height.
    copy : further stimuli of the same cut have names of their own, so that names never tell
        that two pictures of one view are the same.
    """

    file: Path
    box: tuple[float, float, float, float] = (0.0, 0.0, 1.0, 1.0)
    copy: int = 0


class StimulusNames:
    """Random names, the same for the same seed, one for each distinct cut."""

    def __init__(self, seed: int) -> None:
        self._rng = generator(seed, "stimulus names")
        self._names: dict[Cut, str] = {}
        self._used: set[str] = set()

    def name(self, cut: Cut) -> str:
        """The name of a cut; a new one the first time."""
        while cut not in self._names:
            name = self._rng.bytes(8).hex()
            if name not in self._used:
                self._used.add(name)
                self._names[cut] = name
        return self._names[cut]

    def items(self) -> Iterable[tuple[Cut, str]]:
        """All cuts and their names."""
        return self._names.items()


def write_stimuli(
    folder: Path, names: StimulusNames, *, size_px: int, quality: int, track: Track = no_track
) -> int:
    """Write every named cut; returns the size in bytes that all files have.

    Parameters
    ----------
    folder : where to.
    size_px : width and height of every stimulus.
    quality : of WebP, 1 … 100.

    Raises
    ------
    LensError
        If a picture cannot be read.
    """
    folder.mkdir(parents=True, exist_ok=True)
    by_file: dict[Path, list[tuple[Cut, str]]] = {}
    for cut, name in names.items():
        by_file.setdefault(cut.file, []).append((cut, name))
    largest = 0
    for file, cuts in track(by_file.items(), "cutting stimuli", len(by_file)):
        picture = read_picture(file)
        for cut, name in cuts:
            data = extended(encode(cut_out(picture, cut.box, size_px), quality))
            largest = max(largest, len(data))
            (folder / f"{name}.webp").write_bytes(data)
    size = largest + 8 + _LEAST_PADDING  # 8 for its header
    for _, name in names.items():
        path = folder / f"{name}.webp"
        path.write_bytes(padded(path.read_bytes(), size))
    return size


def read_picture(file: Path) -> Image.Image:
    """A picture as RGB, on grey where it is transparent.

    Raises
    ------
    LensError
        If it is missing or damaged.
    """
    try:
        with Image.open(file) as picture:
            if not picture.has_transparency_data:
                return picture.convert("RGB")
            look = picture.convert("RGBA")
            ground = Image.new("RGBA", look.size, (*GREY, 255))
            return Image.alpha_composite(ground, look).convert("RGB")
    except FileNotFoundError:
        raise LensError(f"picture {file} is missing") from None
    except (OSError, UnidentifiedImageError, Image.DecompressionBombError) as error:
        raise LensError(f"picture {file} cannot be read: {error}") from error


def cut_out(
    picture: Image.Image, box: tuple[float, float, float, float], size_px: int
) -> Image.Image:
    """The box of a picture, scaled to a square of ``size_px``."""
    width, height = picture.size
    x0, y0, x1, y1 = box
    place = (round(x0 * width), round(y0 * height), round(x1 * width), round(y1 * height))
    # Cropped first: resizing a region of a picture would blend in what lies just outside of it.
    return picture.crop(place).resize((size_px, size_px), Image.Resampling.LANCZOS)


def encode(picture: Image.Image, quality: int) -> bytes:
    """WebP without metadata."""
    buffer = io.BytesIO()
    bare = Image.frombytes("RGB", picture.size, picture.tobytes())
    bare.save(buffer, "WEBP", quality=quality, method=4)
    return buffer.getvalue()


def chunks(data: bytes) -> list[tuple[bytes, bytes]]:
    """Names and contents of the chunks of a WebP file."""
    if data[:4] != b"RIFF" or data[8:12] != b"WEBP":
        raise ValueError("not a WebP file")
    found: list[tuple[bytes, bytes]] = []
    at = 12
    while at + 8 <= len(data):
        (length,) = struct.unpack_from("<I", data, at + 4)
        found.append((data[at : at + 4], data[at + 8 : at + 8 + length]))
        at += 8 + length + length % 2
    return found


def extended(data: bytes) -> bytes:
    """The same picture in the extended layout, which is the one that allows unknown chunks."""
    parts = chunks(data)
    if parts[0][0] != b"VP8X":
        with Image.open(io.BytesIO(data)) as picture:
            width, height = picture.size
        head = bytes(4) + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
        parts.insert(0, (b"VP8X", head))
    return _riff(parts)


def padded(data: bytes, size: int) -> bytes:
    """The same picture in exactly ``size`` bytes, an even number at least 8 larger.

    The padding is noise, so that compression on the way does not bring the differences back, and
    has no zeros, so that files can be told from zeros behind them.
    """
    room = size - len(data) - 8
    if room < 0 or room % 2:
        raise ValueError(f"cannot pad {len(data)} bytes to {size}")
    seed = int(sha256_bytes(data)[:16], 16)
    noise = np.random.default_rng(seed).integers(1, 256, room, dtype=np.uint8).tobytes()
    return _riff([*chunks(data), (PADDING, noise)])


def _riff(parts: list[tuple[bytes, bytes]]) -> bytes:
    body = b"".join(
        name + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)
        for name, content in parts
    )
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body
