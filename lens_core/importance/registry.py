"""Estimators of importance by name, all called alike. A new one is one file and one line here."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

from lens_core.importance.gradients import (
    gradient_input,
    integrated_gradients,
    saliency,
    smooth_grad,
    square_grad,
    var_grad,
)
from lens_core.importance.hsic import hsic
from lens_core.importance.masked import Head
from lens_core.importance.occlusion import occlusion
from lens_core.importance.rise import rise
from lens_core.importance.shapley import shapley
from lens_core.importance.sobol import SobolDesign, sobol_total


class Estimator(Protocol):
    """Importances (n, r) of concepts with spatial values (n, r, h, w); larger matters more."""

    def __call__(self, head: Head, values: Tensor, dictionary: Tensor, /) -> Tensor: ...


def _gradient_input(head: Head, values: Tensor, dictionary: Tensor) -> Tensor:
    return gradient_input(head, values, dictionary)[0]


def _sobol(head: Head, values: Tensor, dictionary: Tensor) -> Tensor:
    design = SobolDesign.draw(len(dictionary))
    totals = [sobol_total(head, one, dictionary, design)[0] for one in values]
    return torch.stack(totals).to(values)


ESTIMATORS: dict[str, Estimator] = {
    "saliency": saliency,
    "gradient_input": _gradient_input,
    "integrated_gradients": integrated_gradients,
    "smooth_grad": smooth_grad,
    "square_grad": square_grad,
    "var_grad": var_grad,
    "occlusion": occlusion,
    "rise": rise,
    "sobol": _sobol,
    "hsic": hsic,
    "shapley": shapley,
}
"""With their default numbers of samples and seed 0."""
