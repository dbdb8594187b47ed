"""Figures at journal column width: raw people (or items) always visible, one colour a condition.

Every figure is a function of frames and a :class:`Theme`. The same figure is drawn in light for
files and in dark for the report on dark screens. Captions belong to the report, not to the picture.
"""

from __future__ import annotations

import io
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullLocator, PercentFormatter
from numpy.typing import NDArray

from analysis.psychometric import Psychometric

COLUMN_IN, PAGE_IN = 3.35, 6.9
"""Widths of one and two columns of a journal, inches (85 and 175 mm)."""
RASTER_ABOVE = 2000
"""More points than this are drawn as pixels inside the SVG."""
DPI = 300
AXIS_IN, LETTER_IN = 0.75, 0.062
"""Width of a vertical axis with its labels, and of a letter of a label."""
MARGIN = 0.32
"""Half the width that the points of a condition may take, in units of its place on the axis."""


@dataclass(frozen=True)
class Theme:
    """Colours, the same as the pages' tokens."""

    ink: str
    ink_soft: str
    line: str
    ground: str
    palette: tuple[str, ...]
    dot_alpha: float

    def colour(self, position: int) -> str:
        """Colour of the condition in that place."""
        return self.palette[position % len(self.palette)]


LIGHT = Theme(
    ink="#1b1d20",
    ink_soft="#54585e",
    line="#deded9",
    ground="#ffffff",
    palette=(
        "#3e4cc1", "#b65205", "#088673", "#d951b6", "#ad8832",
        "#520185", "#892240", "#1496f4", "#4c1803", "#0b1848",
    ),
    dot_alpha=0.55,
)  # fmt: skip
DARK = Theme(
    ink="#eceded",
    ink_soft="#a9aeb4",
    line="#2e3135",
    ground="#1b1d20",
    palette=(
        "#4a8cfe", "#edc287", "#1d7d6d", "#f87ca6", "#f7f341",
        "#8159ba", "#bd400c", "#98eefd", "#b98c34", "#b2b0fe",
    ),
    dot_alpha=0.85,
)  # fmt: skip


def accuracy_figure(
    points: pd.DataFrame,
    summary: pd.DataFrame,
    labels: Mapping[str, str],
    theme: Theme = LIGHT,
    *,
    what: str = "Accuracy",
    join: str | None = None,
) -> Figure:
    """Accuracy of people (or items) by condition, with mean and interval.

    Parameters
    ----------
    points : ``condition`` and ``accuracy``, one row a dot.
    summary : one row a condition: ``condition``, ``accuracy``, ``low``, ``high``, ``chance``.
    labels : condition → what readers call it, in the order of the axis.
    join : column whose equal values are joined by a line (people who met several conditions).
    """
    figure, axes = start_axes(theme, len(labels))
    chance = summary["chance"].dropna()
    if len(chance):
        axes.axhline(float(chance.mean()), color=theme.ink_soft, lw=0.8, ls=(0, (4, 3)), zorder=1)
        axes.text(
            -0.48, float(chance.mean()) - 0.012, "chance", va="top", ha="left", fontsize=7,
            color=theme.ink_soft,
        )  # fmt: skip
    _swarms(axes, points, "accuracy", labels, theme, join)
    _means(axes, summary, "accuracy", labels, theme)
    lowest = min([float(points["accuracy"].min()), *chance.tolist()], default=0.0)
    axes.set_ylim(max(0.0, np.floor(lowest * 10 - 0.6) / 10), 1.03)
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0, symbol=" %"))
    axes.set_ylabel(what)
    return figure


def response_time_figure(
    points: pd.DataFrame,
    summary: pd.DataFrame,
    labels: Mapping[str, str],
    theme: Theme = LIGHT,
    *,
    join: str | None = None,
) -> Figure:
    """Each person's typical response time by condition, on a logarithmic axis in seconds.

    Parameters
    ----------
    points : ``condition`` and ``geometric_mean_ms``, one row a person.
    summary : one row a condition: ``condition``, ``geometric_mean_ms``, ``low``, ``high``.
    """
    figure, axes = start_axes(theme, len(labels))
    seconds = points.assign(seconds=points["geometric_mean_ms"] / 1000)
    means = summary.assign(
        seconds=summary["geometric_mean_ms"] / 1000,
        low=summary["low"] / 1000,
        high=summary["high"] / 1000,
    )
    axes.set_yscale("log")
    _swarms(axes, seconds, "seconds", labels, theme, join)
    _means(axes, means, "seconds", labels, theme)
    low, high = float(seconds["seconds"].min()), float(seconds["seconds"].max())
    low, high = low / 1.15, high * 1.15
    axes.set_ylim(low, high)
    axes.set_yticks(round_values(low, high))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.3g} s"))
    axes.set_ylabel("Response time (log scale)")
    return figure


