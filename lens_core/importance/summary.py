"""Which concept leads in which image, and what that says of concepts."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

IMPORTANT_FROM = 10
"""A concept is important if it is the most important one in at least this many images (LENS)."""


@dataclass(frozen=True)
class ConceptSummaries:
    """Per concept of one dictionary and class.

    Attributes
    ----------
    top
        (n,) the concept with the largest contribution in each image.
    prevalence
        (r,) share of the images where it is that concept.
    reliability
        The model's accuracy on the folder's images that it leads; None where there are none.
    important
        Whether it leads in at least `IMPORTANT_FROM` images.
    """

    top: Tensor
    prevalence: tuple[float, ...]
    reliability: tuple[float | None, ...]
    important: tuple[bool, ...]


def summarise(contributions: Tensor, used: Tensor, right: Tensor) -> ConceptSummaries:
    """Summaries from contributions (n, r) of all the folder's images.

    Parameters
    ----------
    used
        (n,) bool: images that the atlas shows; prevalence and importance count these alone.
    right
        (n,) bool: predicted as the class that the folder says. Reliability looks at all images,
        since among those selected as predicted the model is right by selection.
    """
    top = contributions.argmax(dim=1)
    n_concepts = contributions.shape[1]
    counts = torch.bincount(top[used], minlength=n_concepts)
    reliability: list[float | None] = []
    for concept in range(n_concepts):
        led = right[top == concept]
        reliability.append(float(led.double().mean()) if len(led) else None)
    n_used = max(int(used.sum()), 1)
    return ConceptSummaries(
        top=top,
        prevalence=tuple(float(c) / n_used for c in counts),
        reliability=tuple(reliability),
        important=tuple(int(c) >= IMPORTANT_FROM for c in counts),
    )
