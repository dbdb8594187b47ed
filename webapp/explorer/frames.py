"""Tables as files."""

from __future__ import annotations

import pandas as pd


def csv_text(frame: pd.DataFrame) -> str:
    """A table as CSV text."""
    return frame.to_csv(index=False, lineterminator="\n", float_format="%.6g")
