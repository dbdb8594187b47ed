"""How good feature visualizations are, in the feature space of any model.

Notation: V (m, d) features of pictures made, X (n, d) features of real pictures, both of the same
model and layer. A model that took no part in making the pictures is the better judge.

The three figures of the MACO paper (Fel et al., NeurIPS 2023, section 4.1) are `plausibility`,
`fid` and `transferability`; `kid` stands beside FID because it is unbiased for few pictures. What a
concept's picture shows is judged by `match` and `neighbour_share`: do the pictures of k concepts
find their own concept's crops among those of all?
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from lens_core.atlas import LensError
from lens_core.metrics.distributions import frechet_distance, knn_distances

_BATCH = 100
_SAME = 1e-5


def plausibility(made: Tensor, real: Tensor, k: int = 10) -> Tensor:
    """Distance (m,) of each picture to its k-th nearest real one; smaller is more plausible.

    Features are scaled to length 1 (deep k-NN; Sun et al., ICML 2022). Compare with what real
    pictures have among themselves, `knn_distances(real, real, k, skip_self=True)`.
    """
    return knn_distances(made, real, k)


def fid(made: Tensor, real: Tensor) -> float:
    """Fréchet distance between both sets of features (Heusel et al., NeurIPS 2017).

    Raises
    ------
    LensError
        Fewer pictures than dimensions: the figure would tell their number. Use `kid`.
    """
    return frechet_distance(made, real)


@dataclass(frozen=True)
class Kid:
    """Squared kernel distance and a bootstrap interval; 0 for one and the same distribution."""

    value: float
    low: float
    high: float


def kid(
    made: Tensor,
    real: Tensor,
    made_groups: Tensor | None = None,
    real_groups: Tensor | None = None,
    resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> Kid:
    """Kernel distance with k(x, y) = (x · y / d + 1)³ (Bińkowski et al., ICLR 2018).

    The estimate is unbiased and may be below 0.

    Parameters
    ----------
    made_groups, real_groups
        (m,) and (n,) integers: rows of one group are not independent (views of one picture, crops
        of one photograph). Pairs within a group never count, and groups are resampled whole. None:
        each row is its own.
    resamples, level, seed
        Of the percentile bootstrap.

    Raises
    ------
    LensError
        Fewer than two groups on either side.
    """
    x, y = made.double(), real.double()
    d = x.shape[1]
    sides = []
    generator = torch.Generator().manual_seed(seed)
    for rows, groups in ((x, made_groups), (y, real_groups)):
        names = torch.arange(len(rows)) if groups is None else groups.cpu()
        _, index = torch.unique(names, return_inverse=True)
        n_groups = int(index.max()) + 1 if len(index) else 0
        if n_groups < 2:
            raise LensError(f"a kernel distance needs two independent pictures, not {n_groups}")
        apart = (index[:, None] != index).double().to(rows.device)
        counts = torch.ones(resamples + 1, n_groups, dtype=torch.float64)
        drawn = torch.randint(n_groups, (resamples, n_groups), generator=generator)
        counts[1:] = torch.zeros(resamples, n_groups, dtype=torch.float64).scatter_add_(
            1, drawn, torch.ones_like(drawn, dtype=torch.float64)
        )
        weights = counts[:, index].to(rows.device)
        sides.append((weights, _within(_kernel(rows, rows, d) * apart, apart, weights)))
    (w, first), (v, second) = sides
    across = torch.cat(
        [
            ((a @ _kernel(x, y, d)) * b).sum(1) / (a.sum(1) * b.sum(1))
            for a, b in zip(torch.split(w, _BATCH), torch.split(v, _BATCH), strict=True)
        ]
    )
    values = first + second - 2 * across
    # A resample that drew one group alone has no pairs to compare.
    drawn_values = values[1:][values[1:].isfinite()]
    tails = torch.tensor([(1 - level) / 2, (1 + level) / 2], dtype=torch.float64)
    low, high = torch.quantile(drawn_values.cpu(), tails).tolist()
    return Kid(float(values[0]), low, high)


def _kernel(x: Tensor, y: Tensor, d: int) -> Tensor:
    return (x @ y.T / d + 1) ** 3


def _within(kernel: Tensor, apart: Tensor, weights: Tensor) -> Tensor:
    """Weighted mean of the kernel over pairs of different groups, (resamples,)."""
    parts = []
    for w in torch.split(weights, _BATCH):
        parts.append(((w @ kernel) * w).sum(1) / ((w @ apart) * w).sum(1))
    return torch.cat(parts)


@dataclass(frozen=True)
class Transfer:
    """What another model makes of pictures: share that it takes for their class, and how surely."""

    accuracy: float
    probability: float


def transferability(logits: Tensor, classes: Sequence[int]) -> Transfer:
    """Accuracy and mean probability of the right class over pictures.

    Parameters
    ----------
    logits : Tensor (m, C)
        Of a model that took no part in making the pictures.
    classes
        m indices into its classes: what each picture is of.
    """
    wanted = torch.tensor(list(classes), device=logits.device)
    right = (logits.argmax(1) == wanted).double().mean()
    sure = logits.softmax(1).gather(1, wanted[:, None]).double().mean()
    return Transfer(float(right), float(sure))


@dataclass(frozen=True)
class Matches:
    """Whose crops pictures resemble.

    Attributes
    ----------
    scores
        (k, k): likeness of picture i to the crops of concept j, a cosine.
    ranks
        (k,): place of its own concept for each picture, 1 the best.
    """

    scores: Tensor
    ranks: Tensor

    @property
    def top1(self) -> float:
        """Share of pictures that are most like their own concept's crops; chance is 1/k."""
        return float((self.ranks == 1).double().mean())


