"""Figures of the programmes: courses over sessions or layers, rows with intervals, and planes.

Raw people (or tasks, or drawings) are always visible; intervals are explained in the captions.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from analysis.figures import COLUMN_IN, LIGHT, PAGE_IN, RASTER_ABOVE, Theme, start_axes

COLUMN_LETTERS = 26
"""Names of rows are broken into lines of so many letters; on a page's width twice as many."""
SPREAD = 0.5
"""Share of the space between two places on the axis that the groups take up."""


def course_figure(
    points: pd.DataFrame,
    summary: pd.DataFrame,
    labels: Mapping[str, str],
    theme: Theme = LIGHT,
    *,
    x: str,
    group: str,
    x_label: str,
    y_label: str = "Accuracy",
    value: str = "accuracy",
    chance: float | None = None,
) -> Figure:
    """How a value goes over ordered places (sessions, layers), one line a group.

    Parameters
    ----------
    points : ``x``, ``group``, ``value``, one row a person.
    summary : ``x``, ``group``, ``value``, ``low``, ``high``.
    labels : group → what readers call it, in order.
    """
    places = list(dict.fromkeys(summary[x]))
    names = [name for name in labels if name in set(summary[group])]
    figure, axes = start_axes(theme, 1, width=PAGE_IN if len(names) > 4 else COLUMN_IN)
    where = {place: at for at, place in enumerate(places)}
    step = SPREAD / max(len(names), 1)
    for position, name in enumerate(names):
        shift = (position - (len(names) - 1) / 2) * step
        colour = theme.colour(position)
        raw = points[points[group] == name]
        axes.scatter(
            raw[x].map(where).to_numpy(dtype=float) + shift + _jitter(len(raw), step), raw[value],
            s=7, color=colour, alpha=0.6 * theme.dot_alpha, lw=0, zorder=2,
            rasterized=len(raw) > RASTER_ABOVE,
        )  # fmt: skip
        own = summary[summary[group] == name]
        at = own[x].map(where).to_numpy(dtype=float) + shift
        for left, low, high in zip(at, own["low"], own["high"], strict=True):
            if np.isfinite(low) and np.isfinite(high):
                axes.plot([left, left], [low, high], color=colour, lw=1.6, zorder=5)
        axes.plot(at, own[value], color=colour, lw=1.2, zorder=4)
        axes.scatter(
            at, own[value], s=26, marker="D", color=colour, edgecolor=theme.ground, lw=0.8,
            zorder=6, label=labels[name],
        )  # fmt: skip
    _chance(axes, chance, theme)
    axes.set_xticks(
        range(len(places)),
        [f"{place:g}" if isinstance(place, float) else str(place) for place in places],
    )
    axes.set_xlim(-0.5, len(places) - 0.5)
    axes.set_ylim(-0.03, 1.03)
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0, symbol=" %"))
    axes.set_xlabel(x_label)
    axes.set_ylabel(y_label)
    _legend(figure, axes, theme, len(names))
    return figure


def row_figure(
    summary: pd.DataFrame,
    theme: Theme = LIGHT,
    *,
    value: str,
    name: str,
    x_label: str,
    labels: Mapping[str, str] | None = None,
    points: pd.DataFrame | None = None,
    neutral: float | None = None,
    neutral_word: str = "",
    percent: bool = False,
    colour_by: str | None = None,
    legend: bool = False,
) -> Figure:
    """One row a condition or task: value, interval, and raw people where they are given.

    Parameters
    ----------
    summary : ``name``, ``value``, and ``low``, ``high`` if there are intervals; first row on top.
    points : ``name`` and ``value``, one row a person.
    neutral : where a line is drawn (no effect, chance), with ``neutral_word`` beside it.
    colour_by : column of ``summary`` whose values tell the colour, explained if ``legend``.
    """
    shown = labels or {}
    figure, axes = start_axes(theme, 1, width=COLUMN_IN if len(summary) <= 12 else PAGE_IN)
    names = summary[name].astype(str).tolist()
    letters = COLUMN_LETTERS if len(summary) <= 12 else 2 * COLUMN_LETTERS
    wrapped = [textwrap.fill(shown.get(one, one), letters) for one in names]
    more_lines = max((text.count("\n") for text in wrapped), default=0)
    figure.set_figheight(max(2.0, 0.75 + (0.26 + 0.12 * more_lines) * min(len(summary), 8) + (
        0.14 + 0.1 * more_lines) * max(len(summary) - 8, 0)))  # fmt: skip
    places = {one: at for at, one in enumerate(shown or names)}  # a condition keeps its colour
    kinds = list(dict.fromkeys(summary[colour_by])) if colour_by else []
    for position, (_, row) in enumerate(summary.iterrows()):
        place = kinds.index(row[colour_by]) if colour_by else places.get(names[position], 0)
        colour = theme.colour(place)
        if points is not None:
            raw = points.loc[points[name].astype(str) == names[position], value]
            axes.scatter(
                raw, position + _jitter(len(raw), 0.5), s=8, color=colour,
                alpha=0.8 * theme.dot_alpha, lw=0, zorder=2, rasterized=len(points) > RASTER_ABOVE,
            )  # fmt: skip
        if "low" in summary and np.isfinite(row["low"]) and np.isfinite(row["high"]):
            axes.plot([row["low"], row["high"]], [position] * 2, color=theme.ink, lw=1.4, zorder=5)
        axes.scatter(
            [row[value]], [position], s=26 if len(summary) <= 12 else 14, marker="D", color=colour,
            edgecolor=theme.ink, lw=0.8, zorder=6,
        )  # fmt: skip
    if neutral is not None:
        axes.axvline(neutral, color=theme.ink_soft, lw=0.8, ls=(0, (4, 3)), zorder=1)
        axes.text(
            neutral, 1.005, neutral_word, va="bottom", ha="center", fontsize=7,
            transform=axes.get_xaxis_transform(), color=theme.ink_soft,
        )  # fmt: skip
    if colour_by and legend:
        for at, kind in enumerate(kinds):
            axes.scatter([], [], marker="D", s=26, color=theme.colour(at), label=str(kind))
        _legend(figure, axes, theme, len(kinds))
    small = 7.5 if len(names) <= 20 else 6
    axes.set_yticks(range(len(names)), wrapped, fontsize=small)
    axes.set_ylim(len(names) - 0.5, -0.6)
    axes.grid(axis="y", visible=False)
    axes.grid(axis="x", color=theme.line, lw=0.6, zorder=0)
    if percent:
        axes.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0, symbol=" %"))
    axes.set_xlabel(x_label)
    return figure


