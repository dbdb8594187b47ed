"""Where non-negative matrix factorization starts from."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from lens_core.factorization.linear_algebra import Squeezed, leading_svd

Start = Literal["nndsvda", "random"]


def nndsvda(
    a: Tensor, r: int, seed: int, squeezed: Squeezed | None = None
) -> tuple[Tensor, Tensor]:
    """Non-negative start (n, r), (r, d) from the leading singular vectors.

    Non-negative double SVD with zeros filled by the mean (NNDSVDa; Boutsidis & Gallopoulos,
    Pattern Recognition 2008, section 2.3).
    """
    left, singular, right = leading_svd(a, r, seed, squeezed=squeezed)
    fill = float(a.mean())
    u = a.new_zeros(a.shape[0], r)
    w = a.new_zeros(r, a.shape[1])
    for k in range(len(singular)):
        x, y = left[:, k], right[k]
        positive = (x.clamp(min=0), y.clamp(min=0))
        negative = ((-x).clamp(min=0), (-y).clamp(min=0))
        # Of the two non-negative halves of the pair, keep the one that carries more.
        x, y = max(positive, negative, key=lambda pair: float(pair[0].norm() * pair[1].norm()))
        nx, ny = x.norm(), y.norm()
        if nx > 0 and ny > 0:
            scale = (singular[k] * nx * ny).sqrt()
            u[:, k] = scale * x / nx
            w[k] = scale * y / ny
    return u.masked_fill_(u <= 0, fill), w.masked_fill_(w <= 0, fill)


def random_start(a: Tensor, r: int, seed: int) -> tuple[Tensor, Tensor]:
    """Half-normal factors whose product has the mean of A, the same on every device."""
    generator = torch.Generator().manual_seed(seed)
    scale = (a.mean() / r).clamp(min=0).sqrt()
    u = torch.randn(a.shape[0], r, generator=generator).abs().to(a)
    w = torch.randn(r, a.shape[1], generator=generator).abs().to(a)
    return u * scale, w * scale


def start(
    a: Tensor, r: int, seed: int, kind: Start, squeezed: Squeezed | None = None
) -> tuple[Tensor, Tensor]:
    """U (n, r) and W (r, d) to start from; `squeezed` as `leading_svd` takes it, if it is known."""
    return nndsvda(a, r, seed, squeezed) if kind == "nndsvda" else random_start(a, r, seed)
