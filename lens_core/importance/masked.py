"""What the head says when concepts are scaled by masks: all that black-box estimators need.

Shapes, in all files of this package: values U (n, r, …) with any positions after the concepts;
dictionary W (r, d); a head maps activations (m, d, …) to the logit of the class (m,).
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

Head = Callable[[Tensor], Tensor]


@torch.no_grad()
def masked_logits(
    head: Head, values: Tensor, dictionary: Tensor, masks: Tensor, batch: int = 256
) -> Tensor:
    """Logits (n, m) of every image under every mask.

    Parameters
    ----------
    masks
        (n, m, r), or (m, r) for all images alike. One factor a concept, for all its positions.
    batch
        Masked images evaluated at once: bounds memory, changes nothing.
    """
    n, r = values.shape[:2]
    masks = masks.to(values)
    if masks.ndim == 2:
        masks = masks.expand(n, -1, -1)
    m = masks.shape[1]
    flat = values.reshape(n, r, -1)
    answers = []
    for start in range(0, n * m, batch):
        index = torch.arange(start, min(start + batch, n * m), device=values.device)
        image, mask = index // m, index % m
        chosen = flat[image] * masks[image, mask].unsqueeze(-1)
        rebuilt = torch.einsum("nrp,rd->ndp", chosen, dictionary)
        answers.append(head(rebuilt.reshape(len(index), -1, *values.shape[2:])))
    return torch.cat(answers).view(n, m)
