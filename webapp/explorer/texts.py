"""Numbers as people read them."""

from __future__ import annotations

from typing import Any


def percent(share: float, digits: int = 0) -> str:
    """A share as people read it: 0.394 is ``39 %``; the space never breaks."""
    shown = f"{100 * share:.{digits}f}".replace("-", "\u2212")
    return f"{'0' if float(shown.replace(chr(0x2212), '-')) == 0 else shown}\u00a0%"


def count(number: int, one: str = "", many: str = "") -> str:
    """A number with thin spaces between thousands, and the noun it counts."""
    shown = f"{number:,}".replace(",", "\u202f")
    noun = one if number == 1 else many or (f"{one}s" if one else "")
    return f"{shown}\u00a0{noun}" if noun else shown


def decimals(number: Any, digits: int = 2) -> str:
    """A number with a true minus sign; a dash if there is none."""
    if number is None:
        return "–"
    rounded = round(float(number), digits) + 0.0  # nothing is written as minus nothing
    return f"{rounded:.{digits}f}".replace("-", "\u2212")
