"""Click maps from exported answers: places that people marked, made into maps and compared.

The column ``clicks`` holds JSON, a list of ``[x, y]`` as shares of the picture's width and height
(0, 0 is its upper left corner). All marks of a person on a picture become one map on a small grid,
blurred as published (21 px of 224 px), and :func:`analysis.programmes.drawings.click_map_study`
says how far people agree.

Source: Linsley, Shiebler, Eberhardt and Serre (2019), Learning What and Where to Attend, ICLR.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.click_maps import smooth
from analysis.clustered_logit import NotEstimable
from analysis.errors import AnalysisError
from analysis.people import require_columns
from analysis.programmes.base import Programme
from analysis.programmes.drawings import click_map_study

Floats = NDArray[np.float64]
COLUMN = "clicks"
IMAGES = ("source_image", "item")
GRID_PX = 56
BLUR_PX = 5
"""21 px of 224 px on this grid."""


def clicked_places(
    trials: pd.DataFrame,
    *,
    cluster: str,
    rng: np.random.Generator,
    order: Sequence[str] | None = None,
    reference: str | None = None,
    level: float = 0.95,
    labels: Mapping[str, str] | None = None,
) -> Programme:
    """How far people mark the same places of a picture.

    Parameters
    ----------
    trials : one row an answer: ``clicks`` and the picture (``source_image``, else ``item``).
    order, reference, labels : not used, for pictures are not compared with one another.

    Raises
    ------
    AnalysisError
        If marks cannot be read.
    NotEstimable
        If nobody marked anything, or no picture was marked by two people.
    """
    image = next((name for name in IMAGES if name in trials and trials[name].notna().any()), None)
    require_columns(trials, [cluster, COLUMN, image or IMAGES[-1]])
    used = trials[trials[COLUMN].notna() & trials[image or IMAGES[-1]].notna()]
    if used.empty:
        raise NotEstimable("nobody marked anything")
    maps, rows = [], []
    for (picture, person), own in used.groupby([image, cluster], observed=True, sort=True):
        places = np.concatenate([marked(text) for text in own[COLUMN]])
        maps.append(count_map(places))
        rows.append({cluster: person, "image": str(picture)})
    blurred = smooth(np.array(maps), sigma_px=BLUR_PX / 4, width_px=BLUR_PX)
    return click_map_study(
        blurred, pd.DataFrame(rows), cluster=cluster, image="image", rng=rng, level=level
    )


def marked(text: Any) -> Floats:
    """(n, 2) places from a cell.

    Examples
    --------
    >>> marked("[[0.5, 0.25], [1, 1]]").tolist()
    [[0.5, 0.25], [1.0, 1.0]]
    """
    try:
        places = np.asarray(json.loads(str(text)), dtype=float).reshape(-1, 2)
    except (ValueError, TypeError):
        raise AnalysisError(
            f"{str(text)[:40]!r} in the column {COLUMN!r} is no JSON list of [x, y]"
        ) from None
    if len(places) and not (np.isfinite(places).all() and 0 <= places.min() <= places.max() <= 1):
        raise AnalysisError(
            f"places in the column {COLUMN!r} are shares of width and height, from 0 to 1; divide "
            "pixels by the picture's size"
        )
    return places


def count_map(places: Floats) -> Floats:
    """(GRID_PX, GRID_PX) marks in each place of the grid, first axis down.

    Examples
    --------
    >>> grid = count_map(np.array([[1.0, 0.0], [0.99, 0.01]]))
    >>> float(grid[0, -1]), float(grid.sum())
    (2.0, 2.0)
    """
    grid = np.zeros((GRID_PX, GRID_PX))
    across, down = np.minimum((places * GRID_PX).astype(int), GRID_PX - 1).T
    np.add.at(grid, (down, across), 1.0)
    return grid
