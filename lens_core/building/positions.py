"""Places in two dimensions: images by what makes up their logit, concepts by their likeness."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lens_core.building.umap import umap

Points = NDArray[np.float64]

LEAST_UMAP = 30
"""Points from which on two sets of neighbours can differ."""


def image_positions(contributions: NDArray[np.floating], seed: int) -> Points:
    """t-SNE of images' contributions (n, r), seeded: (n, 2).

    Fewer than five images are laid out by their principal components.
    """
    from sklearn.manifold import TSNE

    values = np.asarray(contributions, dtype=np.float64)
    if len(values) < 5 or np.ptp(values, axis=0).max(initial=0.0) == 0.0:
        return _principal(values)
    perplexity = min(30.0, (len(values) - 1) / 3)
    # One thread: sums of several come out in another order each time.
    layout = TSNE(perplexity=perplexity, init=_start(values), random_state=seed, n_jobs=1)
    return np.asarray(layout.fit_transform(values), dtype=np.float64)


def umap_positions(contributions: NDArray[np.floating], seed: int) -> Points | None:
    """UMAP of the same (n, r), seeded: (n, 2); None of fewer than `LEAST_UMAP` points."""
    values = np.asarray(contributions, dtype=np.float64)
    if len(values) < LEAST_UMAP or np.ptp(values, axis=0).max(initial=0.0) == 0.0:
        return None
    return umap(values, _principal(values), seed)


def concept_positions(dictionary: NDArray[np.floating]) -> Points:
    """Classical scaling of the concepts' cosine distances, W (r, d) → (r, 2).

    The distance of two unit vectors is √(2 − 2 cos), which classical scaling reproduces as well as
    two dimensions can.
    """
    rows = np.asarray(dictionary, dtype=np.float64)
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    return _principal(rows / np.where(norms > 0, norms, 1.0))


def _start(values: NDArray[np.float64]) -> NDArray[np.float32]:
    start = _principal(values)
    return (start / max(float(start[:, 0].std()), 1e-12) * 1e-4).astype(np.float32)


def _principal(values: NDArray[np.float64]) -> Points:
    """First two principal components, signs fixed by the largest entry of each."""
    centred = values - values.mean(axis=0, keepdims=True)
    left, singular, _ = np.linalg.svd(centred, full_matrices=False)
    points = np.zeros((len(values), 2))
    for axis in range(min(2, len(singular))):
        column = left[:, axis] * singular[axis]
        points[:, axis] = column * (1.0 if column[np.abs(column).argmax()] >= 0 else -1.0)
    return points
