"""What a browser says of its machine comes out as numbers and short texts, whatever it says."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from webapp.services.machines import MACHINE, machine_row

SAID: dict[str, Any] = {
    "browser": "Firefox 141",
    "os": "Windows",
    "refresh_hz": 59.9,
    "frame_interval_ms": 16.68,
    "viewport_px": [1200, 800],
    "screen_px": [1920, 1080],
    "pixel_ratio": 1.5,
    "touch": False,
    "reduced_motion": True,
    "calibration": {"px_per_mm": 3.808, "px_per_degree": 39.88, "viewing_cm": 60},
    "user_agent": "Mozilla/5.0 …",
    "time_zone": "Europe/Vienna",
}


def test_what_is_said_is_in_the_columns() -> None:
    assert list(machine_row(SAID).values()) == [
        *("Firefox 141", "Windows", 59.9, 16.68, 1.5),
        *(1200.0, 800.0, 1920.0, 1080.0, 0, 1),
        *(3.808, 39.88, 60.0),
    ]
    assert set(machine_row(SAID)) == {column.name for column in MACHINE}
    assert "Vienna" not in str(machine_row(SAID))
    assert set(machine_row(None).values()) == {None}


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.just(10**400) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(sorted(SAID)), ANYTHING))
def test_nonsense_is_a_missing_value(said: dict[str, Any]) -> None:
    kinds = {column.name: column.kind for column in MACHINE}
    for name, value in machine_row(said).items():
        wanted = {"string": str, "number": float, "integer": int}[kinds[name]]
        assert value is None or isinstance(value, wanted)
        assert value is None or (len(value) <= 80 if isinstance(value, str) else value == value)
