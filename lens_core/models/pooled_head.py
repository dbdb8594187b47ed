"""Heads that read nothing of a map but its mean over positions, found by trying.

Masking concepts, decoding and pooling are linear, so such a head can be asked about pooled
activations, at the price of one position in place of h · w. That is true of most convolutional
networks cut at their last block, also where what follows the pooling is not linear (ConvNeXt's
norm, MobileNetV3's hidden layer).
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from lens_core.models.split import same

MapHead = Callable[[Tensor], Tensor]


class PooledHead:
    """Means over positions (n, d) → logits (n, C).

    Parameters
    ----------
    head
        Maps (n, d, h, w) → logits (n, C).
    side
        Maps of this side, all positions alike, are what it is given.
    """

    def __init__(self, head: MapHead, side: int) -> None:
        self._head = head
        self._side = side

    def __call__(self, pooled: Tensor) -> Tensor:
        """Logits (n, C)."""
        maps = pooled[:, :, None, None].expand(-1, -1, self._side, self._side)
        return self._head(maps)


@torch.no_grad()
def find_pooled_head(head: MapHead, maps: Tensor) -> PooledHead | None:
    """The head as a function of means, if it answers to `maps` (n, d, h, w) as to their means."""
    expected = head(maps)
    for side in dict.fromkeys((1, maps.shape[-1])):
        pooled = PooledHead(head, side)
        try:
            answer = pooled(maps.mean(dim=(2, 3)))
        except Exception:  # a head that needs the full size says so in its own way
            continue
        if same(answer, expected):
            return pooled
    return None
