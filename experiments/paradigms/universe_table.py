"""The recorded universe of candidates: everything that could have been shown, and what was."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from experiments.candidates import Universe
from experiments.stimuli import Cut, StimulusNames

if TYPE_CHECKING:
    import pandas as pd

Listed = tuple[str, Universe, NDArray[np.int64], NDArray[np.int64]]
"""Condition, universe, and its strong and weak candidates."""


def candidates_table(items: Iterable[Listed], names: StimulusNames) -> pd.DataFrame:
    """Every candidate of every item, and the stimulus that it became, if any."""
    import pandas as pd

    drawn = dict(names.items())
    tables = []
    for condition, universe, strong, weak in items:
        stratum = np.full(len(universe.values), "", dtype=object)
        stratum[strong], stratum[weak] = "strong", "weak"
        pictures = universe.pool.pictures
        columns = {
            "condition": condition,
            "item": universe.item,
            "atlas_hash": universe.pool.atlas_hash,
            "source_image": [picture.source for picture in pictures],
            "crop": [picture.crop for picture in pictures],
            "value": universe.values,
            "quantile": universe.quantiles,
            "stratum": stratum,
            "stimulus": [drawn.get(Cut(p.file, p.box), "") for p in pictures],
        }
        columns |= {
            name: [picture.box[place] for picture in pictures]
            for place, name in enumerate(("x0", "y0", "x1", "y1"))
        }
        tables.append(pd.DataFrame(columns))
    return pd.concat(tables, ignore_index=True)
