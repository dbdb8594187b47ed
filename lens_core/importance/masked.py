"""What the head says when concepts are scaled by masks: all that black-box estimators need.

Shapes, in all files of this package: values U (n, r, …) with any positions after the concepts;
dictionary W (r, d); a head maps activations (m, d, …) to the logit of the class (m,).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

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
    directions = dictionary.T.contiguous()
    answers = []
    for start in range(0, n * m, batch):
        stop = min(start + batch, n * m)
        parts = [
            (flat[image] * masks[image, rows].unsqueeze(-1))
            for image, rows in _spans(start, stop, m)
        ]
        chosen = parts[0] if len(parts) == 1 else torch.cat(parts)
        # One position: a plain product, rows contiguous. Many: maps as the head wants them.
        rebuilt = chosen[..., 0] @ dictionary if flat.shape[2] == 1 else directions @ chosen
        answers.append(head(rebuilt.reshape(stop - start, -1, *values.shape[2:])))
    return torch.cat(answers).view(n, m)


def _spans(start: int, stop: int, m: int) -> Iterator[tuple[int, slice]]:
    """Which masks of which images the answers start … stop − 1 belong to, m an image."""
    while start < stop:
        image, first = divmod(start, m)
        last = min(m, first + stop - start)
        yield image, slice(first, last)
        start += last - first
