"""A table as LaTeX, with the package booktabs."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

SPECIAL = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "−": "$-$",
    "×": r"$\times$",
    "²": r"$^2$",
    "≥": r"$\ge$",
    "≤": r"$\le$",
    "\u202f": r"\,",
    "\u00a0": "~",
}
MOST_ROWS = 500
"""A longer table is no table for a paper; its CSV file lies beside."""


def latex(table: pd.DataFrame, caption: str = "") -> str:
    """A ``table`` environment; numbers with four significant digits, missing ones empty.

    Examples
    --------
    >>> print(latex(pd.DataFrame({"n_people": [3], "share": [0.25]})))
    \\begin{table}
    \\begin{tabular}{rr}
    \\toprule
    n\\_people & share \\\\
    \\midrule
    3 & 0.25 \\\\
    \\bottomrule
    \\end{tabular}
    \\end{table}
    <BLANKLINE>
    """
    columns = ["r" if pd.api.types.is_numeric_dtype(table[name]) else "l" for name in table.columns]
    rows = [[_cell(value) for value in row] for row in table.itertuples(index=False)]
    lines = [
        r"\begin{table}",
        *([rf"\caption{{{escaped(caption)}}}"] if caption else []),
        rf"\begin{{tabular}}{{{''.join(columns)}}}",
        r"\toprule",
        " & ".join(escaped(str(name)) for name in table.columns) + r" \\",
        r"\midrule",
        *(" & ".join(row) + r" \\" for row in rows),
        r"\bottomrule",
        r"\end{tabular}",
        r"\end{table}",
    ]
    return "\n".join(lines) + "\n"


def escaped(text: str) -> str:
    """Text with what LaTeX would take for commands made harmless."""
    return "".join(SPECIAL.get(letter, letter) for letter in text)


def _cell(value: Any) -> str:
    if value is None or value is pd.NA or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, float):
        return escaped(f"{value:.4g}").replace("-", "$-$", 1) if value < 0 else f"{value:.4g}"
    return escaped(str(value))
