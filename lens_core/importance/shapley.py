"""Shapley values of concepts: the logit shared out fairly, interactions split evenly."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from lens_core.importance.masked import Head, masked_logits

EXACT_UP_TO = 12
"""Concepts for which all subsets are evaluated, 4,096 of them; more are sampled."""


def shapley(
    head: Head,
    values: Tensor,
    dictionary: Tensor,
    nb_permutations: int = 32,
    seed: int = 0,
    batch: int = 256,
    exact: bool | None = None,
) -> Tensor:
    """Shapley values (n, r), signed; each row adds up to f(all) − f(none) (Shapley, 1953).

    Parameters
    ----------
    nb_permutations
        Where sampled: orders in which concepts join, each used forwards and backwards (Castro et
        al., Comput. Oper. Res. 2009; antithetic, Mitchell et al., JMLR 2022). The rows' totals are
        exact all the same.
    exact
        Over all 2^r subsets. By default where r ≤ `EXACT_UP_TO`.
    """
    r = values.shape[1]
    if exact if exact is not None else r <= EXACT_UP_TO:
        return _exact(head, values, dictionary, batch)
    generator = torch.Generator().manual_seed(seed)
    total = torch.zeros(values.shape[:2], dtype=torch.float64, device=values.device)
    for _ in range(nb_permutations):
        order = torch.randperm(r, generator=generator)
        for one in (order, order.flip(0)):
            masks = (one.argsort()[None] < torch.arange(r + 1)[:, None]).float()
            logits = masked_logits(head, values, dictionary, masks, batch).double()
            total[:, one.to(values.device)] += torch.diff(logits, dim=1)
    return (total / (2 * nb_permutations)).to(values)


def _exact(head: Head, values: Tensor, dictionary: Tensor, batch: int) -> Tensor:
    """Σ over subsets without i of |S|! (r − |S| − 1)! / r! · (f(S ∪ i) − f(S))."""
    r = values.shape[1]
    number = torch.arange(2**r)
    masks = (number[:, None] >> torch.arange(r)) & 1
    logits = masked_logits(head, values, dictionary, masks, batch).double()
    sizes = masks.sum(1)
    weight_of = [1 / (r * math.comb(r - 1, s)) for s in range(r)]
    found = []
    for i in range(r):
        without = number[masks[:, i] == 0]
        weights = torch.tensor([weight_of[s] for s in sizes[without].tolist()]).double()
        gains = logits[:, without + 2**i] - logits[:, without]
        found.append(gains @ weights.to(gains))
    return torch.stack(found, dim=1).to(values)
