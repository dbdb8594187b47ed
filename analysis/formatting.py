"""Numbers as a reader wants them; what is missing is a dash, never a made-up zero."""

from __future__ import annotations

from collections.abc import Callable, Mapping

MISSING = "–"
MINUS = "−"


def number(value: float | None, digits: int = 2) -> str:
    """Fixed digits, a true minus sign, thin spaces between thousands.

    Examples
    --------
    >>> number(-1234.5, 1)
    '−1\\u202f234.5'
    """
    if value is None:
        return MISSING
    text = f"{abs(value):,.{digits}f}".replace(",", "\u202f")
    negative = value < 0 and float(f"{value:.{digits}f}") != 0
    return (MINUS if negative else "") + text


def integer(value: float | None) -> str:
    """A count."""
    return number(value, 0)


def percent(value: float | None, digits: int = 1) -> str:
    """A proportion in percent, with the sign."""
    return MISSING if value is None else f"{number(100 * value, digits)}\u00a0%"


def points(value: float | None, digits: int = 1) -> str:
    """A difference of proportions in percentage points, without the unit."""
    return MISSING if value is None else number(100 * value, digits)


def p_value(value: float | None) -> str:
    """``p = .043`` or ``p < .001``.

    Examples
    --------
    >>> p_value(0.0432), p_value(0.00001)
    ('p = .043', 'p < .001')
    """
    if value is None:
        return f"p {MISSING}"
    if value < 0.001:
        return "p < .001"
    return "p > .999" if value > 0.999 else f"p = {value:.3f}".replace("0.", ".", 1)


def degrees(value: float | None) -> str:
    """Degrees of freedom: whole if they are whole."""
    if value is None:
        return MISSING
    return number(value, 0 if float(value).is_integer() else 1)


def seconds(value_ms: float | None, digits: int = 2) -> str:
    """Milliseconds as seconds, with the unit."""
    return MISSING if value_ms is None else f"{number(value_ms / 1000, digits)}\u00a0s"


def between(
    low: float | None, high: float | None, show: Callable[[float | None], str] = number
) -> str:
    """Both ends of an interval in brackets."""
    return MISSING if low is None or high is None else f"[{show(low)}, {show(high)}]"


def count(value: int, noun: str, plural: str | None = None) -> str:
    """``1 person``, ``2 people``.

    Examples
    --------
    >>> count(2, "person", "people")
    '2 people'
    """
    return f"{integer(value)} {noun if value == 1 else plural or noun + 's'}"


FILTERS: Mapping[str, Callable[..., str]] = {
    "number": number,
    "integer": integer,
    "percent": percent,
    "points": points,
    "p": p_value,
    "df": degrees,
    "seconds": seconds,
    "count": count,
}
"""Names under which the report's template knows them."""