def multiverse_figure(
    ways: pd.DataFrame, labels: Mapping[str, str], theme: Theme = LIGHT, *, most: int = 24
) -> Figure:
    """The difference under each way to exclude people, the declared one on top.

    Parameters
    ----------
    ways : one row a way and condition: ``universe``, ``declared``, ``condition``, ``difference``,
        ``low``, ``high``.
    most : so many ways are drawn at most.
    """
    names = list(dict.fromkeys(ways["universe"]))[:most]
    conditions = [name for name in labels if name in set(ways["condition"])]
    figure, axes = start_axes(theme, 1, width=PAGE_IN)
    wrapped = [textwrap.fill(name, 46) for name in names]
    room = max(1.0, 0.5 * len(conditions), 1 + 0.5 * max(text.count("\n") for text in wrapped))
    figure.set_figheight(0.9 + 0.24 * len(names) * room)
    step = SPREAD / max(len(conditions), 1)
    axes.axvline(0.0, color=theme.ink_soft, lw=0.8, ls=(0, (4, 3)), zorder=1)
    for place, condition in enumerate(conditions):
        own = ways[(ways["condition"] == condition) & ways["universe"].isin(names)]
        shift = (place - (len(conditions) - 1) / 2) * step
        at = own["universe"].map({name: row for row, name in enumerate(names)}) + shift
        colour = theme.colour(list(labels).index(condition))
        axes.hlines(at, own["low"], own["high"], color=colour, lw=1.2, zorder=3)
        for declared, marker, size in ((True, "D", 30), (False, "o", 16)):
            rows = (own["declared"] == declared).to_numpy()
            axes.scatter(
                own["difference"][rows], at[rows], s=size, marker=marker, color=colour,
                edgecolor=theme.ink if declared else theme.ground, lw=0.8, zorder=5,
                label=labels[condition] if declared else None,
            )  # fmt: skip
    axes.set_yticks(range(len(names)), wrapped, fontsize=7)
    axes.set_ylim(len(names) - 0.5, -0.6)
    axes.grid(axis="y", visible=False)
    axes.grid(axis="x", color=theme.line, lw=0.6, zorder=0)
    axes.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=None, symbol=""))
    axes.set_xlabel("Difference, percentage points")
    _legend(figure, axes, theme, len(conditions))
    return figure


def plane_figure(
    points: pd.DataFrame,
    theme: Theme = LIGHT,
    *,
    x: str,
    y: str,
    group: str,
    labels: Mapping[str, str],
    x_label: str,
    y_label: str,
    named: bool = False,
    percent: Sequence[str] = (),
) -> Figure:
    """Points in a plane, one colour a group; each with its name beside it if ``named``."""
    figure, axes = start_axes(theme, 1, width=COLUMN_IN)
    names = [name for name in labels if name in set(points[group])]
    for position, name in enumerate(names):
        own = points[points[group] == name]
        axes.scatter(
            own[x], own[y], s=40 if named else 12, marker="D" if named else "o",
            color=theme.colour(position), alpha=1.0 if named else theme.dot_alpha, lw=0,
            label=labels[name], zorder=3, rasterized=len(points) > RASTER_ABOVE,
        )  # fmt: skip
        if named:
            for _, row in own.iterrows():
                axes.annotate(
                    labels[name], (row[x], row[y]), xytext=(5, 4), textcoords="offset points",
                    fontsize=7, color=theme.ink,
                )  # fmt: skip
    axes.margins(0.15)
    for axis, which in ((axes.xaxis, "x"), (axes.yaxis, "y")):
        if which in percent:
            axis.set_major_formatter(PercentFormatter(1.0, decimals=0, symbol=" %"))
    axes.set_xlabel(x_label)
    axes.set_ylabel(y_label)
    if not named:
        _legend(figure, axes, theme, len(names))
    return figure


def _jitter(n: int, width: float) -> Any:
    """Even, not random: the same data give the same picture (golden-ratio sequence)."""
    return ((np.arange(n) * 0.6180339887) % 1 - 0.5) * 0.7 * width


def _chance(axes: Any, chance: float | None, theme: Theme) -> None:
    if chance is None or not np.isfinite(chance):
        return
    axes.axhline(chance, color=theme.ink_soft, lw=0.8, ls=(0, (4, 3)), zorder=1)
    axes.text(
        -0.48, chance - 0.012, "chance", va="top", ha="left", fontsize=7, color=theme.ink_soft
    )


def _legend(figure: Figure, axes: Any, theme: Theme, entries: int) -> None:
    if entries < 2:
        return
    columns = min(entries, 4 if figure.get_figwidth() > COLUMN_IN else 2)
    legend = figure.legend(
        *axes.get_legend_handles_labels(), loc="outside upper center", ncols=columns,
        frameon=False, fontsize=7.5, handletextpad=0.3, columnspacing=1.2,
    )  # fmt: skip
    for text in legend.get_texts():
        text.set_color(theme.ink)
