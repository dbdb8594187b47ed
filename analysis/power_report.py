"""What ``lens power`` writes: power.json, tables, the curve, and a page."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from analysis.contents import plain
from analysis.figures import COLUMN_IN, DARK, LIGHT, Theme, render, start_axes
from analysis.formatting import number
from analysis.multiple_comparisons import CORRECTIONS
from analysis.output import write_folder
from analysis.report import Picture, render_page

RESULTS = "power.json"
TEMPLATE = "power.html.j2"


def power_content(
    about: Mapping[str, Any], table: pd.DataFrame, needed: pd.DataFrame, sequential: pd.DataFrame
) -> dict[str, Any]:
    """What ``power.json`` holds.

    Parameters
    ----------
    about : the study and what was asked.
    """
    name = CORRECTIONS.get(str(about["correction"]), "Holm")
    told = "p-values uncorrected" if name == "none" else f"{name}'s correction, as declared"
    content = {
        "format_version": 1,
        "about": dict(about),
        "method": "each simulated study goes through the analysis that the report makes: logit "
        f"clustered by participant and item, {told}; power is the share with a p below alpha, its "
        "interval is Wilson's for the Monte-Carlo error alone",
        "needed": needed,
        "curve": table,
        "sequential": sequential,
    }
    found = plain(content)
    assert isinstance(found, dict)
    return found


def power_figure(table: pd.DataFrame, wanted: float, theme: Theme = LIGHT) -> Figure:
    """Power against the number of people, a line for each effect and number of items."""
    figure, axes = start_axes(theme, 1, width=COLUMN_IN)
    several = table["n_items"].nunique() > 1
    groups = table.groupby(["effect", "n_items"], sort=True)
    for place, (key, own) in enumerate(groups):
        effect, items = (float(str(part)) for part in (key if isinstance(key, tuple) else ()))
        colour = theme.colour(place)
        x = own["n_participants"].to_numpy(dtype=float)
        axes.fill_between(x, own["low"], own["high"], color=colour, alpha=0.18, lw=0, zorder=2)
        label = f"log odds {number(effect)}" + (f", {items:g} items" if several else "")
        axes.plot(x, own["power"], color=colour, lw=1.5, marker="o", ms=4, zorder=4, label=label)
    axes.axhline(wanted, color=theme.ink_soft, lw=0.8, ls=(0, (4, 3)), zorder=1)
    axes.set_ylim(-0.02, 1.03)
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0, symbol=" %"))
    axes.set_xlabel("People analysed")
    axes.set_ylabel("Power")
    legend = figure.legend(
        *axes.get_legend_handles_labels(), loc="outside upper center", ncols=2, frameon=False,
        fontsize=7.5,
    )  # fmt: skip
    for text in legend.get_texts():
        text.set_color(theme.ink)
    return figure


def write_power(content: Mapping[str, Any], out: str | Path, *, force: bool = False) -> Path:
    """Write the folder, whole or not at all."""

    def fill(folder: Path) -> None:
        text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
        (folder / RESULTS).write_text(text, encoding="utf-8")
        (folder / "tables").mkdir()
        for name in ("curve", "needed", "sequential"):
            rows = pd.DataFrame(content[name])
            if len(rows):
                rows.to_csv(folder / "tables" / f"{name}.csv", index=False, lineterminator="\n")
        (folder / "figures").mkdir()
        table = pd.DataFrame(content["curve"]).astype({"power": float, "low": float})
        wanted = float(content["about"]["power"])
        svg = render(power_figure(table, wanted), "svg")
        (folder / "figures" / "power.svg").write_bytes(svg)
        (folder / "figures" / "power.png").write_bytes(render(power_figure(table, wanted), "png"))
        dark = render(power_figure(table, wanted, DARK), "svg")
        page = render_page(TEMPLATE, json.loads(text), {"power": Picture(svg, dark)})
        (folder / "report.html").write_text(page, encoding="utf-8")

    return write_folder(out, fill, force=force)


def words(content: Mapping[str, Any]) -> list[str]:
    """A line for each effect and number of items."""
    lines = []
    for row in content["needed"]:
        text = (
            f"log odds {number(row['effect'])}, {row['n_items']} items a condition: {row['words']}"
        )
        if row["people"] is not None and np.isfinite(row["people"]):
            ends = [f"{row[end]:.0f}" if row[end] is not None else "?" for end in ("low", "high")]
            text += f" ({' to '.join(ends)})"
            if content["about"]["loss"]:
                text += f", recruit {row['recruit']:.0f}"
        lines.append(text)
        if row.get("words_width"):
            lines.append(f"  {row['words_width']}")
    return lines
