"""A picture that somebody sent, drawn anew: nothing of the file itself is kept or passed on."""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass

from PIL import Image, ImageOps

from lens_core.atlas import LensError

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP")
MAX_PIXELS = 40_000_000
"""A photograph of 40 megapixels; what unpacks to more is refused before it is unpacked."""
SIDE_PX = 448
_SMALLEST = 0.05


@dataclass(frozen=True)
class Region:
    """A square: its middle as fractions of width and height, its side of the shorter one."""

    x: float = 0.5
    y: float = 0.5
    size: float = 1.0

    def box(self, width: int, height: int) -> tuple[float, float, float, float]:
        """Left, top, right, bottom in pixels, pushed back into the picture."""
        side = min(width, height) * min(max(self.size, _SMALLEST), 1.0)
        left = min(max(self.x * width - side / 2, 0.0), width - side)
        top = min(max(self.y * height - side / 2, 0.0), height - side)
        return left, top, left + side, top + side


def redraw(data: bytes, region: Region) -> bytes:
    """The region of a picture as PNG of at most `SIDE_PX`, without metadata.

    Raises
    ------
    LensError
        If it is no picture of a known format, or too large.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(data), formats=FORMATS) as opened:
                if opened.width * opened.height > MAX_PIXELS:
                    raise LensError("The picture has more than 40 megapixels: send a smaller one.")
                opened.draft("RGB", (2 * SIDE_PX, 2 * SIDE_PX))  # decodes large JPEGs smaller
                picture = ImageOps.exif_transpose(opened).convert("RGB")
    except LensError:
        raise
    except Exception as error:  # Pillow's plugins raise whatever a broken file leads them to
        raise LensError("This is no picture that can be read: send JPEG, PNG or WebP.") from error
    box = region.box(*picture.size)
    side = max(8, min(SIDE_PX, round(box[2] - box[0])))
    drawn = picture.resize((side, side), Image.Resampling.LANCZOS, box=box)
    out = io.BytesIO()
    drawn.save(out, "PNG")
    return out.getvalue()
