"""Pictures of a concept beside photographs: visualizations, and photographs that are blurred."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from experiments.candidates import Universe
from experiments.paradigms.brought import Brought
from experiments.stimuli import Cut

STORED = "visualization"
"""The method of the atlas's own pictures."""
GRID = 32
"""Cells along a side in which the strongest place is looked for."""
SOFT = 0.25
"""Of what stays sharp, the share of its side over which it passes into the blur."""


def looks_of(universe: Universe, explained: Brought) -> dict[str, tuple[Cut, ...]]:
    """Method to pictures of the concept: the brought ones, or if none came the atlas's own one."""
    if explained.looks:
        return dict(explained.looks.get(universe.item, {}))
    if universe.visualization is None:
        return {}
    return {STORED: (Cut(universe.visualization),)}


def with_look(universe: Universe, explained: Brought) -> Universe:
    """The universe with the first picture that was brought of it instead of the atlas's own."""
    brought = explained.looks.get(universe.item, {})
    first = next((cuts[0].file for cuts in brought.values()), universe.visualization)
    return replace(universe, visualization=first)


def blurred(
    picture: Image.Image, blur: float, sharp: float = 0.0, centre: tuple[float, float] = (0.5, 0.5)
) -> Image.Image:
    """The picture with a Gaussian blur, save for a square around what matters.

    Parameters
    ----------
    blur : standard deviation, as a share of the picture's width.
    sharp : side of what stays as it is, as a share of the picture's; 0 for nothing.
    centre : of that square, as shares of width and height.
    """
    rgb = picture.convert("RGB")
    soft = rgb.filter(ImageFilter.GaussianBlur(blur * rgb.width))
    if sharp <= 0:
        return soft
    side = sharp * rgb.width
    x = min(max(centre[0] * rgb.width - side / 2, 0), rgb.width - side)
    y = min(max(centre[1] * rgb.height - side / 2, 0), rgb.height - side)
    mask = Image.new("L", rgb.size, 0)
    inner = side * SOFT / 2
    ImageDraw.Draw(mask).rectangle(
        (x + inner, y + inner, x + side - inner, y + side - inner), fill=255
    )
    return Image.composite(rgb, soft, mask.filter(ImageFilter.GaussianBlur(inner)))


def strongest_place(
    values: NDArray[np.generic] | None, box: tuple[float, float, float, float], side: float
) -> tuple[float, float] | None:
    """Centre of the square of a picture where a concept is strongest; none without a map.

    Parameters
    ----------
    values : (h, w) of the whole photograph.
    box : the picture's part of it, ``x0 y0 x1 y1`` as shares.
    side : of the square, as a share of the picture's.

    Examples
    --------
    >>> values = np.zeros((4, 4))
    >>> values[3, 0] = 1
    >>> x, y = strongest_place(values, (0, 0, 1, 1), 0.25)
    >>> x < 0.3, y > 0.7
    (True, True)
    """
    if values is None or side <= 0:
        return None
    small = Image.fromarray(np.asarray(values, dtype=np.float32))
    width, height = small.size
    part = small.resize(
        (GRID, GRID),
        Image.Resampling.BILINEAR,
        (box[0] * width, box[1] * height, box[2] * width, box[3] * height),
    )
    n = max(1, round(side * GRID))
    sums = np.pad(np.asarray(part, np.float64).cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    windows = sums[n:, n:] - sums[:-n, n:] - sums[n:, :-n] + sums[:-n, :-n]
    row, column = np.unravel_index(int(windows.argmax()), windows.shape)
    return (float(column) + n / 2) / GRID, (float(row) + n / 2) / GRID
