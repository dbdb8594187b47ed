"""Whether a picture has the colours of what it stands for, as people see them (CIELAB)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from skimage.color import deltaE_ciede2000, rgb2lab

Array = NDArray[np.float64]


def mean_lab(rgb: NDArray[np.floating], weight: NDArray[np.floating] | None = None) -> Array:
    """Mean colour (3,) in CIELAB (D65) of a picture (H, W, 3) in [0, 1], weighted by (H, W)."""
    lab = rgb2lab(np.asarray(rgb, dtype=np.float64)).reshape(-1, 3)
    shares = np.ones(len(lab)) if weight is None else np.asarray(weight, dtype=np.float64).ravel()
    mean: Array = shares @ lab / max(float(shares.sum()), 1e-12)
    return mean


def colour_distances(pictures: Sequence[Array], crops: Sequence[Array]) -> Array:
    """CIEDE2000 differences (k, j) between mean colours (3,) in CIELAB.

    Below 2 people hardly see a difference; 10 is another shade, 50 another colour (Sharma, Wu &
    Dalal, Color Res. Appl. 2005).
    """
    own, other = np.stack(pictures)[:, None], np.stack(crops)[None]
    distances: Array = deltaE_ciede2000(own, other)  # type: ignore[no-untyped-call]
    return distances
