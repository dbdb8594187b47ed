"""The participant's machine as columns of a data set: what timing and size of a display were.

A browser tells this of itself, so each value is looked at: what is no finite number, or no short
text, is a missing value. Languages, time zone and the browser's full name, which together would
tell one person from others, stay in the database.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from experiments.records import Column

LONGEST = 80

MACHINE = (
    Column("browser", "string", "Browser and its major version."),
    Column("os", "string", "Operating system."),
    Column("refresh_hz", "number", "Refresh rate of the display, measured."),
    Column("frame_interval_ms", "number", "Median time between frames, measured."),
    Column("viewport_width_px", "number", "Width of the window's content, CSS pixels."),
    Column("viewport_height_px", "number", "Height of the window's content, CSS pixels."),
    Column("screen_width_px", "number", "Width of the screen, CSS pixels."),
    Column("screen_height_px", "number", "Height of the screen, CSS pixels."),
    Column("pixel_ratio", "number", "Device pixels in a CSS pixel."),
    Column("touch", "integer", "1 if the main pointer is a finger, else 0."),
    Column("reduced_motion", "integer", "1 if the person asked for less motion, else 0."),
    Column("px_per_mm", "number", "CSS pixels in a millimetre, from a card held to the screen."),
    Column("px_per_degree", "number", "CSS pixels in a degree at the asked-for distance."),
    Column("viewing_cm", "number", "Asked-for distance of the eyes, centimetres."),
)


def machine_row(environment: Mapping[str, Any] | None) -> dict[str, Any]:
    """Values of the columns of :data:`MACHINE`, for what a browser said of itself."""
    said = environment or {}
    card = said.get("calibration")
    card = card if isinstance(card, Mapping) else {}
    row: dict[str, Any] = {name: _text(said.get(name)) for name in ("browser", "os")}
    for name in ("refresh_hz", "frame_interval_ms", "pixel_ratio"):
        row[name] = _number(said.get(name))
    for name in ("viewport", "screen"):
        row[f"{name}_width_px"], row[f"{name}_height_px"] = _pair(said.get(f"{name}_px"))
    for name in ("touch", "reduced_motion"):
        row[name] = int(said[name]) if isinstance(said.get(name), bool) else None
    for name in ("px_per_mm", "px_per_degree", "viewing_cm"):
        row[name] = _number(card.get(name))
    return row


def _text(value: object) -> str | None:
    return value[:LONGEST] if isinstance(value, str) else None


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        return float(value) if math.isfinite(value) else None
    except OverflowError:  # a whole number of hundreds of digits
        return None


def _pair(value: object) -> tuple[float | None, float | None]:
    if not isinstance(value, list) or len(value) != 2:
        return None, None
    return _number(value[0]), _number(value[1])


HIDDEN: frozenset[str] = frozenset(column.name for column in MACHINE)
"""What an anonymous data set leaves empty."""