def psychometric_figure(
    trials: pd.DataFrame,
    fit: Psychometric,
    labels: Mapping[str, str],
    theme: Theme = LIGHT,
    *,
    groups: int = 8,
) -> Figure:
    """Right answers against the strength gap: people (small), all answers (large), and the fit.

    Parameters
    ----------
    trials : answered test trials with ``strength_gap``, ``correct``, ``participant``,
        ``condition``.
    groups : each large point holds one of so many equal parts of a condition's answers.
    """
    figure, axes = start_axes(theme, 1, width=COLUMN_IN)
    for position, name in enumerate(labels):
        own = trials[trials["condition"] == name]
        if own.empty:
            continue
        colour = theme.colour(position)
        person = own.assign(part=_equal_parts(own["strength_gap"], 4)).groupby(
            ["participant", "part"], observed=True
        )
        raw = person.agg(x=("strength_gap", "mean"), y=("correct", "mean"))
        axes.scatter(
            raw["x"], raw["y"], s=5, color=colour, alpha=float(np.clip(100 / len(raw), 0.02, 0.25)),
            lw=0, zorder=2,
            rasterized=len(raw) > RASTER_ABOVE,
        )  # fmt: skip
        binned = own.groupby(_equal_parts(own["strength_gap"], groups), observed=True).agg(
            x=("strength_gap", "mean"), y=("correct", "mean")
        )
        axes.scatter(
            binned["x"], binned["y"], s=26, color=colour, edgecolor=theme.ground, lw=0.8, zorder=4,
            label=labels[name],
        )  # fmt: skip
        x = np.linspace(float(own["strength_gap"].min()), float(own["strength_gap"].max()), 200)
        axes.plot(x, fit(x, name), color=colour, lw=1.6, zorder=3)
    axes.set_xlim(left=min(0.0, float(trials["strength_gap"].min())))
    axes.set_ylim(-0.03, 1.03)
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0, symbol=" %"))
    axes.set_xlabel("Strength gap of the two queries (SD)")
    axes.set_ylabel("Right answers")
    if len(labels) > 1:
        legend = axes.legend(loc="lower right", frameon=False, fontsize=7.5, handletextpad=0.2)
        for text in legend.get_texts():
            text.set_color(theme.ink)
    return figure


def render(figure: Figure, kind: str) -> bytes:
    """A figure as bytes of ``png`` or ``svg``, the same for the same data."""
    buffer = io.BytesIO()
    metadata = {"Date": None, "Creator": None} if kind == "svg" else {"Software": None}
    with matplotlib.rc_context({"svg.hashsalt": "lens", "svg.fonttype": "path"}):
        figure.savefig(buffer, format=kind, dpi=DPI, metadata=metadata)
    return buffer.getvalue()


@dataclass(frozen=True)
class Shown:
    """A figure as a notebook shows it."""

    figure: Figure

    def _repr_png_(self) -> bytes:
        return render(self.figure, "png")


def start_axes(theme: Theme, n_conditions: int, width: float | None = None) -> tuple[Figure, Any]:
    """An empty figure in the theme's colours; wide if there are many conditions."""
    if width is None:
        width = COLUMN_IN if n_conditions <= 3 else PAGE_IN
    figure = Figure(figsize=(width, 2.7), layout="constrained", facecolor=theme.ground)
    axes = figure.subplots()
    axes.set_facecolor(theme.ground)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(theme.ink_soft)
        axes.spines[side].set_linewidth(0.8)
    axes.tick_params(colors=theme.ink_soft, labelcolor=theme.ink, labelsize=8, width=0.8, length=3)
    axes.xaxis.label.set(color=theme.ink, fontsize=8.5)
    axes.yaxis.label.set(color=theme.ink, fontsize=8.5)
    axes.grid(axis="y", color=theme.line, lw=0.6, zorder=0)
    axes.set_axisbelow(True)
    return figure, axes


