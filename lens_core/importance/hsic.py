"""Importance of a concept by how much the logit depends on whether it is there."""

from __future__ import annotations

import torch
from torch import Tensor

from lens_core.importance.masked import Head, masked_logits


def hsic(
    head: Head,
    values: Tensor,
    dictionary: Tensor,
    nb_samples: int = 256,
    seed: int = 0,
    batch: int = 256,
) -> Tensor:
    """Hilbert–Schmidt independence of mask and logit (n, r), ≥ 0 (Novello et al., NeurIPS 2022).

    Masks are 0 or 1 with equal chance, from a scrambled Sobol sequence. See `hsic_of` for kernels
    and estimator. 0 means independent, in any way and not only linearly.
    """
    engine = torch.quasirandom.SobolEngine(values.shape[1], scramble=True, seed=seed)  # type: ignore[no-untyped-call]
    masks = (engine.draw(nb_samples, dtype=torch.float64) < 0.5).double()
    logits = masked_logits(head, values, dictionary, masks, batch)
    return torch.stack([hsic_of(masks, one) for one in logits.double().cpu()])


def hsic_of(masks: Tensor, answers: Tensor, block: int = 256) -> Tensor:
    """tr(K_i H L H) / (m − 1)² for each column i of masks (m, r) with answers (m,): (r,).

    K_i is the Kronecker kernel, 1 where two masks agree on concept i, else 0; L is Gaussian, as
    wide as the median distance between different answers; H centres. The estimator with bias of
    Gretton et al. (ALT 2005, section 3). Answers that do not vary depend on nothing: 0.

    Parameters
    ----------
    block
        Rows of L held at once, so that memory does not grow with m².
    """
    m = len(masks)
    width = _median_distance(answers)
    if not width:
        return torch.zeros(masks.shape[1], dtype=answers.dtype)
    blocks = [slice(start, start + block) for start in range(0, m, block)]

    def kernel(rows: slice) -> Tensor:
        return torch.exp(-(answers[rows, None] - answers[None, :]).square() / (2 * width**2))

    means = torch.cat([kernel(rows).mean(1) for rows in blocks])
    # Of the Kronecker kernel m mᵀ + (1 − m)(1 − m)ᵀ only the products with L are needed.
    there, gone = masks.to(answers), 1 - masks.to(answers)
    traces = torch.zeros(masks.shape[1], dtype=answers.dtype)
    for rows in blocks:
        centred = kernel(rows) - means[None, :] - means[rows, None] + means.mean()
        traces += ((centred @ there) * there[rows]).sum(0) + ((centred @ gone) * gone[rows]).sum(0)
    return traces.clamp(min=0) / (m - 1) ** 2


def _median_distance(answers: Tensor, at_most: int = 1024) -> float:
    """Median over pairs that differ by more than rounding; 0 if none do.

    Of more than `at_most` answers as many are taken, evenly spaced in order of size.
    """
    if len(answers) > at_most:
        at = torch.linspace(0, len(answers) - 1, at_most, dtype=torch.float64).round().long()
        answers = answers.sort().values[at]
    apart = torch.pdist(answers[:, None])
    different = apart[apart > 1e-6 * answers.abs().max()]
    return float(different.median()) if len(different) else 0.0
