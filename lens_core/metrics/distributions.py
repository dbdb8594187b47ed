"""Distances between two sets of activations, and of activations to a set."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from lens_core.atlas import LensError


def wasserstein(first: Tensor, second: Tensor) -> Tensor:
    """Distance of order 1 between the columns of X (n, d) and Y (m, d), each by itself: (d,).

    In units of the activations: the mean distance that values have to be moved.
    """
    quantiles = _common_quantiles(len(first), len(second)).to(first.device)
    x = _at_quantiles(first, quantiles)
    y = _at_quantiles(second, quantiles)
    widths = torch.diff(quantiles, prepend=quantiles.new_zeros(1))
    return (widths[:, None] * (x - y).abs()).sum(0)


def sliced_wasserstein(first: Tensor, second: Tensor, n_slices: int = 64, seed: int = 0) -> float:
    """Mean distance of order 1 between the projections on random directions.

    Unlike distances of columns it sees how channels go together (Bonneel et al., J. Math. Imaging
    Vis. 2015).
    """
    generator = torch.Generator().manual_seed(seed)
    directions = torch.randn(first.shape[1], n_slices, generator=generator, dtype=torch.float64)
    directions = (directions / directions.norm(dim=0)).to(first.device)
    return float(wasserstein(first.double() @ directions, second.double() @ directions).mean())


def frechet_distance(first: Tensor, second: Tensor) -> float:
    """‖μ₁ − μ₂‖² + tr(Σ₁ + Σ₂ − 2(Σ₁Σ₂)^½): squared distance between fitted Gaussians (FID).

    Dowson & Landau, J. Multivar. Anal. 1982; Heusel et al., NeurIPS 2017, on the features given.

    Raises
    ------
    LensError
        Fewer rows than columns: covariances would be singular and the figure biased by n.
    """
    return Moments([first]).frechet_distance(Moments([second]))


class Moments:
    """Mean and covariance of rows (…, d) that come a part at a time; memory holds d × d numbers.

    Examples
    --------
    >>> rows = torch.arange(12.0).view(4, 3)
    >>> moments = Moments([rows[:1], rows[1:]])
    >>> moments.n, bool(torch.allclose(moments.covariance, torch.cov(rows.double().T)))
    (4, True)
    """

    def __init__(self, parts: Iterable[Tensor] = ()) -> None:
        self.n = 0
        self.mean = torch.zeros(0, dtype=torch.float64)
        self._scatter = torch.zeros(0, 0, dtype=torch.float64)
        for rows in parts:
            self.add(rows)

    def add(self, rows: Tensor) -> None:
        """Take rows (m, d) (Chan, Golub & LeVeque, 1979)."""
        x = rows.double()
        if not self.n:
            self.mean = x.new_zeros(x.shape[1])
            self._scatter = x.new_zeros(x.shape[1], x.shape[1])
        m, here = len(x), x.mean(0)
        away = here - self.mean
        centred = x - here
        share = self.n * m / (self.n + m)
        self._scatter += centred.T @ centred + share * torch.outer(away, away)
        self.mean = self.mean + away * (m / (self.n + m))
        self.n += m

    @property
    def covariance(self) -> Tensor:
        """(d, d), unbiased."""
        return self._scatter / (self.n - 1)

    def frechet_distance(self, other: Moments) -> float:
        """See :func:`frechet_distance`."""
        n, d = min(self.n, other.n), len(self.mean)
        if n <= d:
            raise LensError(
                f"a Fréchet distance in {d} dimensions needs more than {d} rows, there are {n}: "
                "use more images, fewer dimensions, or a Wasserstein distance"
            )
        root = _symmetric_root(self.covariance)
        cross = torch.linalg.eigvalsh(root @ other.covariance @ root).clamp(min=0).sqrt().sum()
        shift = (self.mean - other.mean).square().sum()
        spread = self.covariance.trace() + other.covariance.trace() - 2 * cross
        return max(float(shift + spread), 0.0)


def knn_distances(
    queries: Tensor, real: Tensor, k: int = 10, skip_self: bool = False, batch: int = 1024
) -> Tensor:
    """Distance of each row (n,) to its k-th nearest of the real rows, all scaled to length 1.

    Far from real activations is out of distribution (deep k-NN; Sun et al., ICML 2022, section 3).

    Parameters
    ----------
    skip_self
        The queries are the real rows: a row is not its own neighbour.

    Raises
    ------
    ValueError
        Fewer real rows than neighbours asked for.
    """
    wanted = k + int(skip_self)
    if not 1 <= wanted <= len(real):
        raise ValueError(f"there are {len(real)} real rows, too few for neighbour {k}")
    unit = torch.nn.functional.normalize
    points = unit(real.double(), dim=1)
    found = []
    for start in range(0, len(queries), batch):
        rows = unit(queries[start : start + batch].double(), dim=1)
        distances = torch.cdist(rows, points, compute_mode="donot_use_mm_for_euclid_dist")
        found.append(distances.kthvalue(wanted, dim=1).values)
    return torch.cat(found)


def _symmetric_root(matrix: Tensor) -> Tensor:
    levels, vectors = torch.linalg.eigh(matrix)
    root: Tensor = (vectors * levels.clamp(min=0).sqrt()) @ vectors.T
    return root


def _common_quantiles(n: int, m: int) -> Tensor:
    """Where the empirical distribution of either sample steps, in (0, 1]."""
    if n == m:
        return torch.arange(1, n + 1, dtype=torch.float64) / n
    # As whole numbers of 1/(n m), so that steps of both at one place are one step.
    steps = torch.cat([torch.arange(1, n + 1) * m, torch.arange(1, m + 1) * n]).sort().values
    different: Tensor = steps[torch.diff(steps, prepend=steps.new_zeros(1)) > 0]
    return different.double() / (n * m)


def _at_quantiles(sample: Tensor, quantiles: Tensor) -> Tensor:
    """The sample's value up to each quantile, a column at a time."""
    n = len(sample)
    places = torch.ceil(quantiles * n - 1e-9).long() - 1
    return sample.double().sort(dim=0).values[places.clamp(min=0)]
