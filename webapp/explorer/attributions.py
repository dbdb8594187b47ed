"""What attribution methods point at in an image, and how true their maps are of the decision.

Maps are laid over the picture as pictures of their own, so that pages need no script for them.
"""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lens_core.atlas import AtlasClass, AttributionInfo, ClassInfo

from .book import AtlasBook
from .links import Links, attribution_path, image_path

Floats = NDArray[np.float64]

OVERLAY_PX = 256
STRONG_PERCENTILE = 99.0
"""Of a map's sizes: what is shown at full strength, since gradients have a few extreme places."""
VEIL = 0.7
GROUND, FOR, AGAINST = (12, 13, 16), (255, 138, 26), (46, 134, 255)
"""Colours over the picture, the same in light and dark: a veil as over maps of concepts (without
their outline, which would be a tangle in maps of gradients), and for and against the class."""
LEFT, RIGHT, TOP, BOTTOM = 48.0, 212.0, 8.0, 96.0
"""Of the plot in a figure 220 wide and 120 high."""


@dataclass(frozen=True)
class AttributionView:
    """One method's map of an image, and its curves and their areas beside the class's means."""

    method: str
    title: str
    signed: bool
    overlay: str
    deletion_path: str
    insertion_path: str
    deletion: float
    insertion: float
    mean_deletion: float
    mean_insertion: float


def attributed_links(info: ClassInfo, dictionary: str, links: Links) -> tuple[tuple[int, str], ...]:
    """Numbers of a class's images with maps, in order, and their pages."""
    numbers = sorted(info.attributed)
    return tuple((n, links.page(image_path(info.id, dictionary, n))) for n in numbers)


def attribution_views(loaded: AtlasClass, number: int, links: Links) -> tuple[AttributionView, ...]:
    """All methods' maps of one image; empty where the atlas holds none of it."""
    if number not in loaded.info.attributed:
        return ()
    views = []
    for info in loaded.info.attributions:
        gone, come = (
            _of_image(loaded, info.method, number, name) for name in ("deletion", "insertion")
        )
        views.append(
            AttributionView(
                method=info.method,
                title=info.title,
                signed=info.signed,
                overlay=links.data(attribution_path(loaded.info.id, info.method, number)),
                deletion_path=_path(gone),
                insertion_path=_path(come),
                deletion=_area(gone),
                insertion=_area(come),
                mean_deletion=info.deletion,
                mean_insertion=info.insertion,
            )
        )
    return tuple(views)


def attribution_overlay(loaded: AtlasClass, method: str, number: int) -> bytes:
    """One map as a WebP to lay over the picture.

    A map without a sign dims the picture, the more the smaller it is; one with a sign colours what
    speaks for the class and what speaks against it.

    Raises
    ------
    KeyError
        If the atlas holds no such map.
    """
    from PIL import Image

    values = _of_image(loaded, method, number, "maps")
    info = _info(loaded, method)
    sizes = np.abs(values)
    strong = float(np.percentile(sizes, STRONG_PERCENTILE)) or float(sizes.max()) or 1.0
    small = Image.fromarray((values / strong).astype(np.float32))
    large = small.resize((OVERLAY_PX, OVERLAY_PX), Image.Resampling.BICUBIC)
    field = np.clip(np.asarray(large, dtype=np.float64), -1, 1)
    pixels = _diverging(field) if info.signed else _sequential(field)
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "WEBP", quality=80, alpha_quality=90)
    return stream.getvalue()


def attribution_table(book: AtlasBook, class_id: int) -> pd.DataFrame:
    """All curves of a class, a row an image, method and share of pixels; areas stand beside.

    Raises
    ------
    KeyError
        If the class has no attribution maps.
    """
    loaded = book.load(class_id)
    if not loaded.info.attributions:
        raise KeyError("attributions")
    files = loaded.images["file"]
    parts = []
    for number in loaded.info.attributed:
        for info in loaded.info.attributions:
            gone, come = (
                _of_image(loaded, info.method, number, name) for name in ("deletion", "insertion")
            )
            parts.append(
                pd.DataFrame(
                    {
                        "image": number,
                        "file": files.iloc[number],
                        "method": info.method,
                        "pixels": np.linspace(0, 1, len(gone)),
                        "deletion": gone,
                        "insertion": come,
                        "deletion_area": _area(gone),
                        "insertion_area": _area(come),
                    }
                )
            )
    return pd.concat(parts, ignore_index=True)


def _of_image(loaded: AtlasClass, method: str, number: int, name: str) -> Floats:
    if number not in loaded.info.attributed:
        raise KeyError(number)
    _info(loaded, method)
    place = loaded.info.attributed.index(number)
    return np.asarray(loaded.array(f"attributions/{method}/{name}")[place], dtype=np.float64)


def _info(loaded: AtlasClass, method: str) -> AttributionInfo:
    for info in loaded.info.attributions:
        if info.method == method:
            return info
    raise KeyError(method)


def _area(scores: Floats) -> float:
    return float((scores[:-1] + scores[1:]).mean() / 2)


def _path(scores: Floats) -> str:
    x = np.linspace(LEFT, RIGHT, len(scores))
    y = BOTTOM - np.clip(scores, 0, 1) * (BOTTOM - TOP)
    return "M" + "L".join(f"{a:.1f} {b:.1f}" for a, b in zip(x, y, strict=True))


def _sequential(field: Floats) -> NDArray[np.uint8]:
    veil = VEIL * (1 - np.maximum(field, 0))[..., None]
    return _rgba(np.broadcast_to(np.array(GROUND, np.float64), (*field.shape, 3)), veil)


def _diverging(field: Floats) -> NDArray[np.uint8]:
    color = np.where(field[..., None] > 0, np.array(FOR), np.array(AGAINST))
    return _rgba(color.astype(np.float64), 0.85 * np.abs(field)[..., None])


def _rgba(color: Floats, alpha: Floats) -> NDArray[np.uint8]:
    return np.round(np.concatenate([color, 255 * alpha], axis=2)).astype(np.uint8)