def match(made: Tensor, crops: Sequence[Tensor]) -> Matches:
    """Match the pictures of k concepts to the crops of these concepts, k ways.

    Features are scaled to length 1; each side is centred on its own mean over concepts, since
    pictures made differ from photographs by more than by what they show. Equal scores count against
    the picture.

    Parameters
    ----------
    made : Tensor (k, d)
        Features of each concept's picture.
    crops
        k tensors (n_i, d), features of each concept's crops.
    """
    if len(made) != len(crops) or len(crops) < 2:
        raise LensError(f"{len(made)} pictures cannot be matched to crops of {len(crops)} concepts")
    unit = functional.normalize
    pictures = unit(made.double(), dim=1)
    centres = torch.stack([unit(own.double(), dim=1).mean(0) for own in crops])
    # Pictures that are all the same are left with rounding errors, which would match by chance.
    own, other = pictures - pictures.mean(0), centres - centres.mean(0)
    scores = unit(own, dim=1, eps=_SAME) @ unit(other, dim=1, eps=_SAME).T
    scores = torch.where(scores.abs() > _SAME, scores, torch.zeros_like(scores))
    ranks = (scores >= scores.diagonal()[:, None]).sum(1)
    return Matches(scores, ranks)


def nearest_crops(made: Tensor, crops: Tensor, n: int = 10) -> Tensor:
    """(k, n) rows of the crops most like each picture; both sides centred as in `match`."""
    unit = functional.normalize
    x, y = unit(made.double(), dim=1), unit(crops.double(), dim=1)
    scores = unit(x - x.mean(0), dim=1) @ unit(y - y.mean(0), dim=1).T
    return scores.topk(min(n, len(crops)), dim=1).indices


def neighbour_share(nearest: Tensor, owners: Tensor) -> Tensor:
    """(k,) share of each picture's nearest crops (k, n) that are its own concept's.

    `owners` (n_crops,) says whose each crop is: 0 … k-1, in the pictures' order.
    """
    own = torch.arange(len(nearest), device=nearest.device)[:, None]
    return (owners.to(nearest.device)[nearest] == own).double().mean(1)


def leading_parts(cover: Tensor, base: Tensor) -> Tensor:
    """(k,) the part that stands out in each set of crops.

    Parameters
    ----------
    cover : Tensor (k, p)
        Mean share of the crops' area that each of p parts covers.
    base : Tensor (p,)
        The same over all crops. Parts that cover less than 1 in 1,000 of it cannot lead.
    """
    lift = cover / base.clamp(min=1e-12)
    return torch.where(base >= 1e-3, lift, torch.full_like(lift, -1.0)).argmax(1)