def _swarms(
    axes: Any,
    points: pd.DataFrame,
    value: str,
    labels: Mapping[str, str],
    theme: Theme,
    join: str | None,
) -> None:
    """One dot a row, equal values side by side, and the axis of conditions."""
    shown = points[points["condition"].isin(list(labels)) & points[value].notna()]
    place = shown["condition"].map({name: at for at, name in enumerate(labels)}).to_numpy(float)
    heights = shown[value].to_numpy(dtype=float)
    scale = np.log(heights) if axes.get_yscale() == "log" else heights
    across = place.copy()
    for position in range(len(labels)):
        across[place == position] += beeswarm(scale[place == position])
    raster = len(shown) > RASTER_ABOVE
    if join is not None and len(labels) > 1:
        for own in shown.reset_index(drop=True).groupby(join, observed=True).indices.values():
            order = own[np.argsort(place[own])]
            axes.plot(
                across[order], heights[order], color=theme.ink_soft, lw=0.4, alpha=0.35, zorder=1,
                rasterized=raster,
            )  # fmt: skip
    for position in range(len(labels)):
        here = place == position
        axes.scatter(
            across[here], heights[here], s=11, color=theme.colour(position),
            alpha=theme.dot_alpha, lw=0,
            zorder=2, rasterized=raster,
        )  # fmt: skip
    axes.set_xlim(-0.5, len(labels) - 0.5)
    place = (axes.figure.get_figwidth() - AXIS_IN) / max(len(labels), 1)
    letters = max(6, int(place / LETTER_IN))
    wrapped = [textwrap.fill(_shorten(label), min(letters, 20)) for label in labels.values()]
    axes.set_xticks(range(len(labels)), wrapped)
    axes.tick_params(axis="x", length=0)


def _means(
    axes: Any, summary: pd.DataFrame, value: str, labels: Mapping[str, str], theme: Theme
) -> None:
    """Mean and interval beside the dots."""
    rows = summary.set_index("condition")
    for position, name in enumerate(labels):
        if name not in rows.index:
            continue
        centre, low, high = rows.loc[name, [value, "low", "high"]].to_numpy(dtype=float)
        if not np.isfinite(centre):
            continue
        at = position + MARGIN + 0.07
        if np.isfinite(low) and np.isfinite(high):
            axes.plot([at, at], [low, high], color=theme.ink, lw=1.6, zorder=5)
        axes.scatter(
            [at], [centre], s=34, marker="D", color=theme.colour(position), edgecolor=theme.ink,
            lw=1.0, zorder=6,
        )  # fmt: skip


def beeswarm(values: NDArray[np.float64], rows: int = 44) -> NDArray[np.float64]:
    """Sideways offsets that keep dots of similar value apart; no chance involved.

    Parameters
    ----------
    rows : the range of values is cut into so many rows of dots.
    """
    offsets = np.zeros(len(values))
    if len(values) < 2:
        return offsets
    spread = float(values.max() - values.min()) or 1.0
    row = np.floor((values - values.min()) / spread * rows).astype(int)
    fullest = int(np.bincount(row).max())
    step = min(0.07, 2 * MARGIN / max(fullest, 1))
    for number in np.unique(row):
        members = np.flatnonzero(row == number)
        members = members[np.argsort(values[members], kind="stable")]
        places = np.arange(len(members)) - (len(members) - 1) / 2
        order = np.argsort(np.abs(places), kind="stable")
        offsets[members[np.arange(len(members))]] = places[order] * step
    return np.asarray(np.clip(offsets, -MARGIN, MARGIN))


def round_values(low: float, high: float) -> list[float]:
    """At least three round numbers between two positive ends, for a logarithmic axis."""
    for digits in ((1, 2, 5), (1, 1.5, 2, 3, 5, 7), (1, 1.2, 1.4, 1.6, 1.8, 2, 2.5, 3, 4, 5, 6, 8)):
        values = [round(m * 10.0**e, 9) for e in range(-6, 7) for m in digits]
        inside = [value for value in values if low <= value <= high]
        if len(inside) >= 3:
            return inside
    return [low, float(np.sqrt(low * high)), high]


def _equal_parts(values: pd.Series, parts: int) -> NDArray[np.int64]:
    """Number of the part, of so many of equal size, that each value lies in."""
    rank = values.rank(method="first").to_numpy()
    return np.asarray(np.ceil(rank / len(values) * parts), dtype=np.int64)


def _shorten(label: str, limit: int = 40) -> str:
    return label if len(label) <= limit else label[: limit - 1] + "…"
