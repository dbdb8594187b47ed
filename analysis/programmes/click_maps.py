"""Which places make a picture recognisable? Click maps: how far people agree, and models with them.

Split-half reliability stands against a shuffled null, and a model's maps against people's with
their ceiling (:mod:`analysis.click_maps`). Maps are given, or made of exported answers: the column
``clicks`` holds JSON, a list of ``[x, y]`` as shares of the picture's width and height (0, 0 is its
upper left corner), and all marks of a person on a picture become one map on a small grid, blurred
as published (21 px of 224 px).

Source: Linsley, Shiebler, Eberhardt and Serre (2019), Learning What and Where to Attend, ICLR.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from analysis.click_maps import click_map_reliability, similarity_to_model, smooth
from analysis.clustered_logit import NotEstimable
from analysis.errors import AnalysisError
from analysis.people import require_columns
from analysis.programmes.base import Drawing, Programme, Section, Shown, attempt
from analysis.programmes.figures import row_figure
from analysis.progress import Track, no_track

Floats = NDArray[np.float64]
NAME = "click_maps"
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


def click_map_study(
    maps: ArrayLike,
    answers: pd.DataFrame,
    *,
    cluster: str,
    image: str,
    rng: np.random.Generator,
    models: Mapping[str, Mapping[str, ArrayLike]] | None = None,
    n_splits: int = 100,
    level: float = 0.95,
    track: Track = no_track,
) -> Programme:
    """Reliability of people's maps, and how near models come to the ceiling.

    Parameters
    ----------
    maps : (N, h, w) one map a row of ``answers``, smoothed if they were clicked.
    models : by model, its map of each image.

    Raises
    ------
    NotEstimable
        If no image has maps of two people.
    """
    found = click_map_reliability(
        maps, answers, cluster=cluster, image=image, rng=rng, n_splits=n_splits, level=level,
        track=track,
    )  # fmt: skip
    notes = list(found.notes)
    sections = [_reliability(found.overall), _images(found.table)]
    rows = []
    for name, own in (models or {}).items():
        near = attempt(
            f"similarity of {name}",
            lambda own=own: similarity_to_model(  # type: ignore[misc]
                maps, answers, own, image=image, reliability=found, level=level
            ),
            notes,
        )
        if near is not None:
            rows.append(near.overall.assign(model=name))
    if rows:
        sections.append(_similarity(pd.concat(rows, ignore_index=True)))
    by_image = found.table.sort_values("spearman_brown", ascending=False).reset_index(drop=True)
    by_image["n_images"] = len(by_image)  # one colour for all
    people = found.participants.rename(columns={"leave_one_out": "spearman_brown"})
    null_high = float(found.overall["null_high"].iloc[0])
    drawing = Drawing(
        NAME,
        lambda theme: row_figure(
            by_image.head(40), theme, value="spearman_brown", name="image", colour_by="n_images",
            x_label="Correlation", points=people,
            neutral=null_high if np.isfinite(null_high) else None,
            neutral_word="other images, 95 %",
        ),
        "Reliability of each image's click map.",
        "A diamond is one image, the best forty at most: how well the mean map of these people "
        "would agree with that of as many others (split half, stepped up). Each dot is one person: "
        "the correlation of their map with the mean of the others'. The line is what maps of two "
        "different images reach in 95 of 100 cases.",
        wide=len(by_image) > 12,
    )  # fmt: skip
    return Programme(
        NAME,
        "Which places make it recognisable?",
        "Linsley et al. (2019), ICLR",
        tuple(sections),
        (drawing,),
        tuple(notes),
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


def _reliability(overall: pd.DataFrame) -> Section:
    return Section(
        "reliability",
        "Do people find the same places diagnostic?",
        overall,
        "correlation of the mean maps of two halves of the people, over random halves, stepped up "
        "by Spearman and Brown; the null correlates halves of different images; t over images",
        (
            Shown("Images", "n_images", "integer"),
            Shown("split half", "split_half", "number"),
            Shown("stepped up", "spearman_brown", "number"),
            Shown("interval", "spearman_brown_low", "number", "spearman_brown_high"),
            Shown("one against the rest", "leave_one_out", "number"),
            Shown("ceiling", "ceiling", "number"),
            Shown("null", "null", "number"),
            Shown("null, 95 %", "null_high", "number"),
        ),
        scope="these people, images like these",
        sentence="Mean maps of two halves of the people correlate by {spearman_brown:number} when "
        "stepped up to all of them ({spearman_brown_low:number} to {spearman_brown_high:number}); "
        "halves of different images by {null:number}.",
    )


def _images(table: pd.DataFrame) -> Section:
    return Section(
        "images",
        "Which images?",
        table,
        "the same for each image",
        (
            Shown("Image", "image"),
            Shown("people", "n_participants", "integer"),
            Shown("split half", "split_half", "number"),
            Shown("stepped up", "spearman_brown", "number"),
            Shown("α", "alpha", "number"),
            Shown("ceiling", "ceiling", "number"),
        ),
        scope="these people and images",
    )


def _similarity(table: pd.DataFrame) -> Section:
    return Section(
        "similarity",
        "How near do models come to people?",
        table,
        "correlation of a model's map with people's mean map, and its share of the ceiling",
        (
            Shown("Model", "model"),
            Shown("correlation", "similarity", "number"),
            Shown("interval", "similarity_low", "number", "similarity_high"),
            Shown("share of the ceiling", "share_of_ceiling", "percent"),
            Shown("interval", "share_of_ceiling_low", "percent", "share_of_ceiling_high"),
            Shown("images", "n_images", "integer"),
        ),
        scope="these people and this model, images like these",
    )
