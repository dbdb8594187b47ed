"""Importance of a concept by taking it away."""

from __future__ import annotations

import torch
from torch import Tensor

from lens_core.importance.masked import Head, masked_logits


def occlusion(head: Head, values: Tensor, dictionary: Tensor, batch: int = 256) -> Tensor:
    """f(all) − f(all but i), (n, r), signed (Zeiler & Fergus, ECCV 2014; u ⊙ ω if f is linear)."""
    r = values.shape[1]
    masks = torch.cat([torch.ones(1, r), 1 - torch.eye(r)])
    logits = masked_logits(head, values, dictionary, masks, batch)
    return logits[:, :1] - logits[:, 1:]
